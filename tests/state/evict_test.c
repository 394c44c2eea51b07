#include "tests/state/fixture.h"

TEST(evict_holds_the_memory_within_its_budget)
{
	struct test_random random = test_random_of(3);
	struct fixture fixture;
	struct state_figures figures;
	const int64_t budget = 1 << 20;

	fixture_init(&fixture, budget);
	for (int i = 0; i < 60000; i++) {
		/* The sizes wander, so that memory has to move from one size to another. */
		size_t size = 20 + (size_t)(i / 2000) * 30 + test_random_below(&random, 300);

		fixture_put(&fixture, i, size, (uint8_t)i);
		if (state_must_commit(fixture.state) || i % 50 == 0) {
			fixture_commit(&fixture);
			state_figures(fixture.state, &figures);
			check(figures.memory_bytes <= budget);
		}
	}
	state_figures(fixture.state, &figures);
	check(figures.evicted > 50000);
	check(figures.entries > 300); /* it is used, too */
	for (int i = 0; i < 60000; i += 7) {
		struct entry *entry = fixture_get(&fixture, i);

		check(entry != NULL);
		check_int(entry_value(entry).data[0], (uint8_t)i);
	}
	state_figures(fixture.state, &figures);
	check(figures.memory_bytes <= budget);
	check(figures.misses > 5000);
	fixture_fini(&fixture);
}

TEST(evict_asks_for_a_commit_when_changes_fill_the_memory)
{
	struct fixture fixture;
	int i;

	fixture_init(&fixture, 1 << 20);
	for (i = 0; !state_must_commit(fixture.state); i++)
		fixture_put(&fixture, i, 1000, 'a');
	check(i > 100 && i < 1000);
	fixture_commit(&fixture);
	check(!state_must_commit(fixture.state));
	check_int((int64_t)state_dirty_bytes(fixture.state), 0);
	fixture_fini(&fixture);
}

TEST(evict_keeps_timers_of_entries_on_disk)
{
	struct fixture fixture;
	struct store *store;
	struct entry *entry;
	struct error err;
	int fired = 0;

	fixture_init(&fixture, 256 << 10);
	for (int i = 0; i < 5000; i++) {
		fixture_put(&fixture, i, 200, 'a');
		fixture_put_timer(&fixture, i, 1000000 - i);
		if (i % 50 == 49)
			fixture_commit(&fixture);
	}
	check(state_timer_next(fixture.state) <= 1000000 - 4999);
	for (;; fired++) {
		check_ok(state_timer_take(fixture.state, 1000000, &store, &entry, &err));
		if (!entry)
			break;
		check_int(fixture_key(entry), 4999 - fired);
		entry_remove(store, entry);
		state_keep(fixture.state);
		if (state_must_commit(fixture.state))
			fixture_commit(&fixture);
	}
	check_int(fired, 5000);
	fixture_fini(&fixture);
}
