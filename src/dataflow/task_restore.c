/*
 * How a task comes to life: read its journal from where its local stores stand to the end, take the positions from the
 * last block, and fetch from there. The journal's positions are the truth; whatever the group's say, a task without any
 * block begins at the beginning of every input.
 *
 * The end is taken with the records of transactions that are still open: a predecessor that was killed may have left
 * one behind which the last block that he committed is hidden. It is waited for; the log ends it after its timeout at
 * the latest.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/crash_point.h"
#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/dead_letter_pass.h"
#include "dataflow/task.h"
#include "dataflow/task_header.h"
#include "dataflow/task_identity.h"
#include "dataflow/task_journal.h"
#include "dataflow/task_marks.h"
#include "dataflow/task_owner.h"

#define RESTORE_SLICE_BYTES ((int64_t)16 << 20) /* of the journal, before the worker's other tasks have a turn */
#define RESTORE_ENDS_MS 10000			/* ends that are older are asked for again */
#define RESTORE_PROGRESS_MS 2000		/* a restore that takes longer says how far it is, this often */
#define RESTORE_ATTEMPTS_MAX                                                                                           \
	3 /* once from the local copy; where that turns out to be another journal's, from scratch */

static void
say_progress(const struct task *task)
{
	const struct task_restore *restore = &task->restore;
	int64_t now_us = clock_monotonic_us(), left = restore->end - restore->from;
	double part = left > 0 ? (double)(restore->next - restore->from) / (double)left : 1;

	logger_info("restoring", "operator=%s task=%d percent=%.0f bytes=%" PRId64 " eta_s=%.0f",
		    task->operator->spec->name, task->partition, part * 100, restore->bytes,
		    part > 0 ? (double)(now_us - restore->started_us) / 1e6 * (1 - part) / part : 0);
}

static void
say_waiting(const struct task *task)
{
	logger_info("restore_waits",
		    "operator=%s task=%d offset=%" PRId64 " end=%" PRId64
		    " reason=\"a transaction of the predecessor is still open in the journal\"",
		    task->operator->spec->name, task->partition, task->restore.next, task->restore.end);
}

/* Says how it goes, now and then; `waiting`: it does not go. */
static void
say(struct task *task, bool waiting)
{
	int64_t now_us = clock_monotonic_us();

	if (now_us - task->restore.said_us < (int64_t)RESTORE_PROGRESS_MS * 1000)
		return;
	task->restore.said_us = now_us;
	if (waiting)
		say_waiting(task);
	else
		say_progress(task);
}

/* Nothing that is too old to be the end any more. */
int
task_restore_ends(struct task *task, int topic, struct partition_ends *out, struct error *err)
{
	int64_t now_us = clock_monotonic_us();

	if (now_us - task->restore.asked_us > (int64_t)RESTORE_ENDS_MS * 1000)
		task->restore.asked_us = now_us;
	return log_ends_since(task->job->log, topic, task->partition, task->restore.asked_us, out, err);
}

static int
begin(struct task *task, struct error *err)
{
	struct task_restore *restore = &task->restore;
	struct partition_ends ends;

	if (task_restore_ends(task, task->operator->journal, &ends, err) < 0 ||
	    state_restore_from(task->state, ends.start, ends.pending_end, &restore->from, err) < 0 ||
	    log_reader_open(task->job->log, task->operator->journal, task->partition, restore->from, &restore->reader,
			    err) < 0)
		return -1;
	if (restore->started_us == 0)
		restore->started_us = restore->said_us = clock_monotonic_us();
	restore->asked_us = 0;
	task->trimmed_to = restore->start = ends.start;
	restore->next = restore->from;
	restore->end = ends.pending_end;
	restore->last = -1;
	return 0;
}

/* What is on disk is another journal's, or the journal was trimmed while it was read. */
static int
begin_again(struct task *task, struct error *err)
{
	reader_close(&task->restore.reader);
	if (++task->restore.attempts < RESTORE_ATTEMPTS_MAX)
		return 0;
	err->action = FATAL;
	return -1;
}

static int
apply(struct task *task, const struct log_batch *batch, struct error *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		task->restore.bytes += (int64_t)batch->records[i].value.size;
		if (state_restore(task->state, batch->records[i].offset, batch->records[i].value, err) < 0)
			return -1;
		task->restore.last = batch->records[i].offset;
	}
	task->restore.next = batch->next;
	return batch->count == 0 ? 0 : crash_here(CRASH_RESTORING, err);
}

