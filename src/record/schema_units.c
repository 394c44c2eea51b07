/* Units of timestamps: what Avro's rules of resolution leave out. */
#include <string.h>

#include "record/schema.h"

static int check(const struct schema *writer, const struct schema *reader, int depth, struct error *err);

static const struct schema_field *
find_field(const struct schema *writer, const struct schema_field *wanted)
{
	const struct schema_field *field = schema_field_find(writer, wanted->name);

	for (int i = 0; !field && wanted->aliases[i]; i++)
		field = schema_field_find(writer, wanted->aliases[i]);
	return field;
}

static int
check_fields(const struct schema *writer, const struct schema *reader, int depth, struct error *err)
{
	for (int i = 0; i < reader->field_count; i++) {
		const struct schema_field *field = find_field(writer, &reader->fields[i]);

		if (field && check(field->schema, reader->fields[i].schema, depth + 1, err) < 0)
			return fail_in(err, "field %s", reader->fields[i].name);
	}
	return 0;
}

static bool
is_timestamp(const struct schema *schema)
{
	return schema->logical == LOGICAL_TIMESTAMP_MILLIS || schema->logical == LOGICAL_TIMESTAMP_MICROS;
}

static int
check(const struct schema *writer, const struct schema *reader, int depth, struct error *err)
{
	writer = schema_without_null(writer);
	reader = schema_without_null(reader);
	if (writer->type != reader->type || depth > SCHEMA_DEPTH_MAX)
		return 0;
	if (is_timestamp(writer) && is_timestamp(reader) && writer->logical != reader->logical)
		return fail(err, FATAL, "was written in %s and is read in %s",
			    writer->logical == LOGICAL_TIMESTAMP_MILLIS ? "milliseconds" : "microseconds",
			    reader->logical == LOGICAL_TIMESTAMP_MILLIS ? "milliseconds" : "microseconds");
	if (reader->type == SCHEMA_RECORD)
		return check_fields(writer, reader, depth, err);
	if (reader->type == SCHEMA_ARRAY || reader->type == SCHEMA_MAP)
		return check(writer->items, reader->items, depth + 1, err);
	return 0;
}

int
schema_check_units(const struct schema *writer, const struct schema *reader, struct error *err)
{
	return check(writer, reader, 0, err);
}
