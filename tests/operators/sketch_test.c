#include "operators/sketch.h"

#include <math.h>
#include <stdlib.h>

#include "tests/test.h"

TEST(every_duration_is_within_the_error_of_what_its_bucket_stands_for)
{
	int before = 0;

	for (double ms = 1; ms < 24 * 3600 * 1000.0; ms *= 1.0007) {
		int bucket = sketch_bucket(ms);

		check(bucket == before || bucket == before + 1);
		check(fabs(sketch_bucket_ms(bucket) - ms) <= SKETCH_ERROR * ms * (1 + 1e-6));
		before = bucket;
	}
	check(before < SKETCH_BUCKETS - 1);
}

TEST(what_is_out_of_range_goes_to_the_outermost_buckets)
{
	check_int(sketch_bucket(-5), 0);
	check_int(sketch_bucket(0), 0);
	check_int(sketch_bucket(0.5), 0);
	check_int(sketch_bucket(1), 1);
	check_int(sketch_bucket(1e300), SKETCH_BUCKETS - 1);
	check_int(sketch_bucket(INFINITY), SKETCH_BUCKETS - 1);
	check_int(sketch_bucket(NAN), 0);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

TEST(quantiles_are_within_the_error_of_the_sorted_values)
{
	static double values[5000];
	static const double quantiles[] = {0, 0.01, 0.5, 0.95, 0.99, 1};
	struct test_random random = test_random_of(test_seed(7));
	struct sketch sketch = {0};

	for (int i = 0; i < 5000; i++) {
		values[i] = exp((double)test_random_below(&random, 1000000) / 1e6 * 15);
		sketch_add(&sketch, sketch_bucket(values[i]), 1);
	}
	qsort(values, 5000, sizeof(values[0]), compare);
	check_int(sketch_count(&sketch), 5000);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		double wanted = values[(int)(quantiles[i] * 4999)];

		check(fabs(sketch_quantile_ms(&sketch, quantiles[i]) - wanted) <= 1.001 * SKETCH_ERROR * wanted);
	}
}

TEST(an_empty_sketch_has_quantile_zero)
{
	struct sketch sketch = {0};

	check_real(sketch_quantile_ms(&sketch, 0.5), 0);
	check_int(sketch_count(&sketch), 0);
}

/* Stores both and loads them into one. */
static struct sketch
merged(const struct sketch *a, const struct sketch *b)
{
	struct sketch sum = {0};
	struct buffer buffer = {0};
	struct cursor cursor;

	buffer.size = (size_t)(sketch_store(buffer_reserve(&buffer, sketch_size_max(a) + sketch_size_max(b)), a) -
			       buffer.data);
	buffer.size = (size_t)(sketch_store(buffer.data + buffer.size, b) - buffer.data);
	cursor = cursor_of(buffer_bytes(&buffer));
	sketch_load(&cursor, &sum);
	sketch_load(&cursor, &sum);
	check(!cursor.bad);
	check_int((int64_t)cursor_left(&cursor), 0);
	buffer_fini(&buffer);
	return sum;
}

TEST(sketches_of_parts_add_up_to_that_of_the_whole)
{
	struct test_random random = test_random_of(test_seed(8));
	struct sketch whole = {0}, parts[2] = {{0}, {0}}, sum;

	for (int i = 0; i < 1000; i++) {
		int bucket = (int)test_random_below(&random, SKETCH_BUCKETS);

		sketch_add(&whole, bucket, 1);
		sketch_add(&parts[i % 2], bucket, 1);
	}
	sum = merged(&parts[0], &parts[1]);
	check_int(sum.low, whole.low);
	check_int(sum.high, whole.high);
	check(memcmp(sum.counts, whole.counts, sizeof(sum.counts)) == 0);
}

TEST(what_is_taken_back_leaves_nothing)
{
	struct sketch counted = {0}, taken = {0}, sum;

	for (int bucket = 0; bucket < SKETCH_BUCKETS; bucket += 7) {
		sketch_add(&counted, bucket, 3);
		sketch_add(&taken, bucket, -3);
	}
	sum = merged(&counted, &taken);
	check_int(sketch_count(&sum), 0);
	check_real(sketch_quantile_ms(&sum, 0.5), 0);
	sketch_clear(&counted);
	check_int(counted.high - counted.low, 0);
	check_int(counted.counts[7], 0);
}

TEST(stored_bytes_that_are_damaged_are_refused)
{
	static const uint8_t beyond[] = {1, 0xff, 0x7f, 2}, cut[] = {2, 5, 2, 9};
	struct sketch sketch = {0};
	struct cursor cursor = cursor_of(bytes_of(beyond, sizeof(beyond)));

	sketch_load(&cursor, &sketch);
	check(cursor.bad);
	cursor = cursor_of(bytes_of(cut, sizeof(cut)));
	sketch_load(&cursor, &sketch);
	check(cursor.bad);
}
