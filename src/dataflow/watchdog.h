/*
 * Says where a worker is that stands still: each publishes when its turn began and what it is at, and a thread that
 * looks at all of them logs a turn that lasts (`slow_step`), once per WATCHDOG_SLOW_MS. It ends nothing: what hangs may
 * be a sink's system, a disk, or a bug, and which of them the line tells a person.
 *
 * A worker publishes a few times a turn, never per record. Times are steady ones (clock_steady_ms).
 */
#ifndef DATAFLOW_WATCHDOG_H
#define DATAFLOW_WATCHDOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define WATCHDOG_SLOW_MS 10000
#define WATCHDOG_LOOK_MS 1000

enum watchdog_step {
	WATCHDOG_POLLING, /* the group, and whether there are records */
	WATCHDOG_OPENING, /* a task */
	WATCHDOG_RESTORING,
	WATCHDOG_RUNNING,  /* records, timers, sources */
	WATCHDOG_DRAINING, /* all timers, at the end of a bounded run */
	WATCHDOG_FLUSHING,
	WATCHDOG_COMMITTING,
	WATCHDOG_ABORTING,
	WATCHDOG_SWEEPING, /* stores of tasks that are elsewhere now */
};

/* The watchdog's alone: the turn that it has seen, and when it was logged (began_ms: not yet). */
struct watchdog_seen {
	int64_t began_ms, said_ms;
};

struct watchdog_turn {
	_Atomic int64_t began_ms; /* TIME_MAX: in no turn */
	_Atomic int step;
	struct watchdog_seen seen;
};

struct job;
struct watchdog;

void watchdog_turn_init(struct watchdog_turn *turn);

/* By the worker's thread. */
void watchdog_begin(struct watchdog_turn *turn, int64_t now_ms);
void watchdog_end(struct watchdog_turn *turn);
static inline enum watchdog_step
watchdog_step_of(const struct watchdog_turn *turn)
{
	return (enum watchdog_step)atomic_load_explicit(&turn->step, memory_order_relaxed);
}

static inline void
watchdog_at(struct watchdog_turn *turn, enum watchdog_step step)
{
	atomic_store_explicit(&turn->step, step, memory_order_relaxed);
}

const char *watchdog_step_name(enum watchdog_step step);

/* Whether a turn that began at began_ms (TIME_MAX: none) is to be logged now; notes that it is. */
bool watchdog_due(struct watchdog_seen *seen, int64_t began_ms, int64_t now_ms);

/* A thread that looks at all workers of the job every WATCHDOG_LOOK_MS, until it is stopped. */
int watchdog_start(struct job *job, struct watchdog **out, struct error *err);
void watchdog_stop(struct watchdog **watchdog);

#endif