static int
read_slice(struct task *task, int64_t wait_ms, struct error *err)
{
	struct task_restore *restore = &task->restore;
	int64_t until = restore->bytes + RESTORE_SLICE_BYTES;

	while (restore->next < restore->end && restore->bytes < until) {
		struct log_batch batch;

		if (reader_fetch(restore->reader, wait_ms, &batch, err) < 0)
			return -1;
		if (apply(task, &batch, err) < 0)
			return err->action == ABORT ? begin_again(task, err) : -1;
		if (batch.count == 0 && restore->next < restore->end) {
			say(task, batch.at_end);
			return 0;
		}
		wait_ms = 0;
		say(task, false);
	}
	return 0;
}

/* A position is good where it lies inside the partition: otherwise the topic is another one, or has lost records. */
static int
place_input(struct task *task, struct input *input, struct task_header_input *stored, struct error *err)
{
	const char *port = task->operator->spec->type->inputs[input->port].name;
	int topic = task->job->topics[task->operator->spec->inputs[input->port]];
	struct partition_ends ends;
	char reason[128];

	if (task_restore_ends(task, topic, &ends, err) < 0)
		return -1;
	input->position = ends.start;
	if (!stored)
		return 0;
	if (!bytes_equal(stored->topic, bytes_of_text(input->topic->log_name))) {
		logger_warn("input_changed", "operator=%s task=%d input=%s was=%.*s is=%s", task->operator->spec->name,
			    task->partition, port, bytes_arguments(stored->topic), input->topic->log_name);
		return 0;
	}
	if (input->renewed || stored->position > ends.pending_end) {
		snprintf(reason, sizeof(reason),
			 input->renewed ? "its id or its record at offset %" PRId64
					  " is another one, and it ends at %" PRId64
					: "it was read up to offset %" PRId64 ", and ends at %" PRId64,
			 input->renewed ? stored->mark.offset : stored->position, ends.end);
		return task_marks_renewed(task, (int)(input - task->inputs), reason, err);
	}
	if (stored->position >= ends.start)
		input->position = stored->position;
	else if (input_lost(input, task->partition, (struct log_gap){.from = stored->position, .to = ends.start}, err) <
		 0)
		return -1;
	input->time.time_max = stored->time_max;
	input->mark = stored->mark;
	if (dead_letter_window_read(stored->window, &input->window, err) < 0 ||
	    dead_letter_reasons_read(stored->reasons, &input->window, err) < 0)
		return -1;
	dead_letter_pass_apply(task->operator, topic, task->partition, input);
	if (input->topic->internal) {
		upstream_fini(&input->upstream);
		input->upstream = stored->upstream;
		stored->upstream = (struct upstream){0};
		input_heard(input);
	}
	return 0;
}

/* Bounded run: takes the ends of its inputs now, with what is about to be committed. */
static int
bound_inputs(struct task *task, struct error *err)
{
	for (int i = 0; i < task->input_count; i++) {
		struct input *input = &task->inputs[i];
		int topic = task->job->topics[task->operator->spec->inputs[input->port]];
		struct partition_ends ends;

		if (task_restore_ends(task, topic, &ends, err) < 0)
			return -1;
		input->stop_at = ends.pending_end;
		input->time.ended = input->position >= ends.pending_end;
	}
	return 0;
}

/* Before the first input is placed the ends of all are known: what a placing says and counts is said once. */
static int
ask_inputs(struct task *task, struct error *err)
{
	struct partition_ends ends;

	for (int i = 0; i < task->input_count; i++) {
		int topic = task->job->topics[task->operator->spec->inputs[task->inputs[i].port]];

		if (task_restore_ends(task, topic, &ends, err) < 0)
			return -1;
	}
	return 0;
}

