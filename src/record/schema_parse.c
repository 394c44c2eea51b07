/*
 * From a schema's JSON to the tree.
 *
 * A name has to be defined before it is used, in the order of the text, so one pass is enough: a reference finds either
 * a type that is complete, with its width known, or a record that is still being read: then the record contains itself,
 * and becomes one that is held by reference (record.h). Default values are checked at the end, when all is known.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "record/schema_text.h"
#include "record/schema_tree.h"
#include "record/value.h"

static const struct schema *parse_type(struct parser *parser, const json_t *json, const char *space);

/* ---- records ---- */

static int
parse_order(struct parser *parser, const json_t *json)
{
	bool bad = false;
	const char *order = tree_text(parser, json, "order", false, &bad);

	if (bad)
		return -1;
	if (order && strcmp(order, "ascending") != 0 && strcmp(order, "descending") != 0 &&
	    strcmp(order, "ignore") != 0)
		return fail(parser->err, FATAL, "\"order\" must be ascending, descending or ignore, not \"%s\"", order);
	return 0;
}

static int
parse_field(struct parser *parser, const json_t *json, const char *space, struct schema_field *field)
{
	bool bad = false;
	const json_t *type = json_object_get(json, "type");

	field->doc = tree_text(parser, json, "doc", false, &bad);
	if (bad || parse_order(parser, json) < 0 || tree_aliases(parser, json, NULL, &field->aliases) < 0)
		return -1;
	if (!type)
		return fail(parser->err, FATAL, "\"type\" is missing");
	field->schema = parse_type(parser, type, space);
	field->initial = json_object_get(json, "default");
	field->stray_logical = tree_string(json_object_get(json, "logicalType"));
	return field->schema ? 0 : -1;
}

static int
parse_field_name(struct parser *parser, const json_t *json, int index, json_t *seen, struct schema_field *field)
{
	bool bad = false;

	if (!json_is_object(json))
		return fail(parser->err, FATAL, "field %d must be an object with \"name\" and \"type\"", index + 1);
	field->name = tree_text(parser, json, "name", true, &bad);
	if (bad)
		return fail_in(parser->err, "field %d", index + 1);
	if (!tree_simple_name(field->name, strlen(field->name)))
		return fail(parser->err, FATAL,
			    "field %d: \"%s\" is not a name: letters, digits and _ are allowed, and "
			    "no digit first",
			    index + 1, field->name);
	if (json_object_get(seen, field->name))
		return fail(parser->err, FATAL, "field %s is there twice", field->name);
	json_object_set_new(seen, field->name, json_true());
	return 0;
}

static void
remember_default(struct parser *parser, const struct schema *record, const struct schema_field *field)
{
	if (!field->initial)
		return;
	parser->pending = memory_resize_array(parser->pending, parser->pending_count + 1, sizeof(*parser->pending));
	parser->pending[parser->pending_count++] = (struct pending){.record = record, .field = field};
}

/* The fields one behind the other; gives their slots together and the greatest height. */
static int
parse_fields(struct parser *parser, const json_t *list, const char *space, struct schema *record,
	     struct schema_field *fields, json_t *seen, int *height)
{
	int slot = 0;

	for (int i = 0; i < record->field_count; i++) {
		const json_t *json = json_array_get(list, (size_t)i);

		if (parse_field_name(parser, json, i, seen, &fields[i]) < 0) {
			if (!parser->located)
				fail_in(parser->err, "record %s", schema_short_name(record));
			parser->located = true;
			return -1;
		}
		if (parse_field(parser, json, space, &fields[i]) < 0) {
			if (!parser->located)
				fail_in(parser->err, "field %s.%s", schema_short_name(record), fields[i].name);
			parser->located = true;
			return -1;
		}
		fields[i].slot = slot;
		slot += fields[i].schema->width;
		if (slot > SCHEMA_WIDTH_MAX)
			return fail(parser->err, FATAL, "record %s has more than %d parts", record->name,
				    SCHEMA_WIDTH_MAX);
		if (tree_height(fields[i].schema) > *height)
			*height = tree_height(fields[i].schema);
		remember_default(parser, record, &fields[i]);
	}
	record->slot_count = slot > 0 ? slot : 1;
	return 0;
}

