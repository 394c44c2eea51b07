#include "tests/sim/world_processes.h"

#include <stdio.h>

bool
process_is_up(const struct process *process)
{
	return process->log && process->state != SIM_DEAD && process->state != SIM_PAUSED && process->busy == 0;
}

static void
close_workers(struct process *process)
{
	for (int i = 0; i < WORLD_WORKERS_MAX; i++)
		worker_close(&process->workers[i]);
}

void
process_set(struct world *world, struct process *process, enum sim_process state, int64_t ms)
{
	process->state = state;
	process->until_ms = clock_now_ms(sim_clock(world->sim)) + ms;
	sim_log_set(process->log, state);
}

static int
open_job(struct world *world, struct process *process, struct error *err)
{
	struct runtime_config config = {
		.topology = world->topology, .clock = sim_clock(world->sim), .log = process->log};

	return job_open(&config, &process->job, err);
}

int
process_start(struct world *world, struct process *process, struct error *err)
{
	struct job_operator *operator;

	if (!process->log)
		sim_log_open(world->sim, process->name, &process->log);
	process_set(world, process, SIM_UP, 0);
	if (!process->job && open_job(world, process, err) < 0)
		return -1;
	operator = &process->job->operators[0];
	for (int i = 0; i < operator->workers; i++)
		if (worker_open(process->job, operator, i, &process->workers[i], err) < 0)
			return -1;
	return 0;
}

/* A process that begins anew has no memory of which tasks were open. */
static void
forget_tasks(struct world *world, struct job_operator *operator)
{
	for (int64_t i = 0; i < operator->spec->tasks; i++)
		operator->stores[i] = (struct job_task_stores){.closed_ms = clock_now_ms(sim_clock(world->sim))};
}

void
process_kill(struct world *world, struct process *process, bool with_disk)
{
	world->kills++;
	process->dying = false;
	process_set(world, process, SIM_DEAD, sim_random_below(&world->random, 8000));
	close_workers(process);
	if (with_disk)
		job_close(&process->job);
	else
		forget_tasks(world, &process->job->operators[0]);
}

static void
end(struct process *process)
{
	close_workers(process);
	job_close(&process->job);
	log_close(&process->log);
	process->state = SIM_UP;
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
	for (int i = 0; i < WORLD_WORKERS_MAX && process->workers[i] && !process->dying; i++)
		if (worker_leave(process->workers[i], &err) < 0 && !process->dying) {
			world->failed = true;
			world->failure = err;
		}
	process->busy--;
	world->running = before;
	if (process->dying)
		process_kill(world, process, false);
	else
		end(process);
}

int
processes_tick(struct world *world, bool now, struct error *err)
{
	for (int i = 0; i < WORLD_PROCESSES_MAX; i++) {
		struct process *process = &world->processes[i];

		if (!process->log || process->state == SIM_UP || process->busy > 0)
			continue;
		if (!now && clock_now_ms(sim_clock(world->sim)) < process->until_ms)
			continue;
		if (process->state == SIM_DEAD && process_start(world, process, err) < 0)
			return -1;
		process_set(world, process, SIM_UP, 0);
	}
	return 0;
}

void
process_turn(struct world *world, struct process *process, struct worker *worker)
{
	struct process *before = world->running;
	struct error err;
	int result;

	world->turns++;
	world->running = process;
	process->busy++;
	result = worker_turn(worker, 0, &err);
	process->busy--;
	world->running = before;
	if (process->dying) {
		process_kill(world, process, sim_random_chance(&world->random, 200));
	} else if (result < 0) {
		world->failed = true;
		world->failure = err;
	}
}
