/* What feature_sink promises, on the store that needs no server. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "dataflow/driver.h"
#include "operators/operators.h"
#include "sinks/feature_store.h"
#include "tests/test.h"

static struct error err;
static struct driver *driver;
static char directory[512];

static const char topology[] =
	"name: features\n"
	"log: {type: embedded}\n"
	"schemas: %s/schemas\n"
	"topics:\n"
	"  histories: {schema: user_history.avsc, key: user_id_token, time: updated_at, partitions: 3,"
	" cleanup: compact}\n"
	"  embeddings: {schema: user_embedding.avsc, key: user_id_token, time: updated_at, partitions: 3,"
	" cleanup: compact}\n"
	"operators:\n"
	"  sink: {type: feature_sink, inputs: {%s}, directory: %s, project: reco}\n";

#define BOTH "histories: histories, embeddings: embeddings"

static int
try_open(const char *inputs, const char *override)
{
	const char *overrides[] = {override, NULL};
	char path[512];
	char *root = realpath(test_source_root(), NULL);
	FILE *file;

	snprintf(directory, sizeof(directory), "%s/features", test_directory());
	snprintf(path, sizeof(path), "%s/features.yaml", test_directory());
	file = fopen(path, "w");
	check(file != NULL && root != NULL);
	fprintf(file, topology, root, inputs, directory);
	check_int(fclose(file), 0);
	free(root);
	return driver_open(path, overrides, operators_table, &driver, &err);
}

static void
open_sink(void)
{
	check_ok(try_open(BOTH, NULL));
}

/* A row with one action, on an item with that name. */
static void
history_of(const char *user, int64_t ms, int64_t revision, const char *item, const char *caused_at)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{\"user_id_token\": \"%s\", \"actions\": [{\"engagement_id\": \"e1\", \"item_id\": \"%s\","
		 " \"action\": \"watch\", \"watched_seconds\": 2.5, \"occurred_at\": %lld}],"
		 " \"updated_at\": %lld, \"revision\": %lld, \"caused_at\": %s}",
		 user, item, (long long)(DRIVER_START_MS + ms), (long long)(DRIVER_START_MS + ms), (long long)revision,
		 caused_at);
	check_ok(driver_send(driver, "histories", json, &err));
}

static void
history(const char *user, int64_t ms, int64_t revision, const char *item)
{
	history_of(user, ms, revision, item, "null");
}

/* Caused by an event of that time. */
static void
caused_history(const char *user, int64_t ms, int64_t caused_ms)
{
	char caused_at[32];

	snprintf(caused_at, sizeof(caused_at), "%lld", (long long)(DRIVER_START_MS + caused_ms));
	history_of(user, ms, 1, "x", caused_at);
}

static void
embedding(const char *user, int64_t ms, int64_t revision, const char *vector)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{\"user_id_token\": \"%s\", \"vector\": [%s], \"weight\": 1.5, \"n_actions\": 17,"
		 " \"updated_at\": %lld, \"space\": \"v1\", \"revision\": %lld}",
		 user, vector, (long long)(DRIVER_START_MS + ms), (long long)revision);
	check_ok(driver_send(driver, "embeddings", json, &err));
}

static int64_t
counted(const char *counter)
{
	return driver_counter(driver, "sink", counter);
}

/* A user's row of a view, as whoever reads the store gets it. The driver has to be closed. */
static const char *
stored_in(const char *view_name, const struct feature_column *features, const char *user)
{
	static const struct feature_column keys[] = {{"user_id_token", FEATURE_STRING, false}, {.name = NULL}};
	const struct feature_view_spec spec = {
		.project = "reco", .name = view_name, .keys = keys, .features = features};
	static char text[1024];
	const struct feature_store_config config = {.type = FEATURE_STORE_EMBEDDED, .directory = directory};
	const struct feature_value key = {.bytes = bytes_of_text(user)};
	struct feature_store *store;
	struct feature_view *view;
	struct buffer out = {0};

	check_ok(feature_view_new(&spec, &view, &err));
	check_ok(feature_store_open(&config, &store, &err));
	check_ok(feature_store_read(store, view, &key, &out, &err));
	snprintf(text, sizeof(text), "%.*s", bytes_arguments(buffer_bytes(&out)));
	buffer_fini(&out);
	feature_store_close(&store);
	feature_view_free(&view);
	return text;
}

