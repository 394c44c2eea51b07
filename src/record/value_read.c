#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "record/json.h"
#include "record/value.h"

#define NAME_SIZE_MAX 64	     /* bytes of a name for which a close one is looked for */
#define SHOWN_SIZE_MAX 40	     /* characters of a value that an error shows */
#define WHOLE_MAX 9007199254740992.0 /* 2^53: up to here a double has every whole number */

/* ---- what an error says ---- */

static int
unfit(struct value_reader *reader, const json_t *json, const char *expected)
{
	const char *text;

	switch (json_typeof(json)) {
	case JSON_STRING:
		text = json_string_value(json);
		return fault_set(&reader->fault, "expected %s, found the string \"%.*s\"%s", expected, SHOWN_SIZE_MAX,
				 text, strlen(text) > SHOWN_SIZE_MAX ? "..." : "");
	case JSON_INTEGER:
		return fault_set(&reader->fault, "expected %s, found %" JSON_INTEGER_FORMAT, expected,
				 json_integer_value(json));
	case JSON_REAL:
		return fault_set(&reader->fault, "expected %s, found %.17g", expected, json_real_value(json));
	case JSON_NULL:
		return fault_set(&reader->fault, "expected %s, found null", expected);
	case JSON_OBJECT:
		return fault_set(&reader->fault, "expected %s, found an object", expected);
	case JSON_ARRAY:
		return fault_set(&reader->fault, "expected %s, found an array", expected);
	default:
		return fault_set(&reader->fault, "expected %s, found %s", expected,
				 json_is_true(json) ? "true" : "false");
	}
}

/* How many characters have to change to make one name of the other. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_SIZE_MAX + 1], b_size = strlen(b);

	for (size_t k = 0; k <= b_size; k++)
		row[k] = k;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t k = 0; k < b_size; k++) {
			size_t change = diagonal + (a[i] != b[k]);

			diagonal = row[k + 1];
			if (row[k] + 1 < change)
				change = row[k] + 1;
			if (diagonal + 1 < change)
				change = diagonal + 1;
			row[k + 1] = change;
		}
	}
	return row[b_size];
}

static int
unknown_field(struct value_reader *reader, const struct schema *record, const char *name)
{
	const char *closest = NULL;
	size_t least = SIZE_MAX;

	if (strlen(name) > NAME_SIZE_MAX)
		return fault_set(&reader->fault, "unknown field \"%.*s...\"", SHOWN_SIZE_MAX, name);
	for (int i = 0; i < record->field_count; i++) {
		const char *known = record->fields[i].name;
		size_t far = strlen(known) > NAME_SIZE_MAX ? SIZE_MAX : distance(name, known);

		if (far < least) {
			least = far;
			closest = known;
		}
	}
	if (closest && least <= 1 + strlen(name) / 3)
		return fault_set(&reader->fault, "unknown field \"%s\"; did you mean \"%s\"?", name, closest);
	return fault_set(&reader->fault, "unknown field \"%s\"; the schema has %d others", name, record->field_count);
}

/* ---- numbers and texts ---- */

/* Many writers of JSON have only floats, and write 3.0 or 1.7e12 for a whole number. */
static bool
read_whole(const json_t *json, int64_t *out)
{
	double real = json_real_value(json);

	if (json_is_integer(json))
		*out = json_integer_value(json);
	else if (!json_is_real(json) || real != trunc(real) || fabs(real) > WHOLE_MAX)
		return false;
	else
		*out = (int64_t)real;
	return true;
}

static int
read_integer(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	bool timestamp = schema->logical == LOGICAL_TIMESTAMP_MILLIS || schema->logical == LOGICAL_TIMESTAMP_MICROS;

	if (json_is_string(json) && timestamp && reader->rules == VALUE_PLAIN) {
		struct error err;

		if (json_parse_time(json_string_value(json), &to->integer, &err) < 0)
			return fault_set(&reader->fault, "%.*s", (int)sizeof(reader->fault.why) - 1, err.text);
		if (schema->logical == LOGICAL_TIMESTAMP_MICROS)
			to->integer *= 1000;
		return 0;
	}
	if (!read_whole(json, &to->integer))
		return unfit(reader, json,
			     timestamp			  ? "a timestamp: a whole number, or ISO 8601 with zone"
			     : schema->type == SCHEMA_INT ? "an int"
							  : "a long");
	if (schema->type == SCHEMA_INT && (to->integer < INT32_MIN || to->integer > INT32_MAX))
		return unfit(reader, json, "an int (-2147483648 to 2147483647)");
	return 0;
}

static int
read_real(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	const char *text = json_string_value(json);

	if (json_is_number(json)) {
		to->real = json_number_value(json);
		if (schema->type == SCHEMA_FLOAT)
			to->real = (double)(float)to->real;
		return 0;
	}
	if (text) {
		if (strcmp(text, "NaN") == 0)
			return to->real = NAN, 0;
		if (strcmp(text, "Infinity") == 0)
			return to->real = INFINITY, 0;
		if (strcmp(text, "-Infinity") == 0)
			return to->real = -INFINITY, 0;
	}
	return unfit(reader, json, "a number");
}

