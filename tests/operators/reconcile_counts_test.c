/*
 * The identity of a window's counts: every impression is in exactly one of them,
 *
 *     returned + phantom = matched + differing + not_reached + lost_engine_server + lost_server_client
 *                          + phantom_reached
 *
 * at any time, whatever was logged, in whatever order, late or not.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/operators/reconcile_fixture.h"
#include "tests/test.h"

#define RESPONSES 6
#define POSITIONS 4
#define ROUNDS 400

static uint64_t state;

static unsigned
below(unsigned limit)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % limit;
}

static void
log_anything(int round)
{
	static const char *const stages[] = {"returned", "delivered", "received", "exposed"};
	static const char *const items[] = {"v", "v", "v", "w"};
	unsigned position = below(POSITIONS);
	char id[32];

	snprintf(id, sizeof(id), "r%u-%u", below(RESPONSES), position);
	log_as(stages[below(4)], id, 1000 + round / 4,
	       (struct delivery){.item = items[below(4)], .group = "a", .position = (int)(below(8) ? position : 9)});
}

static struct counted sum;

static void
add_up(void)
{
	read_counts(0, "all", "all");
	sum.returned += counted.returned;
	sum.phantom += counted.phantom;
	sum.matched += counted.matched;
	sum.differing += counted.differing;
	sum.not_reached += counted.not_reached;
	sum.lost += counted.lost;
	sum.phantom_reached += counted.phantom_reached;
	check_int(sum.returned + sum.phantom,
		  sum.matched + sum.differing + sum.not_reached + sum.lost + sum.phantom_reached);
}

TEST(every_impression_of_a_window_is_in_exactly_one_of_its_counts)
{
	const char *seed = getenv("TEST_SEED");
	int64_t told = 0, revised = 0;

	for (uint64_t i = 0; i < 8; i++) {
		state = (seed ? strtoull(seed, NULL, 10) : 1) + i;
		sum = (struct counted){0};
		open_reconcile(NULL);
		for (int round = 0; round < ROUNDS; round++) {
			log_anything(round);
			if (round == ROUNDS / 10)
				pass(20001);
			if (round > ROUNDS / 10 && round % 50 == 0) {
				run();
				pass(20001 + round * 100);
				add_up();
			}
		}
		run();
		pass(90000);
		pass(110001);
		add_up();
		check(sum.returned > 0 && sum.returned + sum.phantom <= RESPONSES * POSITIONS);
		told += driver_counter(driver, "reconcile", "mismatches");
		revised += driver_counter(driver, "reconcile", "revisions");
		driver_close(&driver);
	}
	check(told > 20 && revised > 20);
}
