/*
 * A record: a flat view of an Avro value of record type, with what the log knows of it.
 *
 * The view is an array of 16-byte slots, at positions that depend on the schema alone, so that a field is read by an
 * index that was resolved once (record_field), never by name. Strings and bytes point into the source buffer. A decoded
 * record lives until the operator's process() returns; to keep something longer, copy it.
 *
 * Slots that a value takes (schema.width), by type:
 *     null                      1   (unused)
 *     boolean int long enum     1   .integer (of an enum: the index of the symbol)
 *     float double              1   .real
 *     bytes string fixed        1   .bytes
 *     array                     1   .array: `count` items of items->width slots each, one behind the other
 *     map                       1   .array: `count` pairs of 1 (key, .bytes) + items->width slots
 *     record                    the sum of its fields, in their order; by_reference: 1, .array of its slots, count 1
 *     union                     1 (.integer: the branch) + the widest branch
 *
 * Not thread-safe; one record is one thread's.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "base/arena.h"
#include "base/key.h"
#include "record/schema.h"

union slot {
	int64_t integer;
	double real;
	struct bytes bytes;
	struct {
		union slot *items;
		size_t count;
	} array;
};

struct record {
	const struct schema *schema; /* the reader's schema */
	union slot *slots;	     /* schema->slot_count of them */
	struct bytes body; /* the value encoded in `schema`, where that is known for free; else data is NULL */
	int prefix_fields; /* rows to be written: so many leading fields come as `prefix`, not from slots */
	struct bytes prefix;

	struct key key;	      /* of the log record; bytes.data NULL: none */
	int64_t time_ms;      /* event time */
	int64_t timestamp_ms; /* of the log record */
	int64_t offset;
	int32_t partition;
	bool behind; /* its event time lies behind the task's watermark */
};

/* A field of a record schema, resolved. */
struct field {
	int slot;	 /* of the value */
	int branch_slot; /* of the union's branch; -1: the field is no union */
	int null_branch; /* index of null in the union */
	int value_branch;
	const struct schema *schema; /* of the value, without null */
};

/* Slots for one record of `schema`, zeroed: free them with record_fini. */
void record_init(struct record *record, const struct schema *schema);
void record_fini(struct record *record);

/* Resolves a field by name. A field may be of `type`, or a union of null and `type`; SCHEMA_LONG accepts int too. The
 * error names the record, the field, what it is and what it should be. */
int record_field(const struct schema *record, const char *name, enum schema_type type, struct field *out,
		 struct error *err);

/* The same for a field that need not be there: its slot is -1 then. */
int record_field_if_any(const struct schema *record, const char *name, enum schema_type type, struct field *out,
			struct error *err);

/* Resolves many; the list ends with a row without a name. */
struct wanted_field {
	const char *name;
	enum schema_type type;
	struct field *field;
};
#define WANTED_END                                                                                                     \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}

int record_fields(const struct schema *record, const struct wanted_field *wanted, struct error *err);
/* Resolves `count` fields of one type. */
int record_fields_named(const struct schema *record, const char *const *names, int count, enum schema_type type,
			struct field *fields, struct error *err);

/* The same for a field inside the items of an array of records: `out` counts slots from the start of an item. */
static inline bool
record_is_null(const struct record *record, struct field field)
{
	return field.branch_slot >= 0 && record->slots[field.branch_slot].integer == field.null_branch;
}

static inline int64_t
record_integer(const struct record *record, struct field field)
{
	return record->slots[field.slot].integer;
}

static inline double
record_real(const struct record *record, struct field field)
{
	return record->slots[field.slot].real;
}

static inline struct bytes
record_bytes(const struct record *record, struct field field)
{
	return record->slots[field.slot].bytes;
}

static inline void
record_set_null(struct record *record, struct field field)
{
	record->slots[field.branch_slot].integer = field.null_branch;
}

/* Marks the union of a nullable field as holding its value; nothing for a plain field. */
static inline union slot *
record_set(struct record *record, struct field field)
{
	if (field.branch_slot >= 0)
		record->slots[field.branch_slot].integer = field.value_branch;
	return &record->slots[field.slot];
}

static inline void
record_set_integer(struct record *record, struct field field, int64_t value)
{
	record_set(record, field)->integer = value;
}

static inline void
record_set_real(struct record *record, struct field field, double value)
{
	record_set(record, field)->real = value;
}

static inline void
record_set_bytes(struct record *record, struct field field, struct bytes value)
{
	record_set(record, field)->bytes = value;
}

#endif
