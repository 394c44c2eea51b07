/* Deletions in a real Redis: an entity's row of a view goes, whatever else stands beside it. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "sinks/feature_store.h"
#include "tests/sinks/redis_server.h"
#include "tests/test.h"

static struct error err;
static struct redis_server server;
static struct feature_store *store;
static struct feature_writer *writer;
static struct feature_view *view;

static const struct feature_column keys[] = {{"user_id", FEATURE_STRING, false}, {0}};
static const struct feature_column features[] = {
	{"embedding", FEATURE_FLOAT, true}, {"n_actions", FEATURE_INT64, false}, {0}};

/* Feast's key of user u42 in project reco. */
#define U42 "\x01\0\0\0\x02\0\0\0\x07\0\0\0user_id\x02\0\0\0\x03\0\0\0u42reco"
#define U42_SIZE (sizeof(U42) - 1)

/* With the vector under a key of its own. */
static void
start(void)
{
	char none[] = "";
	const struct feature_view_spec spec = {.project = "reco",
					       .name = "user_embedding",
					       .keys = keys,
					       .features = features,
					       .vector = "embedding",
					       .vector_prefix = "vec:"};
	struct feature_store_config config = {.type = FEATURE_STORE_REDIS,
					      .user = none,
					      .password = none,
					      .password_file = none,
					      .timeout_ms = 5000,
					      .tls_ca = none,
					      .tls_certificate = none,
					      .tls_key = none,
					      .tls_name = none};

	redis_server_start(&server, NULL);
	config.address = server.address;
	check_ok(feature_store_open(&config, &store, &err));
	writer = feature_writer_open(store);
	check_ok(feature_view_new(&spec, &view, &err));
}

static void
stop(void)
{
	feature_writer_close(&writer);
	feature_store_close(&store);
	feature_view_free(&view);
	redis_server_stop(&server);
}

static void
put(const char *user, int64_t time_ms, int64_t n_actions)
{
	static const float vector[] = {0.5f, -1, 0.25f};
	const struct feature_value key = {.bytes = bytes_of_text(user)};
	const struct feature_value values[] = {{.items = vector, .count = 3}, {.integer = n_actions}};
	const struct feature_row row = {.keys = &key, .features = values, .time_ms = time_ms, .revision = 1};

	check_ok(feature_writer_put(writer, view, &row, 0, &err));
}

/* Flushes, and gives the outcomes, a letter each: Written, Older, Refused, Pending. */
static const char *
flush(void)
{
	static char text[64];
	const struct feature_result *results;
	size_t count;

	check_ok(feature_writer_flush(writer, &err));
	results = feature_writer_results(writer, &count);
	for (size_t i = 0; i < count && i < sizeof(text) - 1; i++)
		text[i] = "PWOR"[results[i].outcome];
	text[count] = 0;
	feature_writer_clear(writer);
	return text;
}

static void
remove_row(const char *user)
{
	const struct feature_value key = {.bytes = bytes_of_text(user)};

	check_ok(feature_writer_remove(writer, view, &key, 0, &err));
}

TEST(a_deletion_takes_all_fields_of_the_view_and_the_vector_and_nothing_else)
{
	start();
	put("u42", 5000, 1);
	put("u43", 5000, 1);
	check_text(flush(), "WW");
	redis_server_ask(&server, "HSET %b other kept", U42, U42_SIZE);
	remove_row("u42");
	remove_row("nobody");
	check_text(flush(), "WW");
	check_text(redis_server_ask(&server, "HLEN %b", U42, U42_SIZE), "1");
	check_text(redis_server_ask(&server, "HGET %b other", U42, U42_SIZE), "kept");
	check_text(redis_server_ask(&server, "EXISTS vec:u42 vec:u43"), "1");
	put("u42", 10, 3); /* before, in one batch, and behind it */
	remove_row("u42");
	put("u42", 9, 4);
	put("u42", 8, 5);
	check_text(flush(), "WWWO");
	check_text(redis_server_ask(&server, "HLEN %b", U42, U42_SIZE), "5");
	check_text(redis_server_ask(&server, "EXISTS vec:u42"), "1");
	stop();
}

TEST(a_row_that_is_sent_again_does_not_come_behind_the_deletion_that_followed_it)
{
	start();
	put("u42", 5000, 1);
	remove_row("u42");
	put("u43", 5000, 1);
	/* The row has no room, the deletion needs none: what is pending is sent again. */
	redis_server_ask(&server, "CONFIG SET maxmemory 1");
	check_int(feature_writer_flush(writer, &err), -1);
	check_int(err.action, RETRY);
	redis_server_ask(&server, "CONFIG SET maxmemory 0");
	check_text(flush(), "WWW");
	check_text(redis_server_ask(&server, "EXISTS %b", U42, U42_SIZE), "0");
	stop();
}
