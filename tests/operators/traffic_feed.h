/* What the tests of traffic's parts share: a feed of their own, without a topology around it. */
#ifndef TESTS_OPERATORS_TRAFFIC_FEED_H
#define TESTS_OPERATORS_TRAFFIC_FEED_H

#include "operators/traffic_request.h"

/* A model with its parameters and room for a request; `wanted` is everything. */
struct feed {
	struct traffic_parameters parameters;
	struct traffic_model model;
	struct traffic_request request;
	struct traffic_fault faults[TRAFFIC_SLATE_MAX];
	struct traffic_events events;
};

struct traffic_parameters plain_parameters(void);	   /* no faults, no repeats */
struct traffic_parameters faulty_parameters(double ratio); /* so much of each fault */

struct feed *feed_new(struct traffic_parameters parameters); /* freed with memory_free */
void feed_request(struct feed *feed, uint64_t number);

#endif
