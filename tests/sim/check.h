/* What came out, held against what must: the cluster read as anybody reads it, committed records only. */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "tests/sim/world.h"

/* Fails with the first thing that is not as it must be. */
int check_world(struct world *world, struct error *err);
/* The feed, and the last rows, as JSON on standard output, for others to check. */
int check_dump(struct world *world, struct error *err);

/* ---- by scenario ---- */

int check_join(struct world *world, struct error *err);
int dump_join(struct world *world, struct error *err);
int check_features(struct world *world, struct error *err);
int dump_features(struct world *world, struct error *err);
int check_reconcile(struct world *world, struct error *err);
int dump_reconcile(struct world *world, struct error *err);
/* An internal topic (behind a rekey of engagements): the records, their order, the markers. */
int check_internal(struct world *world, const char *source, const char *topic, struct error *err);

/* Parts of the dump: "NAME": [...], with a comma behind the events. */
void dump_events(const struct world *world, enum feed_topic topic);
int dump_rows(struct world *world, const char *topic, struct error *err);

#endif
