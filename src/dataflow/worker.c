#include "dataflow/worker.h"

#include <inttypes.h>
#include <time.h>

#include "base/crash_point.h"
#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/job_tables.h"
#include "dataflow/task_owner.h"
#include "dataflow/task_stores.h"
#include "dataflow/worker_member.h"

/* ---- opening and closing ---- */

int
worker_open(struct job *job, struct job_operator *operator, int index, struct worker **out, struct error *err)
{
	struct worker *worker = memory_new(sizeof(*worker));

	worker->job = job;
	worker->operator = operator;
	worker->index = index;
	worker->turn = &operator->turns[index];
	worker->tasks = memory_new_array((size_t)operator->spec->tasks, sizeof(*worker->tasks));
	worker->held = memory_new((size_t)operator->spec->tasks);
	worker->leaving = memory_new((size_t)operator->spec->tasks);
	worker->patience = memory_new_array((size_t)operator->spec->tasks, sizeof(*worker->patience));
	worker->now_ms = clock_steady_ms(job->clock);
	worker->committed_ms = worker->swept_ms = worker->now_ms;
	if (self_open(&worker->self, job, operator, err) < 0 ||
	    worker_member_open(job, operator, index, &worker->member, err) < 0) {
		worker_close(&worker);
		return -1;
	}
	worker->transaction = member_transaction(worker->member);
	job_tables_enter(operator, index);
	*out = worker;
	return 0;
}

void
worker_close(struct worker **pointer)
{
	struct worker *worker = *pointer;

	if (!worker)
		return;
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++) {
		task_close(&worker->tasks[i]);
		task_stores_closed(worker->operator, (int)i, worker->index, worker->now_ms);
	}
	if (worker->member) {
		job_tables_leave(worker->operator, worker->index);
		member_close(&worker->member);
	}
	self_close(&worker->self);
	memory_free(&worker->tasks);
	memory_free(&worker->held);
	memory_free(&worker->leaving);
	memory_free(&worker->rival);
	memory_free(&worker->patience);
	memory_free(pointer);
}

/* ---- when a commit is due ---- */

/* What must not grow any further before it is committed: the transaction, or changed entries in memory. */
static int
commit_if_large(struct worker *worker, const struct task *task, struct error *err)
{
	if (transaction_bytes(worker->transaction) < (size_t)worker->job->topology->commit_bytes &&
	    !state_must_commit(task->state) && !task->context.commit_soon)
		return 0;
	return worker_commit(worker, err);
}

/* Bounded run: the tasks are all at their end. */
static bool
all_drained(const struct worker *worker)
{
	bool any = false;

	for (int64_t i = 0; i < worker->operator->spec->tasks; i++) {
		if (worker->tasks[i] ? !worker->tasks[i]->drained : worker->held[i])
			return false;
		any |= worker->tasks[i] != NULL;
	}
	return any;
}

bool
worker_ended(const struct worker *worker)
{
	return worker->phase == WORKER_RUNNING && !worker_changed(worker) && all_drained(worker);
}

static bool
is_late(const struct worker *worker)
{
	return worker->now_ms - worker->committed_ms >= worker->job->topology->commit_interval_ms;
}

static int
commit_if_due(struct worker *worker, struct error *err)
{
	return is_late(worker) || all_drained(worker) ? worker_commit(worker, err) : 0;
}

/*
 * Within a turn, which may take longer than an interval: many tasks, or all the timers of a window. Rows that were
 * handed over early are in an open transaction, and the cluster aborts one that is older than its timeout.
 */
static int
commit_if_late(struct worker *worker, struct error *err)
{
	worker->now_ms = clock_steady_ms(worker->job->clock);
	return is_late(worker) ? worker_commit(worker, err) : 0;
}

/* ---- tasks ---- */

/* What a turn may take long for (timers of a window, many tasks) ends early: what is left the next run does. */
static bool
is_stopping(const struct worker *worker)
{
	return atomic_load_explicit(&worker->job->stopping, memory_order_relaxed);
}

/* What `deadletter pass` was told of does not count. A record that is one too many is not counted yet, either: it stays
 * where it is, and the next run meets it as this one did. */
static int
count_failure(const struct worker *worker, struct input *input, const char *reason, struct error *err)
{
	const struct topology_operator *spec = worker->operator->spec;
	struct dead_letter_window window;

	if (input->position < input->pass_until)
		return 0;
	window = input->window;
	dead_letter_window_add(&window, true, reason);
	if (dead_letter_window_check(&window, spec->dead_letter_limit, spec->name, input->topic->name, err) < 0)
		return -1;
	input->window = window;
	return 0;
}

