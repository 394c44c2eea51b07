/*
 * A text out of an encoded record, without decoding it: what lies before it is walked over. For bodies that a store
 * keeps, of which a field or two are asked now and then.
 */
#ifndef RECORD_TEXT_FIELD_H
#define RECORD_TEXT_FIELD_H

#include "record/schema.h"

/* The number of a field that is a plain string, -1: the record has none of that name. */
int text_field_find(const struct schema *record, const char *name);

/* The text of a field by its number, a view of `body`, which is a value of `record` as encode.h writes it. */
struct bytes text_field_of(const struct schema *record, struct bytes body, int number);

#endif
