/*
 * Transactions as the simulated cluster sees them: who has a transactional id (its epoch), which transaction is open
 * for it, and how it ended. A decision is final at once; markers, and the positions that came with it, follow.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "log/sim_log.h"

struct sim_producer *
sim_producer(struct sim *sim, const char *id)
{
	struct sim_producer *producer;

	for (producer = sim->producers; producer; producer = producer->next)
		if (strcmp(producer->id, id) == 0)
			return producer;
	producer = memory_new(sizeof(*producer));
	producer->id = memory_text(id);
	producer->epoch = -1;
	producer->next = sim->producers;
	sim->producers = producer;
	return producer;
}

static void
apply_positions(struct sim_run *run)
{
	for (int i = 0; i < run->position_count && run->positions_at_ms != TIME_MAX; i++)
		sim_group_apply(run->positions[i].group, &run->positions[i]);
	run->positions_at_ms = TIME_MAX;
}

/* Markers everywhere, positions counted: before that the id begins nothing new. */
static void
finish(struct sim *sim, struct sim_run *run)
{
	sim_run_mark(sim, run, true);
	apply_positions(run);
}

void
sim_run_decide(struct sim *sim, struct sim_run *run, bool commit)
{
	insist(run->outcome == SIM_OPEN);
	sim_note(sim, "transaction %" PRIu64 " of %s epoch %d %s", run->number, run->producer->id, run->epoch,
		 commit ? "committed" : "aborted");
	run->outcome = commit ? SIM_COMMITTED : SIM_ABORTED;
	run->commit_at_ms = TIME_MAX;
	run->positions_at_ms = commit ? sim_now(sim) + sim_delay(sim, sim->config.rates.marker_ms) : TIME_MAX;
	sim_run_mark(sim, run, false);
}

int
sim_producer_init(struct sim *sim, struct sim_producer *producer)
{
	if (producer->run && producer->run->outcome == SIM_OPEN)
		sim_run_decide(sim, producer->run, false);
	if (producer->run)
		finish(sim, producer->run);
	producer->run = NULL;
	sim_note(sim, "producer %s epoch %d", producer->id, producer->epoch + 1);
	return ++producer->epoch;
}

struct sim_run *
sim_run_begin(struct sim *sim, struct sim_producer *producer)
{
	struct sim_run *run = memory_new(sizeof(*run));

	if (producer->run)
		finish(sim, producer->run);
	*run = (struct sim_run){
		.next = sim->runs,
		.number = ++sim->run_count,
		.producer = producer,
		.epoch = producer->epoch,
		.began_ms = sim_now(sim),
		.commit_at_ms = TIME_MAX,
		.positions_at_ms = TIME_MAX,
	};
	sim->runs = producer->run = run;
	return run;
}

void
sim_run_position(struct sim *sim, struct sim_run *run, const struct sim_position *position)
{
	if (run->position_count == run->position_capacity) {
		run->position_capacity = 2 * run->position_capacity + 8;
		run->positions = memory_resize_array(run->positions, (size_t)run->position_capacity,
						     sizeof(*run->positions));
	}
	run->positions[run->position_count] = *position;
	run->positions[run->position_count++].order = ++sim->position_count;
}

static void
tick_open(struct sim *sim, struct sim_run *run)
{
	if (run->commit_at_ms <= sim_now(sim)) {
		sim_run_decide(sim, run, true);
	} else if (sim_now(sim) - run->began_ms >= sim->config.transaction_ms) {
		sim_note(sim, "transaction %" PRIu64 " of %s timed out", run->number, run->producer->id);
		run->producer->epoch++;
		sim_run_decide(sim, run, false);
	}
}

void
sim_coordinator_tick(struct sim *sim)
{
	for (struct sim_producer *producer = sim->producers; producer; producer = producer->next) {
		struct sim_run *run = producer->run;

		if (!run)
			continue;
		if (run->outcome == SIM_OPEN)
			tick_open(sim, run);
		if (run->outcome == SIM_OPEN)
			continue;
		if (run->positions_at_ms <= sim_now(sim))
			apply_positions(run);
		if (run->unmarked > 0)
			sim_run_mark(sim, run, false);
	}
}

void
sim_producers_free(struct sim *sim)
{
	for (struct sim_run *run = sim->runs, *next; run; run = next) {
		next = run->next;
		memory_free(&run->positions);
		memory_free(&run);
	}
	for (struct sim_producer *producer = sim->producers, *next; producer; producer = next) {
		next = producer->next;
		memory_free(&producer->id);
		memory_free(&producer);
	}
}
