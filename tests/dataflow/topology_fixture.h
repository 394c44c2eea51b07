/*
 * A few types of operators, a directory with a topology and its schemas, and what loading it gives: for the tests of
 * the files that load topologies.
 */
#ifndef TESTS_DATAFLOW_TOPOLOGY_FIXTURE_H
#define TESTS_DATAFLOW_TOPOLOGY_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataflow/topology.h"
#include "tests/test.h"

/* ---- a few types of operators ---- */

struct match {
	int64_t window_ms;
	double ratio;
	char *label;
	struct option_groups rules; /* struct match_rule */
};

struct match_rule {
	char *name;
	int64_t above;
};

static const struct option match_rule_options[] = {
	{.name = "above",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct match_rule, above),
	 .max = 100,
	 .help = "How many are too many."},
	OPTION_END,
};
static const struct option_group match_rule_group = {
	.options = match_rule_options,
	.size = sizeof(struct match_rule),
	.name = offsetof(struct match_rule, name),
};

static const struct option match_options[] = {
	{.name = "window",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct match, window_ms),
	 .initial = "10s",
	 .min = 1,
	 .max = 3600000,
	 .help = "How far apart both sides may be."},
	{.name = "ratio",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct match, ratio),
	 .initial = "0.5",
	 .help = "Some ratio."},
	{.name = "label",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct match, label),
	 .help = "What rows are marked with."},
	{.name = "rules",
	 .type = OPTION_GROUPS,
	 .offset = offsetof(struct match, rules),
	 .initial = "",
	 .max = 2,
	 .help = "When to say so.",
	 .group = &match_rule_group},
	OPTION_END,
};
static const struct port match_inputs[] = {
	{.name = "clicks", .schema = "click", .key = "id", .required = true},
	{.name = "views", .schema = "view", .key = "id"},
	{.name = NULL},
};
static const struct port match_outputs[] = {
	{.name = "pairs", .schema = "click", .key = "id", .required = true},
	{.name = "rest", .schema = "view"},
	{.name = NULL},
};
static const struct operator_type match_type = {
	.name = "match",
	.options = match_options,
	.inputs = match_inputs,
	.outputs = match_outputs,
	.self_size = sizeof(struct match),
};

static const struct port pass_inputs[] = {{.name = "in"}, {.name = NULL}};
static const struct port pass_outputs[] = {{.name = "out"}, {.name = NULL}};
static const struct operator_type pass_type = {
	.name = "pass",
	.inputs = pass_inputs,
	.outputs = pass_outputs,
	.self_size = 1,
};
static const struct operator_type clock_type = {.name = "tick", .outputs = pass_outputs, .self_size = 1};

static const struct operator_type *const types[] = {&match_type, &pass_type, &clock_type, NULL};

/* ---- a directory with a topology and its schemas ---- */

static const char click_schema[] =
	"{\"type\": \"record\", \"name\": \"click\", \"namespace\": \"shop\", \"fields\": ["
	"{\"name\": \"id\", \"type\": \"string\"}, {\"name\": \"user\", \"type\": \"string\"},"
	"{\"name\": \"at\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}},"
	"{\"name\": \"at_us\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-micros\"}},"
	"{\"name\": \"count\", \"type\": \"long\", \"default\": 1},"
	"{\"name\": \"note\", \"type\": [\"null\", \"string\"], \"default\": null}]}";
static const char view_schema[] =
	"{\"type\": \"record\", \"name\": \"view\", \"fields\": [{\"name\": \"id\", \"type\": \"string\"},"
	"{\"name\": \"at\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}}]}";
static const char old_view_schema[] =
	"{\"type\": \"record\", \"name\": \"view\", \"fields\": [{\"name\": \"id\", \"type\": \"string\"},"
	"{\"name\": \"at\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}},"
	"{\"name\": \"gone\", \"type\": \"int\"}]}";
