#include "tests/record/support.h"

#define ONE(type) RECORD(FIELD("x", type))

/* Reads and writes again; NULL where reading fails. */
static char *
through(const char *schema, const char *json, struct error *err)
{
	struct schema_document *document = parse(schema);
	struct arena arena = {0};
	struct buffer out = {0};
	struct record record;
	int result;

	record_init(&record, document->root);
	result = json_read(bytes_of_text(json), &record, &arena, err);
	if (result == 0)
		json_write(&record, &out);
	buffer_put_u8(&out, 0);
	if (result < 0)
		buffer_fini(&out);
	record_fini(&record);
	arena_fini(&arena);
	schema_free(&document);
	return (char *)out.data;
}

static void
reads(const char *schema, const char *json, const char *wanted)
{
	struct error err;
	char *got = through(schema, json, &err);

	check_ok(got ? 0 : -1);
	check_text(got, wanted);
	memory_free(&got);
}

static void
refuses(const char *schema, const char *json, const char *part)
{
	struct error err;
	char *got = through(schema, json, &err);

	check_fails(got ? 0 : -1, part);
	check_int(err.action, SKIP);
}

TEST(values_of_every_type_are_read)
{
	reads(ONE("\"int\""), " { \"x\" : -5 } ", "{\"x\":-5}");
	reads(ONE("\"double\""), "{\"x\":5}", "{\"x\":5.0}");
	reads(ONE("\"float\""), "{\"x\":0.1}", "{\"x\":0.1}");
	reads(ONE("\"double\""), "{\"x\":\"-Infinity\"}", "{\"x\":\"-Infinity\"}");
	reads(ONE("\"double\""), "{\"x\":\"NaN\"}", "{\"x\":\"NaN\"}");
	reads(ONE("\"bytes\""), "{\"x\":\"AP8=\"}", "{\"x\":\"AP8=\"}");
	reads(ONE("\"string\""), "{\"x\":\"a\\u0000\\u00e9\"}", "{\"x\":\"a\\u0000\xc3\xa9\"}");
	reads(ONE("{\"type\":\"map\",\"values\":\"boolean\"}"), "{\"x\":{\"b\":true,\"a\":false}}",
	      "{\"x\":{\"b\":true,\"a\":false}}");
	reads(ONE("{\"type\":\"array\",\"items\":[\"null\",\"string\"]}"), "{\"x\":[null,\"a\"]}",
	      "{\"x\":[null,\"a\"]}");
}

TEST(a_whole_number_may_be_written_as_a_float)
{
	reads(ONE("\"int\""), "{\"x\":3.0}", "{\"x\":3}");
	reads(ONE("\"int\""), "{\"x\":-2e3}", "{\"x\":-2000}");
	reads(ONE("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"), "{\"x\":1.7e12}",
	      "{\"x\":1700000000000}");
	reads(ONE("[\"null\",\"long\"]"), "{\"x\":3.0}", "{\"x\":3}");
	refuses(ONE("\"int\""), "{\"x\":3.5}", "r.x: expected an int, found 3.5");
	refuses(ONE("\"int\""), "{\"x\":3e9}", "expected an int (-2147483648 to 2147483647), found 3000000000");
	/* Beyond 2^53 a float may stand for its neighbours too. */
	reads(ONE("\"long\""), "{\"x\":9007199254740992.0}", "{\"x\":9007199254740992}");
	refuses(ONE("\"long\""), "{\"x\":1e16}", "expected a long, found 10000000000000000");
	/* Where it may be a double, it is one. */
	reads(ONE("[\"int\",\"double\"]"), "{\"x\":3.0}", "{\"x\":3.0}");
	reads(ONE("[\"int\",\"double\"]"), "{\"x\":3}", "{\"x\":3}");
}

TEST(timestamps_are_numbers_or_iso_8601)
{
	const char *millis = ONE("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}");

	reads(millis, "{\"x\":1795237200123}", "{\"x\":1795237200123}");
	reads(millis, "{\"x\":\"2026-11-21T06:00:00.123+01:00\"}", "{\"x\":1795237200123}");
	reads(ONE("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}"), "{\"x\":\"2026-11-21T05:00:00.123Z\"}",
	      "{\"x\":1795237200123000}");
	refuses(millis, "{\"x\":\"2026-11-21T06:00:00\"}", "r.x: \"2026-11-21T06:00:00\" is not a time");
	refuses(millis, "{\"x\":1.5}", "r.x: expected a timestamp: a whole number, or ISO 8601 with zone, found 1.5");
	refuses(ONE("\"long\""), "{\"x\":\"2026-11-21T05:00:00.123Z\"}", "expected a long, found the string");
}

