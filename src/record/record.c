#include "record/record.h"

#include "base/memory.h"

void
record_init(struct record *record, const struct schema *schema)
{
	insist(schema->type == SCHEMA_RECORD);
	*record = (struct record){.schema = schema};
	record->slots = memory_new_array((size_t)schema->slot_count, sizeof(*record->slots));
}

void
record_fini(struct record *record)
{
	memory_free(&record->slots);
	*record = (struct record){0};
}

/* Types that share a slot's member are as good as the one asked for. */
static bool
serves(enum schema_type got, enum schema_type wanted)
{
	return got == wanted || (wanted == SCHEMA_LONG && got == SCHEMA_INT) ||
	       (wanted == SCHEMA_DOUBLE && got == SCHEMA_FLOAT);
}

int
record_field(const struct schema *record, const char *name, enum schema_type type, struct field *out, struct error *err)
{
	const struct schema_field *field = schema_field_find(record, name);
	const struct schema *schema, *value;
	bool nullable;

	*out = (struct field){.branch_slot = -1, .null_branch = -1};
	if (!field)
		return fail(err, FATAL, "record %s has no field %s; expected one of type %s", schema_short_name(record),
			    name, schema_type_name(type));
	schema = field->schema;
	value = type == SCHEMA_UNION ? schema : schema_without_null(schema);
	nullable = value != schema;
	if (!serves(value->type, type))
		return fail(err, FATAL, "field %s.%s is %s%s; expected %s", schema_short_name(record), name,
			    nullable ? "a union of null and " : "", schema_type_name(value->type),
			    schema_type_name(type));
	out->slot = field->slot + nullable;
	out->schema = value;
	if (nullable) {
		out->branch_slot = field->slot;
		out->null_branch = schema->null_branch;
		out->value_branch = 1 - schema->null_branch;
	}
	return 0;
}

int
record_field_if_any(const struct schema *record, const char *name, enum schema_type type, struct field *out,
		    struct error *err)
{
	*out = (struct field){.slot = -1};
	return schema_field_find(record, name) ? record_field(record, name, type, out, err) : 0;
}

int
record_fields(const struct schema *record, const struct wanted_field *wanted, struct error *err)
{
	for (; wanted->name; wanted++)
		if (record_field(record, wanted->name, wanted->type, wanted->field, err) < 0)
			return -1;
	return 0;
}

int
record_fields_named(const struct schema *record, const char *const *names, int count, enum schema_type type,
		    struct field *fields, struct error *err)
{
	for (int i = 0; i < count; i++)
		if (record_field(record, names[i], type, &fields[i], err) < 0)
			return -1;
	return 0;
}
