#include "record/schema.h"

#include <string.h>

#include "base/memory.h"
#include "record/schema_tree.h"

const char *
schema_type_name(enum schema_type type)
{
	static const char *const names[] = {
		[SCHEMA_NULL] = "null",	  [SCHEMA_BOOLEAN] = "boolean", [SCHEMA_INT] = "int",
		[SCHEMA_LONG] = "long",	  [SCHEMA_FLOAT] = "float",	[SCHEMA_DOUBLE] = "double",
		[SCHEMA_BYTES] = "bytes", [SCHEMA_STRING] = "string",	[SCHEMA_RECORD] = "record",
		[SCHEMA_ENUM] = "enum",	  [SCHEMA_ARRAY] = "array",	[SCHEMA_MAP] = "map",
		[SCHEMA_UNION] = "union", [SCHEMA_FIXED] = "fixed",
	};

	return names[type];
}

const char *
schema_short_name(const struct schema *schema)
{
	const char *dot;

	if (!schema->name)
		return schema_type_name(schema->type);
	dot = strrchr(schema->name, '.');
	return dot ? dot + 1 : schema->name;
}

const struct schema_field *
schema_field_find(const struct schema *record, const char *name)
{
	for (int i = 0; i < record->field_count; i++)
		if (strcmp(record->fields[i].name, name) == 0)
			return &record->fields[i];
	return NULL;
}

int
schema_symbol_find(const struct schema *enumeration, const char *symbol)
{
	for (int i = 0; i < enumeration->symbol_count; i++)
		if (strcmp(enumeration->symbols[i], symbol) == 0)
			return i;
	return -1;
}

const struct schema *
schema_without_null(const struct schema *schema)
{
	if (schema->type != SCHEMA_UNION || schema->branch_count != 2 || schema->null_branch < 0)
		return schema;
	return schema->branches[1 - schema->null_branch];
}

void
schema_free(struct schema_document **document)
{
	struct schema_memory *memory;

	if (!*document)
		return;
	memory = (*document)->owned;
	json_decref(memory->json);
	arena_fini(&memory->arena);
	memory_free(&memory);
	memory_free(document);
}

/* ---- do two schemas encode alike? ---- */

/* The records that are being compared, outermost first: meeting a pair again inside itself proves nothing new. */
struct comparison {
	const struct comparison *outer;
	const struct schema *a, *b;
};

static bool same_encoding(const struct schema *a, const struct schema *b, const struct comparison *outer);

static bool
same_fields(const struct schema *a, const struct schema *b, const struct comparison *outer)
{
	struct comparison here = {.outer = outer, .a = a, .b = b};

	for (const struct comparison *at = outer; at; at = at->outer)
		if (at->a == a && at->b == b)
			return true;
	if (a->field_count != b->field_count)
		return false;
	for (int i = 0; i < a->field_count; i++)
		if (strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
		    !same_encoding(a->fields[i].schema, b->fields[i].schema, &here))
			return false;
	return true;
}

static bool
same_symbols(const struct schema *a, const struct schema *b)
{
	if (a->symbol_count != b->symbol_count)
		return false;
	for (int i = 0; i < a->symbol_count; i++)
		if (strcmp(a->symbols[i], b->symbols[i]) != 0)
			return false;
	return true;
}

static bool
same_branches(const struct schema *a, const struct schema *b, const struct comparison *outer)
{
	if (a->branch_count != b->branch_count)
		return false;
	for (int i = 0; i < a->branch_count; i++)
		if (!same_encoding(a->branches[i], b->branches[i], outer))
			return false;
	return true;
}

static bool
same_encoding(const struct schema *a, const struct schema *b, const struct comparison *outer)
{
	if (a == b)
		return true;
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case SCHEMA_RECORD:
		return same_fields(a, b, outer);
	case SCHEMA_ENUM:
		return same_symbols(a, b);
	case SCHEMA_FIXED:
		return a->fixed_size == b->fixed_size;
	case SCHEMA_ARRAY:
	case SCHEMA_MAP:
		return same_encoding(a->items, b->items, outer);
	case SCHEMA_UNION:
		return same_branches(a, b, outer);
	default:
		return true;
	}
}

int
schema_starts_with(const struct schema *whole, const struct schema *part, struct error *err)
{
	const char *whole_name = schema_short_name(whole), *part_name = schema_short_name(part);

	if (whole->type != SCHEMA_RECORD || part->type != SCHEMA_RECORD)
		return fail(err, FATAL, "%s and %s must both be records", whole_name, part_name);
	for (int i = 0; i < part->field_count; i++) {
		const struct schema_field *wanted = &part->fields[i];
		const struct schema_field *got = i < whole->field_count ? &whole->fields[i] : NULL;

		if (!got)
			return fail(err, FATAL, "field %d of %s must be %s, as in %s, but there is none", i + 1,
				    whole_name, wanted->name, part_name);
		if (strcmp(got->name, wanted->name) != 0)
			return fail(err, FATAL, "field %d of %s is %s; it must be %s, as in %s", i + 1, whole_name,
				    got->name, wanted->name, part_name);
		if (!same_encoding(got->schema, wanted->schema, NULL))
			return fail(err, FATAL,
				    "field %s.%s is %s; it must have exactly the type that it has in %s (%s)",
				    whole_name, got->name, schema_type_name(got->schema->type), part_name,
				    schema_type_name(wanted->schema->type));
	}
	return 0;
}
