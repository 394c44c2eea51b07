/* What came out, held against what must: the cluster read as anybody reads it, committed records only. */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "tests/sim/world.h"

/* Fails with the first thing that is not as it must be. */
int check_world(struct world *world, struct error *err);
/* The feed, and the last rows, as JSON on standard output. */
int check_dump(struct world *world, struct error *err);

#endif