static const char *
stored(const char *user)
{
	static const struct feature_column features[] = {
		{"engagement_ids", FEATURE_STRING, true}, {"item_ids", FEATURE_STRING, true},
		{"actions", FEATURE_STRING, true},	  {"watched_seconds", FEATURE_DOUBLE, true},
		{"occurred_at", FEATURE_UNIX_TIME, true}, {.name = NULL},
	};

	return stored_in("user_history", features, user);
}

static const char *
stored_embedding(const char *user)
{
	static const struct feature_column features[] = {
		{"embedding", FEATURE_FLOAT, true},
		{"weight", FEATURE_DOUBLE, false},
		{"n_actions", FEATURE_INT64, false},
		{"space", FEATURE_STRING, false},
		{.name = NULL},
	};

	return stored_in("user_embedding", features, user);
}

static const char *
item_of(const char *user)
{
	static char item[64];
	json_t *row = json_loads(stored(user), 0, NULL);
	json_t *items = json_object_get(json_object_get(row, "features"), "item_ids");

	snprintf(item, sizeof(item), "%s", row ? json_string_value(json_array_get(items, 0)) : "");
	json_decref(row);
	return item;
}

TEST(a_row_is_in_the_store_once_it_is_committed)
{
	open_sink();
	history("u", 1500, 1, "x");
	check_ok(driver_run(driver, &err));
	check_int(counted("written"), 1);
	driver_close(&driver);
	check_text(stored("u"), "{\"time\": 1767225601500, \"revision\": 1, \"features\": {\"engagement_ids\": "
				"[\"e1\"], \"item_ids\": [\"x\"], \"actions\": [\"watch\"], "
				"\"watched_seconds\": [2.5], \"occurred_at\": [1767225601]}}");
	check_text(stored("v"), "");
}

TEST(the_newer_row_stays)
{
	open_sink();
	history("u", 1000, 2, "new");
	check_ok(driver_run(driver, &err));
	history("u", 1000, 1, "old");
	history("u", 900, 7, "older");
	check_ok(driver_run(driver, &err));
	check_int(counted("written"), 1);
	check_int(counted("older"), 2);
	driver_close(&driver);
	check_text(item_of("u"), "new");
}

static void
forget(const char *topic, const char *user)
{
	check_ok(driver_send_value(driver, topic, user, (struct bytes){0}, &err));
}

TEST(a_record_without_a_value_deletes_the_user_in_that_view)
{
	open_sink();
	history("u", 1000, 2, "x");
	embedding("u", 1000, 1, "1, 2");
	history("v", 1000, 1, "y");
	forget("histories", "nobody");
	check_ok(driver_run(driver, &err));
	forget("histories", "u");
	history("v", 900, 1, "older");
	forget("histories", "v");
	history("v", 800, 1, "again");
	check_ok(driver_run(driver, &err));
	check_int(counted("deleted"), 3);
	check(!driver_read(driver, "dead_letters"));
	driver_close(&driver);
	check_text(stored("u"), "");
	check(strstr(stored_embedding("u"), "[1, 2]"));
	check_text(item_of("v"), "again");
}

TEST(many_rows_of_all_tasks_are_counted_once_each)
{
	char user[32], item[32];

	open_sink();
	for (int i = 0; i < 10000; i++) {
		snprintf(user, sizeof(user), "u%d", i % 700);
		snprintf(item, sizeof(item), "x%d", i);
		history(user, i, 1, item);
	}
	check_ok(driver_finish(driver, &err));
	check_int(counted("written"), 10000);
	check_int(counted("refused"), 0);
	driver_close(&driver);
	check_text(item_of("u199"), "x9999");
	check_text(item_of("u200"), "x9300");
}

TEST(what_is_sent_again_after_a_crash_changes_nothing)
{
	open_sink();
	history("u", 1000, 1, "a");
	check_ok(driver_run(driver, &err));
	history("u", 2000, 2, "b");
	check_ok(driver_crash(driver, &err));
	history("v", 3000, 1, "c");
	check_ok(driver_run(driver, &err));
	driver_close(&driver);
	check_text(item_of("u"), "b");
	check_text(item_of("v"), "c");
}

