#include "base/histogram.h"

#include "tests/test.h"

static double
quantile(const struct histogram *histogram, double share)
{
	struct histogram_counts counts;

	histogram_read(histogram, &counts);
	return histogram_quantile_ms(&counts, share);
}

TEST(a_quantile_is_told_to_within_a_fifth)
{
	static struct histogram histogram;

	for (int i = 1; i <= 1000; i++)
		histogram_add(&histogram, i);
	check(quantile(&histogram, 0.5) >= 500 && quantile(&histogram, 0.5) <= 600);
	check(quantile(&histogram, 0.95) >= 950 && quantile(&histogram, 0.95) <= 1140);
	check(quantile(&histogram, 1) >= 1000 && quantile(&histogram, 1) <= 1200);
}

TEST(a_bound_belongs_to_its_bucket)
{
	static struct histogram histogram;

	histogram_add(&histogram, 256);
	check_real(quantile(&histogram, 0.5), 256);
	histogram_add(&histogram, 257);
	check(quantile(&histogram, 1) > 257);
}

TEST(nothing_is_too_short_or_too_long)
{
	static struct histogram histogram;
	struct histogram_counts counts;

	check_real(quantile(&histogram, 0.5), 0);
	histogram_add(&histogram, -5);
	histogram_add(&histogram, 0);
	histogram_add(&histogram, INT64_MAX);
	histogram_read(&histogram, &counts);
	check_int(histogram_total(&counts), 3);
	check_real(histogram_quantile_ms(&counts, 0.5), 1);
	check_real(histogram_quantile_ms(&counts, 1), histogram_bound_ms(HISTOGRAM_BUCKETS - 1));
}
