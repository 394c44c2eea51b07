/*
 * Drives the record layer for tests in other languages. A line of standard input is a command with tab-separated
 * arguments; each is answered by a line: "ok" and the results, or "error" and the reason.
 *
 *     decode    WRITER READER HEX   -> JSON of the record, HEX of it encoded with READER, whether the body was kept
 *     encode    SCHEMA JSON         -> HEX
 *     canonical SCHEMA              -> canonical form, fingerprint as 16 hex digits
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "record/codec.h"
#include "record/json.h"

#define ARGUMENTS_MAX 4

static void
put_hex(struct bytes bytes, struct buffer *out)
{
	for (size_t i = 0; i < bytes.size; i++)
		buffer_print(out, "%02x", bytes.data[i]);
}

static int
digit_of(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* In memory of exactly its size, so that the sanitizer sees a read behind it. */
static struct bytes
take_hex(const char *text, uint8_t **owned)
{
	size_t size = strlen(text) / 2;

	*owned = memory_new(size);
	for (size_t i = 0; i < size; i++)
		(*owned)[i] = (uint8_t)(digit_of(text[2 * i]) << 4 | digit_of(text[2 * i + 1]));
	return bytes_of(*owned, size);
}

static int
put_record(const struct record *record, struct buffer *out, struct error *err)
{
	struct encoder *encoder = encoder_new(record->schema);
	struct buffer encoded = {0};
	int result = encoder_run(encoder, record, &encoded, err);

	put_hex(buffer_bytes(&encoded), out);
	buffer_fini(&encoded);
	encoder_free(&encoder);
	return result;
}

static int
decode(const struct schema *writer, const struct schema *reader, struct bytes body, struct buffer *out,
       struct error *err)
{
	struct arena arena = {0};
	struct decoder *decoder;
	struct record record;
	int result;

	if (decoder_new(writer, reader, &decoder, err) < 0)
		return -1;
	record_init(&record, reader);
	result = decoder_run(decoder, body, &record, &arena, err);
	if (result == 0) {
		json_write(&record, out);
		buffer_print(out, "\t");
		result = put_record(&record, out, err);
		buffer_print(out, "\t%s", record.body.data ? "kept" : "changed");
	}
	record_fini(&record);
	arena_fini(&arena);
	decoder_free(&decoder);
	return result;
}

static int
run_decode(char **arguments, struct buffer *out, struct error *err)
{
	struct schema_document *writer, *reader = NULL;
	uint8_t *owned;
	struct bytes body = take_hex(arguments[3], &owned);
	int result = schema_parse(bytes_of_text(arguments[1]), &writer, err);

	if (result == 0)
		result = schema_parse(bytes_of_text(arguments[2]), &reader, err);
	if (result == 0)
		result = decode(writer->root, reader->root, body, out, err);
	schema_free(&writer);
	schema_free(&reader);
	memory_free(&owned);
	return result;
}

static int
run_encode(char **arguments, struct buffer *out, struct error *err)
{
	struct schema_document *schema;
	struct arena arena = {0};
	struct record record;
	int result;

	if (schema_parse(bytes_of_text(arguments[1]), &schema, err) < 0)
		return -1;
	record_init(&record, schema->root);
	result = json_read(bytes_of_text(arguments[2]), &record, &arena, err);
	if (result == 0)
		result = put_record(&record, out, err);
	record_fini(&record);
	arena_fini(&arena);
	schema_free(&schema);
	return result;
}

static int
run_canonical(char **arguments, struct buffer *out, struct error *err)
{
	struct schema_document *schema;
	char *canonical;

	if (schema_parse(bytes_of_text(arguments[1]), &schema, err) < 0)
		return -1;
	canonical = schema_canonical(schema->root);
	buffer_print(out, "%s\t%016" PRIx64, canonical, schema->fingerprint);
	memory_free(&canonical);
	schema_free(&schema);
	return 0;
}

static int
run(char *line, struct buffer *out, struct error *err)
{
	char *arguments[ARGUMENTS_MAX] = {0};
	int count = 0;

	for (char *rest = line; rest && count < ARGUMENTS_MAX;)
		arguments[count++] = strsep(&rest, "\t");
	if (count == 4 && strcmp(arguments[0], "decode") == 0)
		return run_decode(arguments, out, err);
	if (count == 3 && strcmp(arguments[0], "encode") == 0)
		return run_encode(arguments, out, err);
	if (count == 2 && strcmp(arguments[0], "canonical") == 0)
		return run_canonical(arguments, out, err);
	return fail(err, FATAL, "unknown command");
}

int
main(void)
{
	struct buffer out = {0};
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;

	while ((size = getline(&line, &capacity, stdin)) > 0) {
		struct error err;

		line[size - 1] = 0;
		buffer_clear(&out);
		if (run(line, &out, &err) < 0)
			printf("error\t%s\n", err.text);
		else
			printf("ok\t%.*s\n", bytes_arguments(out));
		fflush(stdout);
	}
	free(line);
	buffer_fini(&out);
	return 0;
}