static const struct schema *
parse_record(struct parser *parser, const json_t *json, const char *space)
{
	struct node *node = tree_named_new(parser, json, SCHEMA_RECORD, &space);
	struct schema_field *fields;
	const json_t *list;
	json_t *seen;
	int height = 0, result;

	if (!node || tree_array(parser, json, "fields", true, &list) < 0)
		return NULL;
	node->schema.field_count = (int)json_array_size(list);
	fields = arena_take(&parser->memory->arena, json_array_size(list) * sizeof(*fields));
	memset(fields, 0, json_array_size(list) * sizeof(*fields));
	node->schema.fields = fields;
	seen = json_object();
	result = parse_fields(parser, list, space, &node->schema, fields, seen, &height);
	json_decref(seen);
	return result < 0 ? NULL : tree_node_done(parser, node, height, node->schema.slot_count);
}

/* ---- the other types ---- */

static int
parse_symbols(struct parser *parser, const json_t *list, struct schema *schema, json_t *seen)
{
	const char **symbols = arena_take(&parser->memory->arena, (json_array_size(list) + 1) * sizeof(*symbols));

	schema->symbols = symbols;
	schema->symbol_count = (int)json_array_size(list);
	for (int i = 0; i < schema->symbol_count; i++) {
		symbols[i] = tree_string(json_array_get(list, (size_t)i));
		if (!symbols[i] || !tree_simple_name(symbols[i], strlen(symbols[i])))
			return fail(parser->err, FATAL, "enum %s: symbol %d is not a name", schema->name, i + 1);
		if (json_object_get(seen, symbols[i]))
			return fail(parser->err, FATAL, "enum %s: symbol %s is there twice", schema->name, symbols[i]);
		json_object_set_new(seen, symbols[i], json_true());
	}
	symbols[schema->symbol_count] = NULL;
	return 0;
}

static const struct schema *
parse_enum(struct parser *parser, const json_t *json, const char *space)
{
	struct node *node = tree_named_new(parser, json, SCHEMA_ENUM, &space);
	bool bad = false;
	const char *initial;
	const json_t *list;
	json_t *seen;
	int result;

	if (!node || tree_array(parser, json, "symbols", true, &list) < 0)
		return NULL;
	seen = json_object();
	result = parse_symbols(parser, list, &node->schema, seen);
	json_decref(seen);
	initial = tree_text(parser, json, "default", false, &bad);
	if (result < 0 || bad)
		return NULL;
	if (initial)
		node->schema.symbol_default = schema_symbol_find(&node->schema, initial);
	if (initial && node->schema.symbol_default < 0) {
		fail(parser->err, FATAL, "enum %s: the default \"%s\" is not one of its symbols", node->schema.name,
		     initial);
		return NULL;
	}
	return tree_node_done(parser, node, 0, 1);
}

static const struct schema *
parse_fixed(struct parser *parser, const json_t *json, const char *space)
{
	struct node *node = tree_named_new(parser, json, SCHEMA_FIXED, &space);
	const json_t *size = json_object_get(json, "size");

	if (!node)
		return NULL;
	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
	    json_integer_value(size) > SCHEMA_FIXED_SIZE_MAX) {
		fail(parser->err, FATAL, "fixed %s: \"size\" must be a whole number from 0 to %d", node->schema.name,
		     SCHEMA_FIXED_SIZE_MAX);
		return NULL;
	}
	node->schema.fixed_size = (int)json_integer_value(size);
	return tree_node_done(parser, node, 0, 1);
}

static const struct schema *
parse_items(struct parser *parser, const json_t *json, const char *space, enum schema_type type)
{
	const char *attribute = type == SCHEMA_ARRAY ? "items" : "values";
	const json_t *items = json_object_get(json, attribute);
	struct node *node = tree_node_new(parser, type);

	if (!node)
		return NULL;
	if (!items) {
		fail(parser->err, FATAL, "\"%s\" is missing: %s needs the type of its %s", attribute,
		     type == SCHEMA_ARRAY ? "an array" : "a map", attribute);
		return NULL;
	}
	node->schema.items = parse_type(parser, items, space);
	return node->schema.items ? tree_node_done(parser, node, tree_height(node->schema.items), 1) : NULL;
}

/* What a union may hold only once: each type without a name, each name. */
static const char *
branch_name(const struct schema *schema)
{
	return schema->name ? schema->name : schema_type_name(schema->type);
}

