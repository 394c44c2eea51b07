/* It would tear JSON and its macros apart. */
/* clang-format off */
#include "tests/record/support.h"

#define ONE(type) RECORD(FIELD("x", type))
#define ENUM(symbols) "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[" symbols "]}"
#define ENUM_OR(symbols, initial)                                                                                      \
	"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[" symbols "],\"default\":\"" initial "\"}"
#define FIXED(name, size) "{\"type\":\"fixed\",\"name\":\"" name "\",\"size\":" size "}"

TEST(numbers_are_promoted)
{
	check_decodes(ONE("\"int\""), ONE("\"long\""), "05", "{\"x\":-3}");
	check_decodes(ONE("\"int\""), ONE("\"float\""), "05", "{\"x\":-3.0}");
	check_decodes(ONE("\"int\""), ONE("\"double\""), "05", "{\"x\":-3.0}");
	check_decodes(ONE("\"long\""), ONE("\"float\""), "05", "{\"x\":-3.0}");
	check_decodes(ONE("\"long\""), ONE("\"double\""), "05", "{\"x\":-3.0}");
	check_decodes(ONE("\"float\""), ONE("\"double\""), "00 00 00 3f", "{\"x\":0.5}");
	check_refuses(ONE("\"long\""), ONE("\"int\""), "05", "r.x: written as long, which cannot be read as int");
	check_refuses(ONE("\"double\""), ONE("\"float\""), "00", "cannot be read as float");
	check_refuses(ONE("\"int\""), ONE("\"long\""), "80 80 80 80 80 01", "out of the range of an int");
	check_refuses(ONE("\"int\""), ONE("\"double\""), "80 80 80 80 80 01", "out of the range of an int");
}

#define STAMP(unit) "{\"type\":\"long\",\"logicalType\":\"timestamp-" unit "\"}"

TEST(timestamps_of_the_other_unit_are_converted)
{
	/* 1999 us and -1 us: towards the past; 7 ms. */
	check_decodes(ONE(STAMP("micros")), ONE(STAMP("millis")), "9e 1f", "{\"x\":1}");
	check_decodes(ONE(STAMP("micros")), ONE(STAMP("millis")), "01", "{\"x\":-1}");
	check_decodes(ONE(STAMP("millis")), ONE(STAMP("micros")), "0e", "{\"x\":7000}");
	check_decodes(ONE("[\"null\"," STAMP("micros") "]"), ONE("[\"null\"," STAMP("millis") "]"), "02 9e 1f",
		      "{\"x\":1}");
	check_decodes(ONE("{\"type\":\"array\",\"items\":" STAMP("micros") "}"),
		      ONE("{\"type\":\"array\",\"items\":" STAMP("millis") "}"), "02 9e 1f 00", "{\"x\":[1]}");
	check_decodes(ONE(STAMP("nanos")), ONE(STAMP("millis")), "80 89 7a", "{\"x\":1}");
	check_decodes(ONE("{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}"), ONE(STAMP("millis")),
		      "9e 1f", "{\"x\":1}");
	/* A long without a unit is taken as it is. */
	check_decodes(ONE("\"long\""), ONE(STAMP("millis")), "9e 1f", "{\"x\":1999}");
	check_refuses(ONE(STAMP("millis")), ONE(STAMP("micros")), "fe ff ff ff ff ff ff ff ff 01",
		      "r.x: the time 9223372036854775807 times 1000 is out of range");
	check_refuses(ONE(STAMP("millis")), ONE(STAMP("micros")), "80", "cut short");
}

TEST(strings_and_bytes_are_read_as_each_other)
{
	check_decodes(ONE("\"string\""), ONE("\"bytes\""), "02 61", "{\"x\":\"YQ==\"}");
	check_decodes(ONE("\"bytes\""), ONE("\"string\""), "02 61", "{\"x\":\"a\"}");
	check_refuses(ONE("\"bytes\""), ONE("\"string\""), "02 ff", "not valid UTF-8");
}

