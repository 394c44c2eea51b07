#include "dataflow/task_header.h"

#include "base/memory.h"
#include "base/packed.h"

void
task_header_write(const struct task_header *header, struct buffer *out)
{
	buffer_put_u8(out, TASK_HEADER_VERSION);
	buffer_put_u64(out, header->incarnation);
	buffer_put_u64(out, (uint64_t)header->watermark);
	buffer_put_varint(out, (uint64_t)header->input_count);
	for (int i = 0; i < header->input_count; i++) {
		buffer_put_text(out, header->inputs[i].port);
		buffer_put_text(out, header->inputs[i].topic);
		buffer_put_u64(out, (uint64_t)header->inputs[i].position);
		buffer_put_u64(out, (uint64_t)header->inputs[i].time_max);
		upstream_write(&header->inputs[i].upstream, out);
	}
	buffer_put_varint(out, header->letters_count);
	for (size_t i = 0; i < header->letters_count; i++) {
		buffer_put_text(out, header->letters[i].port);
		buffer_put_text(out, header->letters[i].topic);
		buffer_put_varint(out, (uint64_t)header->letters[i].partition);
		buffer_put_u64(out, (uint64_t)header->letters[i].next);
	}
}

static void
read_letters(struct cursor *cursor, struct task_header *out)
{
	uint64_t count = cursor_varint(cursor);

	if (count > TASK_HEADER_LETTERS_MAX)
		cursor->bad = true;
	if (cursor->bad || count == 0)
		return;
	out->letters = memory_new_array(count, sizeof(*out->letters));
	for (uint64_t i = 0; i < count && !cursor->bad; i++) {
		struct task_letters *letters = &out->letters[out->letters_count++];

		letters->port = cursor_text(cursor);
		letters->topic = cursor_text(cursor);
		letters->partition = (int)cursor_varint(cursor);
		letters->next = (int64_t)cursor_u64(cursor);
	}
}

int
task_header_read(struct bytes bytes, struct task_header *out, struct error *err)
{
	struct cursor cursor = cursor_of(bytes);
	uint8_t version = cursor_u8(&cursor);
	uint64_t count;

	*out = (struct task_header){0};
	if (version != TASK_HEADER_VERSION)
		return fail(err, FATAL,
			    "the journal was written in format %u, this program reads format %d; "
			    "run the version that wrote it",
			    version, TASK_HEADER_VERSION);
	out->incarnation = cursor_u64(&cursor);
	out->watermark = (int64_t)cursor_u64(&cursor);
	count = cursor_varint(&cursor);
	if (count > TASK_HEADER_INPUTS_MAX)
		cursor.bad = true;
	for (uint64_t i = 0; i < count && !cursor.bad; i++) {
		struct task_header_input *input = &out->inputs[out->input_count++];

		input->port = cursor_text(&cursor);
		input->topic = cursor_text(&cursor);
		input->position = (int64_t)cursor_u64(&cursor);
		input->time_max = (int64_t)cursor_u64(&cursor);
		if (!cursor.bad)
			upstream_read(&input->upstream, &cursor);
	}
	if (!cursor.bad)
		read_letters(&cursor, out);
	if (cursor.bad || cursor_left(&cursor) != 0)
		return fail(err, FATAL, "the journal's block header of %zu bytes is damaged", bytes.size);
	return 0;
}

void
task_header_fini(struct task_header *header)
{
	for (int i = 0; i < header->input_count; i++)
		upstream_fini(&header->inputs[i].upstream);
	memory_free(&header->letters);
}
