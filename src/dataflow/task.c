#include "dataflow/task.h"

#include <inttypes.h>

#include "base/crash_point.h"
#include "base/logger.h"
#include "dataflow/task_header.h"
#include "dataflow/task_identity.h"
#include "dataflow/task_owner.h"
#include "dataflow/task_watermark.h"

/* Looks for the head with the lowest (event time, input, offset). */
static struct input *
lowest_head(struct task *task)
{
	struct input *lowest = NULL;

	for (int i = 0; i < task->input_count; i++) {
		struct input *input = &task->inputs[i];

		if (input->ready && (!lowest || input->order_ms < lowest->order_ms))
			lowest = input;
	}
	return lowest;
}

/* Whether the merge still waits for an input whose data is on its way: for ever in a bounded run, merge_wait else. */
static bool
must_wait(struct task *task, bool pending, int64_t now_ms)
{
	if (!pending) {
		task->waiting_since_ms = TIME_MAX;
		return false;
	}
	if (task->job->bounded)
		return true;
	if (task->waiting_since_ms == TIME_MAX)
		task->waiting_since_ms = now_ms;
	return now_ms - task->waiting_since_ms < task->job->topology->merge_wait_ms;
}

void
task_look_at_clock(struct task *task)
{
	int64_t wall_ms = job_wall_ms(task->job);

	task->context.now_ms = clock_now_ms(task->job->clock);
	task->context.steady_ms = clock_steady_ms(task->job->clock);
	for (int i = 0; i < task->input_count; i++)
		task->inputs[i].now_ms = wall_ms;
}

int
task_next(struct task *task, bool again, struct input **out, struct error *err)
{
	bool pending = false;
	int64_t now_ms = task->context.steady_ms;

	*out = NULL;
	for (int i = 0; i < task->input_count; i++) {
		struct input *input = &task->inputs[i];

		if (input->ready)
			continue;
		if (input_fill(input, task->member, task->partition, task->state, again, task->job->clock, err) < 0)
			return -1;
		pending |= input_pending(input);
	}
	if (!must_wait(task, pending, now_ms))
		*out = lowest_head(task);
	return 0;
}

int
task_end_hook(struct task *task, int result)
{
	if (result == 0)
		task->changed |= state_touched(task->state) || task->context.emitted > 0;
	context_end(&task->context, result == 0);
	return result;
}

static void
take(struct task *task, struct input *input)
{
	const struct log_record *record = input_record(input);

	task->bytes_in += (int64_t)(record->key.size + record->value.size);
	task->records_in++;
	input_take(input);
	task->changed = true;
}

/* The watermark went on without this input. What it brings now may be late: that is said, once for each silence. */
static void
note_return(const struct task *task, struct input *input)
{
	if (input->head.behind)
		logger_warn("input_back",
			    "operator=%s task=%d topic=%s silent_ms=%" PRId64 " behind_ms=%" PRId64
			    " reason=\"it was silent for longer than idle_after, and the watermark went on without "
			    "it\"",
			    task->operator->spec->name, task->partition, input->topic->name, input->silent_ms,
			    task->watermark.at - input->head.time_ms);
	input->silent_ms = 0;
}

static int
process(struct task *task, struct input *input, struct error *err)
{
	input->head.behind = input->head.time_ms < task->watermark.at;
	task->behind += input->head.behind;
	if (__builtin_expect(input->silent_ms != 0, false))
		note_return(task, input);
	return task->operator->spec->type->process(task->self, input->port, &input->head, &task->context, err);
}

static int
process_deletion(struct task *task, const struct input *input, struct error *err)
{
	const struct operator_type *type = task->operator->spec->type;
	struct bytes key = input->head.key.bytes;

	if (type->on_deletion && key.data && type->on_deletion(task->self, input->port, key, &task->context, err) < 0)
		return -1;
	job_add(&task->operator->figures.deletions, 1);
	return 0;
}

int
task_process(struct task *task, struct input *input, struct error *err)
{
	int result;

	if (input->wrong_set) {
		*err = input->wrong;
		return -1;
	}
	task->context.in_process = true;
	result = input->deletion ? process_deletion(task, input, err) : process(task, input, err);
	task->context.in_process = false;
	if (task_end_hook(task, result) < 0)
		return -1;
	take(task, input);
	return 0;
}

