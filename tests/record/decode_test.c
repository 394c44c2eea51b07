/* It would tear JSON and its macros apart. */
/* clang-format off */
#include "tests/record/support.h"

#define ONE(type) RECORD(FIELD("x", type))
#define same_decodes(schema, hex, wanted) check_decodes(schema, schema, hex, wanted)
#define same_refuses(schema, hex, part) check_refuses(schema, schema, hex, part)

/* A bit of everything. */
static const char everything[] = RECORD(FIELD("s", "\"string\"") "," FIELD("i", "\"int\"") "," FIELD("l",
	"\"long\"") "," FIELD("f", "\"float\"") "," FIELD("d", "\"double\"") "," FIELD("b", "\"boolean\"") ","
	FIELD("y", "\"bytes\"") "," FIELD("n", "\"null\"") "," FIELD("e",
	"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}") "," FIELD("x",
	"{\"type\":\"fixed\",\"name\":\"x\",\"size\":3}") "," FIELD("a",
	"{\"type\":\"array\",\"items\":\"string\"}") "," FIELD("m",
	"{\"type\":\"map\",\"values\":[\"null\",\"int\"]}") "," FIELD("u", "[\"string\",\"long\",\"null\"]") ","
	FIELD("next", "[\"null\",\"r\"]"));
static const char everything_json[] = "{\"s\":\"h\\u00e9llo\",\"i\":-3,\"l\":1790000000000,\"f\":0.5,\"d\":-0.25,"
	"\"b\":true,\"y\":\"AAEC\",\"n\":null,\"e\":\"B\"," "\"x\":\"BAUG\",\"a\":[\"p\",\"\",\"qr\"],"
	"\"m\":{\"k\":1,\"l\":null},\"u\":5,\"next\":{\"s\":\"\",\"i\":0,\"l\":0,\"f\":0,"
	"\"d\":0,\"b\":false,\"y\":\"\",\"n\":null,\"e\":\"A\",\"x\":\"AAAA\",\"a\":[],\"m\":{},\"u\":null,"
	"\"next\":null}}";

struct fixture {
	struct schema_document *document;
	struct decoder *decoder;
	struct encoder *encoder;
	struct record record;
	struct arena arena;
	struct buffer body;
};

static void
set_up(struct fixture *fixture, const char *schema, const char *json)
{
	struct error err;

	*fixture = (struct fixture){.document = parse(schema)};
	check_ok(decoder_new(fixture->document->root, fixture->document->root, &fixture->decoder, &err));
	fixture->encoder = encoder_new(fixture->document->root);
	record_init(&fixture->record, fixture->document->root);
	check_ok(json_read(bytes_of_text(json), &fixture->record, &fixture->arena, &err));
	check_ok(encoder_run(fixture->encoder, &fixture->record, &fixture->body, &err));
}

static void
tear_down(struct fixture *fixture)
{
	decoder_free(&fixture->decoder);
	encoder_free(&fixture->encoder);
	record_fini(&fixture->record);
	arena_fini(&fixture->arena);
	buffer_fini(&fixture->body);
	schema_free(&fixture->document);
}

TEST(simple_values_are_read)
{
	same_decodes(ONE("\"null\""), "", "{\"x\":null}");
	same_decodes(ONE("\"boolean\""), "01", "{\"x\":true}");
	same_decodes(ONE("\"int\""), "ff ff ff ff 0f", "{\"x\":-2147483648}");
	same_decodes(ONE("\"int\""), "80 01", "{\"x\":64}");
	same_decodes(ONE("\"long\""), "ff ff ff ff ff ff ff ff ff 01", "{\"x\":-9223372036854775808}");
	same_decodes(ONE("\"float\""), "00 00 00 3f", "{\"x\":0.5}");
	same_decodes(ONE("\"double\""), "00 00 00 00 00 00 e0 3f", "{\"x\":0.5}");
	same_decodes(ONE("\"string\""), "06 66 6f 6f", "{\"x\":\"foo\"}");
	same_decodes(ONE("\"bytes\""), "02 ff", "{\"x\":\"/w==\"}");
	same_decodes(ONE("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}"), "01 02", "{\"x\":\"AQI=\"}");
	same_decodes(ONE("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}"), "02", "{\"x\":\"B\"}");
}

