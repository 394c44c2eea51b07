/*
 * A schema's tree while it is being built from its JSON (schema_parse.c): the nodes, the names that are known so far,
 * and the attributes that types have in common. Functions that return a pointer return NULL with parser->err.
 */
#ifndef RECORD_SCHEMA_TREE_H
#define RECORD_SCHEMA_TREE_H

#include "base/arena.h"
#include "record/schema.h"

/* The memory behind a document. */
struct schema_memory {
	struct arena arena; /* the nodes and the names that had to be put together */
	json_t *json;	    /* the other texts, and the defaults */
};

/* A schema with what only the parser has to know of it. */
struct node {
	struct schema schema; /* first: a pointer to it is a pointer to this */
	int height;	      /* levels of types below and including this one */
	bool done;
};

/* A default value that is still to be checked. */
struct pending {
	const struct schema *record;
	const struct schema_field *field;
};

struct parser {
	struct schema_memory *memory;
	json_t *names; /* full name -> index into `named` */
	struct node **named;
	size_t named_count;
	struct pending *pending;
	size_t pending_count;
	int nodes;
	int depth;
	bool located; /* the error says in which field */
	struct error *err;
};

int tree_primitive(const char *name); /* the enum schema_type of a primitive type, or -1 */
bool tree_simple_name(const char *name, size_t size);

/* The text of a JSON string; NULL for everything else, also for a string that holds a NUL. */
const char *tree_string(const json_t *json);

/* A text attribute. NULL where it is missing or null or, with *bad and an error, where it is wrong. */
const char *tree_text(struct parser *parser, const json_t *json, const char *attribute, bool required, bool *bad);
/* An array attribute; *out NULL: missing. */
int tree_array(struct parser *parser, const json_t *json, const char *attribute, bool required, const json_t **out);
/* Aliases of a type (`space` given: full names) or of a field (NULL). */
int tree_aliases(struct parser *parser, const json_t *json, const char *space, const char *const **out);

struct node *tree_node_new(struct parser *parser, enum schema_type type);
/* A named type, with its name, aliases and doc; *space becomes the namespace of what it holds. */
struct node *tree_named_new(struct parser *parser, const json_t *json, enum schema_type type, const char **space);
/* Closes a node of which the parts are known. */
const struct schema *tree_node_done(struct parser *parser, struct node *node, int inner_height, int width);
int tree_height(const struct schema *schema);
/* What a name means, in a namespace. A record that is not closed yet contains itself then. */
const struct schema *tree_find(struct parser *parser, const char *name, const char *space);

#endif
