#include "base/logger_limit.h"

#include "tests/test.h"

#define MINUTE_US LOGGER_LIMIT_US

static struct logger_limit limit;
static int64_t left_out;

TEST(a_day_of_lines_of_one_kind_is_a_line_a_minute_with_the_count_of_the_others)
{
	int64_t written = 0, counted = 0, all = 0;

	limit = (struct logger_limit){0};
	for (int64_t now_us = 0; now_us < 24 * 60 * MINUTE_US; now_us += MINUTE_US / 50) {
		bool passed = logger_limit_pass(&limit, 7, now_us, &left_out);

		all++;
		written += passed;
		counted += passed ? left_out + 1 : 0;
	}
	check_int(written, 24 * 60);
	check_int(counted, all - 49); /* those of the last minute are not counted yet */
}

TEST(kinds_do_not_hold_each_other_back)
{
	limit = (struct logger_limit){0};
	for (uint64_t kind = 1; kind <= LOGGER_LIMIT_KINDS; kind++)
		check(logger_limit_pass(&limit, kind, 10, &left_out));
	for (uint64_t kind = 1; kind <= LOGGER_LIMIT_KINDS; kind++)
		check(!logger_limit_pass(&limit, kind, 20, &left_out));
	check(logger_limit_pass(&limit, 3, 10 + MINUTE_US, &left_out));
	check_int(left_out, 1);
}

TEST(where_there_are_too_many_kinds_the_one_written_longest_ago_is_forgotten)
{
	limit = (struct logger_limit){0};
	for (uint64_t kind = 1; kind <= LOGGER_LIMIT_KINDS + 1; kind++)
		check(logger_limit_pass(&limit, kind, (int64_t)kind, &left_out));
	check(!logger_limit_pass(&limit, 2, 100, &left_out));
	check(logger_limit_pass(&limit, 1, 101, &left_out));
}
