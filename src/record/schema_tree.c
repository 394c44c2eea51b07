#include "record/schema_tree.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static const char *const no_names[] = {NULL};

#define PRIMITIVE(kind)                                                                                                \
	[kind] = {.schema = {.type = kind, .aliases = no_names, .width = 1, .symbol_default = -1, .null_branch = -1},  \
		  .height = 1,                                                                                         \
		  .done = true}

static const struct node primitives[] = {
	PRIMITIVE(SCHEMA_NULL),	 PRIMITIVE(SCHEMA_BOOLEAN), PRIMITIVE(SCHEMA_INT),   PRIMITIVE(SCHEMA_LONG),
	PRIMITIVE(SCHEMA_FLOAT), PRIMITIVE(SCHEMA_DOUBLE),  PRIMITIVE(SCHEMA_BYTES), PRIMITIVE(SCHEMA_STRING),
};

#define PRIMITIVE_COUNT (int)(sizeof(primitives) / sizeof(primitives[0]))

int
tree_primitive(const char *name)
{
	for (int i = 0; i < PRIMITIVE_COUNT; i++)
		if (strcmp(schema_type_name((enum schema_type)i), name) == 0)
			return i;
	return -1;
}

/* ---- names ---- */

bool
tree_simple_name(const char *name, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = name[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

		if (!letter && !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return size > 0;
}

static bool
dotted_name(const char *name)
{
	for (;;) {
		size_t size = strcspn(name, ".");

		if (!tree_simple_name(name, size))
			return false;
		if (!name[size])
			return true;
		name += size + 1;
	}
}

static char *
take_text(struct parser *parser, const char *first, const char *second)
{
	size_t size = strlen(first) + strlen(second) + 2;
	char *text = arena_take(&parser->memory->arena, size);

	if (*first)
		snprintf(text, size, "%s.%s", first, second);
	else
		snprintf(text, size, "%s", second);
	return text;
}

/* A name that may come with its namespace; without, it is in `space`. */
static const char *
full_name(struct parser *parser, const char *name, const char *space)
{
	return strchr(name, '.') ? name : take_text(parser, space, name);
}

static const char *
space_of(struct parser *parser, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t size = dot ? (size_t)(dot - name) : 0;
	char *space = arena_take(&parser->memory->arena, size + 1);

	memcpy(space, name, size);
	space[size] = 0;
	return space;
}

/* ---- attributes ---- */

const char *
tree_string(const json_t *json)
{
	const char *text = json_string_value(json);

	return text && strlen(text) == json_string_length(json) ? text : NULL;
}

/* A text attribute. NULL where it is missing or null or, with an error, where it is something else. */
const char *
tree_text(struct parser *parser, const json_t *json, const char *attribute, bool required, bool *bad)
{
	const json_t *value = json_object_get(json, attribute);
	const char *text = tree_string(value);

	if (text)
		return text;
	if ((value && !json_is_null(value)) || required) {
		fail(parser->err, FATAL, value ? "\"%s\" must be a string" : "\"%s\" is missing", attribute);
		*bad = true;
	}
	return NULL;
}

int
tree_array(struct parser *parser, const json_t *json, const char *attribute, bool required, const json_t **out)
{
	*out = json_object_get(json, attribute);
	if (json_is_null(*out) && !required)
		*out = NULL;
	if (!*out && !required)
		return 0;
	if (!*out)
		return fail(parser->err, FATAL, "\"%s\" is missing: an array is needed", attribute);
	if (!json_is_array(*out))
		return fail(parser->err, FATAL, "\"%s\" must be an array", attribute);
	if (json_array_size(*out) > SCHEMA_NODES_MAX)
		return fail(parser->err, FATAL, "\"%s\" has more than %d elements", attribute, SCHEMA_NODES_MAX);
	return 0;
}

/* Aliases of a type (`space` given: full names) or of a field (NULL). */
int
tree_aliases(struct parser *parser, const json_t *json, const char *space, const char *const **out)
{
	const json_t *list;
	const char **names;

	*out = no_names;
	if (tree_array(parser, json, "aliases", false, &list) < 0)
		return -1;
	if (!list)
		return 0;
	names = arena_take(&parser->memory->arena, (json_array_size(list) + 1) * sizeof(*names));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *alias = tree_string(json_array_get(list, i));

		if (!alias || !(space ? dotted_name(alias) : tree_simple_name(alias, strlen(alias))))
			return fail(parser->err, FATAL, "alias %zu is not a name", i + 1);
		names[i] = space ? full_name(parser, alias, space) : alias;
	}
	names[json_array_size(list)] = NULL;
	*out = names;
	return 0;
}

/* ---- nodes ---- */

struct node *
tree_node_new(struct parser *parser, enum schema_type type)
{
	struct node *node;

	if (parser->nodes++ >= SCHEMA_NODES_MAX) {
		fail(parser->err, FATAL, "the schema has more than %d types", SCHEMA_NODES_MAX);
		return NULL;
	}
	node = arena_take(&parser->memory->arena, sizeof(*node));
	*node = (struct node){
		.schema = {.type = type, .aliases = no_names, .width = 1, .symbol_default = -1, .null_branch = -1}};
	return node;
}

int
tree_height(const struct schema *schema)
{
	const struct node *node = (const struct node *)schema;

	return node->done ? node->height : 0;
}

/* Closes a node of which the parts are known. */
const struct schema *
tree_node_done(struct parser *parser, struct node *node, int inner_height, int width)
{
	node->height = inner_height + 1;
	node->schema.width = node->schema.by_reference ? 1 : width;
	node->done = true;
	if (node->height > SCHEMA_DEPTH_MAX) {
		fail(parser->err, FATAL, "types are nested deeper than %d levels", SCHEMA_DEPTH_MAX);
		return NULL;
	}
	if (width > SCHEMA_WIDTH_MAX) {
		fail(parser->err, FATAL, "a value of the type has more than %d parts", SCHEMA_WIDTH_MAX);
		return NULL;
	}
	return &node->schema;
}

/* Name, namespace, aliases and doc of a record, enum or fixed; makes it known by its name. */
struct node *
tree_named_new(struct parser *parser, const json_t *json, enum schema_type type, const char **space)
{
	struct node *node = tree_node_new(parser, type);
	bool bad = false;
	const char *name = tree_text(parser, json, "name", true, &bad);
	const char *own_space = tree_text(parser, json, "namespace", false, &bad);
	const char *doc = tree_text(parser, json, "doc", false, &bad);
	struct schema *schema;

	if (bad || !node)
		return NULL;
	schema = &node->schema;
	if (!dotted_name(name) || (own_space && *own_space && !dotted_name(own_space))) {
		fail(parser->err, FATAL,
		     "\"%s\" in namespace \"%s\" is not a name: letters, digits and _ are allowed, "
		     "parted by dots, and no digit first",
		     name, own_space ? own_space : *space);
		return NULL;
	}
	schema->doc = doc;
	schema->name = full_name(parser, name, own_space ? own_space : *space);
	*space = space_of(parser, schema->name);
	if (tree_primitive(schema_short_name(schema)) >= 0) {
		fail(parser->err, FATAL, "a type cannot be named %s: that is a type of Avro's", name);
		return NULL;
	}
	if (json_object_get(parser->names, schema->name)) {
		fail(parser->err, FATAL, "%s is defined twice; name it the second time without defining it again",
		     schema->name);
		return NULL;
	}
	if (tree_aliases(parser, json, *space, &schema->aliases) < 0)
		return NULL;
	json_object_set_new(parser->names, schema->name, json_integer((json_int_t)parser->named_count));
	parser->named = memory_resize_array(parser->named, parser->named_count + 1, sizeof(*parser->named));
	parser->named[parser->named_count++] = node;
	return node;
}

/* A short name means the type of its namespace, else one without a namespace. */
const struct schema *
tree_find(struct parser *parser, const char *name, const char *space)
{
	int primitive = tree_primitive(name);
	const json_t *index;
	struct node *node;

	if (primitive >= 0)
		return &primitives[primitive].schema;
	index = json_object_get(parser->names, full_name(parser, name, space));
	if (!index)
		index = json_object_get(parser->names, name);
	if (!index) {
		fail(parser->err, FATAL,
		     "type %s is not known: expected one of Avro's types, or a name that is defined "
		     "further up",
		     name);
		return NULL;
	}
	node = parser->named[json_integer_value(index)];
	if (!node->done)
		node->schema.by_reference = true;
	return &node->schema;
}
