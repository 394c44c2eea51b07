#include "cli/letter_show.h"

#include <inttypes.h>

#include "base/memory.h"
#include "cli/output.h"
#include "record/json.h"

#define HEX_COLUMNS 16

static void
put_hex(struct buffer *out, struct bytes bytes)
{
	for (size_t row = 0; row < bytes.size; row += HEX_COLUMNS) {
		buffer_print(out, "    %06zx ", row);
		for (size_t i = row; i < row + HEX_COLUMNS; i++) {
			if (i < bytes.size)
				buffer_print(out, " %02x", bytes.data[i]);
			else
				buffer_print(out, "   ");
		}
		buffer_print(out, "  ");
		for (size_t i = row; i < row + HEX_COLUMNS && i < bytes.size; i++)
			buffer_put_u8(out, bytes.data[i] >= 0x20 && bytes.data[i] < 0x7f ? bytes.data[i] : '.');
		buffer_put_u8(out, '\n');
	}
}

/* As `produce --raw` takes it. */
static void
put_base64(struct buffer *out, struct bytes bytes)
{
	buffer_print(out, "    base64  ");
	json_base64_write(bytes, out);
	buffer_put_u8(out, '\n');
}

static void
put_bytes(struct buffer *out, const char *name, struct bytes bytes)
{
	if (!bytes.data) {
		buffer_print(out, "%-12s none\n", name);
		return;
	}
	buffer_print(out, "%-12s %zu bytes\n", name, bytes.size);
	put_hex(out, bytes);
	put_base64(out, bytes);
}

/* One line, without what a terminal would act on. */
static void
put_text(struct buffer *out, const char *name, struct bytes text)
{
	buffer_print(out, "%-12s ", name);
	for (size_t i = 0; i < text.size; i++)
		buffer_put_u8(out, text.data[i] < 0x20 || text.data[i] == 0x7f ? '?' : text.data[i]);
	buffer_put_u8(out, '\n');
}

/* The value as its topic's schema has it, on one line. false: it does not decode, or the topic is gone. */
static bool
put_decoded(const struct topology *topology, const struct letter *letter, struct buffer *out)
{
	char *name = memory_format("%.*s", bytes_arguments(letter->topic));
	int index = topology_topic_find(topology, name);
	const struct codec *codec = index < 0 ? NULL : topology->topics[index].codec;
	struct record record = {0};
	struct arena arena = {0};
	struct error err;
	bool decodes = false;

	memory_free(&name);
	if (codec) {
		record_init(&record, codec_schema(codec));
		decodes = codec_decode(codec, letter->value, &record, &arena, &err) == 0;
		if (decodes) {
			buffer_print(out, "%-12s %zu bytes\n    json    ", "value", letter->value.size);
			json_write(&record, out);
			buffer_put_u8(out, '\n');
			put_base64(out, letter->value);
		}
		record_fini(&record);
	}
	arena_fini(&arena);
	return decodes;
}

void
letter_show(const struct topology *topology, const struct letter *letter, struct buffer *out)
{
	char time[OUTPUT_NUMBER_SIZE];

	buffer_print(out, "%-12s %d:%" PRId64 "\n", "id", letter->number, letter->at);
	buffer_print(out, "%-12s %s\n", "failed at", output_time(time, letter->failed_at_ms));
	put_text(out, "operator", letter->operator_name);
	put_text(out, "topic", letter->topic);
	buffer_print(out, "%-12s %d\n", "partition", letter->partition);
	if (letter->offset < 0)
		buffer_print(out, "%-12s none: a row that was not written\n", "offset");
	else
		buffer_print(out, "%-12s %" PRId64 "\n", "offset", letter->offset);
	buffer_print(out, "%-12s %s\n", "record time", output_time(time, letter->record_time_ms));
	buffer_print(out, "%-12s %s\n", "replayed", letter->replayed ? "yes" : "no");
	put_text(out, "reason", letter->reason);
	put_bytes(out, "key", letter->key);
	if (!put_decoded(topology, letter, out))
		put_bytes(out, "value", letter->value);
}