static int
parse_branches(struct parser *parser, const json_t *json, const char *space, struct schema *schema,
	       const struct schema **branches, json_t *seen, int *height)
{
	for (int i = 0; i < schema->branch_count; i++) {
		const struct schema *branch = parse_type(parser, json_array_get(json, (size_t)i), space);

		if (!branch)
			return -1;
		if (branch->type == SCHEMA_UNION)
			return fail(parser->err, FATAL, "a union may not hold another union directly");
		if (json_object_get(seen, branch_name(branch)))
			return fail(parser->err, FATAL, "%s is in the union twice", branch_name(branch));
		json_object_set_new(seen, branch_name(branch), json_true());
		if (branch->type == SCHEMA_NULL)
			schema->null_branch = i;
		if (tree_height(branch) > *height)
			*height = tree_height(branch);
		branches[i] = branch;
	}
	return 0;
}

static const struct schema *
parse_union(struct parser *parser, const json_t *json, const char *space)
{
	struct node *node = tree_node_new(parser, SCHEMA_UNION);
	const struct schema **branches;
	int height = 0, width = 0, result;
	json_t *seen;

	if (!node)
		return NULL;
	if (json_array_size(json) > SCHEMA_NODES_MAX) {
		fail(parser->err, FATAL, "a union has more than %d branches", SCHEMA_NODES_MAX);
		return NULL;
	}
	branches = arena_take(&parser->memory->arena, json_array_size(json) * sizeof(*branches));
	node->schema.branches = branches;
	node->schema.branch_count = (int)json_array_size(json);
	seen = json_object();
	result = parse_branches(parser, json, space, &node->schema, branches, seen, &height);
	json_decref(seen);
	if (result < 0)
		return NULL;
	for (int i = 0; i < node->schema.branch_count; i++)
		if (branches[i]->width > width)
			width = branches[i]->width;
	return tree_node_done(parser, node, height, 1 + width);
}

/* Timestamps, local ones too, say by their name what a tick is. */
static void
set_unit(struct schema *schema, const char *logical)
{
	static const struct {
		const char *name;
		int ticks;
	} units[] = {{"timestamp-millis", 1000}, {"timestamp-micros", 1000000}, {"timestamp-nanos", 1000000000}};
	const char *name = strncmp(logical, "local-", 6) == 0 ? logical + 6 : logical;

	for (size_t i = 0; schema->type == SCHEMA_LONG && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(name, units[i].name) == 0) {
			schema->timestamp = logical;
			schema->ticks = units[i].ticks;
		}
}

/* Where the attribute fits its type it counts; in all other cases the Avro specification wants it ignored. */
static const struct schema *
parse_logical(struct parser *parser, const json_t *json, const struct schema *plain)
{
	const char *logical = tree_string(json_object_get(json, "logicalType"));
	struct node *node;

	if (!logical)
		return plain;
	node = tree_node_new(parser, plain->type);
	if (!node)
		return NULL;
	node->schema.logical = LOGICAL_OTHER;
	set_unit(&node->schema, logical);
	if (plain->type == SCHEMA_LONG && strcmp(logical, "timestamp-millis") == 0)
		node->schema.logical = LOGICAL_TIMESTAMP_MILLIS;
	if (plain->type == SCHEMA_LONG && strcmp(logical, "timestamp-micros") == 0)
		node->schema.logical = LOGICAL_TIMESTAMP_MICROS;
	return tree_node_done(parser, node, 0, 1);
}

static const struct schema *
parse_object(struct parser *parser, const json_t *json, const char *space)
{
	const json_t *type = json_object_get(json, "type");
	const char *name = tree_string(type);

	if (json_is_object(type) || json_is_array(type))
		return parse_type(parser, type, space);
	if (!name) {
		fail(parser->err, FATAL, "\"type\" %s", type ? "must be the name of a type, or a type" : "is missing");
		return NULL;
	}
	if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0)
		return parse_record(parser, json, space);
	if (strcmp(name, "enum") == 0)
		return parse_enum(parser, json, space);
	if (strcmp(name, "fixed") == 0)
		return parse_fixed(parser, json, space);
	if (strcmp(name, "array") == 0)
		return parse_items(parser, json, space, SCHEMA_ARRAY);
	if (strcmp(name, "map") == 0)
		return parse_items(parser, json, space, SCHEMA_MAP);
	if (tree_primitive(name) >= 0)
		return parse_logical(parser, json, tree_find(parser, name, ""));
	return tree_find(parser, name, space);
}