int
task_dead_letter(struct task *task, struct input *input, const struct error *reason, struct error *err)
{
	const struct log_record *record = input_record(input);
	struct dead_letter letter = {
		.topic = input->topic->name,
		.partition = task->partition,
		.offset = record->offset,
		.record_time_ms = input->head.timestamp_ms,
		.key = record->key,
		.value = record->value,
		.reason = reason->text,
	};

	/* What the operator refuses has a time that may be trusted as little as the rest of it: no watermark moves. */
	input->wrong_set = true;
	if (task_end_hook(task, dead_letter_write(&task->context, &letter, err)) < 0)
		return -1;
	take(task, input);
	return 0;
}

void
task_advance(struct task *task, int64_t now_ms)
{
	for (int i = 0; i < task->input_count; i++) {
		const struct input *input = &task->inputs[i];

		task->times[i] = input->time;
		if (task->job->keep_open) { /* it holds the watermark where it stands */
			task->times[i].ended = false;
			task->times[i].quiet_since_ms = TIME_MAX;
		}
		/* Silence that nobody listened to is none: while the worker stood still something may have come. */
		if (input->time.quiet_since_ms != TIME_MAX && !input->time.ended && input->quiet_until_ms < now_ms)
			now_ms = input->quiet_until_ms;
	}
	watermark_advance(&task->watermark, task->times, task->input_count, now_ms);
	task->context.watermark_ms = task->draining ? TIME_MAX : task->watermark.at;
}

int
task_fire(struct task *task, bool *fired, struct error *err)
{
	/* A record of time W is not late, so it must not find what waits until W closed. */
	int64_t until = time_add(task->context.watermark_ms, -1);
	struct store *store;
	struct entry *entry;
	int result;

	*fired = false;
	if (until == TIME_MIN || state_timer_next(task->state) > until)
		return 0;
	if (state_timer_take(task->state, until, &store, &entry, err) < 0)
		return -1;
	if (!entry)
		return 0;
	*fired = true;
	result = task->operator->spec->type->on_timer(task->self, entry, &task->context, err);
	task->changed |= result == 0;
	return task_end_hook(task, context_no_skip(&task->context, "on_timer", result, err));
}

int
task_generate(struct task *task, int64_t now_ms, struct error *err)
{
	int64_t wait_ms = 0;
	bool done = false;

	if (now_ms < task->due_ms)
		return 0;
	if (task_end_hook(task,
			  task->operator->spec->type->generate(task->self, &task->context, &wait_ms, &done, err)) < 0)
		return -1;
	task->generated_all = done;
	task->due_ms = done ? TIME_MAX : now_ms + wait_ms;
	return 0;
}

bool
task_inputs_ended(const struct task *task)
{
	for (int i = 0; i < task->input_count; i++)
		if (!task->inputs[i].time.ended)
			return false;
	return true;
}

/* At the end of a bounded run it is called once more whatever it asked for: records have come since. */
int
task_clock(struct task *task, int64_t now_ms, struct error *err)
{
	const struct operator_type *type = task->operator->spec->type;
	int64_t wait_ms = 0;

	if (!type->on_clock || (now_ms < task->due_ms && !(task->job->bounded && task_inputs_ended(task))))
		return 0;
	task->outside_pending = false;
	if (task_end_hook(task, context_no_skip(&task->context, "on_clock",
						type->on_clock(task->self, &task->context, &wait_ms,
							       &task->outside_pending, err),
						err)))
		return -1;
	task->due_ms = now_ms + wait_ms;
	return 0;
}

bool
task_ended(const struct task *task)
{
	if (task->input_count == 0)
		return task->generated_all;
	return task_inputs_ended(task) && !task->outside_pending;
}

void
task_drain(struct task *task)
{
	if (task->draining)
		return;
	task->draining = true;
	task->context.watermark_ms = TIME_MAX;
	state_drain_begin(task->state);
}

int
task_drained(struct task *task, struct error *err)
{
	struct job_task_figures *figures = &task->operator->tasks[task->partition];
	int64_t pending;

	if (task->draining)
		state_drain_end(task->state);
	if (state_timers_pending(task->state, &pending, err) < 0)
		return -1;
	atomic_store_explicit(&figures->pending, pending, memory_order_relaxed);
	atomic_store_explicit(&figures->held_by, task_holding_port(task), memory_order_relaxed);
	task->drained = true;
	task->changed = true;
	return 0;
}

