/*
 * The field `caused_at` of rows that are kept up to date, of user_history and user_embedding: the time of the newest
 * event that the row takes in for the first time; null where none did, but time has passed. What freshness is measured
 * from. A schema need not have it.
 */
#ifndef OPERATORS_CAUSED_AT_H
#define OPERATORS_CAUSED_AT_H

#include "record/record.h"

/* FATAL: it is there, and not a nullable long. */
int caused_at_field(const struct schema *row, struct field *out, struct error *err);
/* TIME_MIN: no event. Nothing where there is no such field. */
void caused_at_set(struct record *row, struct field field, int64_t ms);
int64_t caused_at_get(const struct record *row, struct field field); /* the field is there */

#endif
