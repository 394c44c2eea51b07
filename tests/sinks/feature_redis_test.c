/* The feature store in a real Redis: what stands there afterwards, and what every kind of trouble leads to. */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"
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

/* Options own their texts; these do not. */
static char *
text_of(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void
open_store(const struct feature_store_config *config)
{
	check_ok(feature_store_open(config, &store, &err));
	writer = feature_writer_open(store);
}

static void
open_view(const char *vector, int64_t ttl_ms)
{
	const struct feature_view_spec spec = {.project = "reco",
					       .name = "user_embedding",
					       .keys = keys,
					       .features = features,
					       .vector = vector,
					       .vector_prefix = "vec:",
					       .ttl_ms = ttl_ms};

	check_ok(feature_view_new(&spec, &view, &err));
}

static void
start(void)
{
	struct feature_store_config config;

	redis_server_start(&server, NULL);
	config = redis_config(server.address);
	open_store(&config);
	open_view(NULL, 0);
}

static void
close_store(void)
{
	feature_writer_close(&writer);
	feature_store_close(&store);
	feature_view_free(&view);
}

static void
stop(void)
{
	close_store();
	redis_server_stop(&server);
}

static void
put(const char *user, int64_t time_ms, int64_t revision, int64_t n_actions)
{
	static const float vector[] = {0.5f, -1, 0.25f};
	const struct feature_value key = {.bytes = bytes_of_text(user)};
	const struct feature_value values[] = {{.items = vector, .count = 3, .null = n_actions < 0},
					       {.integer = n_actions}};
	const struct feature_row row = {.keys = &key, .features = values, .time_ms = time_ms, .revision = revision};

	check_ok(feature_writer_put(writer, view, &row, (uint64_t)time_ms, &err));
}

/* Outcomes of the batch, a letter each: Written, Older, Refused, Pending. */
static const char *
outcomes(void)
{
	static char text[64];
	size_t count;
	const struct feature_result *results = feature_writer_results(writer, &count);

	for (size_t i = 0; i < count && i < sizeof(text) - 1; i++)
		text[i] = "PWOR"[results[i].outcome];
	text[count] = 0;
	return text;
}

/* Flushes, and gives the outcomes; the batch is empty then. */
static const char *
flush(void)
{
	static char text[64];

	check_ok(feature_writer_flush(writer, &err));
	snprintf(text, sizeof(text), "%s", outcomes());
	feature_writer_clear(writer);
	return text;
}

/* n_actions of u42 as the server has it. */
static const char *
stored(void)
{
	return redis_server_ask(&server, "HGET %b %b", U42, U42_SIZE, "\xfa\x11\xb7\x67", (size_t)4);
}

/* ---- what is written ---- */

TEST(a_row_stands_there_as_feast_reads_it)
{
	start();
	put("u42", 1758823656123, 7, 17);
	check_text(flush(), "W");
	check_text(redis_server_ask(&server, "HGET %b %b", U42, U42_SIZE, "\x19\x42\x6d\x5e", (size_t)4),
		   "\\x82\\x01\\x0e\\x0a\\x0c\\x00\\x00\\x00?\\x00\\x00\\x80\\xbf\\x00\\x00\\x80>");
	check_text(stored(), " \\x11");
	check_text(redis_server_ask(&server, "HGET %b _ts:user_embedding", U42, U42_SIZE),
		   "\\x08\\xe8\\x89\\xd6\\xc6\\x06\\x10\\xc0\\xa9\\xd3:");
	check_text(redis_server_ask(&server, "HGET %b _rev:user_embedding", U42, U42_SIZE), "7");
	check_text(redis_server_ask(&server, "HLEN %b", U42, U42_SIZE), "4");
	check_text(redis_server_ask(&server, "PTTL %b", U42, U42_SIZE), "-1");
	stop();
}

TEST(the_newest_by_time_and_revision_wins_whatever_the_order)
{
	start();
	put("u42", 5000, 3, 1);
	put("u42", 4999, 9, 2);
	put("u42", 5000, 3, 3);
	put("u42", 5000, 2, 4);
	put("u42", 5000, 4, 5);
	check_text(flush(), "WOOOW");
	check_text(stored(), " \\x05");
	put("u42", 5001, 1, 6);
	put("u42", 6000, 1, 7);
	put("u42", 5999, 100, 8);
	check_text(flush(), "WWO");
	check_text(stored(), " \\x07");
	stop();
}

TEST(times_before_1970_and_at_its_start_are_compared_too)
{
	start();
	put("u42", -1500, 1, 1);
	put("u42", -1501, 1, 2);
	put("u42", -1499, 1, 3);
	put("u42", 0, 1, 4);
	put("u42", -1, 1, 5);
	put("u42", 1, 0, 6);
	check_text(flush(), "WOWWOW");
	stop();
}

TEST(a_row_that_feast_wrote_counts_by_its_time)
{
	start();
	redis_server_ask(&server, "HSET %b _ts:user_embedding %b", U42, U42_SIZE, "\x08\x05", (size_t)2); /* 5 s */
	put("u42", 4999, 9, 1);
	put("u42", 5000, 0, 2);
	check_text(flush(), "OW");
	redis_server_ask(&server, "HSET %b _ts:user_embedding junk", U42, U42_SIZE);
	put("u42", 1, 1, 3);
	check_text(flush(), "W");
	stop();
}

TEST(a_null_is_an_empty_field)
{
	start();
	put("u42", 5000, 1, -1);
	check_text(flush(), "W");
	check_text(redis_server_ask(&server, "HGET %b %b", U42, U42_SIZE, "\x19\x42\x6d\x5e", (size_t)4), "");
	check_text(redis_server_ask(&server, "HEXISTS %b %b", U42, U42_SIZE, "\x19\x42\x6d\x5e", (size_t)4), "1");
	stop();
}

TEST(a_vector_stands_raw_under_a_key_of_its_own_and_both_expire)
{
	start();
	feature_view_free(&view);
	open_view("embedding", 1000000);
	put("u42", 5000, 1, 1);
	put("u43", 5000, 1, 1);
	check_text(flush(), "WW");
	check_text(redis_server_ask(&server, "HGET vec:u42 vector"),
		   "\\x00\\x00\\x00?\\x00\\x00\\x80\\xbf\\x00\\x00\\x80>");
	check(atoi(redis_server_ask(&server, "PTTL vec:u42")) > 900000);
	check(atoi(redis_server_ask(&server, "PTTL %b", U42, U42_SIZE)) > 900000);
	put("u42", 6000, 1, -1);
	check_text(flush(), "W");
	check_text(redis_server_ask(&server, "EXISTS vec:u42 vec:u43"), "1");
	stop();
}

/* Each view has calls of its own; what becomes of a row is told in the order of the rows. */
TEST(rows_of_two_views_may_take_turns)
{
	const struct feature_view_spec spec = {
		.project = "reco", .name = "another", .keys = keys, .features = features};
	struct feature_view *views[2];

	start();
	views[0] = view;
	check_ok(feature_view_new(&spec, &views[1], &err));
	for (int i = 0; i < 40; i++) {
		view = views[i % 2];
		put("u42", i == 38 ? 5000 : 6000 + i, 1, i);
	}
	check_text(flush(), "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWOW");
	check_text(stored(), " $"); /* 36, as Feast has it */
	feature_view_free(&views[1]);
	view = views[0];
	stop();
}

TEST(tens_of_thousands_go_in_one_pipeline)
{
	size_t count, written = 0;
	const struct feature_result *results;

	start();
	for (int i = 0; i < 30000; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%d", i % 10000);
		put(user, 1 + i, 0, i);
	}
	check_ok(feature_writer_flush(writer, &err));
	results = feature_writer_results(writer, &count);
	for (size_t i = 0; i < count; i++) {
		written += results[i].outcome == FEATURE_WRITTEN;
		check_int((int64_t)results[i].tag, (int64_t)i + 1);
	}
	check_int((int64_t)written, 30000);
	check_text(redis_server_ask(&server, "DBSIZE"), "10000");
	stop();
}

/* ---- trouble ---- */

TEST(a_key_of_another_type_is_refused_and_the_others_are_written)
{
	start();
	redis_server_ask(&server, "SET %b text", U42, U42_SIZE);
	put("u1", 5000, 1, 1);
	put("u42", 5000, 1, 1);
	put("u2", 5000, 1, 1);
	check_ok(feature_writer_flush(writer, &err));
	check_text(outcomes(), "WRW");
	check_contains(feature_writer_results(writer, &(size_t){0})[1].reason, "WRONGTYPE");
	stop();
}

TEST(a_script_that_is_gone_is_loaded_again)
{
	start();
	put("u42", 5000, 1, 1);
	check_text(flush(), "W");
	check_text(redis_server_ask(&server, "SCRIPT FLUSH"), "OK");
	put("u42", 6000, 1, 2);
	put("u42", 5500, 1, 3);
	check_text(flush(), "WO");
	stop();
}

TEST(out_of_memory_is_an_outage)
{
	start();
	put("u1", 5000, 1, 1);
	check_text(flush(), "W");
	check_text(redis_server_ask(&server, "CONFIG SET maxmemory 1"), "OK");
	put("u1", 4000, 1, 1);
	put("u42", 5000, 1, 2);
	check_fails(feature_writer_flush(writer, &err), "OOM ");
	check_int(err.action, RETRY);
	check_text(outcomes(), "OP");
	check_text(redis_server_ask(&server, "CONFIG SET maxmemory 0"), "OK");
	check_text(flush(), "OW");
	check_text(stored(), " \\x02");
	stop();
}

TEST(a_replica_is_left_and_tried_again)
{
	start();
	check_text(redis_server_ask(&server, "REPLICAOF 127.0.0.1 1"), "OK");
	put("u42", 5000, 1, 1);
	check_fails(feature_writer_flush(writer, &err), "READONLY ");
	check_int(err.action, RETRY);
	check_text(outcomes(), "P");
	check_text(redis_server_ask(&server, "REPLICAOF NO ONE"), "OK");
	check_text(flush(), "W");
	stop();
}

TEST(a_server_that_is_down_is_an_outage_and_nothing_is_lost)
{
	start();
	put("u42", 5000, 1, 1);
	check_text(flush(), "W");
	redis_server_stop(&server);
	put("u42", 6000, 1, 2);
	check_fails(feature_writer_flush(writer, &err), server.address);
	check_int(err.action, RETRY);
	put("u42", 7000, 1, 3);
	check_fails(feature_writer_flush(writer, &err), "redis unix:");
	check_text(outcomes(), "PP");
	redis_server_start(&server, NULL);
	check_text(flush(), "WW");
	check_text(stored(), " \\x03");
	stop();
}

TEST(a_connection_that_the_server_closed_is_replaced_without_a_word)
{
	start();
	put("u42", 5000, 1, 1);
	check_text(flush(), "W");
	check_text(redis_server_ask(&server, "CLIENT KILL TYPE normal SKIPME yes"), "1");
	put("u42", 6000, 1, 2);
	check_text(flush(), "W");
	stop();
}

/* A server that says what it is told to, whatever it is asked, and hangs up; or says nothing and stays. */
struct parrot {
	char address[300];
	int socket;
	const char *says;
	pthread_t thread;
};

static void *
parrot_talk(void *argument)
{
	const struct parrot *parrot = argument;
	int fd = accept(parrot->socket, NULL, NULL);
	char heard[4096];

	if (parrot->says) {
		send(fd, parrot->says, strlen(parrot->says), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
	}
	while (recv(fd, heard, sizeof(heard), 0) > 0)
		;
	close(fd);
	return NULL;
}

/* One flush of so many rows at such a server. */
static void
flush_at_parrot(const char *says, int rows, const char *part)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct parrot parrot = {.socket = socket(AF_UNIX, SOCK_STREAM, 0), .says = says};
	struct feature_store_config config;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/parrot.sock", test_directory());
	snprintf(parrot.address, sizeof(parrot.address), "unix:%s", address.sun_path);
	check(bind(parrot.socket, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(parrot.socket, 1) == 0);
	check(pthread_create(&parrot.thread, NULL, parrot_talk, &parrot) == 0);
	config = redis_config(parrot.address);
	config.timeout_ms = says ? 5000 : 30;
	open_store(&config);
	open_view(NULL, 0);
	for (int i = 0; i < rows; i++)
		put("u42", 5000 + i, 1, 1);
	check_fails(feature_writer_flush(writer, &err), part);
	check_int(err.action, RETRY);
	pthread_join(parrot.thread, NULL);
	close(parrot.socket);
}

TEST(a_server_that_says_nothing_is_out_of_reach)
{
	flush_at_parrot(NULL, 3, "silent for 30 ms");
	check_text(outcomes(), "PPP");
	close_store();
}

TEST(what_was_answered_before_the_connection_broke_is_settled)
{
	/* Rows go 16 a call: the reply to the first call came, that to the second was cut. */
	flush_at_parrot("+PONG\r\n$2\r\nab\r\n"
			"*16\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"
			":1\r\n:0\r\n*2\r\n:1\r\n",
			18, "it closed the connection");
	check_text(outcomes(), "WWWWWWWWWWWWWWWOPP");
	close_store();
}

TEST(something_that_is_no_redis_is_out_of_reach)
{
	flush_at_parrot("HTTP/1.1 400 Bad Request\r\n\r\n", 3, "what it said is no reply");
	check_text(outcomes(), "PPP");
	close_store();
}

/* ---- who may, and how ---- */

/* One flush with this configuration. */
static int
try(const struct feature_store_config *config)
{
	int result;

	open_store(config);
	open_view(NULL, 0);
	put("u42", 5000, 1, 1);
	result = feature_writer_flush(writer, &err);
	close_store();
	return result;
}

static void
check_person(const struct feature_store_config *config, const char *part)
{
	check_fails(try(config), part);
	check_int(err.action, FATAL);
}

TEST(passwords_and_users)
{
	struct feature_store_config config;
	char path[300];
	FILE *file;

	redis_server_start(&server, NULL);
	redis_server_ask(&server, "ACL SETUSER isotope on >secret ~* +@all");
	redis_server_ask(&server, "ACL SETUSER guest on >guest ~other* +@all");
	redis_server_ask(&server, "CONFIG SET requirepass open-sesame");
	config = redis_config(server.address);
	check_person(&config, "NOAUTH ");
	config.password = text_of("wrong");
	check_person(&config, "WRONGPASS ");
	config.password = text_of("open-sesame");
	check_ok(try(&config));
	config.user = text_of("isotope");
	check_person(&config, "WRONGPASS ");
	snprintf(path, sizeof(path), "%s/password", test_directory());
	file = fopen(path, "w");
	fputs("secret\n", file);
	fclose(file);
	config.password_file = path;
	check_ok(try(&config));
	config.user = config.password = text_of("guest");
	config.password_file = text_of("");
	check_person(&config, "NOPERM ");
	config.password_file = text_of("/nowhere");
	check_fails(feature_store_check(&config, &err), "password_file: /nowhere cannot be read: No such file");
	redis_server_stop(&server);
}

TEST(another_database)
{
	struct feature_store_config config;

	redis_server_start(&server, NULL);
	config = redis_config(server.address);
	config.database = 3;
	check_ok(try(&config));
	check_text(redis_server_ask(&server, "DBSIZE"), "0");
	check_text(redis_server_ask(&server, "SELECT 3"), "OK");
	check_text(redis_server_ask(&server, "DBSIZE"), "1");
	config.database = 99;
	check_person(&config, "DB index is out of range");
	redis_server_stop(&server);
}

TEST(addresses_that_are_none)
{
	struct feature_store_config config = redis_config("localhost");

	check_fails(feature_store_check(&config, &err), "address is \"localhost\"; expected host:port or unix:/path");
	check_fails(feature_store_open(&config, &store, &err), "address is \"localhost\"");
	config = redis_config("unix:/nowhere/redis.sock");
	check_fails(try(&config), "redis unix:/nowhere/redis.sock: No such file");
	check_int(err.action, RETRY);
}

TEST(tls_checks_who_the_server_is)
{
	struct feature_store_config config;
	char address[64], ca[300], other[300];

	redis_server_start_tls(&server);
	snprintf(address, sizeof(address), "127.0.0.1:%d", server.tls_port);
	snprintf(ca, sizeof(ca), "%s/ca.crt", test_directory());
	snprintf(other, sizeof(other), "%s/other-ca.crt", test_directory());
	config = redis_config(address);
	config.tls = true;
	check_person(&config, "certificate");
	config.tls_ca = other;
	check_person(&config, "certificate");
	config.tls_ca = ca;
	check_ok(try(&config));
	config.tls_name = text_of("localhost");
	check_ok(try(&config));
	config.tls_name = text_of("elsewhere.example");
	check_person(&config, "hostname mismatch");
	config.tls_name = text_of("10.1.2.3");
	check_person(&config, "IP address mismatch");
	config.tls_ca = text_of("/nowhere/ca.crt");
	check_person(&config, "/nowhere/ca.crt");
	redis_server_stop(&server);
}

TEST(tls_with_a_certificate_of_ours)
{
	struct feature_store_config config;
	char address[64], ca[300], certificate[300], key[300];

	redis_server_start_tls(&server);
	check_text(redis_server_ask(&server, "CONFIG SET tls-auth-clients yes"), "OK");
	snprintf(address, sizeof(address), "127.0.0.1:%d", server.tls_port);
	snprintf(ca, sizeof(ca), "%s/ca.crt", test_directory());
	snprintf(certificate, sizeof(certificate), "%s/server.crt", test_directory());
	snprintf(key, sizeof(key), "%s/server.key", test_directory());
	config = redis_config(address);
	config.tls = true;
	config.tls_ca = ca;
	check_person(&config, "certificate required");
	config.tls_certificate = certificate;
	config.tls_key = ca;
	check_person(&config, ca);
	config.tls_key = key;
	check_ok(try(&config));
	redis_server_stop(&server);
}

TEST(a_long_pipeline_over_tls)
{
	struct feature_store_config config;
	char address[64], ca[300];
	size_t count;

	redis_server_start_tls(&server);
	snprintf(address, sizeof(address), "127.0.0.1:%d", server.tls_port);
	snprintf(ca, sizeof(ca), "%s/ca.crt", test_directory());
	config = redis_config(address);
	config.tls = true;
	config.tls_ca = ca;
	open_store(&config);
	open_view(NULL, 0);
	for (int i = 0; i < 20000; i++)
		put("u42", 1 + i, 0, i);
	check(feature_writer_bytes(writer) > 1000000);
	check_ok(feature_writer_flush(writer, &err));
	check_int(feature_writer_results(writer, &count)[19999].outcome, FEATURE_WRITTEN);
	check_int((int64_t)count, 20000);
	stop();
}
