/*
 * A sketch of durations: how many there were of about which length, so that quantiles can be told and sketches of
 * several tasks can be added up without losing anything. It is DDSketch (Masson, Rim, Lee: "DDSketch: a fast and
 * fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12, 2019) with a fixed set of buckets.
 *
 * With g = (1 + e) / (1 - e), bucket b >= 1 holds what is in (g^(b-2), g^(b-1)] milliseconds and stands for the value
 * in it that is at most e (2 %) away from all of them. Bucket 0 holds what is shorter, the last one what is longer than
 * about 27 hours. Counts may be negative: a correction takes back what was counted before.
 *
 * Stored: pairs of (distance from the bucket before, count) as varints, behind their number. Pure.
 */
#ifndef OPERATORS_SKETCH_H
#define OPERATORS_SKETCH_H

#include "base/buffer.h"

#define SKETCH_ERROR 0.02
#define SKETCH_BUCKETS 463

/* All zero bytes are an empty sketch. */
struct sketch {
	int low, high; /* only buckets of [low, high) have counts */
	int64_t counts[SKETCH_BUCKETS];
};

int sketch_bucket(double ms);
double sketch_bucket_ms(int bucket); /* what a bucket stands for */

void sketch_clear(struct sketch *sketch);
void sketch_add(struct sketch *sketch, int bucket, int64_t count);
int64_t sketch_count(const struct sketch *sketch);

/* The length that the share `quantile` (0 to 1) of the durations does not pass; 0 where there are none. */
double sketch_quantile_ms(const struct sketch *sketch, double quantile);

size_t sketch_size_max(const struct sketch *sketch); /* bytes that it takes to store, at most */
uint8_t *sketch_store(uint8_t *to, const struct sketch *sketch);
/* Adds a stored sketch to one. Buckets that there are not mark the cursor as bad. */
void sketch_load(struct cursor *from, struct sketch *into);

#endif
