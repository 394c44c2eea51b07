/*
 * From parsed JSON to slots, by two sets of rules: plain JSON (json.h), and the default values in a schema (Avro 1.12:
 * bytes and fixed are strings whose code points are the bytes). With both a union takes the first branch that the value
 * fits, and NaN and the infinities are strings.
 */
#ifndef RECORD_VALUE_H
#define RECORD_VALUE_H

#include "record/fault.h"
#include "record/record.h"

#define VALUE_STEPS_MAX 10000000 /* values looked at for one record: trying union branches must not go on for ever */

enum value_rules { VALUE_PLAIN, VALUE_DEFAULT };

struct value_reader {
	enum value_rules rules;
	struct arena *arena; /* gets what the slots point to */
	int depth;
	int64_t steps;
	struct fault fault; /* after a failure: what and where */
};

/* Fills schema->width slots. Returns 0 or -1 with reader->fault. */
int value_read(struct value_reader *reader, const struct schema *schema, const json_t *json, union slot *to);

/* Fills a record's own slots from a JSON object. */
int value_read_fields(struct value_reader *reader, const struct schema *record, const json_t *json, union slot *to);

/* The zero value: null where a union has it, else its first branch; the first symbol; empty arrays and texts. */
void value_zero(const struct schema *schema, union slot *to, struct arena *arena);

#endif
