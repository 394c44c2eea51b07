/* What a simulation may run: a topology, what it is fed with, and how what comes out is judged. */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include "tests/sim/world.h"

#define SCENARIO_OVERRIDES_MAX 60

/* Changes to the topology's file, as --set has them. */
struct scenario_overrides {
	char *texts[SCENARIO_OVERRIDES_MAX + 1];
	int count;
};

struct scenario {
	const char *name;
	const char *file;
	const char *const *topics; /* all of them, NULL-terminated: they get the plan's partitions */
	unsigned kinds;		   /* of events that are fed: a bit per enum feed_kind */
	bool idles;		   /* what comes out needs it; else the seed decides */
	bool bounded;	 /* a bounded run in between changes nothing: no timer that its end fires early does */
	int64_t rest_ms; /* after the last event: how long until nothing happens any more */
	void (*set)(const struct world_plan *plan, struct scenario_overrides *overrides);
	void (*set_other)(struct scenario_overrides *overrides); /* beside it: the other version; NULL: there is none */
	int (*check)(struct world *world, struct error *err);
	int (*dump)(struct world *world, struct error *err);
};

/* `name` NULL: the one that the seed chooses; else NULL where none has that name. */
const struct scenario *scenario_find(const char *name, uint64_t seed);

/* `other`: as processes of the other version have it. */
int scenario_load(const struct scenario *scenario, const struct world_plan *plan, bool other, struct topology **out,
		  struct error *err);

#endif
