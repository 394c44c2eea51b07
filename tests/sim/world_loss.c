/*
 * What no run can make good: a journal that has lost blocks that it needs or its last one, and a topic that was deleted
 * and made anew. A process that is started then has to refuse to run; if it ran, rows would be missing or come twice.
 */
#include "base/memory.h"
#include "log/sim_log.h"
#include "state/parts.h"
#include "tests/sim/scenario.h"
#include "tests/sim/world_processes.h"

#define STEP_MS 250
#define STEPS_MAX 400
#define RECORDS_MORE 3 /* a topic that was made anew has grown past where it ended before */

/* A process on an empty disk: whether it refuses to run, and says so. */
static int
start_refused(struct world *world, const char *words, struct error *err)
{
	if (process_start(world, &world->processes[0], NULL, err) < 0)
		return -1;
	for (int step = 0; step < STEPS_MAX && !world->failed; step++) {
		sim_advance(world->sim, STEP_MS);
		for (int i = 0; i < world->slots && !world->failed; i++)
			process_turn(world, &world->processes[0], i);
	}
	process_end(&world->processes[0]);
	if (!world->failed)
		return fail(err, FATAL, "nobody has noticed: expected \"%s\"", words);
	if (strstr(world->failure.text, words))
		return 0;
	*err = world->failure;
	return -1;
}

/* ---- a journal ---- */

static int
restore(struct world *world, struct state *state, int journal, int partition, struct error *err)
{
	struct partition_ends ends;
	struct reader *reader = NULL;
	struct log_batch batch = {.next = 0};
	int64_t from;
	int result = log_partition_ends(world->feeder, journal, partition, &ends, err);

	if (result == 0)
		result = state_restore_from(state, ends.start, ends.end, &from, err);
	if (result == 0)
		result = log_reader_open(world->feeder, journal, partition, from, &reader, err);
	while (result == 0 && batch.next < ends.end) {
		result = reader_fetch(reader, 0, &batch, err);
		for (size_t i = 0; i < batch.count && result == 0; i++)
			result = state_restore(state, batch.records[i].offset, batch.records[i].value, err);
	}
	reader_close(&reader);
	return result;
}

/* *offset: of the last block, where blocks before it are needed, or, of the tail, where there are some; else -1. */
static int
find_needed(struct world *world, struct database *database, const struct topology_operator *spec, int partition,
	    bool tail, int *journal, int64_t *offset, struct error *err)
{
	static const struct store_spec none[] = {{.name = NULL}};
	struct state_config config = {.database = database,
				      .operator_name = spec->name,
				      .partition = partition,
				      .stores = spec->type->stores ? spec->type->stores : none,
				      .memory_bytes = 1 << 20};
	char *name = memory_format("%s.%s.journal", world->topology->name, spec->name);
	struct state *state = NULL;
	int result = log_topic(world->feeder, name, journal, err);

	*offset = -1;
	memory_free(&name);
	if (result == 0)
		result = state_open(&config, &state, err);
	if (result == 0)
		result = restore(world, state, *journal, partition, err);
	if (result == 0 &&
	    (tail ? state->first_seq < state->seq : state->seq > 0 && state->written_floor.offset < state->last.offset))
		*offset = state->last.offset;
	if (state)
		state_close(&state);
	return result;
}

static int
lose(struct world *world, int journal, int partition, int64_t offset, bool tail, struct error *err)
{
	if (!tail)
		return log_trim(world->feeder, journal, partition, offset, err);
	sim_lose_tail(world->sim, journal, partition, offset, world->plan.seed % 8 == 5);
	return 0;
}

static int
lose_blocks(struct world *world, bool tail, bool *lost, struct error *err)
{
	struct database_config config = {.application = "loss", .memory_bytes = 1 << 20};
	struct database *database;
	int result = database_open(&config, &database, err);

	if (result < 0)
		return -1;
	*lost = false;
	for (int i = 0; i < world->topology->operator_count && result == 0; i++)
		for (int k = 0; k < world->plan.partitions && result == 0 && !*lost; k++) {
			int64_t offset;
			int journal;

			result = find_needed(world, database, &world->topology->operators[i], k, tail, &journal,
					     &offset, err);
			*lost = result == 0 && offset >= 0;
			if (*lost)
				result = lose(world, journal, k, offset, tail, err);
		}
	database_close(&database);
	return result;
}

/* ---- a topic ---- */

static int
renew_topic(struct world *world, struct error *err)
{
	const char *name = world->plan.scenario->topics[0];
	int64_t *counts = memory_new_array((size_t)world->plan.partitions, sizeof(*counts));
	struct partition_ends ends;
	int topic, result = log_topic(world->feeder, name, &topic, err);

	for (int i = 0; i < world->plan.partitions && result == 0; i++) {
		result = log_partition_ends(world->feeder, topic, i, &ends, err);
		counts[i] = ends.pending_end + RECORDS_MORE;
	}
	if (result == 0)
		sim_renew_topic(world->sim, name);
	for (int i = 0; i < world->plan.partitions && result == 0; i++)
		for (int64_t k = 0; k < counts[i] && result == 0; k++) {
			buffer_put_bytes(transaction_append_begin(world->feeding, topic, i, bytes_of_text("k"), 0),
					 bytes_of_text("of another topic"));
			result = transaction_append_end(world->feeding, err);
		}
	if (result == 0) {
		transaction_keep(world->feeding);
		result = transaction_commit(world->feeding, err);
	}
	memory_free(&counts);
	return result;
}

int
world_lose(struct world *world, struct error *err)
{
	bool lost = false, tail = world->plan.seed % 4 == 1;

	if (processes_leave(world, err) < 0)
		return -1;
	if ((tail || world->plan.seed % 2 == 0) && lose_blocks(world, tail, &lost, err) < 0)
		return -1;
	if (lost)
		return start_refused(world, tail ? "restore the topic from a copy" : "is needed from block ", err);
	if (renew_topic(world, err) < 0)
		return -1;
	return start_refused(world, "is not the one that was read before", err);
}
