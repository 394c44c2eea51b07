/*
 * The inputs of the bounded benches, an hour of event time each, in the topics of the topology that they are for.
 * Always the same.
 */
#ifndef BENCH_GENERATE_H
#define BENCH_GENERATE_H

#include "tools/bench/feed.h"

#define GENERATE_START_MS 1767225600000 /* 2026-01-01 */
#define GENERATE_HOUR_US 3600000000.0

/* `count` engagements, keyed by impression, of a fifth as many users: one in a hundred of the users has 22 % of them,
 * and is met again and again; half of the users have 80 %. 150 bytes each; 2 % come twice. */
int generate_engagements(struct feed *feed, int64_t count, struct error *err);

/* Vectors of the items that those engagements are about, `dimensions` wide. */
int generate_vectors(struct feed *feed, int64_t dimensions, struct error *err);

/*
 * What the three logs say about `count` responses of ten items: 35 log entries each, of 210 bytes. One item in a
 * hundred has a fault: not delivered, not received, delivered twice, or delivered at another position.
 */
int generate_deliveries(struct feed *feed, int64_t count, struct error *err);

#endif
