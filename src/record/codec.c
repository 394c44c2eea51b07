#include "record/codec.h"

#include <inttypes.h>

#include "base/memory.h"

#define SINGLE_OBJECT_SIZE 10 /* bytes in front of the value: C3 01 and the fingerprint */
#define CONFLUENT_SIZE 5      /* 00 and the id */

/* A writer's schema by what tells it in the framing. */
struct writer {
	uint64_t mark; /* fingerprint, or id */
	const struct schema *schema;
	struct decoder *decoder;
};

struct codec {
	enum framing framing;
	const struct schema *reader;
	struct encoder *encoder;
	uint8_t head[SINGLE_OBJECT_SIZE]; /* what is put in front of a value */
	size_t head_size;
	struct schema *before; /* the reader's schema with fewer fields */
	int writer_count;      /* the reader's own schema is the first */
	struct writer writers[CODEC_WRITERS_MAX];
};

static struct writer *
writer_find(const struct codec *codec, uint64_t mark)
{
	const struct writer *writers = codec->writers;

	for (int i = 0; i < codec->writer_count; i++)
		if (writers[i].mark == mark)
			return (struct writer *)(uintptr_t)&writers[i];
	return NULL;
}

static bool
same_meaning(const struct schema *a, const struct schema *b)
{
	char *of_a = schema_meaning(a), *of_b = schema_meaning(b);
	bool same = strcmp(of_a, of_b) == 0;

	memory_free(&of_a);
	memory_free(&of_b);
	return same;
}

/* Fingerprints leave out the units of timestamps. */
static int
fail_known(const struct codec *codec, uint32_t id, struct error *err)
{
	if (codec->framing == FRAMING_SINGLE_OBJECT)
		return fail(err, FATAL,
			    "its fingerprint is that of another schema of this topic, from which it differs only in "
			    "the units of timestamps: single-object framing cannot tell their values "
			    "apart; expected one unit for all of them, or a topic for each");
	return fail(err, FATAL, "schema id %" PRIu32 " is given to two different schemas", id);
}

static int
writer_add(struct codec *codec, const struct schema_document *document, uint32_t id, struct error *err)
{
	uint64_t mark = codec->framing == FRAMING_SINGLE_OBJECT ? document->fingerprint : id;
	const struct writer *known = writer_find(codec, mark);
	struct writer *writer = &codec->writers[codec->writer_count];

	if (known)
		return same_meaning(known->schema, document->root) ? 0 : fail_known(codec, id, err);
	if (codec->writer_count == CODEC_WRITERS_MAX)
		return fail(err, FATAL, "more than %d schemas of writers for one topic", CODEC_WRITERS_MAX);
	*writer = (struct writer){.mark = mark, .schema = document->root};
	if (decoder_new(document->root, codec->reader, &writer->decoder, err) < 0)
		return -1;
	codec->writer_count++;
	return 0;
}

/* Versions of the reader's schema from before its last fields were added. */
static int
add_before(struct codec *codec, struct error *err)
{
	const struct schema *reader = codec->reader;

	codec->before = memory_new_array(CODEC_BEFORE_MAX, sizeof(*codec->before));
	for (int i = 0; i < CODEC_BEFORE_MAX; i++) {
		struct schema_document document = {.root = &codec->before[i]};
		char *canonical;

		codec->before[i] = *reader;
		codec->before[i].field_count = reader->field_count - i - 1;
		if (codec->before[i].field_count < 1 || !reader->fields[codec->before[i].field_count].initial)
			return 0;
		canonical = schema_canonical(document.root);
		document.fingerprint = schema_fingerprint(bytes_of_text(canonical));
		memory_free(&canonical);
		if (writer_add(codec, &document, 0, err) < 0)
			return -1;
	}
	return 0;
}

static void
fill_head(struct codec *codec, uint64_t fingerprint, uint32_t id)
{
	if (codec->framing == FRAMING_SINGLE_OBJECT) {
		codec->head[0] = 0xc3;
		codec->head[1] = 0x01;
		store_u64(codec->head + 2, fingerprint);
		codec->head_size = SINGLE_OBJECT_SIZE;
	} else if (codec->framing == FRAMING_CONFLUENT) {
		store_be32(codec->head + 1, id);
		codec->head_size = CONFLUENT_SIZE;
	}
}

