/*
 * Input for the join's benchmark: impressions in rough event-time order and the engagements that answer them, of 100 to
 * 200 bytes each. 30 % of the impressions have 1 to 3 engagements; 1 % of the engagements belong to no impression, 1 %
 * come twice. Always the same, but for the times. One thread's.
 */
#ifndef BENCH_GENERATE_JOIN_H
#define BENCH_GENERATE_JOIN_H

#include "dataflow/topology.h"
#include "log/log.h"

struct generator;

struct generator_config {
	int64_t start_ms;      /* event time of the first impression */
	double step_us;	       /* event time between two impressions */
	int64_t jitter_ms;     /* events arrive, and shown_at is, up to so much off */
	int64_t delay_mean_ms; /* from an impression to its engagement */
	int64_t delay_ms_max;
};

/* Writes into the topics impressions and engagements. */
int generator_new(const struct topology *topology, struct log *log, const struct generator_config *config,
		  struct generator **out, struct error *err);
void generator_free(struct generator **generator);

/* Appends everything that is due before `until_ms` of event time, up to `impressions` in all, and commits it. */
int generator_append(struct generator *generator, int64_t until_ms, int64_t impressions, struct error *err);
/* What still waits: engagements of impressions that were appended. */
int generator_finish(struct generator *generator, struct error *err);

int64_t generator_events(const struct generator *generator);

#endif
