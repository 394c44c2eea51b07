#include <stdio.h>

#include "tests/record/support.h"

#define ONE(type) RECORD(FIELD("x", type))

struct fixture {
	struct schema_document *reader, *older;
	struct codec *codec;
	struct record record;
	struct arena arena;
	struct buffer out;
};

static void
set_up(struct fixture *fixture, enum framing framing)
{
	struct error err;

	*fixture = (struct fixture){.reader = parse(ONE("\"long\"")), .older = parse(ONE("\"int\""))};
	check_ok(codec_new(framing, fixture->reader, 0x01020304, &fixture->codec, &err));
	record_init(&fixture->record, codec_schema(fixture->codec));
	fixture->record.slots[0].integer = 5;
}

static void
tear_down(struct fixture *fixture)
{
	codec_free(&fixture->codec);
	record_fini(&fixture->record);
	arena_fini(&fixture->arena);
	buffer_fini(&fixture->out);
	schema_free(&fixture->reader);
	schema_free(&fixture->older);
}

static void
check_refused(struct fixture *fixture, struct bytes value, const char *part)
{
	struct bytes copy = exactly(value);
	struct error err;

	check_fails(codec_decode(fixture->codec, copy, &fixture->record, &fixture->arena, &err), part);
	check_int(err.action, SKIP);
	forget(&copy);
}

/* What one writes, it reads, and nothing that is shorter. */
static void
check_round_trip(enum framing framing, size_t head_size)
{
	struct fixture fixture;
	struct error err;

	set_up(&fixture, framing);
	check_ok(codec_encode(fixture.codec, &fixture.record, &fixture.out, &err));
	check_int((int64_t)fixture.out.size, (int64_t)head_size + 1);
	fixture.record.slots[0].integer = 0;
	check_ok(codec_decode(fixture.codec, buffer_bytes(&fixture.out), &fixture.record, &fixture.arena, &err));
	check_int(fixture.record.slots[0].integer, 5);
	check_bytes(fixture.record.body, bytes_of("\x0a", 1));
	for (size_t size = 0; size <= head_size; size++)
		check_refused(&fixture, bytes_of(fixture.out.data, size), "");
	tear_down(&fixture);
}

TEST(each_framing_reads_what_it_writes)
{
	check_round_trip(FRAMING_RAW, 0);
	check_round_trip(FRAMING_CONFLUENT, 5);
	check_round_trip(FRAMING_SINGLE_OBJECT, 10);
}

TEST(the_message_of_the_avro_project_is_read_and_written)
{
	char *path = memory_format("%s/tests/data/avro/messageV1/test_message.bin", test_source_root());
	char *schema_path = memory_format("%s/tests/data/avro/messageV1/test_schema.avsc", test_source_root());
	FILE *file = fopen(path, "re");
	struct fixture fixture = {0};
	struct buffer json = {0};
	struct error err;
	uint8_t data[100];
	struct bytes message;

	check(file != NULL);
	message = bytes_of(data, fread(data, 1, sizeof(data), file));
	fclose(file);
	check_ok(schema_parse_file(schema_path, &fixture.reader, &err));
	check_ok(codec_new(FRAMING_SINGLE_OBJECT, fixture.reader, 0, &fixture.codec, &err));
	record_init(&fixture.record, fixture.reader->root);
	check_ok(codec_decode(fixture.codec, message, &fixture.record, &fixture.arena, &err));
	json_write(&fixture.record, &json);
	check_bytes(buffer_bytes(&json),
		    bytes_of_text("{\"id\":42,\"name\":\"Bill\",\"tags\":[\"dog_lover\",\"cat_hater\"]}"));
	check_ok(codec_encode(fixture.codec, &fixture.record, &fixture.out, &err));
	check_bytes(buffer_bytes(&fixture.out), message);
	buffer_fini(&json);
	memory_free(&path);
	memory_free(&schema_path);
	tear_down(&fixture);
}

TEST(other_writers_are_known_by_fingerprint)
{
	struct fixture fixture;
	struct error err;
	uint8_t value[11] = {0xc3, 0x01, [10] = 0x07};

	set_up(&fixture, FRAMING_SINGLE_OBJECT);
	store_u64(value + 2, fixture.older->fingerprint);
	check_refused(&fixture, bytes_of(value, 11), "which is not known for this topic");
	check_ok(codec_add_writer(fixture.codec, fixture.older, 0, &err));
	check_ok(codec_add_writer(fixture.codec, fixture.older, 0, &err));
	check_ok(codec_decode(fixture.codec, bytes_of(value, 11), &fixture.record, &fixture.arena, &err));
	check_int(fixture.record.slots[0].integer, -4);
	check(fixture.record.body.data == NULL);
	value[0] = 0xc4;
	check_refused(&fixture, bytes_of(value, 11), "does not begin with C3 01");
	tear_down(&fixture);
}

TEST(other_writers_are_known_by_id)
{
	static const uint8_t value[] = {0, 0, 0, 0, 9, 0x07}, own[] = {0, 1, 2, 3, 4, 0x07},
			     wrong[] = {1, 1, 2, 3, 4, 0x07};
	struct fixture fixture;
	struct error err;

	set_up(&fixture, FRAMING_CONFLUENT);
	check_refused(&fixture, bytes_of(value, 6), "schema id 9, which is not known");
	check_refused(&fixture, bytes_of(wrong, 6), "does not begin with 00");
	check_ok(codec_decode(fixture.codec, bytes_of(own, 6), &fixture.record, &fixture.arena, &err));
	check_fails(codec_add_writer(fixture.codec, fixture.older, 0x01020304, &err), "given to two different schemas");
	check_ok(codec_add_writer(fixture.codec, fixture.older, 9, &err));
	check_ok(codec_decode(fixture.codec, bytes_of(value, 6), &fixture.record, &fixture.arena, &err));
	check_int(fixture.record.slots[0].integer, -4);
	tear_down(&fixture);
}