/* By what the last block says; the journal's positions are the truth, whatever the group's say. */
static int
place_by(struct task *task, struct task_header *header, struct error *err)
{
	int64_t positions[TOPOLOGY_PORTS_MAX];

	if (ask_inputs(task, err) < 0)
		return -1;
	if (header->written_ms != 0)
		job_clock_known(task->job, header->written_ms);
	watermark_init(&task->watermark, header->watermark);
	if (header->unfinished)
		task->watermark.from = header->began_at;
	task->context.watermark_ms = header->watermark;
	task->incarnation = header->incarnation + 1;
	task_tables_place(task, header);
	for (int i = 0; i < task->input_count; i++) {
		struct input *input = &task->inputs[i];
		const char *port = task->operator->spec->type->inputs[input->port].name;

		if (place_input(task, input, task_marks_find(header, port), err) < 0)
			return -1;
		positions[i] = input->noted = input->position;
	}
	if (task->job->bounded && bound_inputs(task, err) < 0)
		return -1;
	return member_start(task->member, task->partition, positions, err); /* last: it is done once */
}

static int
place_inputs(struct task *task, struct error *err)
{
	struct task_header header = {.watermark = TIME_MIN};
	struct bytes stored = state_header(task->state);
	int result = stored.size != 0 ? task_header_read(stored, &header, err) : task_journal_check_empty(task, err);

	if (result == 0 && stored.size != 0)
		result = task_journal_check(task, &header, err);
	if (result == 0)
		result = task_identity_check(task, &header, err);
	if (result == 0)
		result = task_owner_check(task, &header, err);
	if (result == 0)
		result = place_by(task, &header, err);
	task_header_fini(&header);
	return result;
}

static int
finish(struct task *task, struct error *err)
{
	struct task_restore *restore = &task->restore;
	int64_t took_ms = (clock_monotonic_us() - restore->started_us) / 1000;

	if (place_inputs(task, err) < 0 || task_forms_open(task->job->topology, task->operator->spec, task->partition,
							   task->state, &task->forms, err) < 0)
		return -1;
	/* A bounded run that was killed while it drained is taken up by one that drains, not by another one. */
	if (!task->job->bounded || task->job->keep_open) {
		state_drain_begin(task->state);
		state_drain_end(task->state);
	}
	reader_close(&restore->reader);
	task_look_at_clock(task); /* its first commit may come before its first record */
	task->running = true;
	task->changed |= restore->goes_on;
	task_owner_started(task);
	task->journal_next = restore->end;
	transaction_expect(task->context.transaction, task->operator->journal, task->partition, restore->end);
	job_add(&task->operator->figures.restored_bytes, restore->bytes);
	job_add(&task->operator->figures.restore_ms, took_ms);
	if (restore->end > restore->start)
		logger_info("restored",
			    "operator=%s task=%d from=%" PRId64 " end=%" PRId64 " journal_start=%" PRId64
			    " bytes=%" PRId64 " ms=%" PRId64,
			    task->operator->spec->name, task->partition, restore->from, restore->end, restore->start,
			    restore->bytes, took_ms);
	return crash_here(CRASH_STARTED, err);
}

/*
 * A process that stood still while it restored may have been given up meanwhile: the end that it has reached is not the
 * journal's any more, and what it would make of it (records that are gone, positions of long ago) nobody should see.
 */
static int
look_for_more(struct task *task, struct error *err)
{
	struct partition_ends ends;

	if (task_journal_ask(task, err) < 0 || task_restore_ends(task, task->operator->journal, &ends, err) < 0)
		return -1;
	if (ends.pending_end > task->restore.end) {
		task->restore.end = ends.pending_end;
		task->restore.asked_us = 0;
	} else if (state_in_block(task->state)) {
		task->restore.asked_us = 0;
		return fail(err, RETRY, "the journal ends at offset %" PRId64 ", within a block: the rest has to come",
			    task->restore.end);
	} else if (state_restored(task->state, err) < 0)
		return err->action == ABORT ? begin_again(task, err) : -1;
	return 0;
}

static bool
at_end(const struct task *task)
{
	return task->restore.reader && task->restore.next >= task->restore.end;
}

int
task_restore(struct task *task, int64_t wait_ms, struct error *err)
{
	bool looked = false;
	int result = 0;

	insist(!task->running);
	if (!task->restore.reader)
		result = begin(task, err);
	if (result == 0)
		result = read_slice(task, wait_ms, err);
	if (result == 0 && at_end(task))
		result = task_marks_look(task, wait_ms, &looked, err);
	if (result == 0 && looked)
		result = look_for_more(task, err);
	if (result == 0 && looked && at_end(task))
		result = finish(task, err);
	if (result < 0)
		fail_in(err, "operator %s task %d", task->operator->spec->name, task->partition);
	return result;
}