TEST(freshness_is_told_from_the_time_of_the_event_that_caused_the_row)
{
	open_sink();
	check_ok(driver_advance(driver, 100000, &err));
	caused_history("a", 99500, 99500);
	caused_history("b", 95000, 95000);
	caused_history("c", 99000, 60000); /* the newest action is another one: this event came late */
	caused_history("d", 1000, 1000);
	check_ok(driver_run(driver, &err));
	check_int(counted("written"), 4);
	check_int(counted("aged"), 0);
	check(driver_quantile_ms(driver, "sink", "freshness", 0.25) >= 500); /* and what the writing takes */
	check(driver_quantile_ms(driver, "sink", "freshness", 0.25) < 5000);
	check(driver_quantile_ms(driver, "sink", "freshness", 0.5) >= 5000);
	check(driver_quantile_ms(driver, "sink", "freshness", 0.5) < 40000);
	check(driver_quantile_ms(driver, "sink", "freshness", 0.75) >= 40000);
	check(driver_quantile_ms(driver, "sink", "freshness", 1) >= 99000);
	check(driver_quantile_ms(driver, "sink", "freshness", 1) < 118000);
	driver_close(&driver);
}

TEST(a_row_that_only_time_has_caused_is_written_and_has_no_freshness)
{
	open_sink();
	check_ok(driver_advance(driver, 100000, &err));
	caused_history("a", 99500, 99500);
	history("b", 1000, 2, "x");
	embedding("b", 1000, 2, "");
	check_ok(driver_run(driver, &err));
	check_int(counted("written"), 3);
	check_int(counted("aged"), 2);
	check(driver_quantile_ms(driver, "sink", "freshness", 1) < 5000);
	driver_close(&driver);
}

/* A time that the store cannot compare. */
TEST(a_row_that_is_none_of_the_view_is_a_dead_letter)
{
	open_sink();
	history("u", 1000, -1, "x");
	history("v", 1000, 1, "y");
	check_ok(driver_run(driver, &err));
	check_int(counted("written"), 1);
	check(strstr(driver_read(driver, "dead_letters"), "revision"));
	driver_close(&driver);
	check_text(item_of("v"), "y");
	check_text(stored("u"), "");
}

TEST(each_input_is_a_view_of_its_own)
{
	open_sink();
	embedding("u", 2000, 1, "0.5, -1");
	history("u", 1500, 1, "x");
	check_ok(driver_run(driver, &err));
	embedding("u", 2000, 1, "9, 9");
	embedding("u", 1999, 7, "9, 9");
	history("u", 1600, 2, "y");
	check_ok(driver_run(driver, &err));
	check_int(counted("written"), 3);
	check_int(counted("older"), 2);
	driver_close(&driver);
	check_text(item_of("u"), "y");
	check_text(
		stored_embedding("u"),
		"{\"time\": 1767225602000, \"revision\": 1, \"features\": {\"embedding\": [0.5, -1], \"weight\": 1.5, "
		"\"n_actions\": 17, \"space\": \"v1\"}}");
}

TEST(a_row_that_is_refused_is_a_dead_letter_of_its_own_topic)
{
	open_sink();
	embedding("u", 2000, -1, "0.5, -1");
	history("u", 1500, 1, "x");
	check_ok(driver_run(driver, &err));
	check_contains(driver_read(driver, "dead_letters"), "\"topic\":\"embeddings\"");
	check_int(counted("written"), 1);
	driver_close(&driver);
}

TEST(one_input_is_enough_and_none_is_too_few)
{
	check_ok(try_open("embeddings: embeddings", NULL));
	embedding("u", 2000, 1, "0.5, -1");
	check_ok(driver_run(driver, &err));
	check_int(counted("written"), 1);
	driver_close(&driver);
	check_fails(try_open("", NULL), "input");
}

TEST(views_and_keys_that_cannot_be_told_apart_are_refused)
{
	check_fails(try_open(BOTH, "operators.sink.view=user_embedding"), "are the same: user_embedding");
	check_fails(try_open(BOTH, "operators.sink.vector_key=vec:"), "ends in {key}");
	check_fails(try_open(BOTH, "operators.sink.vector_key={key}"), "ends in {key}");
	check_fails(try_open(BOTH, "operators.sink.vector_key={key}:{view}"), "ends in {key}");
	check_ok(try_open(BOTH, "operators.sink.vector_key={view}{key}"));
	driver_close(&driver);
}
