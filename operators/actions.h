/*
 * What a user can do with an item: the symbols of the enum `action` of an engagement. State keeps an action as its
 * number here, which does not depend on a schema; so new ones are added at the end.
 */
#ifndef OPERATORS_ACTIONS_H
#define OPERATORS_ACTIONS_H

#include "record/schema.h"

#define ACTIONS_COUNT 9
#define ACTIONS_SYMBOLS_MAX 64

extern const char *const actions_names[ACTIONS_COUNT];

/* From numbers to the symbols of an enum of a schema and back. A number that the schema lacks is -1. */
struct actions_map {
	int to_action[ACTIONS_SYMBOLS_MAX];
	int to_symbol[ACTIONS_COUNT];
};

/* Refuses an enum that has a symbol nobody knows. */
int actions_map_init(struct actions_map *map, const struct schema *schema, struct error *err);

/* "click, like share": a set of bits, 1 << number. Refuses unknown names, and a list of none. */
int actions_parse(const char *list, unsigned *set, struct error *err);

#endif
