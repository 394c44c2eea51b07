#include "dataflow/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/memory.h"

#define ENTRIES_MIN 8 /* of the first allocation of a map or list */

struct loading {
	struct yaml *yaml;
	struct yaml_problems *problems;
	yaml_parser_t parser;
	int depth;
};

static struct yaml_node *load_node(struct loading *loading, const yaml_event_t *event);

const char *
yaml_kind_name(enum yaml_kind kind)
{
	static const char *const names[] = {[YAML_TEXT] = "a text", [YAML_MAP] = "a map", [YAML_LIST] = "a list"};

	return names[kind];
}

const struct yaml_entry *
yaml_find(const struct yaml_node *map, const char *name)
{
	for (int i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
		if (strcmp(map->entries[i].name, name) == 0)
			return &map->entries[i];
	return NULL;
}

static struct yaml_place
place_of(yaml_mark_t mark)
{
	return (struct yaml_place){.line = (int)mark.line + 1, .column = (int)mark.column + 1};
}

/* ---- building ---- */

static char *
keep_text(struct yaml *yaml, const char *text, size_t size)
{
	char *kept = arena_take(&yaml->arena, size + 1);

	memcpy(kept, text, size);
	kept[size] = 0;
	return kept;
}

static struct yaml_node *
new_node(struct yaml *yaml, enum yaml_kind kind, struct yaml_place place)
{
	struct yaml_node *node = arena_take(&yaml->arena, sizeof(*node));

	*node = (struct yaml_node){.kind = kind, .place = place};
	yaml->node_count++;
	return node;
}

static struct yaml_node *
new_text(struct yaml *yaml, const char *text, size_t size, bool plain, struct yaml_place place)
{
	struct yaml_node *node = new_node(yaml, YAML_TEXT, place);

	node->text = keep_text(yaml, text, size);
	node->empty = plain && (!*node->text || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
	return node;
}

static void
add_entry(struct yaml *yaml, struct yaml_node *node, const char *name, struct yaml_place place, struct yaml_node *value)
{
	if (node->count == node->capacity) {
		int capacity = node->capacity ? node->capacity * 2 : ENTRIES_MIN;
		struct yaml_entry *entries = arena_take(&yaml->arena, sizeof(*entries) * (size_t)capacity);

		if (node->count)
			memcpy(entries, node->entries, sizeof(*entries) * (size_t)node->count);
		node->entries = entries;
		node->capacity = capacity;
	}
	node->entries[node->count++] = (struct yaml_entry){.name = name, .place = place, .value = value};
}

/* ---- loading ---- */

static bool
next_event(struct loading *loading, yaml_event_t *event)
{
	yaml_parser_t *parser = &loading->parser;

	if (yaml_parser_parse(parser, event))
		return true;
	/* Errors of the reader (bytes that are not UTF-8) have an offset instead of a mark. */
	if (parser->error == YAML_READER_ERROR)
		yaml_problems_add(loading->problems, place_of(parser->mark), "this is not YAML: %s at byte %zu",
				  parser->problem, parser->problem_offset);
	else
		yaml_problems_add(loading->problems, place_of(parser->problem_mark), "this is not YAML: %s%s%s",
				  parser->problem ? parser->problem : "it cannot be read", parser->context ? " " : "",
				  parser->context ? parser->context : "");
	return false;
}

static struct yaml_node *
refuse(struct loading *loading, struct yaml_place place, const char *what)
{
	yaml_problems_add(loading->problems, place, "%s", what);
	return NULL;
}

static struct yaml_node *
refuse_more(struct loading *loading, struct yaml_place place, int most, const char *what)
{
	yaml_problems_add(loading->problems, place, "more than %d %s", most, what);
	return NULL;
}

static struct yaml_node *
load_scalar(struct loading *loading, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;

	if (memchr(text, 0, size))
		return refuse(loading, place_of(event->start_mark), "a text has a zero byte in it");
	return new_text(loading->yaml, text, size, event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
			place_of(event->start_mark));
}

/* The next value of a list or map; *end: there is none. NULL without *end: a problem was added. */
static struct yaml_node *
load_next(struct loading *loading, bool *end)
{
	struct yaml_node *node = NULL;
	yaml_event_t event;

	*end = false;
	if (!next_event(loading, &event))
		return NULL;
	if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT)
		*end = true;
	else
		node = load_node(loading, &event);
	yaml_event_delete(&event);
	return node;
}

/* Adds one entry. False: it was the end, or there was a problem and *bad is set. */
static bool
load_entry(struct loading *loading, struct yaml_node *node, bool *bad)
{
	const struct yaml_entry *first;
	struct yaml_node *key, *value;
	bool end;

	key = load_next(loading, &end);
	*bad = !key && !end;
	if (!key)
		return false;
	*bad = true;
	if (node->count >= YAML_ENTRIES_MAX)
		return refuse_more(loading, key->place, YAML_ENTRIES_MAX, "entries in one map or list");
	if (node->kind == YAML_LIST) {
		add_entry(loading->yaml, node, NULL, key->place, key);
		return !(*bad = false);
	}
	if (key->kind != YAML_TEXT)
		return refuse(loading, key->place, "a key is a map or a list; expected a name");
	first = yaml_find(node, key->text);
	if (first) {
		yaml_problems_add(loading->problems, key->place, "duplicate key \"%s\"; it stands in line %d already",
				  key->text, first->place.line);
		return false;
	}
	value = load_next(loading, &end);
	if (!value)
		return false;
	add_entry(loading->yaml, node, key->text, key->place, value);
	return !(*bad = false);
}

static struct yaml_node *
load_entries(struct loading *loading, enum yaml_kind kind, struct yaml_place place)
{
	struct yaml_node *node = new_node(loading->yaml, kind, place);
	bool bad;

	if (loading->depth == YAML_DEPTH_MAX)
		return refuse_more(loading, place, YAML_DEPTH_MAX, "maps and lists inside each other");
	loading->depth++;
	while (load_entry(loading, node, &bad))
		;
	loading->depth--;
	return bad ? NULL : node;
}

static bool
has_anchor(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor;
	default:
		return false;
	}
}

