/*
 * Input for the join's benchmark: impressions in rough event-time order and the engagements that answer them, of 100 to
 * 200 bytes each. 30 % of the impressions have 1 to 3 engagements, delayed by 90 s on average and at most by 10
 * min; 1 % of the engagements belong to no impression, 1 % come twice; events arrive up to 2 s before or after
 * their turn. Deterministic by seed. One thread's.
 */
#ifndef BENCH_GENERATE_H
#define BENCH_GENERATE_H

#include "dataflow/topology.h"
#include "log/log.h"

struct generator;

/* An impression each `step_us` of event time, from `start_ms` on, into the topics impressions and engagements. */
int generator_new(const struct topology *topology, struct log *log, int64_t start_ms, double step_us, uint64_t seed,
		  struct generator **out, struct error *err);
void generator_free(struct generator **generator);

/* Appends everything that is due before `until_ms` of event time, up to `impressions` in all, and commits it. */
int generator_append(struct generator *generator, int64_t until_ms, int64_t impressions, struct error *err);
/* What still waits: engagements of impressions that were appended. */
int generator_finish(struct generator *generator, struct error *err);

int64_t generator_impressions(const struct generator *generator);
int64_t generator_events(const struct generator *generator);
int64_t generator_bytes(const struct generator *generator);

#endif
