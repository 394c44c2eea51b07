#include <math.h>

#include "tests/record/support.h"

static void
check_written(const char *type, union slot value, const char *wanted)
{
	char *json = memory_format(RECORD("{\"name\":\"x\",\"type\":%s}"), type);
	struct schema_document *document = parse(json);
	struct buffer out = {0};
	struct record record;

	record_init(&record, document->root);
	record.slots[0] = value;
	json_write(&record, &out);
	check_bytes(buffer_bytes(&out), bytes_of_text(wanted));
	buffer_fini(&out);
	record_fini(&record);
	schema_free(&document);
	memory_free(&json);
}

TEST(integers_are_written_in_full)
{
	check_written("\"long\"", (union slot){.integer = INT64_MIN}, "{\"x\":-9223372036854775808}");
	check_written("\"long\"", (union slot){.integer = 0}, "{\"x\":0}");
	check_written("\"boolean\"", (union slot){.integer = 1}, "{\"x\":true}");
}

TEST(reals_are_short_and_read_back_the_same)
{
	check_written("\"double\"", (union slot){.real = 0.1}, "{\"x\":0.1}");
	check_written("\"double\"", (union slot){.real = 1.0 / 3}, "{\"x\":0.3333333333333333}");
	check_written("\"double\"", (union slot){.real = 3}, "{\"x\":3.0}");
	check_written("\"double\"", (union slot){.real = 1e300}, "{\"x\":1e+300}");
	check_written("\"float\"", (union slot){.real = (double)0.1f}, "{\"x\":0.1}");
	check_written("\"double\"", (union slot){.real = NAN}, "{\"x\":\"NaN\"}");
	check_written("\"double\"", (union slot){.real = INFINITY}, "{\"x\":\"Infinity\"}");
	check_written("\"float\"", (union slot){.real = -INFINITY}, "{\"x\":\"-Infinity\"}");
}

TEST(texts_are_escaped)
{
	check_written("\"string\"", (union slot){.bytes = bytes_of("a\"\\\n\r\t\x01\0z", 9)},
		      "{\"x\":\"a\\\"\\\\\\n\\r\\t\\u0001\\u0000z\"}");
	check_written("\"string\"", (union slot){.bytes = bytes_of_text("\xe6\xbc\xa2/")}, "{\"x\":\"\xe6\xbc\xa2/\"}");
}

TEST(branches_and_symbols_that_are_not_there_are_null)
{
	check_written("[\"null\",\"int\"]", (union slot){.integer = 2}, "{\"x\":null}");
	check_written("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"]}", (union slot){.integer = -1},
		      "{\"x\":null}");
	check_written("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\"]}", (union slot){.integer = 0},
		      "{\"x\":\"A\"}");
}