TEST(fields_match_by_name_alias_and_default)
{
	const char *writer = RECORD(FIELD("a", "\"int\"") "," FIELD("gone", "\"string\"") "," FIELD("old",
		"\"int\""));

	check_decodes(writer,
		      RECORD("{\"name\":\"new\",\"type\":\"int\",\"aliases\":[\"x\",\"old\"]}," FIELD(
			      "a", "\"int\"") "," DEFAULT("added", "\"string\"", "\"d\"")),
		      "02 02 7a 04", "{\"new\":2,\"a\":1,\"added\":\"d\"}");
	check_refuses(writer, RECORD(FIELD("a", "\"int\"") "," FIELD("new", "\"int\"")), "",
		      "r.new: the writer's schema has no such field, and the reader's no default for it");
	/* A field of the same name comes before an alias. */
	check_decodes(
		writer,
		RECORD(FIELD("a", "\"int\"") ","
					     "{\"name\":\"b\",\"type\":\"int\",\"aliases\":[\"a\"],\"default\":9}"),
		"02 02 7a 04", "{\"a\":1,\"b\":9}");
}

TEST(defaults_of_every_type_are_taken)
{
	check_decodes(RECORD(""), RECORD(DEFAULT("a", "\"bytes\"", "\"\\u00ffA\"") "," DEFAULT("b",
		"[\"null\",\"int\"]", "null") "," DEFAULT("c", "[\"int\",\"null\"]", "3") "," DEFAULT("d",
		"{\"type\":\"map\",\"values\":\"long\"}", "{\"k\":1}") "," DEFAULT("e", ENUM("\"A\",\"B\""),
		"\"B\"") "," DEFAULT("f", FIXED("f", "1"), "\"\\u0080\"") "," DEFAULT("g",
		"{\"type\":\"record\",\"name\":\"s\",\"fields\":[" FIELD("x", "\"int\"") "," DEFAULT("y",
		"\"int\"", "2") "]}", "{\"x\":1}") "," DEFAULT("h", "\"double\"", "1")), "",
		"{\"a\":\"/0E=\",\"b\":null,\"c\":3,\"d\":{\"k\":1},\"e\":\"B\",\"f\":\"gA==\",\"g\":{\"x\":1,"
		"\"y\":2},\"h\":1.0}");
}

TEST(what_only_the_writer_has_is_skipped_and_checked)
{
	const char *writer = RECORD(FIELD("a", "[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"map\","
		"\"values\":\"boolean\"}}]") "," FIELD("e", ENUM("\"A\"")) "," FIELD("s", "\"string\"") ","
		FIELD("f", FIXED("f", "2")) "," FIELD("n", "{\"type\":\"record\",\"name\":\"n\",\"fields\":["
		FIELD("d", "\"double\"") "," FIELD("g", "\"float\"") "," FIELD("y", "\"bytes\"") "," FIELD("l",
		"\"long\"") "," FIELD("next", "[\"null\",\"n\"]") "]}") "," FIELD("x", "\"int\""));
	const char *reader = ONE("\"int\"");

	check_decodes(writer, reader,
		      "02 02 02 02 61 01 00 00 00 02 62 01 02 00 00 00 00 00 00 00 00 00 00 00 00 02 ff 02 00 04",
		      "{\"x\":2}");
	check_refuses(writer, reader, "02 02 02 02 61 02", "r.a[0][0]: a boolean must be 0 or 1");
	check_refuses(writer, reader, "00 02", "r.e: symbol 1 of an enum of 1");
	check_refuses(writer, reader, "00 00 02 ff", "r.s: the text is not valid UTF-8");
	check_refuses(writer, reader, "00 00 00 01", "r.f: the data ends");
}

TEST(symbols_match_by_name)
{
	check_decodes(ONE(ENUM("\"A\",\"B\"")), ONE(ENUM("\"B\",\"C\",\"A\"")), "00", "{\"x\":\"A\"}");
	check_decodes(ONE(ENUM("\"A\",\"B\"")), ONE(ENUM_OR("\"B\",\"C\"", "C")), "00", "{\"x\":\"C\"}");
	check_decodes(ONE(ENUM("\"A\",\"B\"")), ONE(ENUM("\"B\"")), "02", "{\"x\":\"B\"}");
	check_refuses(ONE(ENUM("\"A\",\"B\"")), ONE(ENUM("\"B\"")), "00",
		      "r.x: symbol 0 is unknown to the reader's schema");
	check_refuses(ONE(ENUM("\"A\",\"B\"")), ONE(ENUM_OR("\"B\"", "B")), "04", "symbol 2 of an enum of 2");
}