/* What was done up to here is kept, the letters with it. */
static int
commit_and_stop(struct worker *worker, struct error *err)
{
	struct error reason = *err;

	if (worker_commit(worker, err) < 0)
		return -1;
	*err = reason;
	return -1;
}

/* A record that cannot be processed goes to the dead letters, as long as there are not too many of them. */
static int
process_record(struct worker *worker, struct task *task, struct input *input, struct error *err)
{
	const struct topology_operator *spec = worker->operator->spec;
	struct error reason;

	if (task_process(task, input, err) == 0) {
		dead_letter_window_add(&input->window, false, NULL);
		/* A sink learns of what is refused at the commit. Where there was too much of it already, no more is
		 * put at stake than one record. */
		if (spec->type->flush && dead_letter_window_is_over(&input->window, spec->dead_letter_limit))
			task->context.commit_soon = true;
		return 0;
	}
	if (err->action != SKIP)
		return -1;
	reason = *err;
	if (count_failure(worker, input, reason.text, err) < 0)
		return commit_and_stop(worker, err);
	return task_dead_letter(task, input, &reason, err);
}

static int
fire_timers(struct worker *worker, struct task *task, struct error *err)
{
	bool fired;

	for (int64_t i = 1;; i++) {
		if (task_fire(task, &fired, err) < 0)
			return -1;
		if (!fired)
			return 0;
		worker->progress = true;
		if (commit_if_large(worker, task, err) < 0)
			return -1;
		if (i % WORKER_TURN_TIMERS != 0)
			continue;
		if (is_stopping(worker))
			return 0;
		if (commit_if_late(worker, err) < 0)
			return -1;
	}
}

static int
run_source(struct worker *worker, struct task *task, struct error *err)
{
	bool ended = task->generated_all;
	int64_t records = task->context.emitted_kept;

	if (task_generate(task, worker->now_ms, err) < 0)
		return -1;
	worker->progress |= task->context.emitted_kept != records || task->generated_all != ended;
	return commit_if_large(worker, task, err);
}

/* No record comes next. Only now it is known which inputs are silent. */
static int
run_silence(struct worker *worker, struct task *task, struct error *err)
{
	struct patience_owner owner = {.operator = worker->operator->spec->name, .task = task->partition};

	for (int i = 0; worker->job->bounded && i < task->input_count; i++)
		input_wait(&task->inputs[i], &owner, worker->now_ms);
	task_advance(task, worker->now_ms);
	return fire_timers(worker, task, err);
}

static int
run_inputs(struct worker *worker, struct task *task, struct error *err)
{
	struct input *input;

	/* Of a window in whose timers the last run was stopped, or killed. */
	if (fire_timers(worker, task, err) < 0)
		return -1;
	for (int i = 0; i < WORKER_TURN_RECORDS_MAX && !is_stopping(worker); i++) {
		if (task_next(task, i == 0, &input, err) < 0)
			return -1;
		if (!input)
			return run_silence(worker, task, err);
		worker->progress = true;
		if (process_record(worker, task, input, err) < 0)
			return -1;
		task_advance(task, worker->now_ms);
		if (fire_timers(worker, task, err) < 0 || commit_if_large(worker, task, err) < 0)
			return -1;
	}
	return 0;
}

/* The end of a bounded run: each pending timer fires once, in order, unless they are to be kept for the next one. */
static int
drain(struct worker *worker, struct task *task, struct error *err)
{
	worker->progress = true;
	if (task->input_count != 0 && !worker->job->keep_open) {
		watchdog_at(worker->turn, WATCHDOG_DRAINING);
		task_drain(task);
		if (fire_timers(worker, task, err) < 0)
			return -1;
		if (is_stopping(worker)) /* perhaps not all of them */
			return 0;
	}
	return task_drained(task, err);
}

static int
run_task(struct worker *worker, struct task *task, struct error *err)
{
	int result;

	watchdog_at(worker->turn, WATCHDOG_RUNNING);
	task_look_at_clock(task);
	if (task->drained)
		return 0;
	result = task->input_count == 0 ? run_source(worker, task, err) : run_inputs(worker, task, err);
	if (result == 0)
		result = task_tables_write_letters(task, err);
	if (result == 0)
		result = task_clock(task, worker->now_ms, err);
	if (result == 0 && worker->job->bounded && task_ended(task))
		result = drain(worker, task, err);
	task_publish(task);
	return result;
}