static struct yaml_node *
load_node(struct loading *loading, const yaml_event_t *event)
{
	struct yaml_place place = place_of(event->start_mark);

	if (has_anchor(event))
		return refuse(loading, place, "anchors (&) and aliases (*) are not taken; write the value out");
	if (loading->yaml->node_count >= YAML_NODES_MAX)
		return refuse_more(loading, place, YAML_NODES_MAX, "values in one document");
	if (event->type == YAML_SCALAR_EVENT)
		return load_scalar(loading, event);
	if (event->type == YAML_MAPPING_START_EVENT)
		return load_entries(loading, YAML_MAP, place);
	insist(event->type == YAML_SEQUENCE_START_EVENT);
	return load_entries(loading, YAML_LIST, place);
}

/* Events from the start of the stream to the end of the first document; then there must be nothing more. */
static int
load_document(struct loading *loading)
{
	struct yaml_place top = {.line = 1, .column = 1};
	struct yaml_node *root = NULL;
	bool end = false;

	while (!end) {
		yaml_event_t event;
		bool good = next_event(loading, &event);

		if (!good)
			return -1;
		if (event.type == YAML_DOCUMENT_START_EVENT && root)
			good = refuse(loading, place_of(event.start_mark),
				      "a second document begins here; expected one");
		else if (event.type == YAML_STREAM_END_EVENT)
			end = true;
		else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT &&
			 event.type != YAML_DOCUMENT_END_EVENT)
			good = (root = load_node(loading, &event));
		yaml_event_delete(&event);
		if (!good)
			return -1;
	}
	if (!root || (root->kind == YAML_TEXT && root->empty)) {
		yaml_problems_add(loading->problems, top,
				  "the file is empty; expected a map of keys such as \"name: x\"");
		return -1;
	}
	if (root->kind != YAML_MAP) {
		yaml_problems_add(loading->problems, root->place,
				  "the document is %s; expected a map of keys such as "
				  "\"name: x\"",
				  yaml_kind_name(root->kind));
		return -1;
	}
	loading->yaml->root = root;
	return 0;
}

