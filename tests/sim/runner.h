/* Many seeds on many processes: a progress line, and the first seed that fails with how to see it again. */
#ifndef TESTS_SIM_RUNNER_H
#define TESTS_SIM_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#define RUNNER_TEXT_SIZE 600
#define RUNNER_JOBS_MAX 256

struct runner_result {
	uint64_t seed, hash;
	bool failed;
	char text[RUNNER_TEXT_SIZE];
};

typedef void run_seed(uint64_t seed, struct runner_result *out);

/* Returns how many failed: the lowest is told in detail. */
uint64_t runner_run(run_seed *run, uint64_t first, uint64_t count, int jobs, const char *again);

#endif
