#include "operators/sketch.h"

#include <math.h>

#include "base/error.h"

static double
log_gamma_base(void)
{
	return log((1 + SKETCH_ERROR) / (1 - SKETCH_ERROR));
}

int
sketch_bucket(double ms)
{
	double exponent;

	if (!(ms > (1 - SKETCH_ERROR) / (1 + SKETCH_ERROR)))
		return 0;
	/* What is exactly on a border must not depend on how log rounds. */
	exponent = ceil(log(ms) / log_gamma_base() - 1e-9);
	return exponent >= SKETCH_BUCKETS - 2 ? SKETCH_BUCKETS - 1 : 1 + (int)exponent;
}

double
sketch_bucket_ms(int bucket)
{
	return bucket == 0 ? 0 : exp((bucket - 1) * log_gamma_base()) * (1 - SKETCH_ERROR);
}

void
sketch_clear(struct sketch *sketch)
{
	memset(&sketch->counts[sketch->low], 0, (size_t)(sketch->high - sketch->low) * sizeof(sketch->counts[0]));
	sketch->low = sketch->high = 0;
}

void
sketch_add(struct sketch *sketch, int bucket, int64_t count)
{
	insist(bucket >= 0 && bucket < SKETCH_BUCKETS);
	if (sketch->low == sketch->high) {
		sketch->low = bucket;
		sketch->high = bucket + 1;
	}
	if (bucket < sketch->low)
		sketch->low = bucket;
	if (bucket >= sketch->high)
		sketch->high = bucket + 1;
	sketch->counts[bucket] += count;
}

int64_t
sketch_count(const struct sketch *sketch)
{
	int64_t count = 0;

	for (int i = sketch->low; i < sketch->high; i++)
		count += sketch->counts[i];
	return count;
}

double
sketch_quantile_ms(const struct sketch *sketch, double quantile)
{
	int64_t count = sketch_count(sketch), passed = 0;
	double rank = quantile * (double)(count - 1);

	for (int i = sketch->low; i < sketch->high && count > 0; i++) {
		passed += sketch->counts[i];
		if ((double)passed > rank)
			return sketch_bucket_ms(i);
	}
	return 0;
}

size_t
sketch_size_max(const struct sketch *sketch)
{
	return BUFFER_VARINT_SIZE_MAX + (size_t)(sketch->high - sketch->low) * (2 + BUFFER_VARINT_SIZE_MAX);
}

uint8_t *
sketch_store(uint8_t *to, const struct sketch *sketch)
{
	uint64_t pairs = 0;
	int last = 0;

	for (int i = sketch->low; i < sketch->high; i++)
		pairs += sketch->counts[i] != 0;
	to += store_varint(to, pairs);
	for (int i = sketch->low; i < sketch->high; i++) {
		if (sketch->counts[i] == 0)
			continue;
		to += store_varint(to, (uint64_t)(i - last));
		to += store_varint(to, zigzag_encode(sketch->counts[i]));
		last = i;
	}
	return to;
}

void
sketch_load(struct cursor *from, struct sketch *into)
{
	uint64_t bucket = 0;

	for (uint64_t pairs = cursor_varint(from); pairs > 0 && !from->bad; pairs--) {
		uint64_t distance = cursor_varint(from);
		int64_t count = zigzag_decode(cursor_varint(from));

		if (distance >= SKETCH_BUCKETS - bucket)
			from->bad = true;
		if (from->bad)
			return;
		bucket += distance;
		sketch_add(into, (int)bucket, count);
	}
}
