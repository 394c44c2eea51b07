/*
 * What the inputs of the benches are made with: random numbers that are always the same, and records that go into the
 * topics of a log. One thread's.
 */
#ifndef BENCH_FEED_H
#define BENCH_FEED_H

#include "dataflow/topology.h"
#include "log/log.h"

#define FEED_ID_SIZE 32

struct feed {
	const struct topology *topology;
	struct log *log;
	struct transaction *transaction;
	uint64_t random;
	int64_t events, bytes;
};

struct feed_topic {
	const struct topology_topic *spec;
	int number;
	struct record record; /* to be filled and appended; at first it has the defaults */
	struct arena arena;   /* of the defaults */
};

int feed_open(const struct topology *topology, struct log *log, struct feed *out, struct error *err);
void feed_close(struct feed *feed);
int feed_topic_open(struct feed *feed, const char *name, struct feed_topic *out, struct error *err);
void feed_topic_close(struct feed_topic *topic);

uint64_t feed_draw(struct feed *feed);
double feed_draw_unit(struct feed *feed);		     /* from [0, 1) */
void feed_draw_id(struct feed *feed, char id[FEED_ID_SIZE]); /* hexadecimal, not terminated */

/* Fields by their names: of what type they are, the caller knows. What bytes point to must live until feed_append. */
void feed_set_bytes(struct feed_topic *topic, const char *name, struct bytes value);
void feed_set_text(struct feed_topic *topic, const char *name, const char *value);
void feed_set_integer(struct feed_topic *topic, const char *name, int64_t value);
void feed_set_real(struct feed_topic *topic, const char *name, double value); /* nullable or not */
void feed_set_null(struct feed_topic *topic, const char *name);

/* Appends the topic's record; commits when enough is pending. */
int feed_append(struct feed *feed, struct feed_topic *topic, struct bytes key, struct error *err);
int feed_commit(struct feed *feed, struct error *err);

#endif
