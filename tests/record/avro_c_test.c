/*
 * The record layer against Apache Avro's C library: random schemas, and values that one writes and the other reads.
 *
 * A value is made twice from the same random numbers' choices: as the library's value, through its generic interface,
 * and by decoding what the library wrote. What the library reads from our bytes must equal what it wrote.
 */
#include <avro.h>
#include <stdio.h>

#include "tests/record/support.h"

#define SCHEMAS 400
#define RECORDS 10
#define BODY_SIZE_MAX 1000000
#define NESTING_MAX 4

struct maker {
	struct test_random random;
	struct buffer json;
	int names;
};

static void make_type(struct maker *maker, int depth, bool in_union);

static uint64_t
pick(struct maker *maker, uint64_t bound)
{
	return test_random_below(&maker->random, bound);
}

static void
make_record(struct maker *maker, int depth)
{
	uint64_t fields = 1 + pick(maker, 6);

	buffer_print(&maker->json, "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[", maker->names++);
	for (uint64_t i = 0; i < fields; i++) {
		buffer_print(&maker->json, "%s{\"name\":\"f%d\",\"type\":", i ? "," : "", maker->names++);
		make_type(maker, depth + 1, false);
		buffer_print(&maker->json, "}");
	}
	buffer_print(&maker->json, "]}");
}

static void
make_union(struct maker *maker, int depth)
{
	static const char *const second[] = {"\"int\"", "\"string\"", "\"double\"", "\"bytes\""};
	uint64_t first = pick(maker, 3);

	buffer_print(&maker->json, "[%s", first == 0 ? "\"null\"," : "");
	if (first == 2)
		make_type(maker, depth + 1, true);
	else
		buffer_print(&maker->json, "%s", second[pick(maker, 4)]);
	buffer_print(&maker->json, "%s]", first == 1 ? ",\"null\",\"boolean\"" : first == 2 ? ",\"long\"" : "");
}

static void
make_type(struct maker *maker, int depth, bool in_union)
{
	static const char *const simple[] = {"null", "boolean", "int", "float", "double", "bytes", "string", "long"};
	uint64_t kind = pick(maker, depth > NESTING_MAX ? 8 : 14);

	if (kind < 8) {
		buffer_print(&maker->json, "\"%s\"", simple[in_union && kind == 7 ? 6 : kind]);
	} else if (kind == 8) {
		make_record(maker, depth);
	} else if (kind == 9) {
		buffer_print(&maker->json, "{\"type\":\"enum\",\"name\":\"E%d\",\"symbols\":[\"A\",\"B\",\"C\"]}",
			     maker->names++);
	} else if (kind == 10) {
		buffer_print(&maker->json, "{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":%d}", maker->names++,
			     (int)pick(maker, 20) + 1);
	} else if (kind == 11 || (kind >= 13 && in_union)) {
		buffer_print(&maker->json, "{\"type\":\"array\",\"items\":");
		make_type(maker, depth + 1, false);
		buffer_print(&maker->json, "}");
	} else if (kind == 12) {
		buffer_print(&maker->json, "{\"type\":\"map\",\"values\":");
		make_type(maker, depth + 1, false);
		buffer_print(&maker->json, "}");
	} else {
		make_union(maker, depth);
	}
}

static void fill(struct maker *maker, avro_value_t *value);

static void
fill_text(struct maker *maker, char *text)
{
	static const char *const parts[] = {"a", "b", "zz", " ", "\xc3\xa9", "\xe6\xbc\xa2", "\xf0\x9f\x98\x80"};
	uint64_t count = pick(maker, 12);

	*text = 0;
	for (uint64_t i = 0; i < count; i++)
		strcat(text, parts[pick(maker, 7)]);
}

static void
fill_items(struct maker *maker, avro_value_t *value)
{
	uint64_t count = pick(maker, 4);

	for (uint64_t i = 0; i < count; i++) {
		avro_value_t item;
		char key[32];

		snprintf(key, sizeof(key), "k%llu", (unsigned long long)i);
		if (avro_value_get_type(value) == AVRO_ARRAY)
			avro_value_append(value, &item, NULL);
		else
			avro_value_add(value, key, &item, NULL, NULL);
		fill(maker, &item);
	}
}

static void
fill_fields(struct maker *maker, avro_value_t *value)
{
	avro_value_t field;
	size_t count;

	avro_value_get_size(value, &count);
	for (size_t i = 0; i < count; i++) {
		avro_value_get_by_index(value, i, &field, NULL);
		fill(maker, &field);
	}
}

static int64_t
make_long(struct maker *maker)
{
	return (int64_t)test_random_next(&maker->random) >> pick(maker, 64);
}

