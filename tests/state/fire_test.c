#include "tests/state/fixture.h"

static int
take(struct fixture *fixture, int64_t until)
{
	struct store *store;
	struct entry *entry;
	struct error err;

	check_ok(state_timer_take(fixture->state, until, &store, &entry, &err));
	if (entry)
		check_int(entry_timer(entry), TIME_MAX);
	state_keep(fixture->state);
	return entry ? fixture_key(entry) : -1;
}

TEST(fire_is_in_order_of_time_and_key)
{
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	fixture_put_timer(&fixture, 3, 1000);
	fixture_put_timer(&fixture, 2, 5000000);
	fixture_put_timer(&fixture, 20, 1000);
	fixture_put_timer(&fixture, 1, -5);
	fixture_put_timer(&fixture, 4, 1001);
	check(state_timer_next(fixture.state) <= -5);
	check_int(take(&fixture, -6), -1);
	check_int(take(&fixture, 1000), 1);
	check_int(take(&fixture, 1000), 20);
	check_int(take(&fixture, 1000), 3);
	check_int(take(&fixture, 1000), -1);
	check_int(take(&fixture, TIME_MAX), 4);
	check_int(take(&fixture, TIME_MAX), 2);
	check_int(take(&fixture, TIME_MAX), -1);
	fixture_fini(&fixture);
}

TEST(fire_once_at_the_time_set_last)
{
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	fixture_put_timer(&fixture, 1, 100);
	fixture_put_timer(&fixture, 1, 300);
	fixture_put_timer(&fixture, 1, 200);
	fixture_put_timer(&fixture, 2, 100);
	fixture_put_timer(&fixture, 2, TIME_MAX);
	check_int(take(&fixture, 199), -1);
	check_int(take(&fixture, 1000), 1);
	check_int(take(&fixture, 1000), -1);
	fixture_fini(&fixture);
}

TEST(fire_again_in_the_same_sweep_when_set_to_a_time_that_is_due)
{
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	fixture_put_timer(&fixture, 1, 100);
	fixture_put_timer(&fixture, 2, 200);
	check_int(take(&fixture, 1000), 1);
	fixture_put_timer(&fixture, 1, 150);
	check_int(take(&fixture, 1000), 1);
	check_int(take(&fixture, 1000), 2);
	fixture_put_timer(&fixture, 1, 50);
	check_int(take(&fixture, 1000), 1);
	fixture_fini(&fixture);
}

TEST(fire_is_undone_with_the_record)
{
	struct fixture fixture;
	struct store *store;
	struct entry *entry;
	struct error err;

	fixture_init(&fixture, 1 << 20);
	fixture_put_timer(&fixture, 1, 100);
	check_ok(state_timer_take(fixture.state, 100, &store, &entry, &err));
	state_undo(fixture.state);
	check_int(entry_timer(fixture_get(&fixture, 1)), 100);
	check_int(take(&fixture, 100), 1);
	fixture_fini(&fixture);
}

TEST(fire_of_a_drain_is_once_for_each_even_across_a_kill)
{
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	for (int i = 1; i <= 3; i++)
		fixture_put_timer(&fixture, i, 100 * i);
	fixture_commit(&fixture);
	state_drain_begin(fixture.state);
	check_int(take(&fixture, TIME_MAX), 1);
	fixture_put_timer(&fixture, 1, 5);
	fixture_commit(&fixture);
	check_int(take(&fixture, TIME_MAX), 2); /* not committed */
	fixture_close(&fixture);
	fixture_open(&fixture);
	state_drain_begin(fixture.state);
	check_int(take(&fixture, TIME_MAX), 2);
	fixture_put_timer(&fixture, 2, 6);
	check_int(take(&fixture, TIME_MAX), 3);
	check_int(take(&fixture, TIME_MAX), -1);
	state_drain_end(fixture.state);
	fixture_commit(&fixture);
	check_int(take(&fixture, 5), 1); /* those set meanwhile are ordinary timers now */
	fixture_close(&fixture);
	fixture_open(&fixture);
	state_drain_begin(fixture.state); /* another drain: of all of them */
	check_int(take(&fixture, TIME_MAX), 1);
	check_int(take(&fixture, TIME_MAX), 2);
	check_int(take(&fixture, TIME_MAX), -1);
	fixture_fini(&fixture);
}

TEST(fire_outside_a_drain_takes_timers_of_one_that_was_cut_short)
{
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	fixture_put_timer(&fixture, 1, 100);
	state_drain_begin(fixture.state);
	check_int(take(&fixture, TIME_MAX), 1);
	fixture_put_timer(&fixture, 1, 5);
	fixture_commit(&fixture);
	fixture_close(&fixture);
	fixture_open(&fixture);
	check_int(take(&fixture, 10), 1);
	fixture_fini(&fixture);
}

TEST(fire_pending_counts_each_entry_that_has_a_timer_in_memory_and_on_disk)
{
	struct fixture fixture;
	struct state_figures figures;
	struct error err;
	int64_t pending;

	fixture_init(&fixture, 256 << 10);
	for (int i = 0; i < 20000; i++) {
		fixture_put_timer(&fixture, i, 1000 + i);
		if (i % 100 == 0)
			fixture_commit(&fixture);
	}
	for (int i = 0; i < 20000; i += 100) {
		fixture_put_timer(&fixture, i, TIME_MAX);
		fixture_remove(&fixture, i + 1);
		fixture_put_timer(&fixture, i + 2, 5); /* its index row on disk is out of date */
	}
	check_ok(state_timers_pending(fixture.state, &pending, &err));
	check_int(pending, 20000 - 400);
	fixture_commit(&fixture);
	check_ok(state_timers_pending(fixture.state, &pending, &err));
	check_int(pending, 20000 - 400);
	state_figures(fixture.state, &figures);
	check(figures.disk_entries > 10000);
	fixture_fini(&fixture);
}
