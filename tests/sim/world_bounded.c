/*
 * A bounded run in the middle of things. It is one process', and takes no part in the groups; it goes stage by stage,
 * and is killed now and then, and begun again by another process of the same name.
 */
#include "log/sim_log.h"
#include "tests/sim/world_processes.h"

#define STEP_MS 200
#define TURNS 4		    /* of each worker in a step */
#define KILLS_MAX 5	    /* in a stage */
#define STAGE_MS_MAX 600000 /* it does not end */

static int
all_leave(struct world *world, struct error *err)
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

static bool
any_members(const struct world *world)
{
	for (const struct sim_group *group = world->sim->groups; group; group = group->next)
		if (group->seats)
			return true;
	return false;
}

static bool
stage_ended(const struct world *world, const struct process *process)
{
	if (!process_is_up(process))
		return false;
	for (int i = 0; i < world->slots; i++)
		if (process->workers[i] && !worker_ended(process->workers[i]))
			return false;
	return true;
}

static int
run_stage(struct world *world, struct process *process, struct error *err)
{
	int64_t until_ms = sim_true_time(world->sim) + STAGE_MS_MAX;

	world->kills_left = KILLS_MAX;
	while (!stage_ended(world, process)) {
		sim_advance(world->sim, STEP_MS);
		if (processes_tick(world, false, err) < 0 || world_feed(world, err) < 0)
			return -1;
		for (int turn = 0; turn < TURNS; turn++)
			for (int i = 0; i < world->slots && !world->failed; i++)
				process_turn(world, process, i);
		if (!world->failed && sim_true_time(world->sim) > until_ms)
			return fail(err, FATAL, "stage %d of a bounded run does not end", world->stage);
		if (world->failed) {
			*err = world->failure;
			return -1;
		}
	}
	process_close_workers(process);
	return 0;
}

static int
count_stages(const struct world *world)
{
	int64_t stages = 0;

	for (int i = 0; i < world->topology->operator_count; i++)
		if (world->topology->operators[i].stage >= stages)
			stages = world->topology->operators[i].stage + 1;
	return (int)stages;
}

int
world_run_bounded(struct world *world, struct error *err)
{
	struct process *process = &world->processes[0];
	int stages = count_stages(world);

	sim_note(world->sim, "a bounded run");
	world->bounded++;
	if (all_leave(world, err) < 0)
		return -1;
	while (any_members(world))
		sim_advance(world->sim, STEP_MS);
	for (world->stage = 0; world->stage < stages; world->stage++)
		if ((world->stage == 0 ? process_start(world, process, NULL, err)
				       : process_open_workers(world, process, err)) < 0 ||
		    run_stage(world, process, err) < 0)
			return -1;
	world->stage = WORLD_LIVE;
	process_end(process);
	sim_note(world->sim, "the bounded run has ended");
	return world_start_some(world, err);
}
