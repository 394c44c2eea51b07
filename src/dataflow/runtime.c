/*
 * Threads around a job: one per worker, and one for all global tables. In a live run all of them run until they are
 * told to stop. In a bounded run the stages of the graph go one after the other, each to its end, so that a stage finds
 * all that the one before it wrote; its global tables are those of its beginning. One that keeps open fires what its
 * watermark has passed and leaves the rest to the next run.
 *
 * The first error wins: it stops the others, who commit what they have and leave.
 */
#include "dataflow/runtime.h"

#include <inttypes.h>
#include <pthread.h>

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/job_tables.h"
#include "dataflow/watchdog.h"
#include "dataflow/worker.h"

#define SLOW_STOP_MS 1000 /* a stop is seen sooner, whatever a worker is at */

struct runtime {
	struct job *job;
	_Atomic int64_t stopped_us; /* monotonic time of the first request to stop; 0: none */
	atomic_bool said;	    /* that it stops */
	pthread_mutex_t lock;	    /* guards failed and error */
	bool failed;
	struct error error;
};

struct worker_thread {
	struct runtime *runtime;
	struct job_operator *operator;
	int index;
	pthread_t thread;
};

int
runtime_open(const struct runtime_config *config, struct runtime **out, struct error *err)
{
	struct runtime *runtime = memory_new(sizeof(*runtime));

	if (job_open(config, &runtime->job, err) < 0) {
		memory_free(&runtime);
		return -1;
	}
	pthread_mutex_init(&runtime->lock, NULL);
	*out = runtime;
	return 0;
}

void
runtime_close(struct runtime **pointer)
{
	struct runtime *runtime = *pointer;

	if (!runtime)
		return;
	job_close(&runtime->job);
	pthread_mutex_destroy(&runtime->lock);
	memory_free(pointer);
}

/* Workers look at it at least every WORKER_WAIT_MS_MAX, so a signal handler needs no more than this. */
void
runtime_stop(struct runtime *runtime)
{
	int64_t none = 0;

	atomic_compare_exchange_strong(&runtime->stopped_us, &none, clock_monotonic_us());
	atomic_store(&runtime->job->stopping, true);
}

static bool
is_stopping(void *argument)
{
	const struct runtime *runtime = argument;

	return atomic_load(&runtime->job->stopping);
}

/* A worker has seen that it is to stop. One that was at something that lasts says so: its wait has no bound, or a wrong
 * one. */
static void
note_stop(struct runtime *runtime, const struct job_operator *operator, int worker)
{
	int64_t after_ms = (clock_monotonic_us() - atomic_load(&runtime->stopped_us)) / 1000;

	if (!is_stopping(runtime))
		return;
	if (!atomic_exchange(&runtime->said, true))
		logger_info("stopping", "topology=%s", runtime->job->topology->name);
	if (after_ms >= SLOW_STOP_MS)
		logger_warn("slow_stop", "operator=%s worker=%d after_ms=%" PRId64, operator->spec->name, worker,
			    after_ms);
}

static void
note_failure(struct runtime *runtime, const struct error *err)
{
	pthread_mutex_lock(&runtime->lock);
	if (!runtime->failed)
		runtime->error = *err;
	runtime->failed = true;
	pthread_mutex_unlock(&runtime->lock);
	runtime_stop(runtime);
}

static int
run_worker(struct runtime *runtime, struct worker *worker, struct error *err)
{
	while (!is_stopping(runtime)) {
		if (worker_turn(worker, WORKER_WAIT_MS_MAX, err) < 0)
			return -1;
		if (runtime->job->bounded && worker_ended(worker))
			return 0;
	}
	note_stop(runtime, worker->operator, worker->index);
	return worker_leave(worker, err);
}

/* As a running one does, a worker waits for the log when it starts. *out NULL: it was stopped meanwhile. */
static int
open_worker(struct worker_thread *self, struct worker **out, struct error *err)
{
	struct patience_owner owner = {.operator = self->operator->spec->name, .task = -1};
	struct patience patience = {0};
	struct job *job = self->runtime->job;

	*out = NULL;
	while (!is_stopping(self->runtime)) {
		if (worker_open(job, self->operator, self->index, out, err) == 0) {
			patience_end(&patience, &owner, clock_steady_ms(job->clock));
			return 0;
		}
		if (patience_again(&patience, &owner, job->clock, job->topology->outage_ms, err) < 0)
			return -1;
	}
	note_stop(self->runtime, self->operator, self->index);
	return 0;
}

static void *
worker_main(void *argument)
{
	struct worker_thread *self = argument;
	struct runtime *runtime = self->runtime;
	struct worker *worker;
	struct error err;

	if (open_worker(self, &worker, &err) < 0 || (worker && run_worker(runtime, worker, &err) < 0))
		note_failure(runtime, &err);
	worker_close(&worker);
	return NULL;
}

/* ---- global tables ---- */

/* Their log lines name no operator: several may read one. */
static const struct patience_owner tables_owner = {.operator = "(tables)", .task = -1};

/* The log is out of reach: asks again, and gives up when that has lasted. */
static int
wait_for_log(struct runtime *runtime, struct patience *patience, struct error *err)
{
	struct job *job = runtime->job;

	return patience_again(patience, &tables_owner, job->clock, job->topology->outage_ms, err);
}

static int
load_tables(struct runtime *runtime, int stage, struct error *err)
{
	struct patience patience = {0};

	while (!is_stopping(runtime)) {
		if (job_tables_open(runtime->job, stage, is_stopping, runtime, err) == 0)
			return 0;
		if (wait_for_log(runtime, &patience, err) < 0)
			return -1;
	}
	return 0;
}