static void
fill(struct maker *maker, avro_value_t *value)
{
	avro_schema_t schema = avro_value_get_schema(value);
	avro_value_t branch;
	char text[200];

	switch (avro_value_get_type(value)) {
	case AVRO_BOOLEAN:
		avro_value_set_boolean(value, (int)pick(maker, 2));
		break;
	case AVRO_INT32:
		avro_value_set_int(value, (int32_t)(make_long(maker) >> 32));
		break;
	case AVRO_INT64:
		avro_value_set_long(value, make_long(maker));
		break;
	case AVRO_FLOAT:
		avro_value_set_float(value, (float)make_long(maker) / 8);
		break;
	case AVRO_DOUBLE:
		avro_value_set_double(value, (double)make_long(maker) / 1024);
		break;
	case AVRO_STRING:
		fill_text(maker, text);
		avro_value_set_string(value, text);
		break;
	case AVRO_BYTES:
		avro_value_set_bytes(value, text, pick(maker, 2) ? 0 : (fill_text(maker, text), strlen(text)));
		break;
	case AVRO_FIXED:
		memset(text, (int)pick(maker, 256), sizeof(text));
		avro_value_set_fixed(value, text, (size_t)avro_schema_fixed_size(schema));
		break;
	case AVRO_ENUM:
		avro_value_set_enum(value, (int)pick(maker, 3));
		break;
	case AVRO_RECORD:
		fill_fields(maker, value);
		break;
	case AVRO_UNION:
		avro_value_set_branch(value, (int)pick(maker, avro_schema_union_size(schema)), &branch);
		fill(maker, &branch);
		break;
	case AVRO_ARRAY:
	case AVRO_MAP:
		fill_items(maker, value);
		break;
	default:
		avro_value_set_null(value);
	}
}

struct both {
	avro_value_t value, back;
	struct schema_document *document;
	struct decoder *decoder;
	struct encoder *encoder;
	struct record record;
	struct arena arena;
	struct buffer out;
	char *theirs;
};

/* Written by the library, read and written by us, and read by the library. */
static void
check_record(struct maker *maker, struct both *both)
{
	avro_writer_t writer = avro_writer_memory(both->theirs, BODY_SIZE_MAX);
	avro_reader_t reader;
	struct bytes body;
	struct error err;

	avro_value_reset(&both->value);
	fill(maker, &both->value);
	check_int(avro_value_write(writer, &both->value), 0);
	body = exactly(bytes_of(both->theirs, (size_t)avro_writer_tell(writer)));
	check_ok(decoder_run(both->decoder, body, &both->record, &both->arena, &err));
	buffer_clear(&both->out);
	check_ok(encoder_run(both->encoder, &both->record, &both->out, &err));
	reader = avro_reader_memory((const char *)both->out.data, (int64_t)both->out.size);
	check_int(avro_value_read(reader, &both->back), 0);
	check(avro_value_equal(&both->value, &both->back));
	arena_reset(&both->arena);
	forget(&body);
	avro_reader_free(reader);
	avro_writer_free(writer);
}

static void
check_schema(struct maker *maker)
{
	struct both both = {.theirs = memory_new(BODY_SIZE_MAX)};
	avro_value_iface_t *class;
	avro_schema_t schema;
	struct error err;

	buffer_clear(&maker->json);
	make_record(maker, 0);
	check_int(avro_schema_from_json_length((const char *)maker->json.data, maker->json.size, &schema), 0);
	class = avro_generic_class_from_schema(schema);
	avro_generic_value_new(class, &both.value);
	avro_generic_value_new(class, &both.back);
	check_ok(schema_parse(buffer_bytes(&maker->json), &both.document, &err));
	check_ok(decoder_new(both.document->root, both.document->root, &both.decoder, &err));
	both.encoder = encoder_new(both.document->root);
	record_init(&both.record, both.document->root);
	for (int i = 0; i < RECORDS; i++)
		check_record(maker, &both);
	record_fini(&both.record);
	encoder_free(&both.encoder);
	decoder_free(&both.decoder);
	schema_free(&both.document);
	arena_fini(&both.arena);
	buffer_fini(&both.out);
	memory_free(&both.theirs);
	avro_value_decref(&both.value);
	avro_value_decref(&both.back);
	avro_value_iface_decref(class);
	avro_schema_decref(schema);
}

TEST(what_one_writes_the_other_reads)
{
	struct maker maker = {.random = test_random_of(test_seed(1))};

	for (int i = 0; i < SCHEMAS; i++)
		check_schema(&maker);
	buffer_fini(&maker.json);
}