static const char dead_letter_schema[] =
	"{\"type\": \"record\", \"name\": \"dead_letter\", \"fields\": [{\"name\": \"topic\", \"type\": \"string\"},"
	"{\"name\": \"partition\", \"type\": \"int\"}, {\"name\": \"offset\", \"type\": \"long\"},"
	"{\"name\": \"operator\", \"type\": \"string\"}, {\"name\": \"reason\", \"type\": \"string\"},"
	"{\"name\": \"key\", \"type\": [\"null\", \"bytes\"], \"default\": null},"
	"{\"name\": \"value\", \"type\": \"bytes\"},"
	"{\"name\": \"record_time\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}},"
	"{\"name\": \"failed_at\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}}]}";

/* A sound topology; tests change a line of it by an override or write their own. */
static const char sound[] = "name: shop\n"
			    "topics:\n"
			    "  clicks: {schema: click.avsc, key: id, time: at, partitions: 4}\n"
			    "  views:  {schema: view.avsc, key: id, time: at, partitions: 4, out_of_orderness: 1s}\n"
			    "  pairs:  {schema: click.avsc, key: id, time: at, partitions: 4}\n"
			    "operators:\n"
			    "  join:\n"
			    "    type: match\n"
			    "    inputs: {clicks: clicks, views: views}\n"
			    "    outputs: {pairs: pairs}\n"
			    "    window: 30s\n"
			    "    label: x\n";

/* Four operators behind one another, the last one first. */
static const char chain[] = "name: chain\n"
			    "topics:\n"
			    "  a: {schema: click.avsc}\n"
			    "  b: {schema: click.avsc}\n"
			    "  c: {schema: click.avsc}\n"
			    "operators:\n"
			    "  last:   {type: pass, inputs: {in: c}}\n"
			    "  middle: {type: pass, inputs: {in: b}, outputs: {out: c}}\n"
			    "  first:  {type: pass, inputs: {in: a}, outputs: {out: b}}\n"
			    "  source: {type: tick, outputs: {out: a}, tasks: 3}\n";

static struct topology *topology;
static char said[65536];

static inline void
write_file(const char *name, const void *text, size_t size)
{
	FILE *file = fopen(name, "wb");

	check(file != NULL);
	fwrite(text, 1, size, file);
	fclose(file);
}

static inline void
write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

static inline void
write_schemas(void)
{
	check(chdir(test_directory()) == 0);
	write_text("click.avsc", click_schema);
	write_text("view.avsc", view_schema);
	write_text("old_view.avsc", old_view_schema);
	write_text("dead_letter.avsc", dead_letter_schema);
}

/* Where the test program would be installed: two directories above its file. */
static inline const char *
program_prefix(void)
{
	static char path[4096];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);

	check(size > 0);
	path[size] = 0;
	for (int i = 0; i < 2; i++)
		*strrchr(path, '/') = 0;
	return path;
}

/* Loads t.yaml; the problems are in `said`, a line each. */
static inline int
load(const char *const *overrides)
{
	struct buffer problems = {0};
	struct error err;
	int result = topology_load("t.yaml", overrides, types, &topology, &problems, &err);

	snprintf(said, sizeof(said), "%.*s", bytes_arguments(buffer_bytes(&problems)));
	if (result < 0) {
		check(!topology && strncmp(said, err.text, strlen(err.text)) == 0);
		check_int(err.action, FATAL);
	}
	buffer_fini(&problems);
	return result;
}

static inline void
load_sound(const char *text, const char *override)
{
	const char *overrides[] = {override, NULL};

	write_schemas();
	write_text("t.yaml", text);
	if (load(overrides) < 0)
		check_text(said, "");
}

/* The sound topology with `override` (or NULL) has these problems. */
static inline void
check_problems(const char *text, const char *override, const char *wanted)
{
	const char *overrides[] = {override, NULL};

	write_schemas();
	write_text("t.yaml", text);
	check_int(load(overrides), -1);
	check_text(said, wanted);
}

static inline void
check_override(const char *override, const char *wanted)
{
	check_problems(sound, override, wanted);
}

#endif
