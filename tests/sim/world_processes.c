#include "tests/sim/world_processes.h"

#include <stdio.h>

#include "log/sim_log.h"
#include "tests/sim/breaks.h"

#define DOOMED_MS 3000 /* at most so long one is there beside the one that was started in its place */

bool
process_is_up(const struct process *process)
{
	return process->log && process->state != SIM_DEAD && process->state != SIM_PAUSED && !process->dying;
}

bool
process_is_idle(const struct process *process)
{
	return process_is_up(process) && process->busy == 0;
}

void
process_close_workers(struct process *process)
{
	for (int i = 0; i < WORLD_SLOTS_MAX; i++)
		worker_close(&process->workers[i]);
}

void
process_set(struct world *world, struct process *process, enum sim_process state, int64_t ms)
{
	process->state = state;
	process->until_ms = sim_true_time(world->sim) + ms;
	sim_log_set(process->log, state);
}

static int
open_job(struct world *world, struct process *process, struct error *err)
{
	struct runtime_config config = {
		.topology = process->other ? world->other : world->topology,
		.clock = breaks_clock(sim_clock(world->sim)),
		.log = process->log,
		.until_end = world->stage != WORLD_LIVE,
	};

	return job_open(&config, &process->job, err);
}

/* Of all operators; in a bounded run of those whose turn it is. */
int
process_open_workers(struct world *world, struct process *process, struct error *err)
{
	process_set(world, process, SIM_UP, 0);
	if (!process->job && open_job(world, process, err) < 0)
		return -1;
	for (int i = 0; i < world->topology->operator_count; i++) {
		struct job_operator *operator = &process->job->operators[i];
		bool runs = world->stage == WORLD_LIVE || world->stage == operator->spec->stage;

		for (int k = 0; runs && k < operator->workers; k++)
			if (worker_open(process->job, operator, k, &process->workers[i * WORLD_WORKERS_MAX + k], err) <
			    0)
				return -1;
	}
	return 0;
}

int
process_start(struct world *world, struct process *process, const char *name, struct error *err)
{
	insist(!process->log);
	if (name)
		snprintf(process->name, sizeof(process->name), "%s", name);
	else
		snprintf(process->name, sizeof(process->name), "p%d", ++world->names);
	process->other = (world->plan.seed + (uint64_t)world->names) % 2 == 1; /* in turn */
	sim_log_open(world->sim, process->name, &process->log);
	return process_open_workers(world, process, err);
}

int
process_replace(struct world *world, struct process *process, struct error *err)
{
	for (int i = 0; i < WORLD_PROCESSES_MAX; i++) {
		struct process *twin = &world->processes[i];

		if (twin->log)
			continue;
		world->twins++;
		process->doomed = true;
		return process_start(world, twin, process->name, err);
	}
	return 0;
}

/* A process that begins anew has no memory of which tasks were open. */
static void
forget_tasks(struct world *world, struct job *job)
{
	for (int i = 0; i < job->topology->operator_count; i++)
		for (int64_t k = 0; k < job->operators[i].spec->tasks; k++) {
			job->operators[i].tasks[k].ran = false;
			job->operators[i].stores[k] = (struct job_task_stores){
				.closed_ms = clock_steady_ms(breaks_clock(sim_clock(world->sim)))};
		}
}

void
process_kill(struct world *world, struct process *process, bool with_disk)
{
	world->kills++;
	process->dying = false;
	memset(process->stalled_until_ms, 0, sizeof(process->stalled_until_ms));
	process_set(world, process, SIM_DEAD, sim_random_below(&world->random, 8000));
	process_close_workers(process);
	if (with_disk)
		job_close(&process->job);
	else
		forget_tasks(world, process->job);
}

void
process_end(struct process *process)
{
	process_close_workers(process);
	job_close(&process->job);
	log_close(&process->log);
	process->state = SIM_UP;
	process->doomed = process->gave_up = false;
}

void
process_leave(struct world *world, struct process *process)
{
	struct process *before = world->running;
	struct error err;

	sim_note(world->sim, "%s leaves", process->name);
	world->leaves++;
	world->running = process;
	process->busy++;
	for (int i = 0; i < WORLD_SLOTS_MAX; i++)
		process->in_turn[i] = true;
	for (int i = 0; i < world->slots && !process->dying; i++)
		if (process->workers[i] && worker_leave(process->workers[i], &err) < 0 && !process->dying) {
			world->failed = true;
			world->failure = err;
		}
	process->busy--;
	memset(process->in_turn, 0, sizeof(process->in_turn));
	world->running = before;
	if (process->dying)
		process_kill(world, process, false);
	else
		process_end(process);
}

/* What its state has lasted long enough for. */
static int
go_on(struct world *world, struct process *process, bool now, struct error *err)
{
	if (process->doomed && (now || process->state != SIM_PAUSED)) {
		process_kill(world, process, true);
		process_end(process);
		return 0;
	}
	if (process->state == SIM_DEAD)
		return process_open_workers(world, process, err);
	process_set(world, process, SIM_UP, process->doomed ? sim_random_below(&world->random, DOOMED_MS) : 0);
	return 0;
}

int
processes_tick(struct world *world, bool now, struct error *err)
{
	for (int i = 0; i < WORLD_PROCESSES_MAX; i++) {
		struct process *process = &world->processes[i];

		if (!process->log || process->busy > 0 || (process->state == SIM_UP && !process->doomed))
			continue;
		if (!now && sim_true_time(world->sim) < process->until_ms)
			continue;
		if (go_on(world, process, now, err) < 0)
			return -1;
	}
	return 0;
}

/* Two of a name take the transaction from each other, until one of them gives up and is started again. */
static bool
gave_up(const struct world *world, const struct worker *worker)
{
	return world->twins > 0 && worker->aborts > WORKER_ABORTS_MAX;
}

/* Of two bounded runs: it has met the other's blocks, or it never gets a commit through. */
static bool
lost_to_rival(const struct world *world, const struct worker *worker, const struct error *err)
{
	return world->stage != WORLD_LIVE && world->rivals > 0 &&
	       (strstr(err->text, "has written to its journal since this run began") ||
		worker->aborts > WORKER_ABORTS_MAX);
}

static bool
can_turn(const struct world *world, const struct process *process, int worker)
{
	return process_is_up(process) && !process->gave_up && process->workers[worker] && !process->in_turn[worker] &&
	       process->stalled_until_ms[worker] <= sim_true_time(world->sim);
}

void
process_turn(struct world *world, struct process *process, int worker)
{
	struct process *before = world->running;
	struct error err;
	int result;

	if (!can_turn(world, process, worker))
		return;
	world->turns++;
	world->running = process;
	world->running_worker = worker;
	process->in_turn[worker] = true;
	process->busy++;
	result = worker_turn(process->workers[worker], 0, &err);
	process->busy--;
	process->in_turn[worker] = false;
	world->running = before;
	if (result < 0 && gave_up(world, process->workers[worker]))
		process->dying = true;
	process->gave_up |= result < 0 && lost_to_rival(world, process->workers[worker], &err);
	if (process->dying && process->busy == 0) {
		process_kill(world, process, sim_random_chance(&world->random, 200));
	} else if (result < 0 && !process->dying && !process->gave_up) {
		world->failed = true;
		world->failure = err;
	}
}

int
processes_leave(struct world *world, struct error *err)
{
	for (int i = 0; i < WORLD_PROCESSES_MAX; i++) {
		struct process *process = &world->processes[i];

		if (process->log)
			process_leave(world, process);
		if (process->log)
			process_end(process);
	}
	if (!world->failed)
		return 0;
	*err = world->failure;
	return -1;
}
