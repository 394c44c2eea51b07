/* The feature store that needs no server. */
#include <rocksdb/c.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "sinks/feature_store.h"
#include "tests/test.h"

static struct error err;
static struct feature_store *store;
static struct feature_writer *writer;
static struct feature_view *view;

static void
open_store(const char *directory, int64_t ttl_ms)
{
	static const struct feature_column keys[] = {{"user_id", FEATURE_STRING, false}, {0}};
	static const struct feature_column features[] = {{"n", FEATURE_INT64, false}, {0}};
	const struct feature_view_spec spec = {
		.project = "reco", .name = "counts", .keys = keys, .features = features, .ttl_ms = ttl_ms};
	struct feature_store_config config = {.type = FEATURE_STORE_EMBEDDED, .directory = directory};

	check_ok(feature_view_new(&spec, &view, &err));
	check_ok(feature_store_open(&config, &store, &err));
	writer = feature_writer_open(store);
}

static void
close_store(void)
{
	feature_writer_close(&writer);
	feature_store_close(&store);
	feature_view_free(&view);
}

static enum feature_outcome
put(const char *user, int64_t time_ms, int64_t revision, int64_t n)
{
	const struct feature_value key = {.bytes = bytes_of_text(user)}, value = {.integer = n};
	const struct feature_row row = {.keys = &key, .features = &value, .time_ms = time_ms, .revision = revision};
	enum feature_outcome outcome;
	size_t count;

	check_ok(feature_writer_put(writer, view, &row, 0, &err));
	check_ok(feature_writer_flush(writer, &err));
	outcome = feature_writer_results(writer, &count)[0].outcome;
	check_int((int64_t)count, 1);
	feature_writer_clear(writer);
	return outcome;
}

static const char *
read_row(const char *user)
{
	static char text[256];
	const struct feature_value key = {.bytes = bytes_of_text(user)};
	struct buffer out = {0};

	check_ok(feature_store_read(store, view, &key, &out, &err));
	snprintf(text, sizeof(text), "%.*s", bytes_arguments(buffer_bytes(&out)));
	buffer_fini(&out);
	return text;
}

TEST(the_newest_by_time_and_revision_wins)
{
	open_store(NULL, 0);
	check_text(read_row("u42"), "");
	check_int(put("u42", 5000, 3, 1), FEATURE_WRITTEN);
	check_int(put("u42", 4000, 9, 2), FEATURE_OLDER);
	check_int(put("u42", 5000, 3, 3), FEATURE_OLDER);
	check_text(read_row("u42"), "{\"time\": 5000, \"revision\": 3, \"features\": {\"n\": 1}}");
	check_int(put("u42", 5000, 4, 4), FEATURE_WRITTEN);
	check_int(put("u42", 5001, 0, 5), FEATURE_WRITTEN);
	check_text(read_row("u42"), "{\"time\": 5001, \"revision\": 0, \"features\": {\"n\": 5}}");
	check_text(read_row("u43"), "");
	close_store();
}

TEST(rows_of_one_batch_see_each_other)
{
	const struct feature_value key = {.bytes = bytes_of_text("u42")}, value = {.integer = 1};
	size_t count;

	open_store(NULL, 0);
	for (int i = 0; i < 1000; i++) {
		struct feature_row row = {.keys = &key, .features = &value, .time_ms = i % 2 ? i : 999 - i};

		check_ok(feature_writer_put(writer, view, &row, 0, &err));
	}
	check_ok(feature_writer_flush(writer, &err));
	check_int(feature_writer_results(writer, &count)[0].outcome, FEATURE_WRITTEN);
	check_int(feature_writer_results(writer, &count)[1].outcome, FEATURE_OLDER);
	check_text(read_row("u42"), "{\"time\": 999, \"revision\": 0, \"features\": {\"n\": 1}}");
	close_store();
}

static void
remove_row(const char *user)
{
	const struct feature_value key = {.bytes = bytes_of_text(user)};

	check_ok(feature_writer_remove(writer, view, &key, 0, 0, &err));
}