/* Where no records come, markers do, and would pile up. */
static bool
passed_markers(const struct task *task)
{
	for (int i = 0; i < task->input_count; i++)
		if (task->inputs[i].topic->internal &&
		    task->inputs[i].position - task->inputs[i].noted >= TASK_MARKERS_MAX)
			return true;
	return false;
}

/*
 * An input has come to its end, past offsets that are no records (what was aborted, markers of transactions), and the
 * last block does not know. Lag tools would show them for as long as nothing else comes.
 */
static bool
passed_end(const struct task *task)
{
	for (int i = 0; i < task->input_count; i++) {
		const struct input *input = &task->inputs[i];

		if (!input->topic->internal && input->batch.at_end && input->at >= input->batch.count &&
		    !input->holding && input->position > input->noted)
			return true;
	}
	return false;
}

bool
task_has_news(const struct task *task)
{
	return task->changed || (task->running && (task_marker_due(task) || passed_markers(task) || passed_end(task)));
}

/* ---- commit ---- */

static int
append_part(void *argument, struct bytes part, struct error *err)
{
	struct task *task = argument;
	struct transaction *transaction = task->context.transaction;
	struct buffer *buffer = transaction_append_begin(transaction, task->operator->journal, task->partition,
							 (struct bytes){0}, task->context.now_ms);

	buffer_put_bytes(buffer, part);
	if (transaction_append_end(transaction, err) < 0)
		return -1;
	transaction_keep(transaction);
	return 0;
}

static void
note_windows(struct task *task, struct task_header *header)
{
	size_t ends[TOPOLOGY_PORTS_MAX], reasons[TOPOLOGY_PORTS_MAX], start = 0;

	buffer_clear(&task->windows);
	for (int i = 0; i < task->input_count; i++) {
		const struct dead_letter_window *window = &task->inputs[i].window;

		dead_letter_window_write(window, &task->windows);
		reasons[i] = task->windows.size;
		if (window->failures > 0)
			dead_letter_reasons_write(window, &task->windows);
		ends[i] = task->windows.size;
	}
	for (int i = 0; i < task->input_count; start = ends[i++]) {
		header->inputs[i].window = bytes_of(task->windows.data + start, reasons[i] - start);
		header->inputs[i].reasons = bytes_of(task->windows.data + reasons[i], ends[i] - reasons[i]);
	}
}

static void
write_header(struct task *task)
{
	struct task_header header = {
		.incarnation = task->incarnation,
		.watermark = task->drained ? task_stored_watermark(task) : task->watermark.at,
		.unfinished = task_closes(task) && !task->drained,
		.began_at = task->watermark.from,
		.input_count = task->input_count,
		.written_ms = task->context.now_ms,
	};

	for (int i = 0; i < task->input_count; i++) {
		struct input *input = &task->inputs[i];

		input->noted = input->position;
		header.inputs[i] = (struct task_header_input){
			.port = bytes_of_text(task->operator->spec->type->inputs[input->port].name),
			.topic = bytes_of_text(input->topic->log_name),
			.position = input->position,
			.time_max = input->time.time_max,
			.upstream = input->upstream,
			.mark = *input_mark(input),
		};
		memcpy(header.inputs[i].topic_id,
		       log_topic_id(task->job->log, task->job->topics[task->operator->spec->inputs[input->port]]),
		       TASK_HEADER_TOPIC_ID_SIZE);
	}
	note_windows(task, &header);
	task_tables_note(task, &header);
	task_identity_note(task, &header);
	task_owner_note(task, &header);
	buffer_clear(&task->header);
	task_header_write(&header, &task->header);
}

int
task_flush(struct task *task, struct error *err)
{
	int result;

	task_look_at_clock(task);
	result = task->operator->spec->type->flush(task->self, &task->context, err);
	return task_end_hook(task, context_no_skip(&task->context, "flush", result, err));
}

