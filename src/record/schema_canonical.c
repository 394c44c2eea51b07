#include "base/buffer.h"
#include "base/memory.h"
#include "record/schema.h"

/* Names that were written out already: a named type comes in full only the first time. */
struct writer {
	struct buffer out;
	json_t *seen;
	bool timestamps; /* their logical types too */
};

static void write_schema(struct writer *writer, const struct schema *schema);

static void
write_fields(struct writer *writer, const struct schema *schema)
{
	buffer_print(&writer->out, "{\"name\":\"%s\",\"type\":\"record\",\"fields\":[", schema->name);
	for (int i = 0; i < schema->field_count; i++) {
		buffer_print(&writer->out, "%s{\"name\":\"%s\",\"type\":", i ? "," : "", schema->fields[i].name);
		write_schema(writer, schema->fields[i].schema);
		buffer_print(&writer->out, "}");
	}
	buffer_print(&writer->out, "]}");
}

static void
write_symbols(struct writer *writer, const struct schema *schema)
{
	buffer_print(&writer->out, "{\"name\":\"%s\",\"type\":\"enum\",\"symbols\":[", schema->name);
	for (int i = 0; i < schema->symbol_count; i++)
		buffer_print(&writer->out, "%s\"%s\"", i ? "," : "", schema->symbols[i]);
	buffer_print(&writer->out, "]}");
}

static void
write_named(struct writer *writer, const struct schema *schema)
{
	if (json_object_get(writer->seen, schema->name)) {
		buffer_print(&writer->out, "\"%s\"", schema->name);
		return;
	}
	json_object_set_new(writer->seen, schema->name, json_true());
	if (schema->type == SCHEMA_RECORD)
		write_fields(writer, schema);
	else if (schema->type == SCHEMA_ENUM)
		write_symbols(writer, schema);
	else
		buffer_print(&writer->out, "{\"name\":\"%s\",\"type\":\"fixed\",\"size\":%d}", schema->name,
			     schema->fixed_size);
}

static void
write_branches(struct writer *writer, const struct schema *schema)
{
	buffer_print(&writer->out, "[");
	for (int i = 0; i < schema->branch_count; i++) {
		if (i)
			buffer_print(&writer->out, ",");
		write_schema(writer, schema->branches[i]);
	}
	buffer_print(&writer->out, "]");
}

static void
write_plain(struct writer *writer, const struct schema *schema)
{
	const char *logical = writer->timestamps ? schema->timestamp : NULL;

	if (logical)
		buffer_print(&writer->out, "{\"type\":\"%s\",\"logicalType\":\"%s\"}", schema_type_name(schema->type),
			     logical);
	else
		buffer_print(&writer->out, "\"%s\"", schema_type_name(schema->type));
}

static void
write_schema(struct writer *writer, const struct schema *schema)
{
	switch (schema->type) {
	case SCHEMA_RECORD:
	case SCHEMA_ENUM:
	case SCHEMA_FIXED:
		write_named(writer, schema);
		break;
	case SCHEMA_ARRAY:
	case SCHEMA_MAP:
		buffer_print(&writer->out, "{\"type\":\"%s\",\"%s\":", schema_type_name(schema->type),
			     schema->type == SCHEMA_ARRAY ? "items" : "values");
		write_schema(writer, schema->items);
		buffer_print(&writer->out, "}");
		break;
	case SCHEMA_UNION:
		write_branches(writer, schema);
		break;
	default:
		write_plain(writer, schema);
	}
}

static char *
write_all(const struct schema *schema, bool timestamps)
{
	struct writer writer = {.seen = json_object(), .timestamps = timestamps};

	write_schema(&writer, schema);
	buffer_put_u8(&writer.out, 0);
	json_decref(writer.seen);
	return (char *)writer.out.data;
}

char *
schema_canonical(const struct schema *schema)
{
	return write_all(schema, false);
}

char *
schema_meaning(const struct schema *schema)
{
	return write_all(schema, true);
}
