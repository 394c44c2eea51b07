/*
 * What stands around a value on a topic, and which schema it was written with.
 *
 *     raw            the Avro bytes alone
 *     single-object  0xC3 0x01, 8 bytes little-endian CRC-64-AVRO fingerprint, the Avro bytes (Avro 1.11,
 *                    "Single-object encoding"); the default
 *     confluent      0x00, 4 bytes big-endian schema id, the Avro bytes (Confluent's wire format)
 *
 * A codec is one topic's: the reader's schema, the writers' schemas it knows by fingerprint or id, and a decoder for
 * each. By fingerprint it also knows the reader's schema as it was before fields with defaults were added at its end,
 * up to CODEC_BEFORE_MAX of them. Immutable once all writers are added; may be shared by threads then.
 */
#ifndef RECORD_CODEC_H
#define RECORD_CODEC_H

#include "record/decode.h"
#include "record/encode.h"

enum framing { FRAMING_SINGLE_OBJECT, FRAMING_CONFLUENT, FRAMING_RAW };

#define CODEC_WRITERS_MAX 256 /* writer schemas of one topic */
#define CODEC_BEFORE_MAX 16   /* fields at the end that values may lack */

struct codec;

/* `reader` is borrowed. `id` is its schema id in confluent framing (the registry's; ignored by the others). */
int codec_new(enum framing framing, const struct schema_document *reader, uint32_t id, struct codec **out,
	      struct error *err);
void codec_free(struct codec **codec);

/* Another schema that values on the topic may have been written with (an older version); borrowed. */
int codec_add_writer(struct codec *codec, const struct schema_document *writer, uint32_t id, struct error *err);

const struct schema *codec_schema(const struct codec *codec);

/* Takes off the framing and decodes. SKIP: no framing, unknown fingerprint or id (with its value), bad bytes. */
int codec_decode(const struct codec *codec, struct bytes value, struct record *record, struct arena *arena,
		 struct error *err);
/* Appends framing and encoded record to `out`. */
int codec_encode(const struct codec *codec, const struct record *record, struct buffer *out, struct error *err);

#endif
