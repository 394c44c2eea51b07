/*
 * A YAML document as a tree that knows where everything stands. Only what configuration needs: maps, lists, scalars as
 * text. Refused with their place: duplicate keys, anchors and aliases (a few lines of them can stand for gigabytes), a
 * second document, and what is beyond the limits below.
 *
 * Nodes and texts belong to the struct yaml. One thread's while it is loaded or changed.
 */
#ifndef DATAFLOW_YAML_H
#define DATAFLOW_YAML_H

#include "base/arena.h"
#include "dataflow/yaml_problems.h"

#define YAML_DEPTH_MAX 32     /* maps and lists inside each other */
#define YAML_NODES_MAX 100000 /* in one document */
#define YAML_ENTRIES_MAX 4000 /* of one map or list */

enum yaml_kind { YAML_TEXT, YAML_MAP, YAML_LIST };

struct yaml_node {
	enum yaml_kind kind;
	struct yaml_place place;
	const char *text;	    /* YAML_TEXT */
	bool empty;		    /* YAML_TEXT: no value was given: nothing, "~" or "null", unquoted */
	struct yaml_entry *entries; /* YAML_MAP, YAML_LIST */
	int count, capacity;
};

struct yaml_entry {
	const char *name;	 /* the key; NULL in a list */
	struct yaml_place place; /* of the key; in a list of the value */
	struct yaml_node *value;
};

struct yaml {
	struct arena arena;
	struct yaml_node *root; /* always a map */
	int node_count;
};

/* Loads a file of at most `size_max` bytes. -1: the reason was added to `problems`. All zero bytes are a valid empty
 * struct yaml; yaml_fini frees it also after a failure. */
int yaml_load(struct yaml *yaml, const char *file, size_t size_max, struct yaml_problems *problems);
void yaml_fini(struct yaml *yaml);

/*
 * Sets one key by the text of a --set, "path.to.key=value"; `number` counts them from 1. Maps on the way are made where
 * they are missing. A key with dots in it is found where it exists already; below `whole_below` (a key of the root, or
 * NULL) the rest of the path is one key.
 */
int yaml_override(struct yaml *yaml, const char *text, int number, const char *whole_below,
		  struct yaml_problems *problems);

const struct yaml_entry *yaml_find(const struct yaml_node *map, const char *name); /* or NULL */
const char *yaml_kind_name(enum yaml_kind kind);				   /* "a text", "a map", "a list" */

#endif
