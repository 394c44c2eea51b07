/*
 * The symbols of an enum as code knows them: by numbers of its own, which do not change with the schema.
 */
#ifndef RECORD_SYMBOLS_H
#define RECORD_SYMBOLS_H

#include "record/schema.h"

#define SYMBOLS_MAX 64

struct symbol_map {
	int to_number[SYMBOLS_MAX]; /* by the schema's symbol */
	int to_symbol[SYMBOLS_MAX]; /* by number; -1: the schema lacks it */
};

/* `names` by number, `count` of them. FATAL: the enum has a symbol that is none of them, or too many symbols. */
int symbol_map_init(struct symbol_map *map, const struct schema *enumeration, const char *const *names, int count,
		    struct error *err);
/* FATAL: the enum lacks one of the names; for enums that are written. */
int symbol_map_complete(const struct symbol_map *map, const struct schema *enumeration, const char *const *names,
			int count, struct error *err);

#endif
