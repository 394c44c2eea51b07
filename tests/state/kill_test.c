/*
 * Processes that are killed: what RocksDB had in memory is lost for good, and its files are from some time
 * before. Alone in its file, since RocksDB's threads do not survive the fork of a process that has used it.
 */
#include "tests/state/model.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int
rounds(int normal)
{
	const char *text = getenv("TEST_ROUNDS");

	return text ? atoi(text) : normal;
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
