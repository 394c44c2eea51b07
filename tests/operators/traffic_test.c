#include <stdio.h>

#include "base/buffer.h"
#include "dataflow/driver.h"
#include "operators/operators.h"
#include "tests/test.h"

/* Every topic with a partition; returns the file's name. */
static const char *
topology_file(const char *parameters)
{
	static const char *const topics[][3] = {
		{"impressions", "impression", "impression_id, time: shown_at"},
		{"engagements", "engagement", "impression_id, time: occurred_at"},
		{"scores", "ranker_score", "impression_id, time: scored_at"},
		{"item_vectors", "item_vector", "item_id, time: updated_at"},
		{"engine_log", "delivery", "request_id, time: logged_at"},
		{"server_log", "delivery", "request_id, time: logged_at"},
		{"client_log", "delivery", "request_id, time: logged_at"},
		{"injected_faults", "injected_fault", "impression_id, time: injected_at"},
	};
	static char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/traffic.yaml", test_directory());
	file = fopen(path, "w");
	check(file != NULL);
	fprintf(file, "name: t\nlog: {type: embedded}\nschemas: %s/schemas\ntopics:\n", test_source_root());
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		fprintf(file, "  %s: {schema: %s.avsc, key: %s, partitions: 1}\n", topics[i][0], topics[i][1],
			topics[i][2]);
	fprintf(file, "operators:\n  feed:\n    type: traffic\n    outputs:\n");
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		fprintf(file, "      %s: %s\n", topics[i][0], topics[i][0]);
	fprintf(file, "    items: 500\n%s", parameters);
	fclose(file);
	return path;
}

static const char *const outputs[] = {"impressions", "engagements", "scores",	  "item_vectors",
				      "engine_log",  "server_log",  "client_log", "injected_faults"};

/* All rows of all topics, topic by topic. */
static struct buffer
all_rows(struct driver *driver, int64_t counts[8])
{
	struct buffer rows = {0};

	for (int i = 0; i < 8; i++) {
		const char *row;

		counts[i] = 0;
		while ((row = driver_read(driver, outputs[i]))) {
			buffer_print(&rows, "%s\n", row);
			counts[i]++;
		}
	}
	return rows;
}

static struct driver *
open_driver(const char *parameters)
{
	struct driver *driver = NULL;
	struct error err;

	check_ok(driver_open(topology_file(parameters), NULL, operators_table, &driver, &err));
	return driver;
}

static const char *const unpaced = "    clock: unpaced\n    limit: 3000\n    repeats: 0\n    tasks: 2\n";

TEST(the_same_seed_gives_the_same_rows_and_the_limit_is_kept)
{
	struct buffer rows[2];
	int64_t counts[8];
	struct error err;

	for (int i = 0; i < 2; i++) {
		struct driver *driver = open_driver(unpaced);

		check_ok(driver_finish(driver, &err));
		rows[i] = all_rows(driver, counts);
		driver_close(&driver);
		check_int(counts[0], 3000);
		for (int j = 1; j < 8; j++)
			check(counts[j] > 0);
		check_int(counts[2], 6000);
	}
	check_bytes(buffer_bytes(&rows[0]), buffer_bytes(&rows[1]));
	buffer_fini(&rows[0]);
	buffer_fini(&rows[1]);
}

/* Paced, so that there is something pending wherever it is cut. */
static struct buffer
paced_rows(int crash_every, int64_t counts[8])
{
	struct driver *driver = open_driver("    rate: 200\n    limit: 1000\n    late_by: 5s\n");
	struct buffer rows;
	struct error err;

	for (int i = 0; i < 400; i++) {
		check_ok(driver_advance(driver, 100, &err));
		if (crash_every && i % crash_every == 0)
			check_ok(driver_crash(driver, &err));
	}
	rows = all_rows(driver, counts);
	driver_close(&driver);
	return rows;
}

TEST(a_killed_feed_goes_on_without_gap_or_repeat)
{
	int64_t counts[8], counts_crashed[8];
	struct buffer whole = paced_rows(0, counts), crashed = paced_rows(3, counts_crashed);

	check(counts[0] >= 1000);
	check_int(counts_crashed[0], counts[0]);
	check_bytes(buffer_bytes(&crashed), buffer_bytes(&whole));
	buffer_fini(&whole);
	buffer_fini(&crashed);
}

TEST(the_wall_clock_paces_the_feed)
{
	struct driver *driver = open_driver("    rate: 1000\n    repeats: 0\n");
	struct buffer rows;
	int64_t counts[8];
	struct error err;

	check_ok(driver_run(driver, &err));
	rows = all_rows(driver, counts);
	buffer_fini(&rows);
	check_int(counts[0], 0);
	for (int i = 0; i < 200; i++)
		check_ok(driver_advance(driver, 100, &err));
	rows = all_rows(driver, counts);
	buffer_fini(&rows);
	/* 20 s, of which the first few are still thin: nobody has scrolled far. */
	check(counts[0] > 14000 && counts[0] < 20500);
	driver_close(&driver);
}

TEST(after_a_long_stop_the_feed_goes_on_from_now)
{
	struct driver *driver = open_driver("    rate: 1000\n    catch_up: 10s\n");
	struct buffer rows;
	int64_t counts[8];
	struct error err;

	for (int i = 0; i < 50; i++)
		check_ok(driver_advance(driver, 100, &err));
	check_ok(driver_advance(driver, 3600000, &err));
	rows = all_rows(driver, counts);
	buffer_fini(&rows);
	check(counts[0] < 10000);
	check_int(driver_counter(driver, "feed", "jumps"), 1);
	driver_close(&driver);
}

TEST(parameters_that_make_no_sense_are_refused)
{
	struct driver *driver = NULL;
	struct error err;
	const char *file = topology_file("    exploration: 0.7\n    cold_start: 0.6\n");

	check_fails(driver_open(file, NULL, operators_table, &driver, &err), "together at most 1");
	file = topology_file("    rate: -3\n");
	check_fails(driver_open(file, NULL, operators_table, &driver, &err), "rate");
	file = topology_file("    start: yesterday\n");
	check_fails(driver_open(file, NULL, operators_table, &driver, &err), "yesterday");
}