TEST(longs_of_every_size_are_read)
{
	struct fixture fixture;
	struct error err;

	set_up(&fixture, RECORD(FIELD("x", "\"long\"") "," FIELD("y", "\"long\"")), "{\"x\":0,\"y\":0}");
	for (int bit = 0; bit < 64; bit++)
		for (int sign = -1; sign <= 1; sign += 2) {
			int64_t value = (int64_t)(UINT64_C(1) << bit) * (bit == 63 ? 1 : sign);

			fixture.record.slots[0].integer = value;
			fixture.record.slots[1].integer = ~value;
			buffer_clear(&fixture.body);
			check_ok(encoder_run(fixture.encoder, &fixture.record, &fixture.body, &err));
			fixture.record.slots[0].integer = 0;
			check_ok(decoder_run(fixture.decoder, buffer_bytes(&fixture.body), &fixture.record,
					     &fixture.arena, &err));
			check_int(fixture.record.slots[0].integer, value);
			check_int(fixture.record.slots[1].integer, ~value);
		}
	tear_down(&fixture);
}

TEST(blocks_of_both_kinds_are_read)
{
	const char *strings = ONE("{\"type\":\"array\",\"items\":\"string\"}"),
		   *map = ONE("{\"type\":\"map\",\"values\":\"int\"}");

	same_decodes(strings, "00", "{\"x\":[]}");
	same_decodes(strings, "04 02 61 02 62 02 02 63 00", "{\"x\":[\"a\",\"b\",\"c\"]}");
	same_decodes(strings, "03 08 02 61 02 62 01 04 02 63 00", "{\"x\":[\"a\",\"b\",\"c\"]}");
	same_decodes(map, "02 02 61 02 02 02 62 04 00", "{\"x\":{\"a\":1,\"b\":2}}");
	same_decodes(ONE("{\"type\":\"array\",\"items\":\"float\"}"), "04 00 00 00 3f 00 00 80 3f 02 00 00 00 00 00",
		     "{\"x\":[0.5,1.0,0.0]}");
	same_refuses(strings, "03 06 02 61 02 62 00", "r.x: a block ends 1 bytes from where its size says");
	same_refuses(strings, "03 ff 01", "a block of");
	same_refuses(strings, "03 01", "a block of");
	same_refuses(strings, "ff ff ff ff ff ff ff ff ff 01 00", "a block of");
}

TEST(wrong_values_are_refused_with_path_and_place)
{
	const char *two = RECORD(FIELD("a", "\"string\"") "," FIELD("b", "\"string\""));

	same_refuses(ONE("\"boolean\""), "02", "at byte 0 of 1: r.x: a boolean must be 0 or 1, not 2");
	same_refuses(ONE("\"int\""), "80 80 80 80 10", "r.x: 2147483648 is out of the range of an int");
	same_refuses(ONE("\"long\""), "80 80 80 80 80 80 80 80 80 02", "longer than 10 bytes");
	same_refuses(ONE("\"long\""), "80 80 80 80 80 80 80 80 80 80 01", "longer than 10 bytes");
	same_refuses(ONE("\"float\""), "00 00 00", "r.x: the data ends");
	same_refuses(ONE("{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}"), "01", "r.x: the data ends");
	same_refuses(ONE("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}"), "04",
		     "r.x: symbol 2 of an enum of 2");
	same_refuses(ONE("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}"), "01",
		     "r.x: symbol -1 of an enum of 2");
	same_refuses(ONE("[\"null\",\"int\"]"), "04", "r.x: branch 2 of a union of 2");
	same_refuses(ONE("[\"null\",\"int\",\"string\"]"), "06", "r.x: branch 3 of a union of 3");
	same_refuses(ONE("[\"null\",\"int\",\"string\"]"), "01", "r.x: branch -1 of a union of 3");
	same_refuses(ONE("\"int\""), "02 00", "1 bytes are left over");
	same_refuses(two, "02 61 04 c3 28", "at byte 2 of 5: r.b: the text is not valid UTF-8");
	same_refuses(two, "02 61 01", "at byte 2 of 3: r.b: the size is negative");
	same_refuses(two, "02 61 04 62", "at byte 2 of 4: r.b: the size is 2 bytes, but only 1 are left");
	same_refuses(ONE("\"bytes\""), "fe ff ff ff ff ff ff ff ff 01", "but only 0 are left");
}

