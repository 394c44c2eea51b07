#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sinks/feature_backend.h"
#include "tests/test.h"

static struct error err;
static struct feature_view *view;

static const struct feature_column user[] = {{"user_id", FEATURE_STRING, false}, {0}};

static int
make(const char *name, const struct feature_column *keys, const struct feature_column *features, const char *vector)
{
	const struct feature_view_spec spec = {.project = "reco",
					       .name = name,
					       .keys = keys,
					       .features = features,
					       .vector = vector,
					       .vector_prefix = vector ? "v:" : NULL};

	return feature_view_new(&spec, &view, &err);
}

TEST(views_that_make_no_sense_are_refused)
{
	const struct feature_column none[] = {{0}};
	const struct feature_column real[] = {{"r", FEATURE_DOUBLE, false}, {0}};
	const struct feature_column list[] = {{"l", FEATURE_FLOAT, true}, {0}};
	const struct feature_column twice[] = {{"a", FEATURE_INT64, false}, {"a", FEATURE_STRING, false}, {0}};

	check_fails(make("v", none, real, NULL), "view v has 0 join keys");
	check_fails(make("v", real, list, NULL), "join key r of view v has to be a text");
	check_fails(make("v", list, real, NULL), "join key l of view v has to be a text");
	check_fails(make("v", twice, real, NULL), "has the join key a twice");
	check_fails(make("v", user, none, NULL), "view v has 0 features");
	check_fails(make("v", user, real, "r"), "r has to be a feature of view v, a list of float");
	check_fails(make("v", user, list, "x"), "x has to be a feature of view v, a list of float");
	check_ok(make("v", user, list, "l"));
	feature_view_free(&view);
}

struct hashed {
	uint32_t hash;
	int number;
};

static int
compare(const void *a, const void *b)
{
	const struct hashed *left = a, *right = b;

	return left->hash < right->hash ? -1 : left->hash > right->hash;
}

#define NAMES 200000

/* Two features f<number> of view v with the same hash: among so many there are some. */
static void
find_collision(char one[16], char other[16])
{
	struct hashed *list = memory_new_array(NAMES, sizeof(*list));
	char name[32];

	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "v:f%d", i);
		list[i] = (struct hashed){.hash = feast_murmur3(bytes_of_text(name)), .number = i};
	}
	qsort(list, NAMES, sizeof(*list), compare);
	one[0] = 0;
	for (int i = 1; i < NAMES && !one[0]; i++)
		if (list[i].hash == list[i - 1].hash) {
			snprintf(one, 16, "f%d", list[i - 1].number);
			snprintf(other, 16, "f%d", list[i].number);
		}
	check(one[0]);
	memory_free(&list);
}

TEST(features_that_share_a_hash_are_refused)
{
	char one[16], other[16];
	struct feature_column features[] = {{one, FEATURE_INT64, false}, {other, FEATURE_INT64, false}, {0}};

	find_collision(one, other);
	check_fails(make("v", user, features, NULL), "have the same hash");
}

TEST(views_of_one_entity_are_held_against_each_other)
{
	char one[16], other[16];
	struct feature_column first[] = {{one, FEATURE_INT64, false}, {0}},
			      second[] = {{other, FEATURE_INT64, false}, {0}};
	const struct feature_column item[] = {{"item_id", FEATURE_STRING, false}, {0}};
	struct feature_view *views[3];

	find_collision(one, other);
	check_ok(make("v", user, first, NULL));
	views[0] = view;
	check_ok(make("v", item, second, NULL));
	views[1] = view;
	check_ok(feature_views_check((const struct feature_view *const *)views, 2, &err));
	check_ok(make("v", user, second, NULL));
	views[2] = view;
	check_fails(feature_views_check((const struct feature_view *const *)views, 3, &err), "have the same hash");
	for (int i = 0; i < 3; i++)
		feature_view_free(&views[i]);
}

TEST(rows_that_are_none_of_the_view_are_refused)
{
	const struct feature_column keys[] = {{"k", FEATURE_INT32, false}, {0}},
				    features[] = {{"f", FEATURE_INT64, false}, {0}};
	struct feature_value key = {.null = true}, value = {.integer = 1};
	struct feature_row row = {.keys = &key, .features = &value};

	check_ok(make("v", keys, features, NULL));
	check_fails(feature_view_check_row(view, &row, &err), "join key k of view v is null");
	check_int(err.action, SKIP);
	key = (struct feature_value){.integer = 1LL << 31};
	check_fails(feature_view_check_row(view, &row, &err), "too large for an int32");
	key.integer = 5;
	check_ok(feature_view_check_row(view, &row, &err));
	row.revision = -1;
	check_fails(feature_view_check_row(view, &row, &err), "the revision -1");
	row.revision = 1;
	row.time_ms = INT64_MAX;
	check_fails(feature_view_check_row(view, &row, &err), "no sane time");
	feature_view_free(&view);
}

TEST(rows_as_json)
{
	const struct feature_column features[] = {{"b", FEATURE_BYTES, false},
						  {"s", FEATURE_STRING, false},
						  {"i", FEATURE_INT64, false},
						  {"d", FEATURE_DOUBLE, false},
						  {"f", FEATURE_FLOAT, true},
						  {"t", FEATURE_BOOL, false},
						  {"l", FEATURE_STRING, true},
						  {"n", FEATURE_INT64, false},
						  {"x", FEATURE_DOUBLE, true},
						  {"y", FEATURE_INT64, true},
						  {0}};
	const float floats[] = {0.1f, -1};
	const double doubles[] = {0.25, 1e300 * 1e10};
	const int64_t integers[] = {-1, 7};
	const struct bytes texts[] = {bytes_of_text("a\"b\n"), bytes_of_text("")};
	const struct feature_value values[] = {{.bytes = bytes_of("\0\xff", 2)},
					       {.bytes = bytes_of_text("ä\\")},
					       {.integer = -5},
					       {.real = 0.1},
					       {.items = floats, .count = 2},
					       {.integer = 1},
					       {.items = texts, .count = 2},
					       {.null = true},
					       {.items = doubles, .count = 2},
					       {.items = integers, .count = 2}};
	struct buffer out = {0};

	check_ok(make("v", user, features, NULL));
	feature_view_json(view, values, &out);
	check_bytes(buffer_bytes(&out),
		    bytes_of_text("{\"b\": \"AP8=\", \"s\": \"ä\\\\\", \"i\": -5, \"d\": 0.10000000000000001, \"f\": "
				  "[0.100000001, -1], \"t\": true, \"l\": [\"a\\\"b\\u000a\", \"\"], \"n\": null, "
				  "\"x\": [0.25, null], \"y\": [-1, 7]}"));
	buffer_fini(&out);
	feature_view_free(&view);
}