static struct bytes
keep(struct value_reader *reader, const void *data, size_t size)
{
	uint8_t *to = arena_take(reader->arena, size);

	if (size)
		memcpy(to, data, size);
	return bytes_of(to, size);
}

/* Code points up to 255 are the bytes: what a default for bytes looks like. */
static int
read_latin1(struct value_reader *reader, const json_t *json, union slot *to)
{
	const uint8_t *text = (const uint8_t *)json_string_value(json);
	size_t size = json_string_length(json), used = 0;
	uint8_t *out = arena_take(reader->arena, size);

	for (size_t i = 0; i < size; i++) {
		uint8_t byte = text[i];

		if (byte > 0xc3)
			return unfit(reader, json, "bytes: characters from U+0000 to U+00FF");
		if (byte >= 0x80)
			byte = (uint8_t)(byte << 6 | (text[++i] & 0x3f));
		out[used++] = byte;
	}
	to->bytes = bytes_of(out, used);
	return 0;
}

static int
read_base64(struct value_reader *reader, const json_t *json, union slot *to)
{
	struct buffer buffer = {0};
	struct error err;
	int result = json_base64_read(bytes_of(json_string_value(json), json_string_length(json)), &buffer, &err);

	if (result < 0)
		fault_set(&reader->fault, "%.*s", (int)sizeof(reader->fault.why) - 1, err.text);
	else
		to->bytes = keep(reader, buffer.data, buffer.size);
	buffer_fini(&buffer);
	return result;
}

static int
read_bytes(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	int result;

	if (!json_is_string(json))
		return unfit(reader, json,
			     schema->type == SCHEMA_STRING  ? "a string"
			     : reader->rules == VALUE_PLAIN ? "a string of base64"
							    : "a string of bytes");
	if (schema->type == SCHEMA_STRING) {
		to->bytes = keep(reader, json_string_value(json), json_string_length(json));
		return 0;
	}
	result = reader->rules == VALUE_PLAIN ? read_base64(reader, json, to) : read_latin1(reader, json, to);
	if (result == 0 && schema->type == SCHEMA_FIXED && to->bytes.size != (size_t)schema->fixed_size)
		return fault_set(&reader->fault, "expected %d bytes, found %zu", schema->fixed_size, to->bytes.size);
	return result;
}

static int
read_symbol(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	char expected[256] = "one of ";

	if (json_is_string(json) && strlen(json_string_value(json)) == json_string_length(json)) {
		to->integer = schema_symbol_find(schema, json_string_value(json));
		if (to->integer >= 0)
			return 0;
	}
	for (int i = 0; i < schema->symbol_count; i++) {
		size_t used = strlen(expected), left = sizeof(expected) - used;
		const char *symbol = schema->symbols[i];

		if (strlen(symbol) + 8 > left) {
			snprintf(expected + used, left, "...");
			break;
		}
		snprintf(expected + used, left, "%s%s", symbol, i + 1 < schema->symbol_count ? ", " : "");
	}
	return unfit(reader, json, expected);
}

/* ---- what holds other values ---- */

static int
read_array(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	size_t width = (size_t)schema->items->width, count = json_array_size(json);

	if (!json_is_array(json))
		return unfit(reader, json, "an array");
	to->array.count = count;
	to->array.items = arena_take(reader->arena, count * width * sizeof(*to));
	for (size_t i = 0; i < count; i++)
		if (value_read(reader, schema->items, json_array_get(json, i), to->array.items + i * width) < 0)
			return fault_in(&reader->fault, "[%zu]", i);
	return 0;
}

static int
read_map(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	size_t width = 1 + (size_t)schema->items->width;
	union slot *at;
	void *iterator;

	if (!json_is_object(json))
		return unfit(reader, json, "an object (a map)");
	to->array.count = json_object_size(json);
	to->array.items = at = arena_take(reader->arena, to->array.count * width * sizeof(*to));
	/* jansson wants the object of an iterator to be writable, but only for the calls that write. */
	iterator = json_object_iter((json_t *)(uintptr_t)json);
	for (; iterator; iterator = json_object_iter_next((json_t *)(uintptr_t)json, iterator), at += width) {
		const char *key = json_object_iter_key(iterator);

		at->bytes = keep(reader, key, json_object_iter_key_len(iterator));
		if (value_read(reader, schema->items, json_object_iter_value(iterator), at + 1) < 0)
			return fault_in(&reader->fault, "[\"%.*s\"]", SHOWN_SIZE_MAX, key);
	}
	return 0;
}

static int
read_unknown(struct value_reader *reader, const struct schema *record, const json_t *json)
{
	void *iterator = json_object_iter((json_t *)(uintptr_t)json);

	for (; iterator; iterator = json_object_iter_next((json_t *)(uintptr_t)json, iterator))
		if (!schema_field_find(record, json_object_iter_key(iterator)))
			return unknown_field(reader, record, json_object_iter_key(iterator));
	return 0;
}

