/*
 * A plan: what to do, in the order of the encoded bytes, to fill slots from them. Compiled once per pair of a writer's
 * and a reader's schema (resolve.c), run per record (decode.c). The plan of a schema with itself also serves the other
 * way (encode.c): then it has none of the operations that change or skip.
 *
 * A routine is a run of operations up to OP_END: one per pair of records, per kind of array item, per branch of a
 * union. Simple values follow each other straight; only records, items and branches call another routine.
 */
#ifndef RECORD_PLAN_H
#define RECORD_PLAN_H

#include "base/arena.h"
#include "record/fault.h"
#include "record/record.h"

#define PLAN_OPERATIONS_MAX 1000000 /* of one plan */

enum op_code {
	OP_END,
	OP_STRING, /* count: how many of them in a row, in slots in a row */
	OP_INT,
	OP_LONG,
	OP_DOUBLE,
	OP_FLOAT,
	OP_ENUM, /* count: symbols */
	OP_BOOLEAN,
	OP_NULLABLE, /* a union of null and one type; `skip` operations for the value come next */
	OP_NULL,
	OP_BYTES,
	OP_FIXED,	 /* count: bytes */
	OP_UNION,	 /* count: branches; table: a routine for each; width: the slots to clear */
	OP_BRANCH,	 /* count: the reader's branch, to be noted in the slot */
	OP_RECORD,	 /* table: routine */
	OP_RECORD_APART, /* the same, its `width` slots being elsewhere */
	OP_ARRAY,	 /* table: routine of an item, of `width` slots; also maps, an item being key and value */

	/* Only where writer and reader differ. */
	OP_ENUM_MAPPED, /* count: the writer's symbols; table: int32_t for each, -1: unknown to the reader */
	OP_INT_TO_FLOAT,
	OP_INT_TO_DOUBLE,
	OP_LONG_TO_FLOAT,
	OP_LONG_TO_DOUBLE,
	OP_UNIT,       /* a timestamp; count: times so much, or, where negative, so much less, towards the past */
	OP_DEFAULT,    /* table: `width` slots to copy */
	OP_REFUSE,     /* table: text; the writer's branch does not resolve */
	OP_SKIP_VALUE, /* count: op_code of a simple value without slot */
	OP_SKIP_ARRAY,
};

struct op {
	uint8_t code;
	uint8_t null_index; /* OP_NULLABLE: which branch of the writer's is null */
	uint16_t skip;
	int32_t slot;
	int32_t count;
	int32_t width;
	int32_t null_branch; /* OP_NULLABLE: the reader's branches */
	int32_t value_branch;
	const void *table;
	const char *name; /* of the field, for errors; NULL: the value as such */
};

struct routine {
	const struct schema *writer, *reader; /* of records: what it is for; reader NULL: to skip it */
	struct op *ops;
	int count;
	int capacity;
	int *field_ops; /* of records: the operation with which each of the writer's fields begins */
	struct routine *next;
};

struct plan {
	struct arena arena;
	struct routine *routines; /* all, latest first */
	const struct routine *root;
	int operations;
};

/* `reader` is a record. The error names the path. */
int plan_init(struct plan *plan, const struct schema *writer, const struct schema *reader, struct error *err);
void plan_fini(struct plan *plan);

#endif