TEST(writers_that_cannot_be_told_or_resolved_are_refused)
{
	struct schema_document *text = parse(ONE("\"string\"")), *no_record = parse("\"int\"");
	struct fixture fixture;
	struct codec *codec;
	struct error err;

	set_up(&fixture, FRAMING_RAW);
	check_fails(codec_add_writer(fixture.codec, fixture.older, 0, &err), "with framing raw");
	tear_down(&fixture);
	set_up(&fixture, FRAMING_SINGLE_OBJECT);
	check_fails(codec_add_writer(fixture.codec, text, 0, &err),
		    "r.x: written as string, which cannot be read as long");
	check_fails(codec_new(FRAMING_RAW, no_record, 0, &codec, &err), "must be a record");
	tear_down(&fixture);
	schema_free(&text);
	schema_free(&no_record);
}

#define STAMP(unit) ONE("{\"type\":\"long\",\"logicalType\":\"timestamp-" unit "\"}")

TEST(writers_that_differ_in_units_of_time_are_converted_where_they_can_be_told)
{
	static const uint8_t value[] = {0, 0, 0, 0, 9, 0x9e, 0x1f}; /* 1999 us */
	struct schema_document *micros = parse(STAMP("micros")), *millis = parse(STAMP("millis"));
	struct record record;
	struct arena arena = {0};
	struct codec *codec;
	struct error err;

	check_ok(codec_new(FRAMING_SINGLE_OBJECT, millis, 0, &codec, &err));
	check_fails(codec_add_writer(codec, micros, 0, &err), "differs only in the units of timestamps");
	codec_free(&codec);
	check_ok(codec_new(FRAMING_CONFLUENT, millis, 1, &codec, &err));
	check_ok(codec_add_writer(codec, micros, 9, &err));
	record_init(&record, codec_schema(codec));
	check_ok(codec_decode(codec, bytes_of(value, sizeof(value)), &record, &arena, &err));
	check_int(record.slots[0].integer, 1);
	check(!record.body.data);
	record_fini(&record);
	arena_fini(&arena);
	codec_free(&codec);
	schema_free(&micros);
	schema_free(&millis);
}

TEST(a_record_that_cannot_be_written_adds_nothing)
{
	struct fixture fixture;
	struct codec *codec;
	struct error err;

	set_up(&fixture, FRAMING_SINGLE_OBJECT);
	check_ok(codec_new(FRAMING_SINGLE_OBJECT, fixture.older, 0, &codec, &err));
	record_fini(&fixture.record);
	record_init(&fixture.record, fixture.older->root);
	fixture.record.slots[0].integer = INT64_MAX;
	buffer_put_u8(&fixture.out, 'x');
	check_fails(codec_encode(codec, &fixture.record, &fixture.out, &err), "out of the range of an int");
	check_int((int64_t)fixture.out.size, 1);
	codec_free(&codec);
	tear_down(&fixture);
}

static struct bytes
written_with(const struct schema_document *writer, uint8_t byte, uint8_t value[11])
{
	value[0] = 0xc3;
	value[1] = 0x01;
	store_u64(value + 2, writer->fingerprint);
	value[10] = byte;
	return bytes_of(value, 11);
}

TEST(what_was_written_before_fields_with_defaults_were_added_at_the_end_is_read)
{
	struct schema_document *first = parse(ONE("\"int\"")), *second, *reader;
	struct record record = {0};
	struct arena arena = {0};
	struct codec *codec;
	struct error err;
	uint8_t value[11];

	second = parse(RECORD(FIELD("x", "\"int\"") "," DEFAULT("y", "\"int\"", "7")));
	reader = parse(RECORD(
		FIELD("x", "\"int\"") "," DEFAULT("y", "\"int\"", "7") "," DEFAULT("z", "[\"null\",\"int\"]", "null")));
	check_ok(codec_new(FRAMING_SINGLE_OBJECT, reader, 0, &codec, &err));
	record_init(&record, codec_schema(codec));
	check_ok(codec_decode(codec, written_with(first, 0x0a, value), &record, &arena, &err));
	check_int(record.slots[0].integer, 5);
	check_int(record.slots[1].integer, 7);
	check_int(record.slots[2].integer, 0); /* null */
	codec_free(&codec);
	check_ok(codec_new(FRAMING_SINGLE_OBJECT, second, 0, &codec, &err));
	check_fails(codec_decode(codec, written_with(reader, 0x0a, value), &record, &arena, &err), "is not known");
	codec_free(&codec);
	record_fini(&record);
	arena_fini(&arena);
	schema_free(&first);
	schema_free(&second);
	schema_free(&reader);
}

TEST(a_field_without_a_default_cannot_be_missing)
{
	struct schema_document *first = parse(ONE("\"int\"")), *reader;
	struct record record = {0};
	struct arena arena = {0};
	struct codec *codec;
	struct error err;
	uint8_t value[11];

	reader = parse(RECORD(FIELD("x", "\"int\"") "," FIELD("y", "\"int\"")));
	check_ok(codec_new(FRAMING_SINGLE_OBJECT, reader, 0, &codec, &err));
	record_init(&record, codec_schema(codec));
	check_fails(codec_decode(codec, written_with(first, 0x0a, value), &record, &arena, &err), "is not known");
	codec_free(&codec);
	record_fini(&record);
	arena_fini(&arena);
	schema_free(&first);
	schema_free(&reader);
}
