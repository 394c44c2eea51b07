/*
 * Random operations against the model: in memory, with evictions, aborts, crashes, and machines that begin with
 * nothing.
 */
#include "tests/state/model.h"

#include <stdlib.h>

#define DATABASE_BYTES (8 << 20)

static int
rounds(int normal)
{
	const char *text = getenv("TEST_ROUNDS");

	return text ? atoi(text) : normal;
}

/*
 * What is committed must be in the journal alone: on a machine with an empty disk, and memory for all of it or
 * for little.
 */
static void
check_elsewhere(struct model *model)
{
	struct model_map now = model->now, kept = model->kept;
	int64_t memory_bytes = model->memory_bytes;
	bool draining = model->draining;
	struct database *database = model_database(NULL, DATABASE_BYTES);
	struct state *state;

	if (test_random_below(&model->random, 2))
		model->memory_bytes = 64 << 20;
	state = model_open(model, database);
	model_check(model, state);
	state_close(&state);
	database_close(&database);
	model->memory_bytes = memory_bytes;
	model->now = now;
	model->kept = kept;
	model->draining = draining;
}

/* One life: a number of openings, each ended by dropping what is not committed. */
static void
live(struct model *model, int openings, int steps)
{
	struct database *database = model_database(NULL, DATABASE_BYTES);

	for (int i = 0; i < openings; i++) {
		struct state *state = model_open(model, database);

		model_check(model, state);
		model_run(model, state, (int)test_random_below(&model->random, (uint64_t)steps));
		if (test_random_below(&model->random, 3) == 0)
			model_check(model, state);
		check_elsewhere(model);
		if (test_random_below(&model->random, 4) == 0)
			model_drain(model, state, (int)test_random_below(&model->random, 300));
		state_close(&state);
		if (test_random_below(&model->random, 3) == 0) {
			database_close(&database); /* another machine: only the journal is left */
			database = model_database(NULL, DATABASE_BYTES);
		}
	}
	database_close(&database);
}

TEST(state_in_memory_is_what_the_model_says)
{
	uint64_t seed = test_seed(1);

	for (int i = 0; i < rounds(4); i++) {
		struct model *model = model_new(seed + (uint64_t)i);

		model->memory_bytes = 64 << 20;
		live(model, 6, 1500);
		model_free(model);
	}
}

TEST(state_larger_than_its_memory_is_what_the_model_says)
{
	uint64_t seed = test_seed(100);

	for (int i = 0; i < rounds(6); i++) {
		struct model *model = model_new(seed + (uint64_t)i);

		model->memory_bytes = 100 << 10;
		live(model, 6, 1500);
		model_free(model);
	}
}

/* One task goes back and forth between machines; on each its state waits in memory, where it may. */
static int
wander(struct model *model, int turns, int steps)
{
	struct database *databases[2];
	struct state *states[2] = {NULL, NULL};
	int resumed = 0;

	for (int i = 0; i < 2; i++)
		databases[i] = model_database(NULL, DATABASE_BYTES);
	for (int turn = 0; turn < turns; turn++) {
		int at = (int)test_random_below(&model->random, 2);

		resumed += states[at] != NULL;
		if (states[at])
			model_restore(model, states[at]);
		else
			states[at] = model_open(model, databases[at]);
		model_check(model, states[at]);
		model_run(model, states[at], (int)test_random_below(&model->random, (uint64_t)steps));
		if (test_random_below(&model->random, 4) != 0)
			model_commit(model, states[at]);
		if (test_random_below(&model->random, 2) == 0)
			model_check(model, states[at]);
		check_elsewhere(model);
		if (!state_put_aside(states[at]))
			state_close(&states[at]);
	}
	for (int i = 0; i < 2; i++) {
		state_close(&states[i]);
		database_close(&databases[i]);
	}
	return resumed;
}

TEST(state_that_was_put_aside_and_comes_back_is_what_the_model_says)
{
	uint64_t seed = test_seed(200);
	int resumed = 0;

	for (int i = 0; i < rounds(6); i++) {
		struct model *model = model_new(seed + (uint64_t)i);

		model->memory_bytes = i % 2 ? 100 << 10 : 64 << 20;
		resumed += wander(model, 12, 400);
		model_free(model);
	}
	check(resumed > 0);
}