static const struct schema *
parse_type(struct parser *parser, const json_t *json, const char *space)
{
	const struct schema *schema = NULL;

	if (parser->depth >= SCHEMA_DEPTH_MAX) {
		fail(parser->err, FATAL, "types are nested deeper than %d levels", SCHEMA_DEPTH_MAX);
		return NULL;
	}
	parser->depth++;
	if (tree_string(json))
		schema = tree_find(parser, tree_string(json), space);
	else if (json_is_array(json))
		schema = parse_union(parser, json, space);
	else if (json_is_object(json))
		schema = parse_object(parser, json, space);
	else
		fail(parser->err, FATAL, "a type must be a string, an object, or an array (a union)");
	parser->depth--;
	return schema;
}

/* ---- the document ---- */

static int
check_defaults(struct parser *parser)
{
	struct arena arena = {0};
	int result = 0;

	for (size_t i = 0; i < parser->pending_count && result == 0; i++) {
		const struct pending *pending = &parser->pending[i];
		struct value_reader reader = {.rules = VALUE_DEFAULT, .arena = &arena};
		union slot *to = arena_take(&arena, (size_t)pending->field->schema->width * sizeof(*to));

		result = value_read(&reader, pending->field->schema, pending->field->initial, to);
		if (result < 0)
			fail(parser->err, FATAL, "field %s.%s: wrong default%s%s: %s",
			     schema_short_name(pending->record), pending->field->name,
			     reader.fault.path[reader.fault.start] ? " at " : "",
			     reader.fault.path + reader.fault.start, reader.fault.why);
		arena_reset(&arena);
	}
	arena_fini(&arena);
	return result;
}

static json_t *
load_json(struct bytes text, struct error *err)
{
	json_error_t where;
	json_t *json;
	char *plain;

	if (text.size > SCHEMA_TEXT_SIZE_MAX) {
		fail(err, FATAL, "the schema has %zu bytes; at most %d are allowed", text.size, SCHEMA_TEXT_SIZE_MAX);
		return NULL;
	}
	plain = schema_text_plain(bytes_without_mark(text));
	/* A default for bytes may well hold a NUL; tree_string keeps it out of names. */
	json = json_loadb(plain, bytes_without_mark(text).size,
			  JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
	if (!json)
		fail(err, FATAL, "line %d, column %d: not JSON: %s", where.line, where.column, where.text);
	memory_free(&plain);
	return json;
}

int
schema_parse(struct bytes text, struct schema_document **out, struct error *err)
{
	struct schema_document *document;
	struct parser parser = {.err = err};
	json_t *json = load_json(text, err);
	char *canonical;
	int result;

	*out = NULL;
	if (!json)
		return -1;
	parser.memory = memory_new(sizeof(*parser.memory));
	parser.memory->json = json;
	parser.names = json_object();
	document = memory_new(sizeof(*document));
	document->owned = parser.memory;
	document->root = parse_type(&parser, json, "");
	result = document->root ? check_defaults(&parser) : -1;
	json_decref(parser.names);
	memory_free(&parser.named);
	memory_free(&parser.pending);
	if (result < 0) {
		schema_free(&document);
		return -1;
	}
	canonical = schema_canonical(document->root);
	document->fingerprint = schema_fingerprint(bytes_of_text(canonical));
	memory_free(&canonical);
	*out = document;
	return 0;
}

int
schema_parse_file(const char *path, struct schema_document **out, struct error *err)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t size;
	int result;

	*out = NULL;
	if (!file)
		return fail(err, FATAL, "%s: the schema cannot be opened: %s", path, strerror(errno));
	text = memory_new(SCHEMA_TEXT_SIZE_MAX + 1);
	size = fread(text, 1, SCHEMA_TEXT_SIZE_MAX + 1, file);
	result = ferror(file) ? fail(err, FATAL, "the schema cannot be read: %s", strerror(errno))
			      : schema_parse(bytes_of(text, size), out, err);
	fclose(file);
	memory_free(&text);
	return result < 0 ? fail_in(err, "%s", path) : 0;
}
