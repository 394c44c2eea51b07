/* Which of a writer's and a reader's types match (Avro 1.11, "Schema Resolution"); for resolve.c alone. */
#ifndef RECORD_RESOLVE_MATCH_H
#define RECORD_RESOLVE_MATCH_H

#include "record/schema.h"

/* Whether the writer's named type is the reader's, by its name or an alias, without their namespaces. */
bool resolve_names_match(const struct schema *writer, const struct schema *reader);

/* Whether values of one may be readable as the other; of unions always: which branch is written decides. */
bool resolve_types_match(const struct schema *writer, const struct schema *reader);

/*
 * Which branch of a reader's union takes the writer's values, -1: none. One of the writer's own type is preferred to
 * one that only promotion reaches: so reading with the schema a value was written with gives back its branch, whatever
 * the order.
 */
int resolve_branch(const struct schema *writer, const struct schema *reader);

#endif
