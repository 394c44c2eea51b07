/* Random operations against the model: in memory, with evictions, aborts, crashes, and machines that begin with nothing. */
#include "tests/state/model.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATABASE_BYTES (8 << 20)

static int
rounds(int normal)
{
	const char *text = getenv("TEST_ROUNDS");

	return text ? atoi(text) : normal;
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

TEST(state_survives_kills)
{
	uint64_t seed = test_seed(1000);

	for (int i = 0; i < rounds(2); i++) {
		struct model *model = model_new(seed + (uint64_t)i);
		char directory[4200];

		snprintf(directory, sizeof(directory), "%s/%d", test_directory(), i);
		model->memory_bytes = 100 << 10;
		for (int life = 0; life < 12; life++) {
			int status;
			pid_t child = fork();

			check(child >= 0);
			if (child == 0) {
				struct database *database = model_database(directory, 1 << 20);
				struct state *state = model_open(model, database);

				model_check(model, state);
				model_run(model, state, (int)test_random_below(&model->random, 1200));
				raise(SIGKILL);
			}
			check(waitpid(child, &status, 0) == child);
			check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		}
		model_free(model);
	}
}
