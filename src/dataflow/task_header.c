#include "dataflow/task_header.h"

#include "base/memory.h"
#include "base/packed.h"

enum fact {
	FACT_WRITER = 1,
	FACT_OPERATOR,
	FACT_TASKS,
	FACT_OPTIONS,
	FACT_INPUT,
	FACT_WINDOW,
	FACT_WRITTEN,
	FACT_BEGAN,
	FACT_REASONS,
};

/* ---- writing ---- */

static void
put_fact_text(struct buffer *out, enum fact fact, struct bytes text)
{
	if (text.size == 0)
		return;
	buffer_put_varint(out, fact);
	buffer_put_text(out, text);
}

static size_t
varint_size(uint64_t value)
{
	uint8_t scratch[BUFFER_VARINT_SIZE_MAX];

	return store_varint(scratch, value);
}

static bool
is_identified(const struct task_header_input *input)
{
	static const uint8_t none[TASK_HEADER_TOPIC_ID_SIZE];

	return input->mark.offset >= 0 || memcmp(input->topic_id, none, sizeof(none)) != 0;
}

static void
put_fact_input(struct buffer *out, int number, const struct task_header_input *input)
{
	buffer_put_varint(out, FACT_INPUT);
	buffer_put_varint(out, varint_size((uint64_t)number) + sizeof(input->topic_id) + 3 * sizeof(uint64_t));
	buffer_put_varint(out, (uint64_t)number);
	buffer_put(out, input->topic_id, sizeof(input->topic_id));
	buffer_put_u64(out, (uint64_t)input->mark.offset);
	buffer_put_u64(out, (uint64_t)input->mark.timestamp_ms);
	buffer_put_u64(out, input->mark.checksum);
}

/* What an input has of the fact, if anything. */
static void
put_fact_of_input(struct buffer *out, enum fact fact, int number, struct bytes content)
{
	if (content.size == 0)
		return;
	buffer_put_varint(out, fact);
	buffer_put_varint(out, varint_size((uint64_t)number) + content.size);
	buffer_put_varint(out, (uint64_t)number);
	buffer_put_bytes(out, content);
}

static void
put_fact_time(struct buffer *out, enum fact fact, int64_t time_ms)
{
	buffer_put_varint(out, fact);
	buffer_put_varint(out, sizeof(uint64_t));
	buffer_put_u64(out, (uint64_t)time_ms);
}

static void
put_facts(const struct task_header *header, struct buffer *out)
{
	put_fact_text(out, FACT_WRITER, header->writer);
	put_fact_text(out, FACT_OPERATOR, header->operator_type);
	if (header->tasks > 0) {
		buffer_put_varint(out, FACT_TASKS);
		buffer_put_varint(out, varint_size((uint64_t)header->tasks) + text_size(header->partitioner));
		buffer_put_varint(out, (uint64_t)header->tasks);
		buffer_put_text(out, header->partitioner);
	}
	put_fact_text(out, FACT_OPTIONS, header->options);
	for (int i = 0; i < header->input_count; i++)
		if (is_identified(&header->inputs[i]))
			put_fact_input(out, i, &header->inputs[i]);
	for (int i = 0; i < header->input_count; i++) {
		put_fact_of_input(out, FACT_WINDOW, i, header->inputs[i].window);
		put_fact_of_input(out, FACT_REASONS, i, header->inputs[i].reasons);
	}
	if (header->written_ms != 0)
		put_fact_time(out, FACT_WRITTEN, header->written_ms);
	if (header->unfinished)
		put_fact_time(out, FACT_BEGAN, header->began_at);
}

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
	put_facts(header, out);
}

/* ---- reading ---- */

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

static void
read_fact_tasks(struct cursor *fact, struct task_header *out)
{
	uint64_t tasks = cursor_varint(fact);

	out->partitioner = cursor_text(fact);
	if (tasks > TASK_HEADER_TASKS_MAX)
		fact->bad = true;
	else
		out->tasks = (int)tasks;
}

static void
read_fact_input(struct cursor *fact, struct task_header *out)
{
	uint64_t number = cursor_varint(fact);
	struct bytes id = cursor_bytes(fact, TASK_HEADER_TOPIC_ID_SIZE);
	struct task_header_input *input;

	if (fact->bad || number >= (uint64_t)out->input_count) {
		fact->bad = true;
		return;
	}
	input = &out->inputs[number];
	memcpy(input->topic_id, id.data, sizeof(input->topic_id));
	input->mark.offset = (int64_t)cursor_u64(fact);
	input->mark.timestamp_ms = (int64_t)cursor_u64(fact);
	input->mark.checksum = cursor_u64(fact);
}

static void
read_fact_of_input(struct cursor *fact, enum fact which, struct task_header *out)
{
	uint64_t number = cursor_varint(fact);
	struct bytes content = cursor_bytes(fact, cursor_left(fact));

	if (number >= (uint64_t)out->input_count)
		fact->bad = true;
	else if (which == FACT_WINDOW)
		out->inputs[number].window = content;
	else
		out->inputs[number].reasons = content;
}

static void
read_fact_began(struct cursor *fact, struct task_header *out)
{
	out->unfinished = true;
	out->began_at = (int64_t)cursor_u64(fact);
}

static void
read_facts(struct cursor *cursor, struct task_header *out)
{
	while (!cursor->bad && cursor_left(cursor) != 0) {
		uint64_t tag = cursor_varint(cursor);
		struct bytes content = cursor_text(cursor);
		struct cursor fact = cursor_of(content);

		if (cursor->bad)
			return;
		if (tag == FACT_WRITER)
			out->writer = content;
		else if (tag == FACT_OPERATOR)
			out->operator_type = content;
		else if (tag == FACT_TASKS)
			read_fact_tasks(&fact, out);
		else if (tag == FACT_OPTIONS)
			out->options = content;
		else if (tag == FACT_INPUT)
			read_fact_input(&fact, out);
		else if (tag == FACT_WINDOW || tag == FACT_REASONS)
			read_fact_of_input(&fact, (enum fact)tag, out);
		else if (tag == FACT_WRITTEN)
			out->written_ms = (int64_t)cursor_u64(&fact);
		else if (tag == FACT_BEGAN)
			read_fact_began(&fact, out);
		cursor->bad |= fact.bad;
	}
}

int
task_header_read(struct bytes bytes, struct task_header *out, struct error *err)
{
	struct cursor cursor = cursor_of(bytes);
	uint8_t version = cursor_u8(&cursor);
	uint64_t count;

	*out = (struct task_header){0};
	if (version < TASK_HEADER_VERSION_MIN || version > TASK_HEADER_VERSION)
		return fail(err, FATAL,
			    "the journal was written in format %u, this program reads formats %d to %d; "
			    "run the version that wrote it",
			    version, TASK_HEADER_VERSION_MIN, TASK_HEADER_VERSION);
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
		input->mark.offset = -1;
		if (!cursor.bad)
			upstream_read(&input->upstream, &cursor);
	}
	if (!cursor.bad)
		read_letters(&cursor, out);
	if (version >= 4)
		read_facts(&cursor, out);
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
