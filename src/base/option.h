/*
 * A parameter of anything that is configured: its name, type, default, bounds, unit and help, one row each. The rows
 * drive the topology loader, `isotope validate`, `isotope operators` and the docs, so there is nothing to keep in step.
 *
 * A row says where its value goes: the offset of a field in the struct that is being configured.
 */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum option_type {
	OPTION_BOOLEAN,	 /* bool       "true", "false" */
	OPTION_INTEGER,	 /* int64_t    "42" */
	OPTION_NUMBER,	 /* double     "0.05" */
	OPTION_DURATION, /* int64_t ms "250ms" "5s" "10min" "1h" "7d"; a bare 0 is fine */
	OPTION_SIZE,	 /* int64_t    bytes: "4096" "64KiB" "512MiB" "2GiB" */
	OPTION_TEXT,	 /* char *     owned by the struct; freed by option_free */
	OPTION_CHOICE,	 /* int        index into `choices` */
	OPTION_GROUPS,	 /* struct option_groups: a map of named groups, each with a table of its own; `max` of them */
};

/* What OPTION_GROUPS sets: `count` structs one behind the other, in their order. Freed by option_free. */
struct option_groups {
	void *items;
	int count;
};

/* What each of the groups is. */
struct option_group {
	const struct option *options; /* of which none is OPTION_GROUPS */
	size_t size;		      /* of the struct they are read into */
	size_t name;		      /* offset of the group's name in it: a char *, owned by the struct */
};

struct option {
	const char *name;
	enum option_type type;
	size_t offset;		    /* of the field in the struct */
	const char *initial;	    /* the default as text; NULL: required; OPTION_GROUPS: "", none */
	double min, max;	    /* bounds, inclusive, in the field's unit; both 0: none */
	const char *const *choices; /* OPTION_CHOICE: NULL-terminated */
	const char *unit;	    /* for people: "ms", "bytes", "records/s"; NULL: none */
	const char *help;	    /* one sentence */

	const struct option_group *group; /* OPTION_GROUPS */
	bool state; /* what is kept in state depends on it: it cannot be changed while there is any */
};

/* An option table ends with a row without a name. */
#define OPTION_END                                                                                                     \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

/* Sets every field of `into` to its default; required ones to zero. */
void option_defaults(const struct option *table, void *into);

/* Parses `text` into the field. The error says what was expected ("a duration such as 250ms, 5s, 10min or 1h"). */
int option_parse(const struct option *option, const char *text, void *into, struct error *err);

/* Prints the field's value as the text that option_parse would read, e.g. "10min". */
void option_print(const struct option *option, const void *from, char *to, size_t size);

const char *option_type_name(enum option_type type); /* "duration", "size", ... */
const char *option_expected(enum option_type type);  /* "a duration such as 250ms, 5s, 10min or 1h", ... */

/* OPTION_GROUPS: adds a group of this name and gives its struct, zeroed: valid until the next one is added. */
void *option_group_add(const struct option *option, const char *name, void *into);

/* Frees what the fields own. */
void option_free(const struct option *table, void *into);

const struct option *option_find(const struct option *table, const char *name); /* or NULL */

/* The name in a NULL-terminated list that `name` was most likely meant to be (edit distance), or NULL. */
const char *option_closest(const char *name, const char *const *names);

#endif
