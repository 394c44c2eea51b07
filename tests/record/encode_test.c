/* It would tear JSON and its macros apart. */
/* clang-format off */
#include "tests/record/support.h"

static const char schema[] = RECORD(FIELD("s", "\"string\"") "," FIELD("t", "\"string\"") "," FIELD("n",
	"[\"null\",\"int\"]") "," FIELD("e", "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}") ","
	FIELD("b", "\"boolean\"") "," FIELD("f", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}") "," FIELD("u",
	"[\"int\",\"string\",\"null\"]") "," FIELD("a", "{\"type\":\"array\",\"items\":\"int\"}") "," FIELD("i",
	"\"int\""));

struct fixture {
	struct schema_document *document;
	struct encoder *encoder;
	struct record record;
	struct arena arena;
	struct buffer out;
};

static void
set_up(struct fixture *fixture)
{
	struct error err;

	*fixture = (struct fixture){.document = parse(schema)};
	fixture->encoder = encoder_new(fixture->document->root);
	record_init(&fixture->record, fixture->document->root);
	check_ok(json_read( bytes_of_text("{\"s\":\"a\",\"t\":\"bc\",\"n\":3,\"e\":\"B\",\"b\":true,"
		"\"f\":\"AQI=\",\"u\":\"x\",\"a\":[1,-1]," "\"i\":300}"), &fixture->record, &fixture->arena, &err));
}

static void
tear_down(struct fixture *fixture)
{
	encoder_free(&fixture->encoder);
	record_fini(&fixture->record);
	arena_fini(&fixture->arena);
	buffer_fini(&fixture->out);
	schema_free(&fixture->document);
}

/* With one slot changed, what is behind the first byte of `out` is refused, and only that first byte stays. */
static void
check_wrong(struct fixture *fixture, int slot, union slot wrong, const char *part)
{
	union slot right = fixture->record.slots[slot];
	struct error err;

	buffer_clear(&fixture->out);
	buffer_put_u8(&fixture->out, 'x');
	fixture->record.slots[slot] = wrong;
	check_fails(encoder_run(fixture->encoder, &fixture->record, &fixture->out, &err), part);
	check_int(err.action, SKIP);
	check_int((int64_t)fixture->out.size, 1);
	fixture->record.slots[slot] = right;
}

TEST(every_type_is_written)
{
	struct bytes wanted = from_hex("02 61 04 62 63 02 06 02 01 01 02 02 02 78 04 02 01 00 d8 04");
	struct fixture fixture;
	struct error err;

	set_up(&fixture);
	check_ok(encoder_run(fixture.encoder, &fixture.record, &fixture.out, &err));
	check_bytes(buffer_bytes(&fixture.out), wanted);
	forget(&wanted);
	tear_down(&fixture);
}

/* They have a way of their own. */
TEST(arrays_of_float_are_written)
{
	struct schema_document *document =
		parse(RECORD(FIELD("v", "{\"type\":\"array\",\"items\":\"float\"}") "," FIELD("i", "\"int\"")));
	struct encoder *encoder = encoder_new(document->root);
	struct bytes wanted = from_hex("06 00 00 00 3f 00 00 80 bf 00 00 00 00 00 06"), none = from_hex("00 06");
	union slot items[] = {{.real = 0.5}, {.real = -1}, {.real = 0}};
	struct buffer out = {0};
	struct record record;
	struct error err;

	record_init(&record, document->root);
	record.slots[0].array.items = items;
	record.slots[0].array.count = 3;
	record.slots[1].integer = 3;
	check_ok(encoder_run(encoder, &record, &out, &err));
	check_bytes(buffer_bytes(&out), wanted);
	record.slots[0].array.count = 0;
	buffer_clear(&out);
	check_ok(encoder_run(encoder, &record, &out, &err));
	check_bytes(buffer_bytes(&out), none);
	forget(&wanted);
	forget(&none);
	buffer_fini(&out);
	record_fini(&record);
	encoder_free(&encoder);
	schema_free(&document);
}