TEST(the_path_leads_to_the_value_inside)
{
	same_refuses(ONE("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"s\",\"fields\":[" FIELD(
			     "y", "{\"type\":\"map\",\"values\":[\"null\",\"boolean\"]}") "]}}"),
		     "04 00 02 02 61 02 05 00 00", "r.x[1].y[0]: a boolean must be 0 or 1, not 5");
}

TEST(items_without_bytes_are_limited)
{
	struct buffer body = {0};
	struct error err;
	char *json;

	buffer_put_varint(&body, zigzag_encode(DECODE_ITEMS_MAX + 1));
	json = decode_json(ONE("{\"type\":\"array\",\"items\":\"null\"}"),
			   ONE("{\"type\":\"array\",\"items\":\"null\"}"), buffer_bytes(&body), &err);
	check_fails(json ? 0 : -1, "r.x: more than 1000000 items in one record");
	buffer_fini(&body);
}

TEST(items_without_bytes_are_limited_where_the_reader_has_no_use_for_them)
{
	check_refuses(RECORD(FIELD("x", "{\"type\":\"array\",\"items\":\"null\"}") "," FIELD("y", "\"int\"")),
		      RECORD(FIELD("y", "\"int\"")), "fe ff ff ff 0f 00 00", "more than 1000000 items");
}

TEST(depth_is_limited)
{
	struct buffer body = {0};
	struct error err;
	char *json;

	for (int levels = 60; levels <= 70; levels += 10) {
		buffer_clear(&body);
		for (int i = 0; i < levels; i++)
			buffer_put_u8(&body, 2);
		buffer_put_u8(&body, 0);
		json = decode_json(ONE("[\"null\",\"r\"]"), ONE("[\"null\",\"r\"]"), buffer_bytes(&body), &err);
		if (levels < SCHEMA_DEPTH_MAX)
			check_ok(json ? 0 : -1);
		else
			check_fails(json ? 0 : -1, "nested deeper than 64 levels");
		memory_free(&json);
	}
	buffer_fini(&body);
}

TEST(the_body_is_kept_only_where_the_schemas_encode_alike)
{
	struct schema_document *wide = parse(ONE("\"long\""));
	struct decoder *decoder;
	struct fixture fixture;
	struct error err;

	set_up(&fixture, ONE("\"int\""), "{\"x\":5}");
	check_ok(decoder_run(fixture.decoder, buffer_bytes(&fixture.body), &fixture.record, &fixture.arena, &err));
	check(fixture.record.body.data == fixture.body.data && fixture.record.body.size == 1);
	check_ok(decoder_new(fixture.document->root, wide->root, &decoder, &err));
	record_fini(&fixture.record);
	record_init(&fixture.record, wide->root);
	check_ok(decoder_run(decoder, buffer_bytes(&fixture.body), &fixture.record, &fixture.arena, &err));
	check(fixture.record.body.data == NULL);
	decoder_free(&decoder);
	schema_free(&wide);
	tear_down(&fixture);
}

TEST(a_null_leaves_nothing_of_the_record_before)
{
	struct fixture fixture;
	struct error err;

	set_up(&fixture, ONE("[\"null\",\"string\"]"), "{\"x\":\"abc\"}");
	check_ok(decoder_run(fixture.decoder, buffer_bytes(&fixture.body), &fixture.record, &fixture.arena, &err));
	check_int((int64_t)fixture.record.slots[1].bytes.size, 3);
	check_ok(decoder_run(fixture.decoder, bytes_of("", 1), &fixture.record, &fixture.arena, &err));
	check_int((int64_t)fixture.record.slots[1].bytes.size, 0);
	tear_down(&fixture);
}

