/*
 * A histogram of durations that many threads add to and anyone reads: four buckets an octave, so that a quantile is
 * told to within a fifth. All zero bytes are an empty one. Adding is one atomic addition.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 128 /* the last one: 2^31.5 ms (37 days) and more */

struct histogram {
	_Atomic int64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, int64_t ms); /* less than 0 counts as 0 */

/* What a reader works with: consistent in each bucket, not between them. */
struct histogram_counts {
	int64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_read(const struct histogram *histogram, struct histogram_counts *out);
int64_t histogram_total(const struct histogram_counts *counts);
/* The duration, ms, that the share `quantile` (0 to 1) does not pass: the upper bound of its bucket; 0 where it is
 * empty. */
double histogram_quantile_ms(const struct histogram_counts *counts, double quantile);
double histogram_bound_ms(int bucket); /* the bucket holds what is at most that */

#endif
