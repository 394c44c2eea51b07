/* Deletions in a real Redis: an entity's row of a view goes, whatever else stands beside it. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/feature_store.h"
#include "tests/sinks/redis_server.h"
#include "tests/test.h"

static struct error err;
static struct redis_server server;
static struct feature_store *store;
static struct feature_writer *writer;
static struct feature_view *view;
static const char *origin = "user_embeddings";
static int64_t offset; /* of the last record */

static const struct feature_column keys[] = {{"user_id", FEATURE_STRING, false}, {0}};
static const struct feature_column features[] = {
	{"embedding", FEATURE_FLOAT, true}, {"n_actions", FEATURE_INT64, false}, {0}};

/* Feast's key of user u42 in project reco. */
#define U42 "\x01\0\0\0\x02\0\0\0\x07\0\0\0user_id\x02\0\0\0\x03\0\0\0u42reco"
#define U42_SIZE (sizeof(U42) - 1)

/* With the vector under a key of its own. */
static void
open_view(void)
{
	const struct feature_view_spec spec = {.project = "reco",
					       .name = "user_embedding",
					       .keys = keys,
					       .features = features,
					       .vector = "embedding",
					       .vector_prefix = "vec:",
					       .origin = origin};

	check_ok(feature_view_new(&spec, &view, &err));
}

static void
start(void)
{
	struct feature_store_config config;

	redis_server_start(&server, NULL);
	config = redis_config(server.address);
	check_ok(feature_store_open(&config, &store, &err));
	writer = feature_writer_open(store);
	open_view();
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
	const struct feature_row row = {
		.keys = &key, .features = values, .time_ms = time_ms, .revision = 1, .offset = offset + 1};

	offset++;
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

	check_ok(feature_writer_remove(writer, view, &key, ++offset, 0, &err));
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
	check_text(flush(), "OWW");
	check_text(redis_server_ask(&server, "EXISTS %b", U42, U42_SIZE), "0");
	stop();
}

TEST(what_a_writer_without_its_partition_sends_late_brings_nobody_back_and_deletes_nobody)
{
	start();
	put("u42", 5000, 1);
	remove_row("u42");
	check_text(flush(), "WW");
	offset = 0; /* the same two records, from one that has not heard yet that others have them */
	put("u42", 5000, 1);
	check_text(flush(), "O");
	check_text(redis_server_ask(&server, "EXISTS %b vec:u42", U42, U42_SIZE), "0");
	offset = 2;
	put("u42", 4000, 2); /* the user is back, with a time before that of the row that was deleted */
	check_text(flush(), "W");
	offset = 0;
	put("u42", 5000, 1);
	remove_row("u42");
	check_text(flush(), "OW");
	check_text(redis_server_ask(&server, "EXISTS %b vec:u42", U42, U42_SIZE), "2");
	offset = 3;
	put("u42", 4000, 2); /* a higher revision is all that is needed, as ever */
	check_text(flush(), "O");
	stop();
}

TEST(a_tombstone_lasts_a_day_and_says_nothing_of_another_topic)
{
	char key[100] = "_del:user_embedding:";
	size_t size = strlen(key) + U42_SIZE;
	const char *left;

	memcpy(key + strlen(key), U42, U42_SIZE);
	start();
	put("u42", 5000, 1);
	remove_row("u42");
	check_text(flush(), "WW");
	left = redis_server_ask(&server, "PTTL %b", key, size);
	check(atoll(left) > 86000000 && atoll(left) <= 86400000);
	feature_view_free(&view);
	origin = "user_embeddings.2";
	open_view();
	offset = 0;
	put("u42", 1000, 1);
	check_text(flush(), "W");
	stop();
}
