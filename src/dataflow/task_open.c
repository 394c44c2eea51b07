/*
 * How a task comes to life: read its journal from where its local stores stand to the end, take the positions from the
 * last block, and fetch from there. The journal's positions are the truth; whatever the group's say, a task without any
 * block begins at the beginning of every input.
 */
#include <inttypes.h>

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/task.h"
#include "dataflow/task_header.h"

#define RESTORE_PROGRESS_MS 2000 /* a restore that takes longer says how far it is, this often */
#define RESTORE_ATTEMPTS_MAX                                                                                           \
	2 /* once from the local copy; where that turns out to be another journal's, from scratch */

static int
open_inputs(struct task *task)
{
	const struct operator_type *type = task->operator->spec->type;
	bool keyed = false;

	for (const struct store_spec *store = type->stores; store && store->name; store++)
		keyed |= store->keyed_like_input;
	for (int port = 0; type->inputs && type->inputs[port].name; port++) {
		int topic = task->operator->spec->inputs[port];

		if (topic < 0)
			continue;
		input_init(&task->inputs[task->input_count], &task->job->topology->topics[topic], port,
			   task->input_count);
		task->inputs[task->input_count++].keyed_state = keyed;
	}
	return task->input_count;
}

struct progress {
	int64_t started_us, said_us, bytes;
};

static void
say_progress(const struct task *task, struct progress *progress, int64_t at, int64_t from, int64_t end)
{
	int64_t now_us = clock_monotonic_us();
	double part = end > from ? (double)(at - from) / (double)(end - from) : 1;

	if (now_us - progress->said_us < RESTORE_PROGRESS_MS * 1000 || part <= 0)
		return;
	progress->said_us = now_us;
	logger_info("restoring", "operator=%s task=%d percent=%.0f bytes=%" PRId64 " eta_s=%.0f",
		    task->operator->spec->name, task->partition, part * 100, progress->bytes,
		    (double)(now_us - progress->started_us) / 1e6 * (1 - part) / part);
}

static int
read_journal(struct task *task, int64_t from, int64_t end, struct progress *progress, struct error *err)
{
	struct reader *reader;
	struct log_batch batch = {.next = from};
	int result = 0;

	if (log_reader_open(task->job->log, task->operator->journal, task->partition, from, &reader, err) < 0)
		return -1;
	while (result == 0 && batch.next < end) {
		result = reader_fetch(reader, 0, &batch, err);
		for (size_t i = 0; result == 0 && i < batch.count; i++) {
			progress->bytes += (int64_t)batch.records[i].value.size;
			result = state_restore(task->state, batch.records[i].offset, batch.records[i].value, err);
		}
		if (result == 0 && batch.count == 0 && batch.next < end)
			result = fail(err, FATAL,
				      "the journal %s partition %d ends at offset %" PRId64 ", %" PRId64
				      " was promised",
				      log_topic_name(task->job->log, task->operator->journal), task->partition,
				      batch.next, end);
		say_progress(task, progress, batch.next, from, end);
	}
	reader_close(&reader);
	return result;
}

static int
restore(struct task *task, struct error *err)
{
	struct progress progress = {.started_us = clock_monotonic_us(), .said_us = clock_monotonic_us()};
	struct partition_ends ends;
	int64_t from, took_ms;
	int result = -1;

	if (log_partition_ends(task->job->log, task->operator->journal, task->partition, &ends, err) < 0)
		return -1;
	task->trimmed_to = ends.start;
	for (int attempt = 0; attempt < RESTORE_ATTEMPTS_MAX && result < 0; attempt++) {
		if (state_restore_from(task->state, ends.start, ends.end, &from, err) < 0)
			return -1;
		result = read_journal(task, from, ends.end, &progress, err);
		if (result < 0 && err->action != ABORT)
			return -1;
	}
	if (result < 0)
		return -1;
	took_ms = (clock_monotonic_us() - progress.started_us) / 1000;
	job_add(&task->operator->figures.restored_bytes, progress.bytes);
	job_add(&task->operator->figures.restore_ms, took_ms);
	if (ends.end > ends.start)
		logger_info("restored",
			    "operator=%s task=%d from=%" PRId64 " end=%" PRId64 " journal_start=%" PRId64
			    " bytes=%" PRId64 " ms=%" PRId64,
			    task->operator->spec->name, task->partition, from, ends.end, ends.start, progress.bytes,
			    took_ms);
	return 0;
}

static const struct task_header_input *
find_input(const struct task_header *header, const char *port)
{
	for (int i = 0; i < header->input_count; i++)
		if (bytes_equal(header->inputs[i].port, bytes_of_text(port)))
			return &header->inputs[i];
	return NULL;
}

