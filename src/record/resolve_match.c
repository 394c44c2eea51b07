#include "record/resolve_match.h"

#include <string.h>

static bool
same_name(const char *a, const char *b)
{
	const char *a_dot = strrchr(a, '.'), *b_dot = strrchr(b, '.');

	return strcmp(a_dot ? a_dot + 1 : a, b_dot ? b_dot + 1 : b) == 0;
}

bool
resolve_names_match(const struct schema *writer, const struct schema *reader)
{
	if (same_name(writer->name, reader->name))
		return true;
	for (int i = 0; reader->aliases[i]; i++)
		if (same_name(writer->name, reader->aliases[i]))
			return true;
	return false;
}

static bool
promotes(enum schema_type from, enum schema_type to)
{
	switch (from) {
	case SCHEMA_INT:
		return to == SCHEMA_LONG || to == SCHEMA_FLOAT || to == SCHEMA_DOUBLE;
	case SCHEMA_LONG:
		return to == SCHEMA_FLOAT || to == SCHEMA_DOUBLE;
	case SCHEMA_FLOAT:
		return to == SCHEMA_DOUBLE;
	case SCHEMA_STRING:
		return to == SCHEMA_BYTES;
	case SCHEMA_BYTES:
		return to == SCHEMA_STRING;
	default:
		return false;
	}
}

bool
resolve_types_match(const struct schema *writer, const struct schema *reader)
{
	if (writer->type == SCHEMA_UNION || reader->type == SCHEMA_UNION)
		return true;
	if (writer->type != reader->type)
		return promotes(writer->type, reader->type);
	if (writer->type == SCHEMA_ARRAY || writer->type == SCHEMA_MAP)
		return resolve_types_match(writer->items, reader->items);
	if (writer->type == SCHEMA_FIXED && writer->fixed_size != reader->fixed_size)
		return false;
	return !writer->name || resolve_names_match(writer, reader);
}

int
resolve_branch(const struct schema *writer, const struct schema *reader)
{
	for (int i = 0; i < reader->branch_count; i++) {
		const struct schema *branch = reader->branches[i];

		if (branch->type == writer->type && resolve_types_match(writer, branch) &&
		    (!writer->name || strcmp(writer->name, branch->name) == 0))
			return i;
	}
	for (int i = 0; i < reader->branch_count; i++)
		if (resolve_types_match(writer, reader->branches[i]))
			return i;
	return -1;
}