TEST(a_deletion_deletes_the_newest_and_what_comes_behind_it_is_a_first_row)
{
	const struct feature_value key = {.bytes = bytes_of_text("u42")}, value = {.integer = 7};
	const struct feature_row older = {.keys = &key, .features = &value, .time_ms = 10, .revision = 1};

	open_store(NULL, 0);
	check_int(put("u42", 5000, 3, 1), FEATURE_WRITTEN);
	check_int(put("u43", 5000, 3, 1), FEATURE_WRITTEN);
	remove_row("u42");
	remove_row("nobody");
	check_ok(feature_writer_flush(writer, &err));
	feature_writer_clear(writer);
	check_text(read_row("u42"), "");
	check_text(read_row("u43"), "{\"time\": 5000, \"revision\": 3, \"features\": {\"n\": 1}}");
	remove_row("u43");
	check_ok(feature_writer_put(writer, view, &older, 0, &err));
	remove_row("u42");
	check_ok(feature_writer_put(writer, view, &older, 0, &err));
	check_ok(feature_writer_flush(writer, &err));
	feature_writer_clear(writer);
	check_text(read_row("u42"), "{\"time\": 10, \"revision\": 1, \"features\": {\"n\": 7}}");
	check_text(read_row("u43"), "");
	close_store();
}

TEST(rows_stay_in_their_directory)
{
	char directory[300];

	snprintf(directory, sizeof(directory), "%s/features", test_directory());
	open_store(directory, 0);
	check_int(put("u42", 5000, 1, 7), FEATURE_WRITTEN);
	close_store();
	open_store(directory, 0);
	check_text(read_row("u42"), "{\"time\": 5000, \"revision\": 1, \"features\": {\"n\": 7}}");
	check_int(put("u42", 5000, 1, 8), FEATURE_OLDER);
	close_store();
}

TEST(a_row_is_gone_when_its_ttl_is_over)
{
	int64_t until_ms;

	open_store(NULL, 1);
	check_int(put("u42", 5000, 1, 7), FEATURE_WRITTEN);
	until_ms = clock_now_ms(&clock_system) + 2;
	while (clock_now_ms(&clock_system) < until_ms)
		;
	check_text(read_row("u42"), "");
	check_int(put("u42", 4000, 1, 7), FEATURE_WRITTEN);
	close_store();
}

TEST(a_directory_that_another_one_has_open_is_refused)
{
	char directory[300];
	struct feature_store *other;
	struct feature_store_config config = {.type = FEATURE_STORE_EMBEDDED, .directory = directory};

	snprintf(directory, sizeof(directory), "%s/features", test_directory());
	open_store(directory, 0);
	check_fails(feature_store_open(&config, &other, &err), "lock");
	config.directory = "/nowhere/features";
	check_fails(feature_store_open(&config, &other, &err), "cannot make /nowhere/features");
	close_store();
}

TEST(the_defaults_of_its_options_are_sane)
{
	struct feature_store_config config = {0};

	option_defaults(feature_store_options, &config);
	check_int(config.type, FEATURE_STORE_EMBEDDED);
	check_text(config.address, "127.0.0.1:6379");
	check_int(config.timeout_ms, 5000);
	option_free(feature_store_options, &config);
}

TEST(a_directory_of_a_newer_format_is_refused)
{
	struct feature_store_config config = {.type = FEATURE_STORE_EMBEDDED, .directory = test_directory()};
	rocksdb_options_t *options = rocksdb_options_create();
	rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
	rocksdb_t *rocksdb;
	char *text = NULL;

	open_store(test_directory(), 0);
	check_int(put("u42", 5000, 3, 1), FEATURE_WRITTEN);
	close_store();
	open_store(test_directory(), 0);
	close_store();
	rocksdb = rocksdb_open(options, test_directory(), &text);
	check(rocksdb != NULL);
	rocksdb_put(rocksdb, write, "\0format", 7, "7", 1, &text);
	rocksdb_close(rocksdb);
	rocksdb_options_destroy(options);
	rocksdb_writeoptions_destroy(write);
	check_fails(feature_store_open(&config, &store, &err), "have format 7, this version reads 1");
}
