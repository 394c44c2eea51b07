#include "base/histogram.h"

#include <math.h>

#define PER_OCTAVE 4

/* Bucket 0: up to 1 ms; bucket b: up to 2^(b / 4) ms. */
double
histogram_bound_ms(int bucket)
{
	return exp2((double)bucket / PER_OCTAVE);
}

static int
bucket_of(int64_t ms)
{
	int bucket;

	if (ms <= 1)
		return 0;
	bucket = (int)ceil(log2((double)ms) * PER_OCTAVE - 1e-9);
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

void
histogram_add(struct histogram *histogram, int64_t ms)
{
	atomic_fetch_add_explicit(&histogram->counts[bucket_of(ms)], 1, memory_order_relaxed);
}

void
histogram_read(const struct histogram *histogram, struct histogram_counts *out)
{
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		out->counts[i] = atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
}

int64_t
histogram_total(const struct histogram_counts *counts)
{
	int64_t total = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += counts->counts[i];
	return total;
}

double
histogram_quantile_ms(const struct histogram_counts *counts, double quantile)
{
	double left = quantile * (double)histogram_total(counts);
	int last = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (counts->counts[i] == 0)
			continue;
		last = i;
		left -= (double)counts->counts[i];
		if (left <= 0)
			break;
	}
	return histogram_total(counts) == 0 ? 0 : histogram_bound_ms(last);
}
