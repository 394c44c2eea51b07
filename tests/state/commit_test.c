#include "tests/state/fixture.h"

static const struct state_limits small = {.tail_bytes_min = 100000, .position_bytes = 2000, .carry_bytes_min = 500};

TEST(commit_splits_a_large_block_into_parts)
{
	struct fixture fixture;

	fixture_init(&fixture, 64 << 20);
	for (int i = 0; i < 40; i++)
		fixture_put(&fixture, i, 100000, (uint8_t)i);
	fixture_commit(&fixture);
	check(fixture.journal->count > 4);
	fixture_move(&fixture);
	for (int i = 0; i < 40; i++) {
		struct entry *entry = fixture_get(&fixture, i);

		check(entry != NULL);
		check_int((int64_t)entry_value(entry).size, 100000);
		check_int(entry_value(entry).data[99999], i);
	}
	fixture_put(&fixture, 1, 10, 'x'); /* the numbers go on */
	fixture_commit(&fixture);
	fixture_move(&fixture);
	check_int((int64_t)entry_value(fixture_get(&fixture, 1)).size, 10);
	fixture_fini(&fixture);
}

static int
refuse(void *argument, struct bytes part, struct error *err)
{
	(void)part;
	return --*(int *)argument < 0 ? fail(err, ABORT, "no more") : 0;
}

TEST(commit_fails_where_a_part_cannot_be_appended)
{
	struct fixture fixture;
	struct error err;
	int left = 1;

	fixture_init(&fixture, 64 << 20);
	for (int i = 0; i < 40; i++)
		fixture_put(&fixture, i, 100000, 'a');
	check_fails(state_block(fixture.state, bytes_of_text("h"), refuse, &left, &err), "no more");
	check_int(err.action, ABORT);
	fixture_close(&fixture);
	fixture_open(&fixture);
	check(!fixture_get(&fixture, 1));
	fixture_fini(&fixture);
}

TEST(commit_leaves_nothing_of_an_entry_that_came_and_went)
{
	struct fixture fixture;
	size_t empty_bytes;

	fixture_init(&fixture, 1 << 20);
	fixture_commit(&fixture);
	empty_bytes = fixture_journal_bytes(&fixture);
	fixture_put(&fixture, 1, 500, 'a');
	fixture_remove(&fixture, 1);
	fixture_commit(&fixture);
	check(fixture_journal_bytes(&fixture) < 2 * empty_bytes + 10);
	fixture_fini(&fixture);
}

/* Journal kept and bytes carried, after `rounds` commits that each change some of `keys` entries of 200 bytes. */
static void
churn(struct fixture *fixture, int keys, int changed, int rounds)
{
	struct test_random random = test_random_of(7);

	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < changed; i++)
			fixture_put(fixture, (int)test_random_below(&random, (uint64_t)keys), 200, (uint8_t)round);
		fixture_commit(fixture);
	}
}

TEST(commit_keeps_the_journal_at_about_three_times_the_live_state)
{
	struct fixture fixture;
	const int64_t memories[] = {64 << 20, 400 << 10}; /* all in memory; most of it on disk */

	for (int which = 0; which < 2; which++) {
		fixture_init(&fixture, memories[which]);
		fixture.limits = small;
		fixture_close(&fixture);
		fixture_open(&fixture);
		for (int i = 0; i < 5000; i++) {
			fixture_put(&fixture, i, 200, 'a'); /* 1.1 MB that is never looked at again */
			if (i % 100 == 99)
				fixture_commit(&fixture);
		}
		for (int i = 0; i < 12; i++) {
			churn(&fixture, 50, 20, 200); /* ... and 10 MB of changes of a few others */
			if (i > 4)
				check(fixture_journal_bytes(&fixture) < 5000 * 225 * 7 / 2);
		}
		fixture_move(&fixture);
		for (int i = 50; i < 5000; i++) {
			check(fixture_get(&fixture, i) != NULL);
			check_int(entry_value(fixture_get(&fixture, i)).data[199], 'a');
		}
		fixture_fini(&fixture);
	}
}

TEST(commit_carries_and_writes_nothing_of_what_lives_short)
{
	struct fixture fixture;
	struct state_figures figures;

	fixture_init(&fixture, 64 << 20);
	fixture.limits = small;
	fixture_close(&fixture);
	fixture_open(&fixture);
	for (int i = 0; i < 20000; i++) {
		fixture_put(&fixture, i, 200, 'a');
		if (i >= 100)
			fixture_remove(&fixture, i - 100);
		if (i % 20 == 0)
			fixture_commit(&fixture);
	}
	state_figures(fixture.state, &figures);
	check(figures.journal_bytes > 3000000);
	check_int(figures.carried_bytes, 0);
	check_int(figures.written, 0);
	check(fixture_journal_bytes(&fixture) < 100000);
	fixture_fini(&fixture);
}

TEST(commit_restart_reads_only_the_tail)
{
	struct fixture fixture;

	fixture_init(&fixture, 64 << 20);
	fixture.limits = small;
	fixture_close(&fixture);
	fixture_open(&fixture);
	for (int i = 0; i < 3000; i++) {
		fixture_put(&fixture, i, 200, 'a');
		if (i % 20 == 0)
			fixture_commit(&fixture);
	}
	churn(&fixture, 3000, 20, 2000);
	fixture_close(&fixture);
	fixture_open(&fixture);
	check(fixture.from > fixture_start(&fixture));
	for (int i = 0; i < 3000; i++)
		check(fixture_get(&fixture, i) != NULL);
	fixture_fini(&fixture);
}