static int
read_field(struct value_reader *reader, const struct schema_field *field, const json_t *json, union slot *to)
{
	enum value_rules rules = reader->rules;
	int result;

	if (json)
		return value_read(reader, field->schema, json, to);
	if (!field->initial)
		return fault_set(&reader->fault, "is missing, and has no default");
	reader->rules = VALUE_DEFAULT;
	result = value_read(reader, field->schema, field->initial, to);
	reader->rules = rules;
	return result;
}

int
value_read_fields(struct value_reader *reader, const struct schema *record, const json_t *json, union slot *to)
{
	if (!json_is_object(json))
		return unfit(reader, json, "an object (a record)");
	if (reader->rules == VALUE_PLAIN && read_unknown(reader, record, json) < 0)
		return -1;
	for (int i = 0; i < record->field_count; i++) {
		const struct schema_field *field = &record->fields[i];

		if (read_field(reader, field, json_object_get(json, field->name), to + field->slot) < 0)
			return fault_in(&reader->fault, ".%s", field->name);
	}
	return 0;
}

static int
read_record(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	if (schema->by_reference) {
		to->array.count = 1;
		to->array.items = arena_take(reader->arena, (size_t)schema->slot_count * sizeof(*to));
		to = to->array.items;
	}
	return value_read_fields(reader, schema, json, to);
}

/* In the first pass what a number with a fraction or an exponent is written for: 3.0 is a double where it may be. */
static bool
is_candidate(const struct schema *branch, const json_t *json, int pass)
{
	bool real = branch->type == SCHEMA_FLOAT || branch->type == SCHEMA_DOUBLE;

	if (json_is_real(json))
		return real == (pass == 0);
	return pass == 0 && json_is_null(json) == (branch->type == SCHEMA_NULL);
}

/* Where only one branch can be meant, its own error says more than that none fits. */
static int
read_union(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	int last_tried = -1;

	for (int at = 0; at < 2 * schema->branch_count; at++) {
		int i = at % schema->branch_count;
		const struct schema *branch = schema->branches[i];

		if (!is_candidate(branch, json, at / schema->branch_count))
			continue;
		memset(to, 0, (size_t)schema->width * sizeof(*to));
		if (value_read(reader, branch, json, to + 1) == 0) {
			to->integer = i;
			return 0;
		}
		last_tried = i;
	}
	if (last_tried >= 0 && schema_without_null(schema) != schema)
		return -1;
	return unfit(reader, json, "a value that fits a branch of the union");
}

static int
read_one(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	switch (schema->type) {
	case SCHEMA_NULL:
		to->integer = 0;
		return json_is_null(json) ? 0 : unfit(reader, json, "null");
	case SCHEMA_BOOLEAN:
		to->integer = json_is_true(json);
		return json_is_boolean(json) ? 0 : unfit(reader, json, "true or false");
	case SCHEMA_INT:
	case SCHEMA_LONG:
		return read_integer(reader, schema, json, to);
	case SCHEMA_FLOAT:
	case SCHEMA_DOUBLE:
		return read_real(reader, schema, json, to);
	case SCHEMA_BYTES:
	case SCHEMA_STRING:
	case SCHEMA_FIXED:
		return read_bytes(reader, schema, json, to);
	case SCHEMA_ENUM:
		return read_symbol(reader, schema, json, to);
	case SCHEMA_ARRAY:
		return read_array(reader, schema, json, to);
	case SCHEMA_MAP:
		return read_map(reader, schema, json, to);
	case SCHEMA_RECORD:
		return read_record(reader, schema, json, to);
	default:
		return read_union(reader, schema, json, to);
	}
}

int
value_read(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to)
{
	int result;

	if (reader->depth >= SCHEMA_DEPTH_MAX)
		return fault_set(&reader->fault, "values are nested deeper than %d levels", SCHEMA_DEPTH_MAX);
	if (reader->steps++ >= VALUE_STEPS_MAX)
		return fault_set(&reader->fault, "more than %d values, with all branches of unions that were tried",
				 VALUE_STEPS_MAX);
	reader->depth++;
	result = read_one(reader, schema, json, to);
	reader->depth--;
	return result;
}

/* ---- zero values ---- */

void
value_zero(const struct schema *schema, union slot *to, struct arena *arena)
{
	uint8_t *zeros;

	memset(to, 0, (size_t)schema->width * sizeof(*to));
	if (schema->type == SCHEMA_FIXED) {
		zeros = arena_take(arena, (size_t)schema->fixed_size);
		memset(zeros, 0, (size_t)schema->fixed_size);
		to->bytes = bytes_of(zeros, (size_t)schema->fixed_size);
	} else if (schema->type == SCHEMA_UNION && schema->null_branch >= 0) {
		to->integer = schema->null_branch;
	} else if (schema->type == SCHEMA_UNION && schema->branch_count > 0) {
		value_zero(schema->branches[0], to + 1, arena);
	} else if (schema->type == SCHEMA_RECORD && !schema->by_reference) {
		for (int i = 0; i < schema->field_count; i++)
			value_zero(schema->fields[i].schema, to + schema->fields[i].slot, arena);
	}
}
