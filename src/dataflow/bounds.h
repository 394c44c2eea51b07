/*
 * Bounds on values: what nobody could use is refused at the door, whichever operator reads it. An id that is empty
 * makes strangers one, a weight of 0 or NaN spoils every mean that it gets into.
 *
 * One table, by record and field, is all there is: the manual pages print it, and the docs of schemas/ say the same
 * (bounds_test.c holds them together). It applies to each topic whose record has the name, except internal ones; a
 * schema that lacks a field, or has it in another type, is not bound by it.
 */
#ifndef DATAFLOW_BOUNDS_H
#define DATAFLOW_BOUNDS_H

#include "base/error.h"
#include "record/record.h"

enum bound_range {
	BOUND_NOT_EMPTY,   /* of texts; all others are of numbers, or lists of them, and exclude NaN and infinity */
	BOUND_FINITE,	   /* any number */
	BOUND_COUNT,	   /* 0 or more, of whole numbers */
	BOUND_AMOUNT,	   /* 0 or more */
	BOUND_PROBABILITY, /* 0 to 1 */
	BOUND_SHARE,	   /* above 0, at most 1: of what rows are weighted by the inverse of */
	BOUND_RANGES,
};

struct value_bound {
	const char *record; /* without its namespace */
	const char *field;
	enum bound_range range;
};

extern const struct value_bound bounds_table[]; /* ends with a row without a record */

/* A range for people: "above 0, at most 1". */
const char *bounds_range_text(enum bound_range range);

/* The bounds of one schema, resolved. Immutable. */
struct bounds;

struct bounds *bounds_new(const struct schema *record); /* NULL: it has none */
void bounds_free(struct bounds **bounds);

/* SKIP: the field, its value, and what was expected. `bounds` NULL: nothing is bound. */
int bounds_check(const struct bounds *bounds, const struct record *record, struct error *err);

#endif