int
codec_new(enum framing framing, const struct schema_document *reader, uint32_t id, struct codec **out,
	  struct error *err)
{
	struct codec *codec = memory_new(sizeof(*codec));

	*out = NULL;
	codec->framing = framing;
	codec->reader = reader->root;
	/* Also refuses a schema that is no record. */
	if (writer_add(codec, reader, id, err) < 0 ||
	    (framing == FRAMING_SINGLE_OBJECT && add_before(codec, err) < 0)) {
		codec_free(&codec);
		return -1;
	}
	codec->encoder = encoder_new(reader->root);
	fill_head(codec, reader->fingerprint, id);
	*out = codec;
	return 0;
}

void
codec_free(struct codec **codec)
{
	if (!*codec)
		return;
	for (int i = 0; i < (*codec)->writer_count; i++)
		decoder_free(&(*codec)->writers[i].decoder);
	encoder_free(&(*codec)->encoder);
	memory_free(&(*codec)->before);
	memory_free(codec);
}

int
codec_add_writer(struct codec *codec, const struct schema_document *writer, uint32_t id, struct error *err)
{
	if (codec->framing == FRAMING_RAW && !same_meaning(writer->root, codec->writers[0].schema))
		return fail(err, FATAL,
			    "with framing raw, values do not say which schema they were written with: a topic can "
			    "have only one");
	return writer_add(codec, writer, id, err);
}

const struct schema *
codec_schema(const struct codec *codec)
{
	return codec->reader;
}

static const struct decoder *
find_single_object(const struct codec *codec, struct bytes value, struct error *err)
{
	const struct writer *writer;
	uint64_t fingerprint;

	if (value.size < SINGLE_OBJECT_SIZE || value.data[0] != 0xc3 || value.data[1] != 0x01) {
		fail(err, SKIP,
		     "the value does not begin with C3 01 and a fingerprint; is the topic's framing single-object?");
		return NULL;
	}
	fingerprint = load_u64(value.data + 2);
	writer = writer_find(codec, fingerprint);
	if (writer)
		return writer->decoder;
	fail(err, SKIP,
	     "the value was written with a schema of fingerprint %016" PRIx64 ", which is not known for this topic",
	     fingerprint);
	return NULL;
}

static const struct decoder *
find_confluent(const struct codec *codec, struct bytes value, struct error *err)
{
	const struct writer *writer;
	uint32_t id;

	if (value.size < CONFLUENT_SIZE || value.data[0] != 0) {
		fail(err, SKIP, "the value does not begin with 00 and a schema id; is the topic's framing confluent?");
		return NULL;
	}
	id = load_be32(value.data + 1);
	writer = writer_find(codec, id);
	if (writer)
		return writer->decoder;
	fail(err, SKIP, "the value was written with schema id %" PRIu32 ", which is not known for this topic", id);
	return NULL;
}

int
codec_decode(const struct codec *codec, struct bytes value, struct record *record, struct arena *arena,
	     struct error *err)
{
	const struct decoder *decoder = codec->writers[0].decoder;

	if (codec->framing == FRAMING_SINGLE_OBJECT)
		decoder = find_single_object(codec, value, err);
	else if (codec->framing == FRAMING_CONFLUENT)
		decoder = find_confluent(codec, value, err);
	if (!decoder)
		return -1;
	if (codec->head_size)
		value = bytes_of(value.data + codec->head_size, value.size - codec->head_size);
	return decoder_run(decoder, value, record, arena, err);
}

int
codec_encode(const struct codec *codec, const struct record *record, struct buffer *out, struct error *err)
{
	size_t before = out->size;

	buffer_put(out, codec->head, codec->head_size);
	if (encoder_run(codec->encoder, record, out, err) == 0)
		return 0;
	out->size = before;
	return -1;
}
