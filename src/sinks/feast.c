#include "sinks/feast.h"

enum wire { WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32 = 5 };

/* By enum feature_type: the type of a join key in an entity key, and the fields of a Value. */
static const struct {
	uint32_t key_type;
	int field, list_field;
	enum wire wire;
} types[] = {
	[FEATURE_BYTES] = {1, 1, 11, WIRE_BYTES},    [FEATURE_STRING] = {2, 2, 12, WIRE_BYTES},
	[FEATURE_INT32] = {3, 3, 13, WIRE_VARINT},   [FEATURE_INT64] = {4, 4, 14, WIRE_VARINT},
	[FEATURE_DOUBLE] = {0, 5, 15, WIRE_FIXED64}, [FEATURE_FLOAT] = {0, 6, 16, WIRE_FIXED32},
	[FEATURE_BOOL] = {0, 7, 17, WIRE_VARINT},    [FEATURE_UNIX_TIME] = {8, 8, 18, WIRE_VARINT},
};

uint32_t
feast_murmur3(struct bytes bytes)
{
	uint32_t hash = 0, word;
	size_t i = 0;

	for (; i + 4 <= bytes.size; i += 4) {
		word = load_u32(bytes.data + i) * 0xcc9e2d51u;
		hash ^= (word << 15 | word >> 17) * 0x1b873593u;
		hash = (hash << 13 | hash >> 19) * 5 + 0xe6546b64u;
	}
	word = 0;
	for (size_t left = bytes.size - i; left > 0; left--)
		word = word << 8 | bytes.data[i + left - 1];
	word *= 0xcc9e2d51u;
	hash ^= (word << 15 | word >> 17) * 0x1b873593u;
	hash ^= (uint32_t)bytes.size;
	hash = (hash ^ hash >> 16) * 0x85ebca6bu;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
	return hash ^ hash >> 16;
}

static void
put_text(struct buffer *out, struct bytes text)
{
	buffer_put_u32(out, (uint32_t)text.size);
	buffer_put_bytes(out, text);
}

static void
put_key_value(enum feature_type type, const struct feature_value *value, struct buffer *out)
{
	buffer_put_u32(out, types[type].key_type);
	switch (type) {
	case FEATURE_INT32:
		buffer_put_u32(out, 4);
		buffer_put_u32(out, (uint32_t)value->integer);
		break;
	case FEATURE_INT64:
	case FEATURE_UNIX_TIME:
		buffer_put_u32(out, 8);
		buffer_put_u64(out, (uint64_t)value->integer);
		break;
	default:
		put_text(out, value->bytes);
	}
}

void
feast_key(const struct feature_column *columns, const struct feature_value *values, const int *order, int count,
	  const char *project, struct buffer *out)
{
	buffer_put_u32(out, (uint32_t)count);
	for (int i = 0; i < count; i++) {
		buffer_put_u32(out, types[FEATURE_STRING].key_type);
		put_text(out, bytes_of_text(columns[order[i]].name));
	}
	for (int i = 0; i < count; i++)
		put_key_value(columns[order[i]].type, &values[order[i]], out);
	buffer_put_bytes(out, bytes_of_text(project));
}

void
feast_field(const char *view, const char *feature, uint8_t field[FEAST_FIELD_SIZE])
{
	struct buffer text = {0};

	buffer_print(&text, "%s:%s", view, feature);
	store_u32(field, feast_murmur3(buffer_bytes(&text)));
	buffer_fini(&text);
}

/* ---- protocol buffers ---- */

static void
put_tag(struct buffer *out, int field, enum wire wire)
{
	buffer_put_varint(out, (uint64_t)field << 3 | (uint64_t)wire);
}

static void
put_float(struct buffer *out, float value)
{
	buffer_put(out, &value, sizeof(value));
}

static void
put_double(struct buffer *out, double value)
{
	buffer_put(out, &value, sizeof(value));
}

static void
put_bytes(struct buffer *out, struct bytes value)
{
	buffer_put_varint(out, value.size);
	buffer_put_bytes(out, value);
}

static size_t
varint_size(uint64_t value)
{
	uint8_t bytes[BUFFER_VARINT_SIZE_MAX];

	return store_varint(bytes, value);
}

/* A scalar without its tag. A negative int32 is a varint of 64 bits, too. */
static void
put_scalar(enum wire wire, const struct feature_value *value, struct buffer *out)
{
	switch (wire) {
	case WIRE_VARINT:
		buffer_put_varint(out, (uint64_t)value->integer);
		break;
	case WIRE_FIXED64:
		put_double(out, value->real);
		break;
	case WIRE_FIXED32:
		put_float(out, (float)value->real);
		break;
	case WIRE_BYTES:
		put_bytes(out, value->bytes);
		break;
	}
}

/* Numbers in a list are packed: one field 1 with all of them. */
static size_t
packed_size(enum wire wire, const struct feature_value *value)
{
	const int64_t *integers = value->items;
	size_t size = 0;

	if (wire == WIRE_FIXED32 || wire == WIRE_FIXED64)
		return value->count * (wire == WIRE_FIXED32 ? 4 : 8);
	for (size_t i = 0; i < value->count; i++)
		size += varint_size((uint64_t)integers[i]);
	return size;
}

static void
put_numbers(enum wire wire, const struct feature_value *value, struct buffer *out)
{
	size_t size = packed_size(wire, value);
	const int64_t *integers = value->items;

	buffer_put_varint(out, value->count ? 1 + varint_size(size) + size : 0);
	if (value->count == 0)
		return;
	put_tag(out, 1, WIRE_BYTES);
	buffer_put_varint(out, size);
	if (wire == WIRE_VARINT)
		for (size_t i = 0; i < value->count; i++)
			buffer_put_varint(out, (uint64_t)integers[i]);
	else /* floats and doubles stand as they are in memory */
		buffer_put(out, value->items, size);
}

static void
put_texts(const struct feature_value *value, struct buffer *out)
{
	const struct bytes *texts = value->items;
	size_t size = 0;

	for (size_t i = 0; i < value->count; i++)
		size += 1 + varint_size(texts[i].size) + texts[i].size;
	buffer_put_varint(out, size);
	for (size_t i = 0; i < value->count; i++) {
		put_tag(out, 1, WIRE_BYTES);
		put_bytes(out, texts[i]);
	}
}

void
feast_value(const struct feature_column *column, const struct feature_value *value, struct buffer *out)
{
	enum wire wire = types[column->type].wire;

	if (value->null)
		return;
	if (!column->list) {
		put_tag(out, types[column->type].field, wire);
		put_scalar(wire, value, out);
		return;
	}
	put_tag(out, types[column->type].list_field, WIRE_BYTES);
	if (wire == WIRE_BYTES)
		put_texts(value, out);
	else
		put_numbers(wire, value, out);
}

void
feast_timestamp(int64_t seconds, int32_t nanos, struct buffer *out)
{
	if (seconds != 0) {
		put_tag(out, 1, WIRE_VARINT);
		buffer_put_varint(out, (uint64_t)seconds);
	}
	if (nanos != 0) {
		put_tag(out, 2, WIRE_VARINT);
		buffer_put_varint(out, (uint64_t)nanos);
	}
}
