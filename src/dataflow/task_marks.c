#include "dataflow/task_marks.h"

#include <inttypes.h>

#include "base/logger.h"
#include "dataflow/task.h"

struct task_header_input *
task_marks_find(struct task_header *header, const char *port)
{
	for (int i = 0; i < header->input_count; i++)
		if (bytes_equal(header->inputs[i].port, bytes_of_text(port)))
			return &header->inputs[i];
	return NULL;
}

static const char *
port_of(const struct task *task, const struct input *input)
{
	return task->operator->spec->type->inputs[input->port].name;
}

static int
topic_of(const struct task *task, const struct input *input)
{
	return task->job->topics[task->operator->spec->inputs[input->port]];
}

int
task_marks_renewed(const struct task *task, int number, const char *reason, struct error *err)
{
	const struct input *input = &task->inputs[number];

	if (!task->job->new_topics)
		return fail(
			err, FATAL,
			"topic %s partition %d is not the one that was read before: %s; it was deleted and made anew, "
			"or has lost its end. To read it from its beginning, give run --new-topics once",
			input->topic->name, task->partition, reason);
	logger_warn("input_begun_anew", "operator=%s task=%d input=%s topic=%s", task->operator->spec->name,
		    task->partition, port_of(task, input), input->topic->name);
	return 0;
}

/* The record that is where the mark is, or the first one behind it, or none. */
static void
compare(struct task *task, struct input *input, const struct task_header_mark *mark, const struct log_batch *batch)
{
	const struct log_record *record = batch->count > 0 ? &batch->records[0] : NULL;

	if (record && record->offset == mark->offset) {
		input->compared = true;
		input->renewed = record->timestamp_ms != mark->timestamp_ms ||
				 log_record_checksum(record) != mark->checksum;
		return;
	}
	/* Compaction takes single records; nothing else does, but for retention, which takes the beginning. */
	input->renewed = !input->topic->compacted && batch->lost.to <= mark->offset;
	if (input->renewed)
		logger_warn("mark_missing", "operator=%s task=%d topic=%s offset=%" PRId64, task->operator->spec->name,
			    task->partition, input->topic->name, mark->offset);
}

/* *looked: the answer is here. */
static int
look_at(struct task *task, struct input *input, const struct task_header_mark *mark, int64_t wait_ms, bool *looked,
	struct error *err)
{
	struct task_restore *restore = &task->restore;
	struct log_batch batch;

	if (!restore->mark_reader) {
		struct partition_ends ends;

		if (task_restore_ends(task, topic_of(task, input), &ends, err) < 0)
			return -1;
		*looked = mark->offset < ends.start || mark->offset >= ends.end;
		if (*looked)
			return 0;
		if (log_reader_open(task->job->log, topic_of(task, input), task->partition, mark->offset,
				    &restore->mark_reader, err) < 0)
			return -1;
	}
	if (reader_fetch(restore->mark_reader, wait_ms, &batch, err) < 0)
		return -1;
	*looked = batch.count > 0 || batch.at_end || batch.next > mark->offset;
	if (!*looked)
		return 0;
	compare(task, input, mark, &batch);
	reader_close(&restore->mark_reader);
	return 0;
}

/* Where the record is gone, the topic's id decides, where it is known. A copy with another id has the same records. */
static void
compare_id(struct task *task, struct input *input, const uint8_t *stored)
{
	static const uint8_t none[LOG_TOPIC_ID_SIZE];
	const uint8_t *id = log_topic_id(task->job->log, topic_of(task, input));

	if (!input->compared && memcmp(stored, none, sizeof(none)) != 0 && memcmp(id, none, sizeof(none)) != 0)
		input->renewed |= memcmp(stored, id, sizeof(none)) != 0;
}

static int
look_at_all(struct task *task, struct task_header *header, int64_t wait_ms, bool *done, struct error *err)
{
	int *at = &task->restore.marks_seen;

	for (; *at < task->input_count; ++*at) {
		struct input *input = &task->inputs[*at];
		const struct task_header_input *stored = task_marks_find(header, port_of(task, input));
		bool looked = true;

		if (!stored || !bytes_equal(stored->topic, bytes_of_text(input->topic->log_name)))
			continue;
		if (stored->mark.offset >= 0 && look_at(task, input, &stored->mark, wait_ms, &looked, err) < 0)
			return -1;
		if (!looked)
			return 0;
		compare_id(task, input, stored->topic_id);
	}
	*done = true;
	return 0;
}

int
task_marks_look(struct task *task, int64_t wait_ms, bool *done, struct error *err)
{
	struct bytes stored = state_header(task->state);
	struct task_header header = {0};
	int result;

	*done = stored.size == 0;
	if (*done)
		return 0;
	result = task_header_read(stored, &header, err);
	if (result == 0)
		result = look_at_all(task, &header, wait_ms, done, err);
	task_header_fini(&header);
	return result;
}
