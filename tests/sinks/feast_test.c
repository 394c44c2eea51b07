/* Bytes that a stock Feast client writes and reads. */
#include "sinks/feast.h"

#include <stdio.h>

#include "tests/test.h"

static char text[1024];

static const char *
hex(struct buffer *buffer)
{
	text[0] = 0;
	for (size_t i = 0; i < buffer->size; i++)
		snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x", buffer->data[i]);
	buffer_fini(buffer);
	*buffer = (struct buffer){0};
	return text;
}

TEST(hashes)
{
	check_int(feast_murmur3(bytes_of_text("hello")), 0x248bfa47);
	check_int(feast_murmur3(bytes_of_text("")), 0);
	check_int(feast_murmur3(bytes_of_text("test")), 0xba6bd213);
}

TEST(entity_keys_are_sorted_by_the_names_of_their_join_keys)
{
	const struct feature_column user[] = {{"user_id", FEATURE_INT64, false}};
	const struct feature_column token[] = {{"user_id", FEATURE_STRING, false}};
	const struct feature_column both[] = {{"user_id", FEATURE_INT64, false}, {"item_id", FEATURE_STRING, false}};
	const struct feature_value values[] = {{.integer = 1001}, {.bytes = bytes_of_text("i7")}};
	const struct feature_value u42 = {.bytes = bytes_of_text("u42")};
	struct buffer out = {0};

	feast_key(user, values, (int[]){0}, 1, "reco", &out);
	check_text(hex(&out), "010000000200000007000000757365725f69640400000008000000e9030000000000007265636f");
	feast_key(token, &u42, (int[]){0}, 1, "reco", &out);
	check_text(hex(&out), "010000000200000007000000757365725f696402000000030000007534327265636f");
	feast_key(both, values, (int[]){1, 0}, 2, "reco", &out);
	check_text(hex(&out),
		   "0200000002000000070000006974656d5f69640200000007000000757365725f6964020000000200000069370"
		   "400000008000000e9030000000000007265636f");
}

TEST(fields_are_hashes)
{
	struct buffer out = {0};

	feast_field("user_embedding", "embedding", buffer_reserve(&out, 4));
	out.size = 4;
	check_text(hex(&out), "19426d5e");
	feast_field("user_embedding", "n_actions", buffer_reserve(&out, 4));
	out.size = 4;
	check_text(hex(&out), "fa11b767");
}

static const char *
value(enum feature_type type, bool list, struct feature_value value)
{
	const struct feature_column column = {"x", type, list};
	struct buffer out = {0};

	feast_value(&column, &value, &out);
	return hex(&out);
}

TEST(values)
{
	const float floats[] = {0.5f, -1, 0.25f};
	const int64_t integers[] = {1, 300, -1};
	const struct bytes texts[] = {bytes_of_text("i1"), bytes_of_text("i22")};
	const struct bytes bytes[] = {bytes_of_text("a"), bytes_of_text("bc")};

	check_text(value(FEATURE_FLOAT, true, (struct feature_value){.items = floats, .count = 3}),
		   "82010e0a0c0000003f000080bf0000803e");
	check_text(value(FEATURE_FLOAT, true, (struct feature_value){.count = 0}), "820100");
	check_text(value(FEATURE_INT64, false, (struct feature_value){.integer = 17}), "2011");
	check_text(value(FEATURE_INT64, false, (struct feature_value){.integer = -1}), "20ffffffffffffffffff01");
	check_text(value(FEATURE_INT32, false, (struct feature_value){.integer = -1}), "18ffffffffffffffffff01");
	check_text(value(FEATURE_INT64, true, (struct feature_value){.items = integers, .count = 3}),
		   "720f0a0d01ac02ffffffffffffffffff01");
	check_text(value(FEATURE_STRING, true, (struct feature_value){.items = texts, .count = 2}),
		   "62090a0269310a03693232");
	check_text(value(FEATURE_BYTES, true, (struct feature_value){.items = bytes, .count = 2}),
		   "5a070a01610a026263");
	check_text(value(FEATURE_FLOAT, false, (struct feature_value){.real = 0}), "3500000000");
	check_text(value(FEATURE_DOUBLE, false, (struct feature_value){.real = 0.5}), "29000000000000e03f");
	check_text(value(FEATURE_BOOL, false, (struct feature_value){.integer = 1}), "3801");
	check_text(value(FEATURE_STRING, false, (struct feature_value){.bytes = bytes_of_text("ab")}), "12026162");
	check_text(value(FEATURE_STRING, false, (struct feature_value){.null = true}), "");
}

TEST(times)
{
	struct buffer out = {0};

	feast_timestamp(1758823656, 123000000, &out); /* 2025-09-25T18:07:36.123Z */
	check_text(hex(&out), "08e889d6c60610c0a9d33a");
	feast_timestamp(0, 0, &out);
	check_text(hex(&out), "");
	feast_timestamp(-2, 500000000, &out); /* -1.5 s */
	check_text(hex(&out), "08feffffffffffffffff011080cab5ee01");
}
