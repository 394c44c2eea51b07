#include "dataflow/watchdog.h"

#include <inttypes.h>
#include <pthread.h>

#include "base/condition.h"
#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/job.h"

struct watchdog {
	struct job *job;
	pthread_t thread;
	pthread_mutex_t lock; /* guards `stopping` */
	pthread_cond_t stop;
	bool stopping;
};

/* ---- workers ---- */

void
watchdog_turn_init(struct watchdog_turn *turn)
{
	atomic_init(&turn->began_ms, TIME_MAX);
	atomic_init(&turn->step, WATCHDOG_POLLING);
}

void
watchdog_begin(struct watchdog_turn *turn, int64_t now_ms)
{
	watchdog_at(turn, WATCHDOG_POLLING);
	atomic_store_explicit(&turn->began_ms, now_ms, memory_order_relaxed);
}

void
watchdog_end(struct watchdog_turn *turn)
{
	atomic_store_explicit(&turn->began_ms, TIME_MAX, memory_order_relaxed);
}

/* ---- the watchdog ---- */

const char *
watchdog_step_name(enum watchdog_step step)
{
	static const char *const names[] = {
		[WATCHDOG_POLLING] = "polling",	      [WATCHDOG_OPENING] = "opening",
		[WATCHDOG_RESTORING] = "restoring",   [WATCHDOG_RUNNING] = "running",
		[WATCHDOG_DRAINING] = "draining",     [WATCHDOG_FLUSHING] = "flushing",
		[WATCHDOG_COMMITTING] = "committing", [WATCHDOG_ABORTING] = "aborting",
		[WATCHDOG_SWEEPING] = "sweeping",
	};

	return names[step];
}

bool
watchdog_due(struct watchdog_seen *seen, int64_t began_ms, int64_t now_ms)
{
	if (began_ms == TIME_MAX)
		return false;
	if (began_ms != seen->began_ms)
		*seen = (struct watchdog_seen){.began_ms = began_ms, .said_ms = began_ms};
	if (now_ms - seen->said_ms < WATCHDOG_SLOW_MS)
		return false;
	seen->said_ms = now_ms;
	return true;
}

static void
look(struct job_operator *operator, int64_t now_ms)
{
	for (int i = 0; i < operator->workers; i++) {
		struct watchdog_turn *turn = &operator->turns[i];
		int64_t began_ms = atomic_load_explicit(&turn->began_ms, memory_order_relaxed);

		if (watchdog_due(&turn->seen, began_ms, now_ms))
			logger_warn("slow_step", "operator=%s worker=%d phase=%s for_ms=%" PRId64, operator->spec->name,
				    i, watchdog_step_name(watchdog_step_of(turn)), now_ms - began_ms);
	}
}

/* Until the next look, or the stop. */
static bool
wait_for_stop(struct watchdog *watchdog)
{
	int64_t until_us = clock_monotonic_us() + (int64_t)WATCHDOG_LOOK_MS * 1000;
	bool stopping;

	pthread_mutex_lock(&watchdog->lock);
	while (!watchdog->stopping && condition_wait(&watchdog->stop, &watchdog->lock, until_us))
		;
	stopping = watchdog->stopping;
	pthread_mutex_unlock(&watchdog->lock);
	return stopping;
}

static void *
watchdog_main(void *argument)
{
	struct watchdog *watchdog = argument;
	struct job *job = watchdog->job;

	while (!wait_for_stop(watchdog))
		for (int i = 0; i < job->topology->operator_count; i++)
			look(&job->operators[i], clock_steady_ms(job->clock));
	return NULL;
}

static void
watchdog_free(struct watchdog **watchdog)
{
	pthread_cond_destroy(&(*watchdog)->stop);
	pthread_mutex_destroy(&(*watchdog)->lock);
	memory_free(watchdog);
}

int
watchdog_start(struct job *job, struct watchdog **out, struct error *err)
{
	struct watchdog *watchdog = memory_new(sizeof(*watchdog));

	watchdog->job = job;
	pthread_mutex_init(&watchdog->lock, NULL);
	pthread_cond_init(&watchdog->stop, NULL);
	if (pthread_create(&watchdog->thread, NULL, watchdog_main, watchdog) != 0) {
		watchdog_free(&watchdog);
		return fail(err, FATAL, "a thread cannot be started for the watchdog of the workers");
	}
	*out = watchdog;
	return 0;
}

void
watchdog_stop(struct watchdog **pointer)
{
	struct watchdog *watchdog = *pointer;

	pthread_mutex_lock(&watchdog->lock);
	watchdog->stopping = true;
	pthread_cond_signal(&watchdog->stop);
	pthread_mutex_unlock(&watchdog->lock);
	pthread_join(watchdog->thread, NULL);
	watchdog_free(pointer);
}