/* A position is good where it lies inside the partition: otherwise the topic is another one, or has lost records. */
static int
place_input(struct task *task, struct input *input, const struct task_header_input *stored, struct error *err)
{
	const char *port = task->operator->spec->type->inputs[input->port].name;
	int topic = task->job->topics[task->operator->spec->inputs[input->port]];
	struct partition_ends ends;

	if (log_partition_ends(task->job->log, topic, task->partition, &ends, err) < 0)
		return -1;
	input->position = ends.start;
	if (!stored)
		return 0;
	if (!bytes_equal(stored->topic, bytes_of_text(input->topic->name))) {
		logger_warn("input_changed", "operator=%s task=%d input=%s was=%.*s is=%s", task->operator->spec->name,
			    task->partition, port, bytes_arguments(stored->topic), input->topic->name);
		return 0;
	}
	if (stored->position > ends.end)
		return fail(err, FATAL,
			    "operator %s has read %s partition %d up to offset %" PRId64 ", but the topic ends at "
			    "%" PRId64 ": it was deleted and made anew, or lost its end; start under another name, or "
			    "remove the data directory",
			    task->operator->spec->name, input->topic->name, task->partition, stored->position,
			    ends.end);
	if (stored->position < ends.start)
		logger_error("records_lost",
			     "operator=%s topic=%s partition=%d position=%" PRId64 " start=%" PRId64 " lost=%" PRId64
			     " reason=\"retention removed records that had not been read\"",
			     task->operator->spec->name, input->topic->name, task->partition, stored->position,
			     ends.start, ends.start - stored->position);
	else
		input->position = stored->position;
	input->time.time_max = stored->time_max;
	return 0;
}

static int
place_inputs(struct task *task, struct error *err)
{
	struct task_header header = {.watermark = TIME_MIN};
	struct bytes stored = state_header(task->state);
	int64_t positions[TOPOLOGY_PORTS_MAX];

	if (stored.size != 0 && task_header_read(stored, &header, err) < 0)
		return -1;
	watermark_init(&task->watermark, header.watermark);
	task->context.watermark_ms = header.watermark;
	task->incarnation = header.incarnation + 1;
	for (int i = 0; i < task->input_count; i++) {
		struct input *input = &task->inputs[i];
		const char *port = task->operator->spec->type->inputs[input->port].name;

		if (place_input(task, input, find_input(&header, port), err) < 0)
			return -1;
		positions[i] = input->position;
	}
	return member_start(task->member, task->partition, positions, err);
}

static int
open_state(struct task *task, struct error *err)
{
	static const struct store_spec none[] = {{.name = NULL}};
	const struct operator_type *type = task->operator->spec->type;
	struct state_config config = {
		.database = task->job->database,
		.operator_name = task->operator->spec->name,
		.partition = task->partition,
		.stores = type->stores ? type->stores : none,
		.memory_bytes = task->job->task_memory_bytes,
	};

	if (state_open(&config, &task->state, err) < 0)
		return -1;
	task->context.state = task->state;
	if (restore(task, err) < 0)
		return -1;
	if (!task->job->bounded) { /* a bounded run that was killed while it drained is not taken up by a live one */
		state_drain_begin(task->state);
		state_drain_end(task->state);
	}
	return 0;
}

int
task_open(const struct task_config *config, struct task **out, struct error *err)
{
	struct task *task = memory_new(sizeof(*task));

	task->job = config->job;
	task->operator = config->operator;
	task->member = config->member;
	task->self = config->self;
	task->partition = config->partition;
	task->waiting_since_ms = TIME_MAX;
	*out = task;
	open_inputs(task);
	if (context_init(&task->context, task->job, task->operator, task->partition, config->transaction, err) < 0 ||
	    open_state(task, err) < 0 || place_inputs(task, err) < 0 ||
	    (task->job->bounded && task_bound(task, err) < 0)) {
		fail_in(err, "operator %s task %d", task->operator->spec->name, task->partition);
		task_close(out);
		return -1;
	}
	return 0;
}

void
task_close(struct task **pointer)
{
	struct task *task = *pointer;

	if (!task)
		return;
	if (task->state)
		state_close(&task->state);
	for (int i = 0; i < task->input_count; i++)
		input_fini(&task->inputs[i]);
	context_fini(&task->context);
	buffer_fini(&task->header);
	memory_free(pointer);
}

int
task_bound(struct task *task, struct error *err)
{
	for (int i = 0; i < task->input_count; i++) {
		struct input *input = &task->inputs[i];
		int topic = task->job->topics[task->operator->spec->inputs[input->port]];
		struct partition_ends ends;

		if (log_partition_ends(task->job->log, topic, task->partition, &ends, err) < 0)
			return -1;
		input->stop_at = ends.end;
		input->time.ended = input->position >= ends.end;
	}
	return 0;
}