TEST(defaults_fill_in)
{
	reads(RECORD(DEFAULT("a", "\"bytes\"", "\"\\u00ff\"") "," DEFAULT("b", "[\"null\",\"int\"]", "null")), "{}",
	      "{\"a\":\"/w==\",\"b\":null}");
	refuses(ONE("\"int\""), "{}", "r.x: is missing, and has no default");
	refuses(ONE("[\"null\",\"int\"]"), "{}", "r.x: is missing, and has no default");
}

TEST(unknown_fields_are_refused_with_the_closest_name)
{
	const char *schema = RECORD(FIELD("impression_id", "\"int\"") "," FIELD("item_id", "\"int\""));

	refuses(schema, "{\"impresion_id\":1,\"item_id\":2}",
		"r: unknown field \"impresion_id\"; did you mean \"impression_id\"?");
	refuses(schema, "{\"impression_id\":1,\"item_id\":2,\"zzz\":1}",
		"unknown field \"zzz\"; the schema has 2 others");
}

TEST(wrong_values_are_refused_with_path_found_and_expected)
{
	refuses(ONE("\"int\""), "{\"x\":\"a\"}", "r.x: expected an int, found the string \"a\"");
	refuses(ONE("\"int\""), "{\"x\":2147483648}", "found 2147483648");
	refuses(ONE("\"int\""), "{\"x\":null}", "expected an int, found null");
	refuses(ONE("\"boolean\""), "{\"x\":1}", "expected true or false, found 1");
	refuses(ONE("\"string\""), "{\"x\":[]}", "expected a string, found an array");
	refuses(ONE("\"double\""), "{\"x\":\"nan\"}", "expected a number, found the string \"nan\"");
	refuses(ONE("\"bytes\""), "{\"x\":\"?\"}", "r.x: base64");
	refuses(ONE("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}"), "{\"x\":\"AA==\"}",
		"r.x: expected 2 bytes, found 1");
	refuses(ONE("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}"), "{\"x\":\"C\"}",
		"r.x: expected one of A, B, found the string \"C\"");
	refuses(ONE("{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"int\"}}"),
		"{\"x\":[{},{\"k\":true}]}", "r.x[1][\"k\"]: expected an int, found true");
	refuses(ONE("\"int\""), "[]", "r: expected an object (a record), found an array");
	refuses(ONE("\"int\""), "{\"x\":1", "not JSON at character");
	refuses(ONE("\"int\""), "{\"x\":1,\"x\":2}", "duplicate");
	refuses(ONE("\"string\""), "{\"x\":\"\xff\"}", "not JSON");
}

TEST(a_union_takes_the_first_branch_that_fits)
{
	const char *schema = ONE("[\"null\",\"int\",\"long\",\"string\",{\"type\":\"array\",\"items\":\"int\"}]");

	reads(schema, "{\"x\":null}", "{\"x\":null}");
	reads(schema, "{\"x\":5000000000}", "{\"x\":5000000000}");
	reads(schema, "{\"x\":\"a\"}", "{\"x\":\"a\"}");
	reads(schema, "{\"x\":[1]}", "{\"x\":[1]}");
	refuses(schema, "{\"x\":true}", "r.x: expected a value that fits a branch of the union, found true");
	/* Of a nullable value, its own error. */
	refuses(ONE("[\"null\",{\"type\":\"record\",\"name\":\"s\",\"fields\":[" FIELD("y", "\"int\"") "]}]"),
		"{\"x\":{\"y\":\"a\"}}", "r.x.y: expected an int");
}

TEST(depth_and_tries_are_limited)
{
	struct buffer json = {0};

	for (int i = 0; i < 100; i++)
		buffer_print(&json, "{\"x\":");
	buffer_print(&json, "null");
	for (int i = 0; i < 100; i++)
		buffer_print(&json, "}");
	buffer_put_u8(&json, 0);
	refuses(ONE("[\"null\",\"r\"]"), (const char *)json.data, "nested deeper than 64 levels");
	buffer_clear(&json);
	/* Each level has two branches that look alike, and the innermost value fits none. */
	for (int i = 0; i < 30; i++)
		buffer_print(&json, "{\"x\":");
	buffer_print(&json, "1");
	for (int i = 0; i < 30; i++)
		buffer_print(&json, "}");
	buffer_put_u8(&json, 0);
	refuses(ONE("[\"r\",{\"type\":\"record\",\"name\":\"s\",\"fields\":[" FIELD("x", "[\"r\",\"s\"]") "]}]"),
		(const char *)json.data, "r");
	buffer_fini(&json);
}
