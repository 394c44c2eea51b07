#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "record/json.h"

#define NUMBER_SIZE_MAX 32 /* bytes of a number as text */

static void write_value(const struct schema *schema, const union slot *from, struct buffer *out);

static void
write_text(const char *text, struct buffer *out)
{
	buffer_put(out, text, strlen(text));
}

static void
write_integer(int64_t value, struct buffer *out)
{
	char text[NUMBER_SIZE_MAX], *at = text + sizeof(text);
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		*--at = '-';
	buffer_put(out, at, (size_t)(text + sizeof(text) - at));
}

/* The shortest of the usual lengths that reads back as the same number; always told from an integer. */
static void
write_real(double value, bool single, struct buffer *out)
{
	char text[NUMBER_SIZE_MAX];

	if (isnan(value) || isinf(value)) {
		write_text(isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"", out);
		return;
	}
	for (int digits = single ? 6 : 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
			break;
	}
	write_text(text, out);
	if (!strpbrk(text, ".e"))
		write_text(".0", out);
}

static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static void
write_escape(uint8_t c, struct buffer *out)
{
	switch (c) {
	case '"':
		write_text("\\\"", out);
		break;
	case '\\':
		write_text("\\\\", out);
		break;
	case '\n':
		write_text("\\n", out);
		break;
	case '\r':
		write_text("\\r", out);
		break;
	case '\t':
		write_text("\\t", out);
		break;
	default:
		buffer_print(out, "\\u%04x", c);
	}
}

void
json_write_text(struct bytes string, struct buffer *out)
{
	size_t start = 0;

	buffer_put_u8(out, '"');
	for (size_t i = 0; i < string.size; i++) {
		if (is_plain(string.data[i]))
			continue;
		buffer_put(out, string.data + start, i - start);
		write_escape(string.data[i], out);
		start = i + 1;
	}
	if (start < string.size)
		buffer_put(out, string.data + start, string.size - start);
	buffer_put_u8(out, '"');
}

static void
write_fields(const struct schema *schema, const union slot *slots, struct buffer *out)
{
	buffer_put_u8(out, '{');
	for (int i = 0; i < schema->field_count; i++) {
		const struct schema_field *field = &schema->fields[i];

		if (i)
			buffer_put_u8(out, ',');
		json_write_text(bytes_of_text(field->name), out);
		buffer_put_u8(out, ':');
		write_value(field->schema, slots + field->slot, out);
	}
	buffer_put_u8(out, '}');
}

static void
write_array(const struct schema *schema, const union slot *from, struct buffer *out)
{
	size_t width = (size_t)schema->items->width;

	buffer_put_u8(out, '[');
	for (size_t i = 0; i < from->array.count; i++) {
		if (i)
			buffer_put_u8(out, ',');
		write_value(schema->items, from->array.items + i * width, out);
	}
	buffer_put_u8(out, ']');
}

/* In the order in which the pairs came. */
static void
write_map(const struct schema *schema, const union slot *from, struct buffer *out)
{
	size_t width = 1 + (size_t)schema->items->width;

	buffer_put_u8(out, '{');
	for (size_t i = 0; i < from->array.count; i++) {
		const union slot *pair = from->array.items + i * width;

		if (i)
			buffer_put_u8(out, ',');
		json_write_text(pair->bytes, out);
		buffer_put_u8(out, ':');
		write_value(schema->items, pair + 1, out);
	}
	buffer_put_u8(out, '}');
}

static void
write_base64(struct bytes bytes, struct buffer *out)
{
	buffer_put_u8(out, '"');
	json_base64_write(bytes, out);
	buffer_put_u8(out, '"');
}

/* What no decoder makes, but a program may, is written as null: a branch or symbol that there is not. */
static void
write_branch(const struct schema *schema, const union slot *from, struct buffer *out)
{
	if (from->integer < 0 || from->integer >= schema->branch_count)
		write_text("null", out);
	else
		write_value(schema->branches[from->integer], from + 1, out);
}

static void
write_symbol(const struct schema *schema, const union slot *from, struct buffer *out)
{
	if (from->integer < 0 || from->integer >= schema->symbol_count)
		write_text("null", out);
	else
		json_write_text(bytes_of_text(schema->symbols[from->integer]), out);
}

static void
write_record(const struct schema *schema, const union slot *from, struct buffer *out)
{
	const union slot *slots = schema->by_reference ? from->array.items : from;

	if (slots)
		write_fields(schema, slots, out);
	else
		write_text("null", out);
}

static void
write_value(const struct schema *schema, const union slot *from, struct buffer *out)
{
	switch (schema->type) {
	case SCHEMA_NULL:
		write_text("null", out);
		break;
	case SCHEMA_BOOLEAN:
		write_text(from->integer ? "true" : "false", out);
		break;
	case SCHEMA_INT:
	case SCHEMA_LONG:
		write_integer(from->integer, out);
		break;
	case SCHEMA_FLOAT:
	case SCHEMA_DOUBLE:
		write_real(from->real, schema->type == SCHEMA_FLOAT, out);
		break;
	case SCHEMA_STRING:
		json_write_text(from->bytes, out);
		break;
	case SCHEMA_BYTES:
	case SCHEMA_FIXED:
		write_base64(from->bytes, out);
		break;
	case SCHEMA_ENUM:
		write_symbol(schema, from, out);
		break;
	case SCHEMA_ARRAY:
		write_array(schema, from, out);
		break;
	case SCHEMA_MAP:
		write_map(schema, from, out);
		break;
	case SCHEMA_RECORD:
		write_record(schema, from, out);
		break;
	case SCHEMA_UNION:
		write_branch(schema, from, out);
	}
}

void
json_write(const struct record *record, struct buffer *out)
{
	write_fields(record->schema, record->slots, out);
}
