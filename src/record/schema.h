/*
 * An Avro schema as a tree (Apache Avro 1.11 specification, "Schema Declaration").
 *
 * Read from its JSON with everything that resolution needs: defaults, aliases, enum defaults, logical types, docs. The
 * tree is immutable after schema_parse and may be shared by threads. Named types that occur more than once are one
 * node; a record may refer to itself. Limits: SCHEMA_DEPTH_MAX, SCHEMA_NODES_MAX, SCHEMA_TEXT_SIZE_MAX.
 */
#ifndef RECORD_SCHEMA_H
#define RECORD_SCHEMA_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"

#define SCHEMA_DEPTH_MAX 64	       /* levels of nesting of types in the JSON, and of values of a recursive type */
#define SCHEMA_NODES_MAX 10000	       /* types in one schema */
#define SCHEMA_TEXT_SIZE_MAX 1048576   /* bytes of JSON */
#define SCHEMA_WIDTH_MAX 65536	       /* slots of one value (record.h) */
#define SCHEMA_FIXED_SIZE_MAX 16777216 /* bytes of a fixed */

enum schema_type {
	SCHEMA_NULL,
	SCHEMA_BOOLEAN,
	SCHEMA_INT,
	SCHEMA_LONG,
	SCHEMA_FLOAT,
	SCHEMA_DOUBLE,
	SCHEMA_BYTES,
	SCHEMA_STRING,
	SCHEMA_RECORD,
	SCHEMA_ENUM,
	SCHEMA_ARRAY,
	SCHEMA_MAP,
	SCHEMA_UNION,
	SCHEMA_FIXED,
};

enum schema_logical { LOGICAL_NONE, LOGICAL_TIMESTAMP_MILLIS, LOGICAL_TIMESTAMP_MICROS, LOGICAL_OTHER };

struct schema_field {
	const char *name;
	const char *doc; /* or NULL */
	const struct schema *schema;
	const json_t *initial;	    /* the default as JSON; NULL: none */
	const char *const *aliases; /* NULL-terminated; never NULL */
	const char *stray_logical;  /* a logicalType beside the name, where it means nothing; or NULL */
	int slot;		    /* where its value starts among the record's slots (record.h) */
};

struct schema {
	enum schema_type type;
	enum schema_logical logical;
	const char *timestamp;	    /* the logicalType of a timestamp, also of a local one; else NULL */
	int ticks;		    /* of its unit in a second; else 0 */
	const char *name;	    /* full name of record, enum, fixed; else NULL */
	const char *doc;	    /* or NULL */
	const char *const *aliases; /* full names, NULL-terminated; never NULL */
	int width;		    /* slots that a value of it takes (record.h) */
	bool by_reference;	    /* a record that contains itself: its value is one slot that points to its slots */
	int slot_count;		    /* record: slots of its fields together; the same as width unless by_reference */

	const struct schema_field *fields; /* record */
	int field_count;
	const char *const *symbols; /* enum: NULL-terminated */
	int symbol_count;
	int symbol_default;		      /* enum: index of the default symbol, -1: none */
	const struct schema *items;	      /* array: of the items; map: of the values */
	const struct schema *const *branches; /* union */
	int branch_count;
	int null_branch; /* union: index of null, -1: none */
	int fixed_size;	 /* fixed: bytes */
};

/* One parsed schema document; owns every node. */
struct schema_document {
	const struct schema *root;
	uint64_t fingerprint; /* CRC-64-AVRO of the canonical form */
	void *owned;	      /* the nodes' memory */
};

/* Parses a schema's JSON. Errors say where ("field impression.source: ...") and what was expected. */
int schema_parse(struct bytes json, struct schema_document **out, struct error *err);
int schema_parse_file(const char *path, struct schema_document **out, struct error *err);
void schema_free(struct schema_document **document);

/* The Parsing Canonical Form; the caller frees it with memory_free. */
char *schema_canonical(const struct schema *schema);

/* The same with the logical types of timestamps: all that bytes written with it mean. Freed likewise. */
char *schema_meaning(const struct schema *schema);

/* CRC-64-AVRO (Rabin) as in the specification, "Schema Fingerprints". */
uint64_t schema_fingerprint(struct bytes canonical);

const char *schema_type_name(enum schema_type type); /* "record", "timestamp-millis" is a logical type, not here */
const char *schema_short_name(const struct schema *schema); /* without the namespace; of unnamed types: the type's */
const struct schema_field *schema_field_find(const struct schema *record, const char *name); /* or NULL */
int schema_symbol_find(const struct schema *enumeration, const char *symbol);		     /* index or -1 */

/* The schema itself, or for a union of null and one other type, that other. */
const struct schema *schema_without_null(const struct schema *schema);

/* 0 if the first fields of `whole` are those of `part`, in name, order and encoding; else an error naming the first
 * field that departs. Then bytes encoded by `part` may stand at the beginning of bytes encoded by `whole`. */
int schema_starts_with(const struct schema *whole, const struct schema *part, struct error *err);

#endif