static void *
tables_main(void *argument)
{
	struct runtime *runtime = argument;
	struct patience patience = {0};
	struct error err;
	bool progress;

	while (!is_stopping(runtime)) {
		if (job_tables_turn(runtime->job, WORKER_WAIT_MS_MAX, &progress, &err) == 0) {
			patience_end(&patience, &tables_owner, clock_steady_ms(runtime->job->clock));
		} else if (wait_for_log(runtime, &patience, &err) < 0) {
			note_failure(runtime, &err);
			break;
		}
	}
	return NULL;
}

/* ---- workers ---- */

static bool
in_stage(const struct job_operator *operator, int stage)
{
	return operator->selected && (stage < 0 || operator->spec->stage == stage);
}

static size_t
count_threads(const struct job *job, int stage)
{
	size_t count = 0;

	for (int i = 0; i < job->topology->operator_count; i++)
		if (in_stage(&job->operators[i], stage))
			count += (size_t)job->operators[i].workers;
	return count;
}

/* A thread for each worker of the stage's operators, until all have ended. A negative stage: all operators. */
static void
run_workers(struct runtime *runtime, int stage)
{
	struct job *job = runtime->job;
	size_t count = count_threads(job, stage), started = 0;
	struct worker_thread *threads = memory_new_array(count, sizeof(*threads));
	struct error err;

	for (int i = 0; i < job->topology->operator_count; i++) {
		struct job_operator *operator = &job->operators[i];

		for (int worker = 0; in_stage(operator, stage) && worker < operator->workers; worker++) {
			struct worker_thread *thread = &threads[started];

			*thread = (struct worker_thread){.runtime = runtime, .operator = operator, .index = worker};
			if (pthread_create(&thread->thread, NULL, worker_main, thread) != 0) {
				fail(&err, FATAL, "a thread cannot be started for operator %s", operator->spec->name);
				note_failure(runtime, &err);
				break;
			}
			started++;
		}
	}
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i].thread, NULL);
	memory_free(&threads);
}

static void
run_stage(struct runtime *runtime, int stage)
{
	pthread_t tables;
	struct error err;
	bool follow;

	if (load_tables(runtime, stage, &err) < 0) {
		note_failure(runtime, &err);
		return;
	}
	follow = !runtime->job->bounded && job_has_tables(runtime->job);
	if (follow && pthread_create(&tables, NULL, tables_main, runtime) != 0) {
		fail(&err, FATAL, "a thread cannot be started for the global tables");
		note_failure(runtime, &err);
		return;
	}
	run_workers(runtime, stage);
	if (follow) {
		runtime_stop(runtime);
		pthread_join(tables, NULL);
	}
}

int
runtime_run(struct runtime *runtime, struct error *err)
{
	struct job *job = runtime->job;
	struct watchdog *watchdog;

	if (watchdog_start(job, &watchdog, err) < 0)
		return -1;
	logger_info("running", "topology=%s bounded=%s%s", job->topology->name, job->bounded ? "true" : "false",
		    job->keep_open ? " keep_open=true" : "");
	if (!job->bounded)
		run_stage(runtime, -1);
	for (int stage = 0; job->bounded && stage < job_stage_count(job); stage++)
		if (!is_stopping(runtime))
			run_stage(runtime, stage);
	watchdog_stop(&watchdog);
	if (!runtime->failed)
		return 0;
	*err = runtime->error;
	return -1;
}

struct log *
runtime_log(struct runtime *runtime)
{
	return runtime->job->log;
}

static int64_t
read_figure(const _Atomic int64_t *figure)
{
	return atomic_load_explicit(figure, memory_order_relaxed);
}

void
runtime_figures(struct runtime *runtime, int operator_index, struct operator_figures *out)
{
	const struct job_operator *operator = &runtime->job->operators[operator_index];
	const struct job_figures *figures = &operator->figures;

	*out = (struct operator_figures){
		.records_in = read_figure(&figures->records_in),
		.records_out = read_figure(&figures->records_out),
		.bytes_in = read_figure(&figures->bytes_in),
		.dead_letters = read_figure(&figures->dead_letters),
		.behind = read_figure(&figures->behind),
		.deletions = read_figure(&figures->deletions),
		.records_lost = read_figure(&figures->records_lost),
		.stalls = read_figure(&figures->stalls),
		.letters_lost = read_figure(&figures->letters_lost),
		.commits = read_figure(&figures->commits),
		.restored_bytes = read_figure(&figures->restored_bytes),
		.restore_ms = read_figure(&figures->restore_ms),
		.watermark_ms = TIME_MAX,
		.held_by = -1,
	};
	for (int i = 0; i < RUNTIME_COUNTERS_MAX; i++)
		out->counters[i] = read_figure(&figures->counters[i]);
	for (int i = 0; i < RUNTIME_HISTOGRAMS_MAX; i++)
		histogram_read(&figures->histograms[i], &out->histograms[i]);
	for (int64_t i = 0; i < operator->spec->tasks; i++) {
		const struct job_task_figures *task = &operator->tasks[i];
		int64_t watermark_ms = read_figure(&task->watermark_ms);

		out->lag += read_figure(&task->lag);
		out->state_entries += read_figure(&task->state_entries);
		out->state_bytes += read_figure(&task->state_bytes);
		out->pending += read_figure(&task->pending);
		if (watermark_ms < out->watermark_ms || out->held_by < 0)
			out->held_by = atomic_load_explicit(&task->held_by, memory_order_relaxed);
		if (watermark_ms < out->watermark_ms)
			out->watermark_ms = watermark_ms;
	}
}
