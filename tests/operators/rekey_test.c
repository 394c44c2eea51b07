/* rekey, and the markers of internal topics: engagements keyed by user, joined by impression. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "dataflow/driver.h"
#include "log/log.h"
#include "operators/operators.h"
#include "tests/test.h"

static struct error err;
static struct driver *driver;

static const char topology[] =
	"name: test\n"
	"log: {type: embedded}\n"
	"schemas: %s/schemas\n"
	"topics:\n"
	"  impressions: {schema: impression.avsc, key: impression_id, time: shown_at, partitions: 2,\n"
	"                out_of_orderness: 0ms, idle_after: 5s}\n"
	"  by_user: {schema: engagement.avsc, key: user_id_token, time: occurred_at, partitions: 3,\n"
	"            out_of_orderness: 0ms, idle_after: 5s}\n"
	"  by_impression: {schema: engagement.avsc, key: impression_id, time: occurred_at, partitions: 2,\n"
	"                  internal: true}\n"
	"  outcomes: {schema: outcome.avsc, key: impression_id, time: shown_at, partitions: 2}\n"
	"operators:\n"
	"  move: {type: rekey, inputs: {records: by_user}, outputs: {records: by_impression}}\n"
	"  join: {type: engagement_join, inputs: {impressions: impressions, engagements: by_impression},\n"
	"         outputs: {outcomes: outcomes}, window: 10s, before: 0s, grace: 0s, correction_horizon: 10s}\n";

static void
open_topology(const char *override)
{
	char *path = memory_format("%s/t.yaml", test_directory());
	const char *const overrides[] = {override, NULL};
	char *root = realpath(test_source_root(), NULL);
	FILE *file = fopen(path, "w");

	check(file && root && fprintf(file, topology, root) > 0 && fclose(file) == 0);
	free(root);
	check_ok(driver_open(path, overrides, operators_table, &driver, &err));
	memory_free(&path);
}

static void
send(const char *topic, const char *format, ...)
{
	char json[1024];
	va_list arguments;

	va_start(arguments, format);
	check(vsnprintf(json, sizeof(json), format, arguments) < (int)sizeof(json));
	va_end(arguments);
	check_ok(driver_send(driver, topic, json, &err));
}

static void
show(int id, int64_t ms)
{
	send("impressions",
	     "{\"impression_id\": \"i%d\", \"user_id_token\": \"u\", \"item_id\": \"x\", \"position\": 1, "
	     "\"shown_at\": %lld, \"source\": \"ranked\"}",
	     id, (long long)(DRIVER_START_MS + ms));
}

static void
engage(const char *user, int id, int64_t ms)
{
	send("by_user",
	     "{\"engagement_id\": \"%s-%d\", \"impression_id\": \"i%d\", \"user_id_token\": \"%s\", "
	     "\"item_id\": \"x\", \"action\": \"click\", \"occurred_at\": %lld}",
	     user, id, id, user, (long long)(DRIVER_START_MS + ms));
}

/* Rows since the last time, and how many of them were clicked. */
static int
rows(int *clicked)
{
	const char *text;
	int count = 0;

	*clicked = 0;
	while ((text = driver_read(driver, "outcomes"))) {
		json_t *row = json_loads(text, 0, NULL);

		count++;
		*clicked += json_is_true(json_object_get(row, "clicked"));
		json_decref(row);
	}
	return count;
}

/* A user whose records are in partition p of the input. */
static const char *
user_of(int partition)
{
	static char name[3][16];

	for (int i = 0;; i++) {
		snprintf(name[partition], sizeof(name[partition]), "user%d", i);
		if (log_partition_of(bytes_of_text(name[partition]), 3) == partition)
			return name[partition];
	}
}

TEST(records_go_to_the_partition_of_their_new_key)
{
	int clicked;

	open_topology(NULL);
	for (int i = 0; i < 60; i++) {
		show(i, 100 + i);
		engage(user_of(i % 3), i, 200 + i);
	}
	check_ok(driver_finish(driver, &err));
	check_int(rows(&clicked), 60);
	check_int(clicked, 60);
	driver_close(&driver);
}

/* What the slowest upstream task has is not late behind what the fastest one has. */
TEST(the_watermark_waits_for_every_upstream_task)
{
	int clicked;

	open_topology(NULL);
	show(1, 0);
	show(2, 60000);
	for (int i = 0; i < 3; i++)
		show(100 + i, 60000); /* both partitions of the impressions are far ahead */
	engage(user_of(0), 2, 60000);
	engage(user_of(1), 2, 60000);
	check_ok(driver_run(driver, &err));
	check_int(rows(&clicked), 0); /* partition 2 was not heard of */
	engage(user_of(2), 1, 5000);
	check_ok(driver_run(driver, &err));
	check_int(rows(&clicked), 0); /* it is at 5 s */
	engage(user_of(2), 2, 61000);
	check_ok(driver_run(driver, &err));
	check_int(rows(&clicked), 1);
	check_int(clicked, 1);
	driver_close(&driver);
}

TEST(an_idle_upstream_task_lets_the_others_go_on)
{
	int clicked;

	open_topology(NULL);
	show(1, 0);
	engage(user_of(0), 1, 1000);
	check_ok(driver_run(driver, &err));
	check_ok(driver_advance(driver, 1000, &err));
	check_int(rows(&clicked), 0);
	/* All are idle after 5 s, then the clock carries the watermark over the window. */
	for (int i = 0; i < 40; i++)
		check_ok(driver_advance(driver, 1000, &err));
	check_int(rows(&clicked), 1);
	check_int(clicked, 1);
	driver_close(&driver);
}

TEST(what_was_heard_survives_a_crash)
{
	int clicked;

	open_topology(NULL);
	show(1, 0);
	show(2, 60000);
	for (int i = 0; i < 5; i++)
		show(100 + i, 60000);
	for (int i = 0; i < 3; i++)
		engage(user_of(i), 1, 1000 + i);
	check_ok(driver_run(driver, &err));
	check_ok(driver_crash(driver, &err));
	check_ok(driver_run(driver, &err));
	check_int(rows(&clicked), 0);
	for (int i = 0; i < 3; i++)
		engage(user_of(i), 2, 60000);
	check_ok(driver_run(driver, &err));
	check_int(rows(&clicked), 1);
	check_int(clicked, 1);
	driver_close(&driver);
}

TEST(an_internal_topic_has_one_writer_and_a_key)
{
	char *path = memory_format("%s/t.yaml", test_directory());
	const char *const nobody[] = {"operators.move.outputs.records=outcomes", NULL};
	struct topology *loaded;

	open_topology(NULL);
	driver_close(&driver);
	check_fails(topology_load(path, nobody, operators_table, &loaded, NULL, &err),
		    "internal, but no operator writes it");
	memory_free(&path);
}

TEST(another_schema_is_refused)
{
	char *path = memory_format("%s/t.yaml", test_directory());
	const char *const other[] = {"topics.by_user.schema=impression.avsc", "topics.by_user.time=shown_at", NULL};

	open_topology(NULL);
	driver_close(&driver);
	check_fails(driver_open(path, other, operators_table, &driver, &err),
		    "its output must have the schema of its input");
	memory_free(&path);
}
