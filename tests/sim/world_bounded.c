/*
 * A bounded run in the middle of things. It is one process', and takes no part in the groups; it goes stage by stage,
 * and is killed now and then, and begun again by another process of the same name. Now and then somebody starts
 * another one beside it: one of them at most goes on.
 */
#include "log/sim_log.h"
#include "tests/sim/world_processes.h"

#define STEP_MS 200
#define TURNS 4		    /* of each worker in a step */
#define KILLS_MAX 5	    /* in a stage */
#define STAGE_MS_MAX 600000 /* it does not end */
#define PAIR 2		    /* processes: one, and perhaps its rival */
#define RIVAL_PER_MILLE 900

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
step(struct world *world, struct error *err)
{
	sim_advance(world->sim, STEP_MS);
	if (processes_tick(world, false, err) < 0 || world_feed(world, err) < 0)
		return -1;
	for (int turn = 0; turn < TURNS; turn++)
		for (int i = 0; i < world->slots && !world->failed; i++)
			for (int k = 0; k < PAIR; k++)
				process_turn(world, &world->processes[k], i);
	if (!world->failed)
		return 0;
	*err = world->failure;
	return -1;
}

/* Who has met its rival ends. Both may: then one begins again. */
static int
end_losers(struct world *world, struct error *err)
{
	bool any = false;

	for (int i = 0; i < PAIR; i++) {
		struct process *process = &world->processes[i];

		if (process->gave_up) {
			sim_note(world->sim, "%s gives up", process->name);
			process_end(process);
		}
		any |= process->log != NULL;
	}
	return any ? 0 : process_start(world, &world->processes[0], NULL, err);
}

static int
run_stage(struct world *world, struct error *err)
{
	int64_t until_ms = sim_true_time(world->sim) + STAGE_MS_MAX;

	world->kills_left = KILLS_MAX;
	while (!stage_ended(world, &world->processes[0]) && !stage_ended(world, &world->processes[1])) {
		if (step(world, err) < 0 || end_losers(world, err) < 0)
			return -1;
		if (sim_true_time(world->sim) > until_ms)
			return fail(err, FATAL, "stage %d of a bounded run does not end", world->stage);
	}
	return 0;
}

/* Now and then there are two of them, each with a disk of its own. */
static int
begin_stage(struct world *world, struct error *err)
{
	struct process *process = &world->processes[0], *rival = &world->processes[1];

	if ((process->log ? process_open_workers(world, process, err) : process_start(world, process, NULL, err)) < 0)
		return -1;
	if (!sim_random_chance(&world->random, RIVAL_PER_MILLE))
		return 0;
	sim_note(world->sim, "another bounded run beside it");
	world->rivals++;
	return process_start(world, rival, NULL, err);
}

static void
end_stage(struct world *world)
{
	process_close_workers(&world->processes[0]);
	if (world->processes[1].log)
		process_end(&world->processes[1]);
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
	if (processes_leave(world, err) < 0)
		return -1;
	while (any_members(world))
		sim_advance(world->sim, STEP_MS);
	for (world->stage = 0; world->stage < stages; world->stage++) {
		if (begin_stage(world, err) < 0 || run_stage(world, err) < 0)
			return -1;
		end_stage(world);
	}
	world->stage = WORLD_LIVE;
	if (process->log)
		process_end(process);
	sim_note(world->sim, "the bounded run has ended");
	return world_start_some(world, err);
}