/* ---- assignment ---- */

static int
open_task(struct worker *worker, int partition, struct error *err)
{
	struct task_config config;

	if (!task_stores_open(worker->operator, partition, worker->index))
		return 0; /* run_tasks asks again */
	worker->progress = true;
	watchdog_at(worker->turn, WATCHDOG_OPENING);
	config = (struct task_config){
		.job = worker->job,
		.operator = worker->operator,
		.member = worker->member,
		.transaction = worker->transaction,
		.self = worker->self.of,
		.partition = partition,
		.state = task_stores_take(worker->operator, partition),
	};
	return task_open(&config, &worker->tasks[partition], err);
}

/* Not yet its stores. What it has in memory waits for it: most tasks that are given up or aborted come back. */
static void
put_aside(struct worker *worker, int partition)
{
	struct task **task = &worker->tasks[partition];

	if (*task)
		task_stores_put_aside(worker->operator, partition, task_put_aside(*task));
	task_close(task);
}

static int
close_task(struct worker *worker, int partition, struct error *err)
{
	worker->patience[partition] = (struct patience){0};
	put_aside(worker, partition);
	task_stores_closed(worker->operator, partition, worker->index, worker->now_ms);
	return member_stop(worker->member, partition, err);
}

/*
 * Takes the log's word on which partitions are ours. What is to be given up is only noted: first comes a commit. What
 * is lost is lost together with all that the transaction holds of it.
 */
static int
poll_member(struct worker *worker, int64_t wait_ms, struct error *err)
{
	struct member_event event;

	for (;; wait_ms = 0) {
		if (member_poll(worker->member, wait_ms, &event, err) < 0)
			return -1;
		insist(event.partition < worker->operator->spec->tasks);
		switch (event.type) {
		case MEMBER_NOTHING:
		case MEMBER_DATA:
			return 0;
		case MEMBER_ASSIGNED:
			worker->held[event.partition] = true; /* run_tasks opens it */
			break;
		case MEMBER_REVOKED:
			worker->leaving[event.partition] = true;
			worker->leaving_count++;
			break;
		case MEMBER_LOST:
			worker->leaving_count -= worker->leaving[event.partition];
			worker->held[event.partition] = worker->leaving[event.partition] = false;
			if (close_task(worker, event.partition, err) < 0)
				return -1;
			worker->phase = WORKER_ABORTING;
			break;
		}
	}
}

static int
give_up_leaving(struct worker *worker, struct error *err)
{
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++) {
		if (!worker->leaving[i])
			continue;
		worker->leaving[i] = worker->held[i] = false;
		worker->leaving_count--;
		if (close_task(worker, (int)i, err) < 0)
			return -1;
	}
	return crash_here(CRASH_RELEASED, err);
}

/* A partition is given up only after what was done on it is committed. */
static int
commit_and_give_up(struct worker *worker, struct error *err)
{
	if (worker_commit(worker, err) < 0 || crash_here(CRASH_REVOKED, err) < 0)
		return -1;
	return give_up_leaving(worker, err);
}

/*
 * Ends the transaction that was given up. run_tasks opens the tasks from their last blocks again: state, positions,
 * times, everything. Those that are leaving leave without a commit.
 */
static int
abort_and_close(struct worker *worker, struct error *err)
{
	watchdog_at(worker->turn, WATCHDOG_ABORTING);
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++)
		put_aside(worker, (int)i);
	if (worker->operator->spec->type->drop)
		worker->operator->spec->type->drop(worker->self.of);
	if (transaction_abort(worker->transaction, err) < 0)
		return -1;
	worker->phase = WORKER_RUNNING;
	worker->over = false;
	worker->committed_ms = worker->now_ms;
	if (give_up_leaving(worker, err) < 0)
		return -1;
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++)
		if (worker->held[i] && close_task(worker, (int)i, err) < 0)
			return -1;
	return 0;
}

/* ---- the turn ---- */

static int64_t
waiting_time(const struct worker *worker, int64_t wait_ms)
{
	int64_t due_ms = worker->committed_ms + worker->job->topology->commit_interval_ms - worker->now_ms;

	if (worker->progress)
		return 0;
	if (worker->restoring && wait_ms > WORKER_RESTORE_WAIT_MS)
		wait_ms = WORKER_RESTORE_WAIT_MS;
	if (worker_changed(worker) && due_ms < wait_ms)
		wait_ms = due_ms;
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++) {
		const struct task *task = worker->tasks[i];

		if (task && task->running && !task->drained && task->due_ms != TIME_MAX &&
		    task->due_ms - worker->now_ms < wait_ms)
			wait_ms = task->due_ms - worker->now_ms;
	}
	return wait_ms > 0 ? wait_ms : 0;
}