TEST(leading_fields_can_come_as_bytes)
{
	static const size_t ends[] = {0, 2, 5, 7, 8, 9, 11, 14, 18, 20};
	struct fixture fixture;
	struct buffer whole = {0};
	struct error err;

	set_up(&fixture);
	check_ok(encoder_run(fixture.encoder, &fixture.record, &whole, &err));
	for (int fields = 1; fields <= fixture.document->root->field_count; fields++) {
		/* What the slots of the prefix hold does not matter. */
		fixture.record.slots[fixture.document->root->fields[fields - 1].slot] = (union slot){.integer = 1
														<< 20};
		fixture.record.prefix_fields = fields;
		fixture.record.prefix = bytes_of(whole.data, ends[fields]);
		buffer_clear(&fixture.out);
		check_ok(encoder_run(fixture.encoder, &fixture.record, &fixture.out, &err));
		check_bytes(buffer_bytes(&fixture.out), buffer_bytes(&whole));
	}
	buffer_fini(&whole);
	tear_down(&fixture);
}

TEST(wrong_slots_are_refused_with_the_path)
{
	struct fixture fixture;

	set_up(&fixture);
	check_wrong(&fixture, 0, (union slot){.bytes = bytes_of("\xff", 1)}, "r.s: the text is not valid UTF-8");
	check_wrong(&fixture, 1, (union slot){.bytes = bytes_of("\xc3", 1)}, "r.t: the text is not valid UTF-8");
	check_wrong(&fixture, 2, (union slot){.integer = 2}, "r.n: branch 2 of a union of 2");
	check_wrong(&fixture, 2, (union slot){.integer = -1}, "r.n: branch -1 of a union of 2");
	check_wrong(&fixture, 3, (union slot){.integer = INT64_C(1) << 31},
		    "r.n: 2147483648 is out of the range of an int");
	check_wrong(&fixture, 4, (union slot){.integer = 2}, "r.e: symbol 2 of an enum of 2");
	check_wrong(&fixture, 5, (union slot){.integer = 2}, "r.b: a boolean must be 0 or 1");
	check_wrong(&fixture, 6, (union slot){.bytes = bytes_of("abc", 3)}, "r.f: expected 2 bytes, got 3");
	check_wrong(&fixture, 7, (union slot){.integer = 3}, "r.u: branch 3 of a union of 3");
	fixture.record.slots[9].array.items[1].integer = INT64_MIN;
	check_wrong(&fixture, 5, (union slot){.integer = 0}, "r.a[1]: -9223372036854775808 is out of the range");
	tear_down(&fixture);
}

TEST(texts_of_every_size_survive)
{
	struct fixture fixture;
	struct error err;
	uint8_t text[100];

	set_up(&fixture);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)('!' + i % 90);
	for (size_t size = 0; size <= sizeof(text); size++) {
		struct bytes copy = exactly(bytes_of(text, size));
		size_t head = size < 64 ? 1 : 2;

		buffer_fini(&fixture.out);
		fixture.record.slots[0].bytes = copy;
		check_ok(encoder_run(fixture.encoder, &fixture.record, &fixture.out, &err));
		check_bytes(bytes_of(fixture.out.data + head, size), copy);
		forget(&copy);
	}
	tear_down(&fixture);
}

TEST(a_record_held_by_reference_must_be_there)
{
	struct schema_document *document = parse(RECORD(FIELD("x", "\"int\"") "," FIELD("next", "[\"null\",\"r\"]")));
	struct encoder *encoder = encoder_new(document->root);
	struct record record;
	struct buffer out = {0};
	struct error err;

	record_init(&record, document->root);
	record.slots[1].integer = 1;
	check_fails(encoder_run(encoder, &record, &out, &err), "r.next: the record is not there");
	/* A list that ends in itself. */
	record.slots[2].array.items = record.slots;
	record.slots[2].array.count = 1;
	check_fails(encoder_run(encoder, &record, &out, &err), "nested deeper than 64");
	buffer_fini(&out);
	record_fini(&record);
	encoder_free(&encoder);
	schema_free(&document);
}