TEST(a_record_cut_anywhere_is_refused)
{
	struct fixture fixture;
	struct error err;

	set_up(&fixture, everything, everything_json);
	check_ok(decoder_run(fixture.decoder, buffer_bytes(&fixture.body), &fixture.record, &fixture.arena, &err));
	for (size_t size = 0; size < fixture.body.size; size++) {
		struct bytes cut = exactly(bytes_of(fixture.body.data, size));

		check_fails(decoder_run(fixture.decoder, cut, &fixture.record, &fixture.arena, &err), "at byte");
		check_int(err.action, SKIP);
		arena_reset(&fixture.arena);
		forget(&cut);
	}
	tear_down(&fixture);
}

/* What is read in spite of the damage must be a record that can be written: nothing outside was touched or is shown. */
TEST(damaged_records_are_refused_or_read)
{
	struct test_random random = test_random_of(test_seed(1));
	struct buffer out = {0};
	struct fixture fixture;
	struct error err;
	int refused = 0;

	set_up(&fixture, everything, everything_json);
	for (int round = 0; round < 20000; round++) {
		struct bytes damaged = exactly(buffer_bytes(&fixture.body));
		uint8_t *data = (uint8_t *)(uintptr_t)damaged.data;

		for (uint64_t flips = 1 + test_random_below(&random, 3); flips > 0; flips--)
			data[test_random_below(&random, damaged.size)] = (uint8_t)test_random_next(&random);
		buffer_clear(&out);
		if (decoder_run(fixture.decoder, damaged, &fixture.record, &fixture.arena, &err) < 0) {
			refused++;
		} else {
			json_write(&fixture.record, &out);
			check_ok(encoder_run(fixture.encoder, &fixture.record, &out, &err));
		}
		arena_reset(&fixture.arena);
		forget(&damaged);
	}
	check(refused > 5000 && refused < 20000);
	buffer_fini(&out);
	tear_down(&fixture);
}

TEST(a_blank_record_has_defaults_or_zeros)
{
	struct schema_document *document = parse(RECORD(DEFAULT("a", "\"int\"", "7") "," FIELD("b",
		"\"string\"") "," FIELD("c", "[\"int\",\"null\"]") "," DEFAULT("d",
		"{\"type\":\"array\",\"items\":\"int\"}", "[1,2]") "," FIELD("e",
		"{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}") "," FIELD("f",
		"{\"type\":\"fixed\",\"name\":\"f\",\"size\":3}") "," DEFAULT("g", "\"bytes\"",
		"\"\\u0000\\u00ff\"") "," FIELD("h", "{\"type\":\"record\",\"name\":\"s\",\"fields\":[" FIELD("x",
		"[\"null\",\"long\"]") "]}")));
	struct buffer out = {0}, body = {0};
	struct encoder *encoder = encoder_new(document->root);
	struct arena arena = {0};
	struct record record;
	struct error err;

	record_init(&record, document->root);
	memset(record.slots, 0xaa, (size_t)document->root->slot_count * sizeof(*record.slots));
	check_ok(decoder_defaults(document->root, &record, &arena, &err));
	json_write(&record, &out);
	check_bytes(buffer_bytes(&out),
		    bytes_of_text("{\"a\":7,\"b\":\"\",\"c\":null,\"d\":[1,2],\"e\":\"A\",\"f\":\"AAAA\","
				  "\"g\":\"AP8=\",\"h\":{\"x\":null}}"));
	check_ok(encoder_run(encoder, &record, &body, &err));
	buffer_fini(&out);
	buffer_fini(&body);
	encoder_free(&encoder);
	arena_fini(&arena);
	record_fini(&record);
	schema_free(&document);
}