/* A task that is not there yet is read from its journal, a slice a turn; the others go on. */
static int
restore_task(struct worker *worker, struct task *task, struct error *err)
{
	int64_t bytes = task->restore.bytes;

	watchdog_at(worker->turn, WATCHDOG_RESTORING);
	if (task_restore(task, 0, err) < 0)
		return -1;
	if (task->running && worker->aborts > 0)
		task_owner_note_rival(task, &worker->rival);
	worker->progress |= task->running || task->restore.bytes != bytes;
	worker->restoring |= !task->running;
	return 0;
}

static int
go_on(struct worker *worker, int partition, struct error *err)
{
	struct task *task = worker->tasks[partition];

	if (task && task->running && worker->tables_over)
		return task_tables_write_letters(task, err);
	if (task && task->running)
		return run_task(worker, task, err) < 0 ? -1 : commit_if_late(worker, err);
	if (task)
		return restore_task(worker, task, err);
	return worker->held[partition] && !worker->leaving[partition] ? open_task(worker, partition, err) : 0;
}

/* All that are ours, and there are some. */
static bool
all_running(const struct worker *worker)
{
	bool any = false;

	for (int64_t i = 0; i < worker->operator->spec->tasks; i++) {
		if (worker->held[i] && !(worker->tasks[i] && worker->tasks[i]->running))
			return false;
		any |= worker->held[i];
	}
	return any;
}

/*
 * A task's trouble (RETRY: its partition has no leader, say) is its own: it is set aside for a moment, and the others
 * go on, and commit. Unless it is the commit that cannot be made.
 */
static int
run_tasks(struct worker *worker, struct error *err)
{
	worker->restoring = false;
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++) {
		struct patience_owner owner = {.operator = worker->operator->spec->name, .task = (int)i};
		struct patience *patience = &worker->patience[i];

		if (is_stopping(worker))
			return 0;
		if (!patience_ready(patience, worker->now_ms))
			continue;
		if (go_on(worker, (int)i, err) == 0)
			patience_end(patience, &owner, worker->now_ms);
		else if (err->action != RETRY || worker->phase != WORKER_RUNNING ||
			 patience_fail(patience, &owner, worker->now_ms, WORKER_WAIT_MS_MAX,
				       worker->job->topology->outage_ms, err) < 0)
			return -1;
	}
	return 0;
}

/* The data flows from top to bottom. What was begun before, a commit or an abort, is ended first. */
int
worker_try(struct worker *worker, int64_t wait_ms, struct error *err)
{
	struct error reason;
	bool last; /* each task writes the letters of the tables, then that is it */

	job_tables_pass(worker->operator, worker->index); /* also while the log is out of reach */
	if (poll_member(worker, waiting_time(worker, wait_ms), err) < 0)
		return -1;
	worker->now_ms = clock_steady_ms(worker->job->clock);
	worker->progress = false;
	/* Partitions are not held back for a sink: whoever gets them sends the rows again. */
	if (worker->phase == WORKER_FLUSHING && worker->leaving_count > 0)
		worker->phase = WORKER_ABORTING;
	if (worker->phase == WORKER_ABORTING && abort_and_close(worker, err) < 0)
		return -1;
	if ((worker->phase == WORKER_FLUSHING || worker->phase == WORKER_COMMITTING) && worker_commit(worker, err) < 0)
		return -1;
	if (worker->leaving_count > 0 && commit_and_give_up(worker, err) < 0)
		return -1;
	worker->tables_over = job_tables_check(worker->operator, &reason) < 0;
	last = worker->tables_over && all_running(worker);
	if (run_tasks(worker, err) < 0)
		return -1;
	if (last) {
		*err = reason;
		return commit_and_stop(worker, err);
	}
	if (commit_if_due(worker, err) < 0)
		return -1;
	if (worker->index != 0 || worker->now_ms - worker->swept_ms < TASK_STORES_SWEEP_MS)
		return 0;
	worker->swept_ms = worker->now_ms;
	watchdog_at(worker->turn, WATCHDOG_SWEEPING);
	return task_stores_sweep(worker->job, worker->operator, worker->now_ms, err);
}