int
task_block(struct task *task, struct error *err)
{
	if (context_before_commit(&task->context, task->self, err) < 0 ||
	    (task_marker_due(task) && task_markers_append(task, err) < 0))
		return -1;
	task->changed = true;
	task->context.commit_soon = false;
	write_header(task);
	if (state_block(task->state, buffer_bytes(&task->header), append_part, task, err) < 0)
		return -1;
	for (int i = 0; i < task->input_count; i++) {
		const struct input *input = &task->inputs[i];
		int topic = task->job->topics[task->operator->spec->inputs[input->port]];

		transaction_position(task->context.transaction, task->operator->group, topic, task->partition,
				     input->position);
	}
	/* So that a commit without inputs is fenced too. */
	transaction_position(task->context.transaction, task->operator->group, task->operator->journal, task->partition,
			     task->journal_next);
	return 0;
}

/* Lowers *offset to what every other reader of the topic has committed; -1: one has not committed anything. */
static int
others_behind(const struct task *task, int topic, int64_t *offset, struct error *err)
{
	const struct job *job = task->job;

	for (int i = 0; i < job->topology->operator_count && *offset >= 0; i++) {
		int64_t position;

		if (&job->operators[i] == task->operator || !topology_reads(&job->topology->operators[i], topic))
			continue;
		if (log_position(job->log, job->operators[i].group, job->topics[topic], task->partition, &position,
				 err) < 0)
			return -1;
		if (position < *offset)
			*offset = position;
	}
	return 0;
}

/*
 * What all readers of an internal topic have committed nobody needs any more. Where the log does not answer, none of
 * the operator's tasks asks for a while: each would wait, and the worker's others have still to be told of this commit.
 */
static int
trim_inputs(struct task *task, struct error *err)
{
	_Atomic int64_t *again_ms = &task->operator->trims_again_ms;

	if (task->context.steady_ms - task->inputs_trimmed_ms < TASK_TRIM_INPUTS_MS ||
	    task->context.steady_ms < atomic_load_explicit(again_ms, memory_order_relaxed))
		return 0;
	task->inputs_trimmed_ms = task->context.steady_ms;
	for (int i = 0; i < task->input_count; i++) {
		const struct input *input = &task->inputs[i];
		int topic = task->operator->spec->inputs[input->port];
		int64_t offset = input->position;

		if (!input->topic->internal)
			continue;
		if (others_behind(task, topic, &offset, err) == 0 &&
		    (offset <= 0 ||
		     log_trim(task->job->log, task->job->topics[topic], task->partition, offset, err) == 0))
			continue;
		if (err->action != RETRY)
			return -1;
		atomic_store_explicit(again_ms, task->context.steady_ms + TASK_TRIM_INPUTS_MS, memory_order_relaxed);
		return 0;
	}
	return 0;
}

int
task_committed(struct task *task, struct error *err)
{
	int64_t offset, trim;

	offset = transaction_first_offset(task->context.transaction, task->operator->journal, task->partition);
	insist(offset >= 0);
	task->changed = false;
	task->journal_next = offset + 1;
	task_tables_committed(task);
	if (state_committed(task->state, offset, err) < 0 || crash_here(CRASH_WRITTEN, err) < 0 ||
	    trim_inputs(task, err) < 0)
		return -1;
	trim = state_trim_to(task->state);
	if (trim <= task->trimmed_to)
		return 0;
	task->trimmed_to = trim;
	if (log_trim(task->job->log, task->operator->journal, task->partition, trim, err) < 0)
		return -1;
	return crash_here(CRASH_TRIMMED, err);
}

void
task_publish(struct task *task)
{
	struct job_task_figures *figures = &task->operator->tasks[task->partition];
	struct state_figures state;
	int64_t lag = 0;

	context_publish(&task->context);
	job_add(&task->operator->figures.records_in, task->records_in);
	job_add(&task->operator->figures.bytes_in, task->bytes_in);
	job_add(&task->operator->figures.behind, task->behind);
	task->behind = 0;
	task->records_in = 0;
	task->bytes_in = 0;
	for (int i = 0; i < task->input_count; i++)
		if (task->inputs[i].end > task->inputs[i].position)
			lag += task->inputs[i].end - task->inputs[i].position;
	state_figures(task->state, &state);
	atomic_store_explicit(&figures->lag, lag, memory_order_relaxed);
	atomic_store_explicit(&figures->watermark_ms, task->drained ? task_stored_watermark(task) : task->watermark.at,
			      memory_order_relaxed);
	atomic_store_explicit(&figures->state_entries, state.entries, memory_order_relaxed);
	atomic_store_explicit(&figures->state_bytes, state.memory_bytes, memory_order_relaxed);
}
