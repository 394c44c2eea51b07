#include "base/wall_guard.h"

#include "tests/test.h"

#define WALL 1767225600000
#define HOUR 3600000

TEST(it_is_the_wall_clock_while_that_goes_at_the_speed_of_time)
{
	struct wall_guard guard = {0};

	check_int(wall_guard_look(&guard, WALL, 1000), WALL);
	check_int(wall_guard_look(&guard, WALL + 30000, 31000), WALL + 30000);
	check_int(wall_guard_look(&guard, WALL + 60000 + 1500, 61000), WALL + 61500); /* a small step is taken over */
	check(!guard.doubted);
}

TEST(a_clock_that_is_set_ahead_counts_only_after_it_has_held)
{
	struct wall_guard guard = {0};
	int64_t jump = 9000 * (int64_t)HOUR;

	wall_guard_look(&guard, WALL, 0);
	check_int(wall_guard_look(&guard, WALL + jump + 30000, 30000), WALL + 30000);
	check(guard.doubted);
	check_int(guard.ahead_ms, jump);
	check_int(wall_guard_look(&guard, WALL + jump + HOUR, HOUR), WALL + HOUR);
	check_int(wall_guard_look(&guard, WALL + jump + HOUR + 30000, HOUR + 30000), WALL + jump + HOUR + 30000);
	check(!guard.doubted);
}

TEST(a_start_goes_on_from_what_is_known_until_the_clock_has_held)
{
	struct wall_guard ahead = {0}, behind = {.back = true};
	int64_t days = 30 * 24 * (int64_t)HOUR;

	wall_guard_know(&ahead, WALL, 5000);
	check_int(wall_guard_look(&ahead, WALL + days, 5000), WALL);
	check_int(ahead.ahead_ms, days);
	check_int(wall_guard_look(&ahead, WALL + days + HOUR, 5000 + HOUR), WALL + days + HOUR);
	wall_guard_know(&ahead, WALL + 2 * days, 5000 + HOUR); /* a clock further on is no reason to go further on */
	check_int(wall_guard_look(&ahead, WALL + days + HOUR, 5000 + HOUR), WALL + days + HOUR);

	check_int(wall_guard_look(&behind, WALL - days, 5000), WALL - days);
	wall_guard_know(&behind, WALL, 5000); /* found out later */
	check_int(wall_guard_look(&behind, WALL - days + 1000, 6000), WALL + 1000);
	check_int(behind.ahead_ms, -days);
	wall_guard_know(&behind, WALL - days, 6000);
	check_int(wall_guard_look(&behind, WALL - days + 2000, 7000), WALL + 2000);
}

TEST(a_clock_that_is_set_ahead_for_a_moment_is_forgotten)
{
	struct wall_guard guard = {0};

	wall_guard_look(&guard, WALL, 0);
	wall_guard_look(&guard, WALL + 100 * HOUR, 30000);
	check_int(wall_guard_look(&guard, WALL + 60000, 60000), WALL + 60000);
	check(!guard.doubted);
	check_int(wall_guard_look(&guard, WALL + 200 * HOUR, 90000), WALL + 90000);
}

TEST(one_that_jumps_again_has_to_hold_anew)
{
	struct wall_guard guard = {0};

	wall_guard_look(&guard, WALL, 0);
	wall_guard_look(&guard, WALL + 10 * HOUR, 1000);
	check_int(wall_guard_look(&guard, WALL + 20 * HOUR + HOUR, HOUR), WALL + HOUR);
	check_int(wall_guard_look(&guard, WALL + 20 * HOUR + HOUR + 1000, HOUR + 1000), WALL + HOUR + 1000);
	check(guard.doubted);
}

TEST(a_clock_that_is_set_back_counts_at_once)
{
	struct wall_guard guard = {0};

	wall_guard_look(&guard, WALL, 0);
	check_int(wall_guard_look(&guard, WALL - 10 * HOUR, 1000), WALL - 10 * HOUR);
}

TEST(where_a_clock_that_is_set_back_is_doubted_one_that_is_set_ahead_counts_at_once)
{
	struct wall_guard guard = {.back = true};

	wall_guard_look(&guard, WALL, 0);
	check_int(wall_guard_look(&guard, WALL - 10 * HOUR, 1000), WALL + 1000);
	check_int(guard.ahead_ms, -10 * HOUR - 1000);
	check_int(wall_guard_look(&guard, WALL - 9 * HOUR, HOUR + 1000), WALL - 9 * HOUR);
	check_int(wall_guard_look(&guard, WALL, HOUR + 2000), WALL);
}
