/* A worker's commit: what its tasks gathered is settled outside, their blocks go into the transaction, and that is
 * committed. */
#include "base/crash_point.h"
#include "base/memory.h"
#include "dataflow/worker.h"

bool
worker_changed(const struct worker *worker)
{
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++)
		if (worker->tasks[i] && task_has_news(worker->tasks[i]))
			return true;
	return false;
}

static int
append_blocks(struct worker *worker, struct error *err)
{
	if (crash_here(CRASH_PROCESSED, err) < 0)
		return -1;
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++) {
		struct task *task = worker->tasks[i];

		if (task && task_has_news(task) && task_block(task, err) < 0)
			return -1;
	}
	return crash_here(CRASH_BLOCK, err);
}

static int
tell_tasks(struct worker *worker, struct error *err)
{
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++)
		if (worker->tasks[i] && worker->tasks[i]->changed && task_committed(worker->tasks[i], err) < 0)
			return -1;
	return 0;
}

/*
 * What a sink's system refuses counts as what process() refuses. Its letters are in the transaction already: where
 * there are too many of them it is committed all the same, and then the operator stops.
 */
static void
count_refused(struct worker *worker, struct task *task)
{
	const struct topology_operator *spec = worker->operator->spec;

	for (int i = 0; i < task->input_count; i++) {
		struct input *input = &task->inputs[i];
		struct context_input *from = &task->context.inputs[input->port];

		if (from->refused == 0)
			continue;
		for (; from->refused > 0; from->refused--)
			if (input->position > input->pass_until)
				dead_letter_window_fail(&input->window, from->refused_for);
		if (!worker->over && dead_letter_window_check(&input->window, spec->dead_letter_limit, spec->name,
							      input->topic->name, &worker->over_reason) < 0)
			worker->over = true;
	}
}

/* While the other side of a sink is out of reach (RETRY) nothing more is gathered: the next call goes on here. */
static int
flush_tasks(struct worker *worker, struct error *err)
{
	if (!worker->operator->spec->type->flush)
		return 0;
	worker->phase = WORKER_FLUSHING;
	watchdog_at(worker->turn, WATCHDOG_FLUSHING);
	for (int64_t i = 0; i < worker->operator->spec->tasks; i++) {
		struct task *task = worker->tasks[i];

		if (!task || !task_has_news(task))
			continue;
		if (task_flush(task, err) < 0)
			return -1;
		count_refused(worker, task);
	}
	worker->phase = WORKER_RUNNING;
	return 0;
}

static int
commit(struct worker *worker, struct error *err)
{
	if (worker->phase != WORKER_COMMITTING) {
		if (!worker_changed(worker)) {
			worker->committed_ms = worker->now_ms;
			return 0;
		}
		if (flush_tasks(worker, err) < 0)
			return -1;
		watchdog_at(worker->turn, WATCHDOG_COMMITTING);
		if (append_blocks(worker, err) < 0)
			return -1;
		worker->phase = WORKER_COMMITTING;
	}
	watchdog_at(worker->turn, WATCHDOG_COMMITTING);
	if (transaction_commit(worker->transaction, err) < 0)
		return -1;
	worker->phase = WORKER_RUNNING;
	worker->aborts = 0;
	memory_free(&worker->rival);
	worker->committed_ms = worker->now_ms;
	job_add(&worker->operator->figures.commits, 1);
	if (tell_tasks(worker, err) < 0)
		return -1;
	if (!worker->over)
		return 0;
	*err = worker->over_reason;
	return -1;
}

/* While the outcome is unknown (RETRY) nothing else is done: the next call asks again. */
int
worker_commit(struct worker *worker, struct error *err)
{
	enum watchdog_step before = watchdog_step_of(worker->turn);
	int result = commit(worker, err);

	watchdog_at(worker->turn, before);
	return result;
}
