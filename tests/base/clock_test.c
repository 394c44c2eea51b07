#include "base/clock.h"

#include <time.h>

#include "tests/test.h"

TEST(the_system_clock_is_the_wall_clock)
{
	int64_t before_s = (int64_t)time(NULL);
	int64_t now_ms = clock_now_ms(&clock_system);

	check(now_ms >= (before_s - 1) * 1000);
	check(now_ms <= ((int64_t)time(NULL) + 1) * 1000);
}

TEST(a_manual_clock_stands_still_until_it_is_set)
{
	struct clock_manual manual;

	clock_manual_init(&manual, 1000);
	check_int(clock_now_ms(&manual.clock), 1000);
	check_int(clock_now_ms(&manual.clock), 1000);
	clock_manual_pass(&manual, 1500);
	check_int(clock_now_ms(&manual.clock), 2500);
	check_int(clock_steady_ms(&manual.clock), CLOCK_MANUAL_STEADY_MS + 1500);
}

TEST(a_wall_clock_that_is_set_moves_no_duration)
{
	struct clock_manual manual;

	clock_manual_init(&manual, 1000000);
	clock_manual_jump(&manual, -400000);
	check_int(clock_now_ms(&manual.clock), 600000);
	check_int(clock_steady_ms(&manual.clock), CLOCK_MANUAL_STEADY_MS);
}

TEST(the_systems_steady_clock_does_not_go_back)
{
	int64_t before = clock_steady_ms(&clock_system);

	for (int i = 0; i < 1000; i++)
		check(clock_steady_ms(&clock_system) >= before);
}

TEST(measuring_clocks_do_not_go_back)
{
	int64_t wall_us = clock_monotonic_us(), thread_us = clock_thread_cpu_us(), process_us = clock_process_cpu_us();

	for (int i = 0; i < 1000; i++) {
		check(clock_monotonic_us() >= wall_us);
		check(clock_thread_cpu_us() >= thread_us);
		check(clock_process_cpu_us() >= process_us);
	}
	check(clock_thread_cpu_us() > 0);
}

TEST(time_add_stays_at_the_ends_of_time)
{
	check_int(time_add(1000, -1), 999);
	check_int(time_add(TIME_MIN, 5), TIME_MIN);
	check_int(time_add(TIME_MAX, -5), TIME_MAX);
	check_int(time_add(TIME_MAX - 1, 5), TIME_MAX);
	check_int(time_add(TIME_MIN + 1, -5), TIME_MIN);
}
