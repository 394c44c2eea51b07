#include "state/timers.h"

#include "tests/state/fixture.h"

/* A timer that is moved to and fro leaves items behind: they are forgotten before they are many. */
TEST(timers_moved_often_do_not_pile_up)
{
	struct fixture fixture;
	struct state_figures before, after;

	fixture_init(&fixture, 64 << 20);
	for (int i = 0; i < 500; i++)
		fixture_put_timer(&fixture, i, 1000000);
	state_figures(fixture.state, &before);
	for (int round = 0; round < 2000; round++)
		for (int i = 0; i < 500; i++)
			fixture_put_timer(&fixture, i, 900000 - round * 7 - i);
	state_figures(fixture.state, &after);
	check(after.memory_bytes < before.memory_bytes + (1 << 20));
	check(timers_count(&fixture.state->cache.timers) < 6000);
	for (int i = 499; i >= 0; i--) {
		struct store *store;
		struct entry *entry;
		struct error err;

		check_ok(state_timer_take(fixture.state, TIME_MAX, &store, &entry, &err));
		check_int(fixture_key(entry), i);
		state_keep(fixture.state);
	}
	fixture_fini(&fixture);
}

TEST(timers_moved_within_the_bucket_that_is_fired_do_not_pile_up)
{
	struct fixture fixture;

	fixture_init(&fixture, 64 << 20);
	fixture_put_timer(&fixture, 1, 1000);
	fixture_put_timer(&fixture, 2, 1023);
	for (int i = 0; i < 200000; i++) {
		struct store *store;
		struct entry *entry;
		struct error err;

		fixture_put_timer(&fixture, 1, 900 - i % 3);
		check_ok(state_timer_take(fixture.state, 1001, &store, &entry, &err));
		check_int(fixture_key(entry), 1);
		state_keep(fixture.state);
	}
	check(fixture.state->cache.timers.bytes < 2 << 20);
	fixture_fini(&fixture);
}

TEST(timers_of_the_ends_of_time_fire)
{
	const int64_t times[] = {INT64_MIN, INT64_MIN + 1,	    INT64_MIN + 600001, -1,
				 0,	    INT64_MAX - 1000000000, INT64_MAX - 2,	INT64_MAX - 1};
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	for (int i = 7; i >= 0; i--)
		fixture_put_timer(&fixture, i, times[i]);
	for (int i = 0; i < 8; i++) {
		struct store *store;
		struct entry *entry;
		struct error err;

		check_ok(state_timer_take(fixture.state, times[i], &store, &entry, &err));
		check(entry != NULL);
		check_int(fixture_key(entry), i);
		state_keep(fixture.state);
	}
	fixture_fini(&fixture);
}
