/*
 * Decoding: from Avro bytes written with one schema (the writer's) to the slots of another (the reader's).
 *
 * The pair is compiled once into a plan, by the rules of the Avro 1.11 specification, "Schema Resolution": field
 * matching by name and alias, defaults, promotions, enum defaults, unions. decoder_new refuses a pair that cannot
 * resolve and names the path. decoder_run costs no malloc (arrays and maps go to the arena) and trusts nothing: every
 * length, count, depth, index and string's UTF-8 is checked before use, and bytes left over are an error. What fails is
 * SKIP, with the field's path and the byte offset.
 *
 * Of a reader's union, the first branch of the writer's own type is taken, else the first that matches by promotion: a
 * value that is read with the schema it was written with keeps its branch.
 *
 * A decoder is immutable and may be shared by threads; it borrows both schemas.
 */
#ifndef RECORD_DECODE_H
#define RECORD_DECODE_H

#include "record/record.h"

#define DECODE_ITEMS_MAX 1000000 /* items of one record's arrays and maps together, also where an item takes no bytes */
#define DECODE_SLOTS_MAX 4194304 /* slots of those items: 64 MiB */

struct decoder;

int decoder_new(const struct schema *writer, const struct schema *reader, struct decoder **out, struct error *err);
void decoder_free(struct decoder **decoder);

/* Fills record->slots (and body, where writer and reader are the same); the record was made by record_init for the
 * reader's schema. Its strings point into `body`, its arrays into `arena`, its defaults into the decoder. */
int decoder_run(const struct decoder *decoder, struct bytes body, struct record *record, struct arena *arena,
		struct error *err);

/* The default values of all fields that have one, zero values for the others: a blank row (enums: the first symbol). */
int decoder_defaults(const struct schema *schema, struct record *record, struct arena *arena, struct error *err);

#endif