TEST(fixed_matches_by_name_and_size)
{
	check_decodes(ONE(FIXED("a.f", "1")), ONE(FIXED("b.f", "1")), "00", "{\"x\":\"AA==\"}");
	check_refuses(ONE(FIXED("f", "1")), ONE(FIXED("f", "2")), "00", "written as fixed f");
	check_refuses(ONE(FIXED("f", "1")), ONE(FIXED("g", "1")), "00", "cannot be read as fixed g");
	check_decodes(ONE(FIXED("f", "1")), ONE("{\"type\":\"fixed\",\"name\":\"g\",\"size\":1,\"aliases\":[\"f\"]}"),
		      "00", "{\"x\":\"AA==\"}");
}

TEST(unions_resolve_on_both_sides)
{
	check_decodes(ONE("\"int\""), ONE("[\"null\",\"long\"]"), "04", "{\"x\":2}");
	check_decodes(ONE("[\"null\",\"int\"]"), ONE("[\"string\",\"double\",\"null\"]"), "02 04", "{\"x\":2.0}");
	check_decodes(ONE("[\"null\",\"int\"]"), ONE("[\"string\",\"double\",\"null\"]"), "00", "{\"x\":null}");
	check_decodes(ONE("[\"null\",\"int\"]"), ONE("\"int\""), "02 04", "{\"x\":2}");
	check_decodes(ONE("[\"string\",\"int\",\"null\"]"), ONE("[\"null\",\"int\",\"string\"]"), "00 02 61",
		      "{\"x\":\"a\"}");
	check_refuses(ONE("[\"null\",\"int\"]"), ONE("\"int\""), "00",
		      "r.x: written as null, which cannot be read as int");
	check_refuses(ONE("[\"null\",\"int\"]"), ONE("\"string\""), "00",
		      "r.x: written as int, which cannot be read as string");
	check_refuses(ONE("\"string\""), ONE("[\"null\",\"int\"]"), "00",
		      "r.x: written as string, which cannot be read as union");
}

TEST(a_branch_of_the_same_type_comes_before_a_promotion)
{
	check_decodes(ONE("[\"double\",\"int\"]"), ONE("[\"double\",\"int\"]"), "02 04", "{\"x\":2}");
	check_decodes(ONE("\"int\""), ONE("[\"double\",\"int\"]"), "04", "{\"x\":2}");
	check_decodes(ONE("\"int\""), ONE("[\"string\",\"float\",\"double\"]"), "04", "{\"x\":2.0}");
}

TEST(records_match_by_name_or_alias)
{
	const char *writer = "{\"type\":\"record\",\"name\":\"a.w\",\"fields\":[" FIELD("x", "\"int\"") "]}";

	check_decodes(writer, "{\"type\":\"record\",\"name\":\"b.w\",\"fields\":[" FIELD("x", "\"int\"") "]}", "02",
		      "{\"x\":1}");
	check_decodes(
		writer,
		"{\"type\":\"record\",\"name\":\"r\",\"aliases\":[\"a.w\"],\"fields\":[" FIELD("x", "\"int\"") "]}",
		"02", "{\"x\":1}");
	check_refuses(writer, ONE("\"int\""), "02", "written as record a.w, which cannot be read as record r");
	check_refuses("\"int\"", ONE("\"int\""), "02", "written as int, which cannot be read as record r");
	check_refuses(ONE("\"int\""), "\"int\"", "02", "the reader's schema must be a record, not int");
	check_decodes("[\"int\"," ONE("\"int\"") "]", ONE("\"long\""), "02 04", "{\"x\":2}");
}

TEST(the_path_of_a_refusal_leads_inside)
{
	check_refuses(ONE("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"s\",\"fields\":[" FIELD(
			      "y", "\"string\"") "]}}"),
		      ONE("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"s\",\"fields\":[" FIELD(
			      "y", "\"int\"") "]}}"),
		      "00", "r.x[].y: written as string, which cannot be read as int");
}

TEST(records_that_contain_themselves_resolve)
{
	const char *writer = RECORD(FIELD("x", "\"int\"") "," FIELD("next", "[\"null\",\"r\"]"));
	const char *reader = RECORD(
		FIELD("next", "[\"null\",\"r\"]") "," FIELD("x", "\"long\"") "," DEFAULT("y", "\"int\"", "7"));

	check_decodes(writer, reader, "02 02 04 00", "{\"next\":{\"next\":null,\"x\":2,\"y\":7},\"x\":1,\"y\":7}");
	check_refuses(writer, RECORD(FIELD("next", "[\"null\",\"r\"]") "," FIELD("x", "\"string\"")), "02 00",
		      "r.x: written as int, which cannot be read as string");
}
