/*
 * Writes a few rows of project `reco` into the Redis at the address given, for a stock Feast client to read
 * (tools/feast/check): feature_redis_tool ADDRESS
 */
#include <stdio.h>

#include "sinks/feature_store.h"

static const struct feature_column user[] = {{"user_id", FEATURE_STRING, false}, {0}};
static const struct feature_column pair[] = {
	{"user_number", FEATURE_INT64, false}, {"item_id", FEATURE_STRING, false}, {0}};
static const struct feature_column embedding[] = {{"vector", FEATURE_FLOAT, true},
						  {"n_actions", FEATURE_INT64, false},
						  {"weight", FEATURE_DOUBLE, false},
						  {"space", FEATURE_STRING, false},
						  {0}};
static const struct feature_column history[] = {{"item_ids", FEATURE_STRING, true}, {"times", FEATURE_UNIX_TIME, true},
						{"watched", FEATURE_DOUBLE, true},  {"counts", FEATURE_INT64, true},
						{"nothing", FEATURE_STRING, false}, {0}};
static const struct feature_column affinity[] = {{"liked", FEATURE_BOOL, false},
						 {"score", FEATURE_FLOAT, false},
						 {"rank", FEATURE_INT32, false},
						 {"blob", FEATURE_BYTES, false},
						 {0}};

static int
put(struct feature_writer *writer, const struct feature_view_spec *spec, const struct feature_value *keys,
    const struct feature_value *values, int64_t revision, struct error *err)
{
	struct feature_row row = {.keys = keys, .features = values, .time_ms = 1758823656123, .revision = revision};
	struct feature_view *view;
	int result;

	if (feature_view_new(spec, &view, err) < 0)
		return -1;
	result = feature_writer_put(writer, view, &row, 0, err);
	if (result == 0)
		result = feature_writer_flush(writer, err);
	feature_writer_clear(writer);
	feature_view_free(&view);
	return result;
}

static int
write_rows(struct feature_writer *writer, struct error *err)
{
	static const float vector[] = {0.5f, -1, 0.25f}, old_vector[] = {9};
	const struct bytes items[] = {bytes_of_text("i1"), bytes_of_text("i22")};
	const int64_t times[] = {1758823656, 1758823600}, counts[] = {1, 300, -1};
	const double watched[] = {2.5, 0};
	const struct feature_view_spec views[] = {
		{.project = "reco",
		 .name = "user_embedding",
		 .keys = user,
		 .features = embedding,
		 .vector = "vector",
		 .vector_prefix = "vec:"},
		{.project = "reco", .name = "user_history", .keys = user, .features = history},
		{.project = "reco", .name = "affinity", .keys = pair, .features = affinity},
	};
	const struct feature_value u42 = {.bytes = bytes_of_text("u42")};
	const struct feature_value both[] = {{.integer = 1001}, {.bytes = bytes_of_text("i7")}};
	const struct feature_value embeddings[] = {
		{.items = vector, .count = 3}, {.integer = 17}, {.real = 1.5}, {.bytes = bytes_of_text("v1")}};
	const struct feature_value old[] = {
		{.items = old_vector, .count = 1}, {.integer = 0}, {.real = 0}, {.bytes = bytes_of_text("v0")}};
	const struct feature_value histories[] = {{.items = items, .count = 2},
						  {.items = times, .count = 2},
						  {.items = watched, .count = 2},
						  {.items = counts, .count = 3},
						  {.null = true}};
	const struct feature_value affinities[] = {
		{.integer = 1}, {.real = 0.25}, {.integer = -3}, {.bytes = bytes_of("\x00\xff", 2)}};

	if (put(writer, &views[0], &u42, embeddings, 2, err) < 0 || put(writer, &views[0], &u42, old, 1, err) < 0 ||
	    put(writer, &views[1], &u42, histories, 1, err) < 0)
		return -1;
	return put(writer, &views[2], both, affinities, 1, err);
}

int
main(int count, char **arguments)
{
	struct feature_store_config config = {0};
	struct feature_store *store;
	struct feature_writer *writer;
	struct error err;
	int result;

	if (count != 2) {
		fprintf(stderr, "usage: feature_redis_tool ADDRESS\n");
		return 2;
	}
	option_defaults(feature_store_options, &config);
	if (option_parse(option_find(feature_store_options, "store"), "redis", &config, &err) < 0 ||
	    option_parse(option_find(feature_store_options, "address"), arguments[1], &config, &err) < 0 ||
	    feature_store_open(&config, &store, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	writer = feature_writer_open(store);
	result = write_rows(writer, &err);
	if (result < 0)
		fprintf(stderr, "%s\n", err.text);
	feature_writer_close(&writer);
	feature_store_close(&store);
	option_free(feature_store_options, &config);
	return result < 0;
}