static int
read_file(const char *file, size_t size_max, struct buffer *out, struct yaml_problems *problems)
{
	struct yaml_place top = {.line = 1, .column = 1};
	FILE *in = fopen(file, "rb");
	bool failed;

	if (!in) {
		yaml_problems_add(problems, top, "the file cannot be opened: %s", strerror(errno));
		return -1;
	}
	buffer_reserve(out, size_max + 1);
	out->size = fread(out->data, 1, size_max + 1, in);
	failed = ferror(in);
	fclose(in);
	if (failed) {
		yaml_problems_add(problems, top, "the file cannot be read");
		return -1;
	}
	if (out->size > size_max) {
		yaml_problems_add(problems, top, "the file is larger than %zu bytes", size_max);
		return -1;
	}
	return 0;
}

int
yaml_load(struct yaml *yaml, const char *file, size_t size_max, struct yaml_problems *problems)
{
	struct loading loading = {.yaml = yaml, .problems = problems};
	struct buffer text = {0};
	int result = read_file(file, size_max, &text, problems);

	if (result == 0) {
		struct bytes plain = bytes_without_mark(buffer_bytes(&text));

		insist(yaml_parser_initialize(&loading.parser));
		yaml_parser_set_input_string(&loading.parser, plain.data, plain.size);
		yaml_parser_set_encoding(&loading.parser, YAML_UTF8_ENCODING);
		result = load_document(&loading);
		yaml_parser_delete(&loading.parser);
	}
	buffer_fini(&text);
	return result;
}

void
yaml_fini(struct yaml *yaml)
{
	arena_fini(&yaml->arena);
	*yaml = (struct yaml){0};
}

/* ---- overrides ---- */

/* The longest key of the map that the path, of `size` bytes, starts with; *used: its size. */
static struct yaml_entry *
find_longest(const struct yaml_node *map, const char *path, size_t size, size_t *used)
{
	struct yaml_entry *found = NULL;

	for (int i = 0; i < map->count; i++) {
		size_t name = strlen(map->entries[i].name);

		if (name <= size && memcmp(map->entries[i].name, path, name) == 0 &&
		    (name == size || path[name] == '.') && (!found || name > *used)) {
			found = &map->entries[i];
			*used = name;
		}
	}
	return found;
}

/* Goes down one key of the path; where it is missing, it is added with an empty map as its value. */
static struct yaml_entry *
descend(struct yaml *yaml, struct yaml_node *map, const char *path, size_t *used, bool whole, struct yaml_place place)
{
	size_t size = strcspn(path, "=");
	struct yaml_entry *found = find_longest(map, path, size, used);

	if (found)
		return found;
	*used = whole ? size : strcspn(path, ".=");
	add_entry(yaml, map, keep_text(yaml, path, *used), place, new_node(yaml, YAML_MAP, place));
	return &map->entries[map->count - 1];
}

int
yaml_override(struct yaml *yaml, const char *text, int number, const char *whole_below, struct yaml_problems *problems)
{
	struct yaml_place place = {.overridden = true, .line = number, .column = 1};
	const char *value = strchr(text, '=');
	const char *path = text;
	struct yaml_node *map = yaml->root;
	struct yaml_entry *entry;
	size_t used = 0;

	if (!value || value == text) {
		yaml_problems_add(problems, place, "\"%.200s\" cannot be set; expected path.to.key=value", text);
		return -1;
	}
	for (bool whole = false;; path += used + 1) {
		place.column = (int)(path - text) + 1;
		if (map->kind != YAML_MAP || *path == '.' || *path == '=') {
			yaml_problems_add(problems, place, "\"%.200s\" cannot be set: \"%.*s\" %s", text,
					  (int)(path == text ? 0 : path - text - 1), text,
					  map->kind != YAML_MAP ? "is no map" : "has an empty key behind it");
			return -1;
		}
		entry = descend(yaml, map, path, &used, whole, place);
		if (path[used] == '=')
			break;
		whole = whole_below && map == yaml->root && strcmp(entry->name, whole_below) == 0;
		map = entry->value;
	}
	place.column = (int)(value - text) + 2;
	entry->value = new_text(yaml, value + 1, strlen(value + 1), true, place);
	return 0;
}
