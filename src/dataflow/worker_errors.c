/*
 * What becomes of a worker's errors: nowhere else is that decided, but that a task's RETRY is its own (run_tasks).
 */
#include <inttypes.h>
#include <time.h>

#include "base/logger.h"
#include "dataflow/task_owner.h"
#include "dataflow/worker.h"

static void
say(const struct worker *worker, const char *event, int times, const struct error *err)
{
	char reason[2 * ERROR_TEXT_SIZE];

	logger_warn(event, "operator=%s times=%d reason=%s", worker->operator->spec->name, times,
		    logger_quote(reason, sizeof(reason), err->text));
}

/* What the transaction holds will never be visible. */
static int
start_again(struct worker *worker, struct error *err)
{
	worker->phase = WORKER_ABORTING;
	worker->progress = false;
	say(worker, error_action_name(err->action), ++worker->aborts, err);
	if (worker->aborts <= WORKER_ABORTS_MAX)
		return 0;
	return task_owner_give_up(worker->aborts, worker->rival, err);
}

/* Nothing was done: the next turn tries again, after its wait. */
static int
retry_later(struct worker *worker, int64_t wait_ms, struct error *err)
{
	struct timespec pause = {.tv_nsec = (wait_ms < WORKER_WAIT_MS_MAX ? wait_ms : WORKER_WAIT_MS_MAX) * 1000000};
	struct patience_owner owner = {.operator = worker->operator->spec->name, .task = -1};

	worker->progress = false;
	nanosleep(&pause, NULL);
	return patience_fail(&worker->outage, &owner, clock_steady_ms(worker->job->clock), 0,
			     worker->job->topology->outage_ms, err);
}

static int
turn(struct worker *worker, int64_t wait_ms, struct error *err)
{
	struct patience_owner owner = {.operator = worker->operator->spec->name, .task = -1};

	if (worker_try(worker, wait_ms, err) == 0) {
		patience_end(&worker->outage, &owner, worker->now_ms);
		return 0;
	}
	switch (err->action) {
	case RETRY:
		return retry_later(worker, wait_ms, err);
	case ABORT:
	case FENCED:
		return start_again(worker, err);
	case SKIP:
	case FATAL:
		break;
	}
	return -1;
}

int
worker_turn(struct worker *worker, int64_t wait_ms, struct error *err)
{
	int result;

	watchdog_begin(worker->turn, clock_steady_ms(worker->job->clock));
	result = turn(worker, wait_ms, err);
	watchdog_end(worker->turn);
	return result;
}

/* The next run does again what is not committed. */
static bool
may_drop(const struct worker *worker, const struct error *err, bool late)
{
	if (err->action == ABORT || err->action == FENCED)
		return true;
	return err->action == RETRY && (worker->phase == WORKER_FLUSHING || late) &&
	       !(worker->phase == WORKER_COMMITTING && transaction_undecided(worker->transaction));
}

static int
leave(struct worker *worker, struct error *err)
{
	int64_t began_us = clock_monotonic_us(), us;

	if (worker->phase == WORKER_ABORTING)
		return 0;
	fail(err, RETRY, "the log has not answered for a while");
	if (worker->outage.said && may_drop(worker, err, true)) {
		say(worker, "uncommitted", worker->outage.tries, err);
		return 0;
	}
	while (worker_commit(worker, err) < 0) {
		us = clock_monotonic_us() - began_us;
		if (may_drop(worker, err, us >= (int64_t)WORKER_LEAVE_UNSENT_MS_MAX * 1000)) {
			say(worker, "uncommitted", 1, err);
			return 0;
		}
		if (err->action != RETRY || us >= (int64_t)WORKER_LEAVE_MS_MAX * 1000)
			return fail_in(err, "the last commit of operator %s; the next run decides it",
				       worker->operator->spec->name);
	}
	return 0;
}

int
worker_leave(struct worker *worker, struct error *err)
{
	int result;

	watchdog_begin(worker->turn, clock_steady_ms(worker->job->clock));
	result = leave(worker, err);
	watchdog_end(worker->turn);
	return result;
}
