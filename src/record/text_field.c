#include "record/text_field.h"

#include <string.h>

#include "record/wire.h"

static const uint8_t *skip(const struct schema *schema, const uint8_t *at, const uint8_t *end);

static const uint8_t *
skip_bytes(const uint8_t *at, const uint8_t *end, uint64_t size)
{
	return at && size <= (uint64_t)(end - at) ? at + size : NULL;
}

static const uint8_t *
take_text(const uint8_t *at, const uint8_t *end, struct bytes *out)
{
	uint64_t raw = 0;

	at = at ? read_varint(at, end, &raw) : NULL;
	*out = bytes_of(at, (size_t)(raw >> 1));
	return raw & 1 ? NULL : skip_bytes(at, end, raw >> 1);
}

static const uint8_t *
skip_text(const uint8_t *at, const uint8_t *end)
{
	struct bytes text;

	return take_text(at, end, &text);
}

/* Blocks of items; those that say their size are passed over at once. */
static const uint8_t *
skip_items(const struct schema *schema, const uint8_t *at, const uint8_t *end)
{
	int64_t count = 0;

	for (at = read_integer(at, end, &count); at && count != 0; at = at ? read_integer(at, end, &count) : NULL) {
		if (count < 0) {
			at = skip_text(at, end);
			continue;
		}
		for (; at && count > 0; count--) {
			if (schema->type == SCHEMA_MAP)
				at = skip_text(at, end);
			at = at ? skip(schema->items, at, end) : NULL;
		}
	}
	return at;
}

static const uint8_t *
skip_union(const struct schema *schema, const uint8_t *at, const uint8_t *end)
{
	int64_t branch = 0;

	at = read_integer(at, end, &branch);
	if (!at || branch < 0 || branch >= schema->branch_count)
		return NULL;
	return skip(schema->branches[branch], at, end);
}

static const uint8_t *
skip(const struct schema *schema, const uint8_t *at, const uint8_t *end)
{
	int64_t value;

	switch (schema->type) {
	case SCHEMA_NULL:
		return at;
	case SCHEMA_BOOLEAN:
		return skip_bytes(at, end, 1);
	case SCHEMA_FLOAT:
		return skip_bytes(at, end, 4);
	case SCHEMA_DOUBLE:
		return skip_bytes(at, end, 8);
	case SCHEMA_FIXED:
		return skip_bytes(at, end, (uint64_t)schema->fixed_size);
	case SCHEMA_BYTES:
	case SCHEMA_STRING:
		return skip_text(at, end);
	case SCHEMA_INT:
	case SCHEMA_LONG:
	case SCHEMA_ENUM:
		return read_integer(at, end, &value);
	case SCHEMA_ARRAY:
	case SCHEMA_MAP:
		return skip_items(schema, at, end);
	case SCHEMA_UNION:
		return skip_union(schema, at, end);
	case SCHEMA_RECORD:
		for (int i = 0; at && i < schema->field_count; i++)
			at = skip(schema->fields[i].schema, at, end);
		return at;
	}
	return NULL;
}

int
text_field_find(const struct schema *record, const char *name)
{
	for (int i = 0; i < record->field_count; i++)
		if (strcmp(record->fields[i].name, name) == 0)
			return record->fields[i].schema->type == SCHEMA_STRING ? i : -1;
	return -1;
}

/* Most fields before it are short texts: those are passed over with a look at their first byte. */
static const uint8_t *
skip_fields(const struct schema *record, const uint8_t *at, const uint8_t *end, int count)
{
	for (int i = 0; at && i < count; i++) {
		const struct schema *schema = record->fields[i].schema;

		if (schema->type == SCHEMA_STRING && at < end && *at < 0x80 && end - at > *at / 2)
			at += 1 + *at / 2;
		else
			at = skip(schema, at, end);
	}
	return at;
}

struct bytes
text_field_of(const struct schema *record, struct bytes body, int number)
{
	const uint8_t *end = body.data + body.size;
	struct bytes text = {0};

	insist(take_text(skip_fields(record, body.data, end, number), end, &text));
	return text;
}
