/* What the tests of the record layer share: schemas from JSON, bytes from hex, records as JSON. */
#ifndef TESTS_RECORD_SUPPORT_H
#define TESTS_RECORD_SUPPORT_H

#include <stdlib.h>

#include "base/memory.h"
#include "record/codec.h"
#include "record/json.h"
#include "tests/test.h"

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"r\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define DEFAULT(name, type, initial) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" initial "}"

static inline struct schema_document *
parse(const char *json)
{
	struct schema_document *document;
	struct error err;

	check_ok(schema_parse(bytes_of_text(json), &document, &err));
	return document;
}

/* A copy in memory of exactly its size, so that a sanitizer sees what reads behind it. */
static inline struct bytes
exactly(struct bytes bytes)
{
	uint8_t *copy = malloc(bytes.size ? bytes.size : 1);

	if (bytes.size)
		memcpy(copy, bytes.data, bytes.size);
	return bytes_of(copy, bytes.size);
}

static inline void
forget(struct bytes *bytes)
{
	memory_free(&bytes->data);
}

/* "02 41 00" */
static inline struct bytes
from_hex(const char *hex)
{
	struct buffer buffer = {0};
	struct bytes bytes;

	for (char *end; *hex; hex = end) {
		long value = strtol(hex, &end, 16);

		if (end == hex)
			break;
		buffer_put_u8(&buffer, (uint8_t)value);
	}
	bytes = exactly(buffer_bytes(&buffer));
	buffer_fini(&buffer);
	return bytes;
}

/* Decodes and gives the JSON, to be freed; NULL with `err` where that fails. */
static inline char *
decode_json(const char *writer, const char *reader, struct bytes body, struct error *err)
{
	struct schema_document *from = parse(writer), *to = parse(reader);
	struct arena arena = {0};
	struct buffer out = {0};
	struct decoder *decoder;
	struct record record;
	int result = decoder_new(from->root, to->root, &decoder, err);

	if (result == 0) {
		record_init(&record, to->root);
		result = decoder_run(decoder, body, &record, &arena, err);
		if (result == 0)
			json_write(&record, &out);
		record_fini(&record);
	}
	buffer_put_u8(&out, 0);
	if (result < 0)
		buffer_fini(&out);
	decoder_free(&decoder);
	arena_fini(&arena);
	schema_free(&from);
	schema_free(&to);
	return (char *)out.data;
}

#define check_decodes(writer, reader, hex, wanted)                                                                     \
	do {                                                                                                           \
		struct bytes check_body = from_hex(hex);                                                               \
		struct error err;                                                                                      \
		char *check_json = decode_json((writer), (reader), check_body, &err);                                  \
                                                                                                                       \
		check_ok(check_json ? 0 : -1);                                                                         \
		check_text(check_json, (wanted));                                                                      \
		memory_free(&check_json);                                                                              \
		forget(&check_body);                                                                                   \
	} while (0)

#define check_refuses(writer, reader, hex, part)                                                                       \
	do {                                                                                                           \
		struct bytes check_body = from_hex(hex);                                                               \
		struct error err;                                                                                      \
		char *check_json = decode_json((writer), (reader), check_body, &err);                                  \
                                                                                                                       \
		check_fails(check_json ? 0 : -1, (part));                                                              \
		forget(&check_body);                                                                                   \
	} while (0)

#endif
