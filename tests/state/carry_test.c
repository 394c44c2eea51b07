#include "tests/state/fixture.h"

#define KEYS 5000
#define KEYS_EARLY 1000 /* those from 1000 on, which come first in key order */

static const struct state_limits small = {.tail_bytes_min = 100000, .position_bytes = 2000, .carry_bytes_min = 500};

/* The journal alone has every entry with its last value. */
static void
check_journal(const struct fixture *fixture, const uint8_t *fills)
{
	struct fixture elsewhere = *fixture;

	elsewhere.memory_bytes = 64 << 20;
	elsewhere.database = model_database(NULL, 8 << 20);
	fixture_open(&elsewhere);
	for (int i = 0; i < KEYS; i++) {
		struct entry *entry = fixture_get(&elsewhere, i);

		check(entry != NULL);
		check_int(entry_value(entry).data[100], fills[i]);
	}
	fixture_close(&elsewhere);
	database_close(&elsewhere.database);
}

/*
 * Entries that the pass over the rows leaves alone, since they are in memory, and that are evicted behind its
 * place before it has gone round.
 */
TEST(carry_does_not_lose_what_is_evicted_behind_the_pass)
{
	static uint8_t fills[KEYS];
	struct test_random random = test_random_of(test_seed(9));
	struct fixture fixture;
	struct state_figures figures;

	fixture_init(&fixture, 256 << 10);
	fixture.limits = small;
	fixture_close(&fixture);
	fixture_open(&fixture);
	for (int i = 0; i < KEYS; i++) {
		fixture_put(&fixture, i, 200, 0);
		if (i % 50 == 49)
			fixture_commit(&fixture);
	}
	for (int round = 1; round < 6000; round++) {
		int early = KEYS_EARLY + round % KEYS_EARLY;

		fixture_put(&fixture, early, 200, fills[early] = (uint8_t)round);
		for (int i = 0; i < 10; i++) {
			int late = 2 * KEYS_EARLY + (int)test_random_below(&random, KEYS - 2 * KEYS_EARLY);

			fixture_put(&fixture, late, 200, fills[late] = (uint8_t)round);
		}
		fixture_commit(&fixture);
		if (round % 100 == 0)
			check_journal(&fixture, fills);
	}
	state_figures(fixture.state, &figures);
	check(figures.carried_bytes > 3000000);
	fixture_fini(&fixture);
}
