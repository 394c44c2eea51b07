#include "log/kafka_stall.h"

#include "tests/test.h"

#define LIMIT_US 60
#define NEVER (-1)

/* One look after the other, of a partition that ends at 100. Gives the time of the first that asks for something. */
static int64_t
first_alarm(struct kafka_stall *stall, int64_t position, int64_t from_us, int64_t until_us, int64_t step_us)
{
	for (int64_t now_us = from_us; now_us <= until_us; now_us += step_us)
		if (kafka_stall_look(stall, position, 100, now_us, LIMIT_US))
			return now_us;
	return NEVER;
}

TEST(a_partition_that_has_records_and_does_not_move_is_seen_after_the_limit)
{
	struct kafka_stall stall = {0};

	check_int(first_alarm(&stall, 7, 1000, 2000, 5), 1000 + LIMIT_US);
	check_int(stall.count, 1);
}

TEST(one_that_is_read_to_its_end_never_is)
{
	struct kafka_stall stall = {0};

	check_int(first_alarm(&stall, 100, 1000, 100000, 5), NEVER);
	check_int(first_alarm(&stall, 101, 1000, 100000, 5), NEVER);
}

TEST(what_came_after_a_long_silence_has_the_whole_time_from_its_coming)
{
	struct kafka_stall stall = {0};

	check(!kafka_stall_look(&stall, 100, 100, 1000, LIMIT_US));
	check(!kafka_stall_look(&stall, 100, 101, 900000, LIMIT_US));
	check(!kafka_stall_look(&stall, 100, 101, 900000 + LIMIT_US - 1, LIMIT_US));
	check(kafka_stall_look(&stall, 100, 101, 900000 + LIMIT_US, LIMIT_US));
}

TEST(one_that_moves_however_little_is_not_stalled)
{
	struct kafka_stall stall = {0};

	for (int64_t i = 0; i < 50; i++)
		check(!kafka_stall_look(&stall, i, 100, 1000 + i * (LIMIT_US - 1), LIMIT_US));
	check_int(stall.count, 0);
}

TEST(times_in_a_row_are_counted_until_it_moves)
{
	struct kafka_stall stall = {0};

	check_int(first_alarm(&stall, 7, 1000, 2000, 5), 1060);
	check_int(first_alarm(&stall, 7, 1065, 2000, 5), 1065 + LIMIT_US);
	check_int(stall.count, 2);
	check(!kafka_stall_look(&stall, 8, 100, 1200, LIMIT_US));
	check_int(stall.count, 0);
	check_int(first_alarm(&stall, 8, 1205, 2000, 5), 1200 + LIMIT_US);
}
