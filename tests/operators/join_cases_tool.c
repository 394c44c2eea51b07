/*
 * Runs cases for the join in memory, for test_join_random.py: a line of JSON in, a line of JSON out.
 *
 *     in   {"overrides": ["operators.join.window=5s", ...], "records": [["impressions", {...}], ...], "crashes": [3],
 *           "ends": [5]}
 *     out  {"outcomes": [row, ...], "exploration_events": [...], ...}: partition by partition, in order
 *
 * Records are sent in their order and then processed as a bounded run. With "crashes", the records are sent in
 * pieces: at each of these counts what is there is processed live, and the tasks are killed and opened again. At each
 * count in "ends", what is there is processed as a bounded run of its own.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "dataflow/driver.h"
#include "operators/operators.h"

#define OVERRIDES_MAX 32

static const char *const topics[] = {
	"outcomes",	    "exploration_events", "late_engagements", "orphan_engagements",
	"hindsight_scores", "late_impressions",	  "dead_letters",
};

static _Noreturn void
give_up(const struct error *err)
{
	fprintf(stderr, "join_cases_tool: %s\n", err->text);
	exit(1);
}

static struct driver *
open_driver(const json_t *overrides)
{
	const char *texts[OVERRIDES_MAX + 1] = {NULL};
	struct driver *driver;
	struct error err;

	for (size_t i = 0; i < json_array_size(overrides) && i < OVERRIDES_MAX; i++)
		texts[i] = json_string_value(json_array_get(overrides, i));
	if (driver_open("topologies/engagement.yaml", texts, operators_table, &driver, &err) < 0)
		give_up(&err);
	return driver;
}

static bool
is_among(const json_t *counts, size_t count)
{
	for (size_t i = 0; i < json_array_size(counts); i++)
		if ((size_t)json_integer_value(json_array_get(counts, i)) == count)
			return true;
	return false;
}

static void
feed(struct driver *driver, const json_t *records, const json_t *crashes, const json_t *ends)
{
	struct error err;

	for (size_t i = 0; i < json_array_size(records); i++) {
		const json_t *record = json_array_get(records, i);
		char *text = json_dumps(json_array_get(record, 1), JSON_COMPACT);

		if (driver_send(driver, json_string_value(json_array_get(record, 0)), text, &err) < 0)
			give_up(&err);
		free(text);
		if (is_among(crashes, i + 1) && (driver_run(driver, &err) < 0 || driver_crash(driver, &err) < 0))
			give_up(&err);
		if (is_among(ends, i + 1) && driver_finish(driver, &err) < 0)
			give_up(&err);
	}
	if (driver_finish(driver, &err) < 0)
		give_up(&err);
}

static void
print_rows(struct driver *driver)
{
	const char *row;

	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		printf("%s\"%s\": [", i == 0 ? "{" : ", ", topics[i]);
		for (int count = 0; (row = driver_read(driver, topics[i])) != NULL; count++)
			printf("%s%s", count == 0 ? "" : ", ", row);
		printf("]");
	}
	printf("}\n");
	fflush(stdout);
}

static void
run_case(const char *line)
{
	json_error_t where;
	json_t *input = json_loads(line, 0, &where);
	struct driver *driver;

	if (!input) {
		fprintf(stderr, "join_cases_tool: %s\n", where.text);
		exit(1);
	}
	driver = open_driver(json_object_get(input, "overrides"));
	feed(driver, json_object_get(input, "records"), json_object_get(input, "crashes"),
	     json_object_get(input, "ends"));
	print_rows(driver);
	driver_close(&driver);
	json_decref(input);
}

int
main(void)
{
	char *line = NULL;
	size_t capacity = 0;

	while (getline(&line, &capacity, stdin) > 0)
		run_case(line);
	free(line);
	return 0;
}
