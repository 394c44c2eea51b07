#include "tests/state/fixture.h"

static const struct state_limits small = {.tail_bytes_min = 20000, .position_bytes = 500, .carry_bytes_min = 500};

/* A state of which some is on disk, with a position. */
static void
make_rows(struct fixture *fixture)
{
	fixture_init(fixture, 256 << 10);
	fixture->limits = small;
	fixture_close(fixture);
	fixture_open(fixture);
	for (int i = 0; i < 4000; i++) {
		fixture_put(fixture, i, 200, 'a');
		if (i % 20 == 19)
			fixture_commit(fixture);
	}
	check(fixture->state->position.seq > 0 && fixture->state->disk_only > 0);
}

TEST(restore_of_an_empty_journal_is_an_empty_state)
{
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	check_int((int64_t)state_header(fixture.state).size, 0);
	check_int(state_trim_to(fixture.state), -1);
	fixture_fini(&fixture);
}

TEST(restore_gives_back_the_header_of_the_last_block)
{
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	fixture_commit(&fixture);
	fixture_close(&fixture);
	fixture_open(&fixture);
	check_bytes(state_header(fixture.state), bytes_of_text("header"));
	fixture_fini(&fixture);
}

TEST(a_journal_that_has_lost_blocks_that_are_needed_is_noticed)
{
	struct fixture fixture;
	uint64_t first, needed;

	fixture_init(&fixture, 1 << 20);
	for (int i = 0; i < 4; i++) {
		fixture_put(&fixture, i, 5, 'a');
		fixture_commit(&fixture);
	}
	fixture_move(&fixture);
	check_int(state_journal(fixture.state, &first, &needed), STATE_JOURNAL_WHOLE);
	fixture.journal->first += 2;
	fixture.journal->count -= 2;
	fixture_move(&fixture);
	check_int(state_journal(fixture.state, &first, &needed), STATE_JOURNAL_LACKING);
	check_int((int64_t)needed, 1);
	check_int((int64_t)first, 3);
	state_accept_journal(fixture.state);
	fixture_commit(&fixture);
	fixture_move(&fixture);
	check_int(state_journal(fixture.state, &first, &needed), STATE_JOURNAL_WHOLE);
	fixture_fini(&fixture);
}

TEST(a_journal_that_has_lost_blocks_that_only_the_disk_has_is_noticed)
{
	struct fixture fixture;
	uint64_t first, needed;

	make_rows(&fixture);
	check(fixture.state->position.seq > 1);
	fixture_close(&fixture);
	fixture.journal->first++;
	fixture.journal->count--;
	fixture_open(&fixture);
	check(fixture.from > fixture_start(&fixture));
	check_int(state_journal(fixture.state, &first, &needed), STATE_JOURNAL_HERE);
	check_int((int64_t)needed, 1);
	fixture_fini(&fixture);
}

TEST(restore_wipes_rows_whose_position_lies_outside_the_journal)
{
	struct fixture fixture;
	struct error err;

	make_rows(&fixture);
	fixture_close(&fixture);
	fixture.journal->first += fixture.journal->count; /* somebody deleted everything */
	fixture.journal->count = 0;
	fixture_open(&fixture);
	check_int(fixture.from, fixture.journal->end);
	for (int i = 0; i < 4000; i++)
		check(!fixture_get(&fixture, i));
	fixture_put(&fixture, 1, 5, 'b');
	fixture_commit(&fixture);
	check_ok(state_restore_from(fixture.state, 0, fixture.journal->end, &fixture.from, &err));
	fixture_fini(&fixture);
}

/* The journal loses its last records. `end` false: others have taken their offsets, which are no blocks of it. */
static void
lose_last(struct fixture *fixture, size_t count, bool end)
{
	struct model_journal *journal = fixture->journal;

	check(journal->count > count);
	journal->count -= count;
	if (end)
		journal->end = journal->records[journal->first + journal->count].offset;
}

TEST(rows_that_were_further_than_the_journal_are_wiped_and_that_is_known)
{
	struct fixture fixture;
	struct error err;
	uint64_t seq, rows_seq;

	for (int end = 0; end < 2; end++) {
		make_rows(&fixture);
		rows_seq = fixture.state->position.seq;
		check(!state_was_further(fixture.state, &seq));
		fixture_close(&fixture);
		lose_last(&fixture, (size_t)(201 - (int64_t)rows_seq), end);
		fixture_open_only(&fixture, NULL);
		if (!end) {
			check_fails(fixture_restore(&fixture, &err), "lacks the block that the stores were written");
			check_int(err.action, ABORT);
		}
		check_ok(fixture_restore(&fixture, &err));
		check_int(fixture.from, fixture_start(&fixture));
		check(state_was_further(fixture.state, &seq));
		check_int((int64_t)seq, (int64_t)rows_seq);
		check(fixture_get(&fixture, 0) && !fixture_get(&fixture, 3999));
		fixture_fini(&fixture);
	}
}

TEST(a_state_that_was_put_aside_and_is_further_than_the_journal_begins_anew)
{
	struct fixture fixture;
	struct error err;
	uint64_t seq;

	for (int end = 0; end < 2; end++) {
		fixture_init(&fixture, 1 << 20);
		for (int i = 0; i < 4; i++) {
			fixture_put(&fixture, i, 5, 'a');
			fixture_commit(&fixture);
		}
		check(state_put_aside(fixture.state));
		lose_last(&fixture, 1, end);
		if (!end)
			check_fails(fixture_restore(&fixture, &err), "lacks the block that the stores were written");
		check_ok(fixture_restore(&fixture, &err));
		check(state_was_further(fixture.state, &seq));
		check_int((int64_t)seq, 4);
		check(fixture_get(&fixture, 2) && !fixture_get(&fixture, 3));
		fixture_fini(&fixture);
	}
}

TEST(restore_begins_anew_where_the_rows_are_of_another_journal)
{
	struct fixture fixture, other;
	struct error err;
	struct database *database;

	make_rows(&fixture);
	make_rows(&other);
	fixture_remove(&other, 7);
	fixture_commit(&other);
	fixture_close(&fixture);
	fixture_close(&other);
	database = fixture.database; /* the rows of one, the journal of the other */
	fixture.database = other.database;
	other.database = database;

	fixture_open_only(&other, NULL);
	check_fails(fixture_restore(&other, &err), "of another journal");
	check_int(err.action, ABORT);
	check_ok(fixture_restore(&other, &err));
	check_int(other.from, fixture_start(&other));
	check(!fixture_get(&other, 7) && fixture_get(&other, 8));
	fixture_fini(&other);
	fixture_fini(&fixture);
}

TEST(restore_of_a_state_that_was_put_aside_reads_its_last_block_again_and_no_more)
{
	struct fixture fixture;
	struct state_figures figures;
	int64_t read;
	struct error err;

	fixture_init(&fixture, 1 << 20);
	for (int i = 0; i < 10; i++) {
		fixture_put(&fixture, i, 1000, 'a');
		fixture_commit(&fixture);
	}
	state_figures(fixture.state, &figures);
	read = figures.restored_bytes;
	check(state_put_aside(fixture.state));
	check_ok(fixture_restore(&fixture, &err));
	check_int(fixture.from, fixture.journal->end - 1);
	state_figures(fixture.state, &figures);
	check(figures.restored_bytes > read && figures.restored_bytes < read + 2000);
	for (int i = 0; i < 10; i++)
		check(fixture_get(&fixture, i) != NULL);
	fixture_fini(&fixture);
}

#define WIDE 30 /* entries of a block that is longer than two parts */

static void
init_with_a_block_of_parts(struct fixture *fixture)
{
	fixture_init(fixture, 16 << 20);
	for (int i = 0; i < WIDE; i++)
		fixture_put(fixture, i, 100000, 'a');
	fixture_commit(fixture);
	check(fixture->journal->count > 2);
}

static void
fini_with_all_of_it(struct fixture *fixture)
{
	check(!state_in_block(fixture->state));
	for (int i = 0; i < WIDE; i++)
		check(fixture_get(fixture, i) != NULL);
	fixture_fini(fixture);
}

TEST(restore_of_a_state_that_was_put_aside_within_a_block_reads_that_again)
{
	struct fixture fixture;
	const struct model_record *part;
	struct error err;

	init_with_a_block_of_parts(&fixture);
	fixture_close(&fixture);
	fixture_open_only(&fixture, NULL);
	part = &fixture.journal->records[fixture.journal->first];
	check_ok(state_restore_from(fixture.state, part->offset, fixture.journal->end, &fixture.from, &err));
	check_ok(state_restore(fixture.state, part->offset, bytes_of(fixture.journal->bytes + part->at, part->size),
			       &err));
	check(state_in_block(fixture.state));
	check(state_put_aside(fixture.state));
	check_ok(fixture_restore(&fixture, &err));
	fini_with_all_of_it(&fixture);
}

TEST(a_state_with_changes_or_without_any_block_is_not_put_aside)
{
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	check(!state_put_aside(fixture.state));
	fixture_put(&fixture, 1, 10, 'a');
	check(!state_put_aside(fixture.state));
	fixture_commit(&fixture);
	check(state_put_aside(fixture.state));
	fixture_fini(&fixture);
}

TEST(restore_of_a_state_that_was_put_aside_begins_anew_where_the_journal_is_another_one)
{
	struct fixture fixture, other;
	struct model_journal *journal;
	struct error err;

	make_rows(&fixture);
	make_rows(&other);
	fixture_remove(&other, 7);
	fixture_commit(&other);
	fixture_commit(&fixture);
	check(state_put_aside(fixture.state));
	journal = fixture.journal;
	fixture.journal = other.journal;
	other.journal = journal;
	check_fails(fixture_restore(&fixture, &err), "of another journal");
	check_int(err.action, ABORT);
	check_ok(fixture_restore(&fixture, &err));
	check_int(fixture.from, fixture_start(&fixture));
	check(!fixture_get(&fixture, 7) && fixture_get(&fixture, 8));
	fixture_fini(&other);
	fixture_fini(&fixture);
}

TEST(restore_says_that_the_journal_was_trimmed_while_it_was_read)
{
	struct fixture fixture;
	struct error err;

	fixture_init(&fixture, 1 << 20);
	for (int i = 0; i < 10; i++) {
		fixture_put(&fixture, i, 10, 'a');
		fixture_commit(&fixture);
	}
	check_int((int64_t)fixture.journal->count, 10);
	memmove(&fixture.journal->records[3], &fixture.journal->records[5], 5 * sizeof(struct model_record));
	fixture.journal->count = 8;
	check_fails(fixture_restore(&fixture, &err), "goes from block 3 to 6: it was trimmed while it was read");
	check_int(err.action, ABORT);
	fixture_fini(&fixture);
}

TEST(restore_refuses_repeated_blocks_and_half_ones)
{
	struct fixture fixture;
	struct error err;

	init_with_a_block_of_parts(&fixture);
	fixture.journal->first++; /* begins with the second part */
	fixture.journal->count--;
	check_fails(fixture_restore(&fixture, &err), "begins in the middle of a block");
	check_int(err.action, FATAL);
	fixture.journal->first--;
	fixture.journal->count++;
	fixture.journal->records[1] = fixture.journal->records[0];
	check_fails(fixture_restore(&fixture, &err), "block 1 part 0 where block 1 part 1 was expected");
	check_int(err.action, FATAL);
	fixture_fini(&fixture);
}

TEST(a_block_of_several_parts_is_applied_part_by_part_and_counts_when_the_last_is_there)
{
	struct fixture fixture;
	struct state_figures figures;
	struct error err;
	size_t parts;

	init_with_a_block_of_parts(&fixture);
	parts = fixture.journal->count;
	fixture.journal->count = parts - 1;
	check_ok(fixture_restore(&fixture, &err));
	check(state_in_block(fixture.state));
	state_figures(fixture.state, &figures);
	check(figures.memory_bytes > 1000000); /* of the 3 MB */
	fixture.journal->count = parts;
	check_ok(fixture_restore(&fixture, &err));
	fini_with_all_of_it(&fixture);
}

TEST(restore_refuses_a_store_that_the_operator_lacks)
{
	static const struct store_spec others[] = {{.name = "columns"}, {.name = NULL}};
	struct fixture fixture;
	struct error err;

	fixture_init(&fixture, 1 << 20);
	fixture_put(&fixture, 1, 10, 'a');
	fixture_commit(&fixture);
	fixture_close(&fixture);
	fixture_open_only(&fixture, others);
	check_fails(fixture_restore(&fixture, &err), "has a store \"rows\", which the operator does not have");
	fixture_fini(&fixture);
}

/* A state larger than the memory, read on a machine with an empty disk, goes to its disk while it is read. */
TEST(restore_of_more_than_the_memory_holds)
{
	struct fixture fixture;
	struct state_figures figures;

	make_rows(&fixture);
	for (int i = 0; i < 4000; i += 2)
		fixture_remove(&fixture, i);
	fixture_commit(&fixture);
	for (int round = 0; round < 2; round++) {
		fixture_move(&fixture);
		state_figures(fixture.state, &figures);
		check(figures.memory_bytes <= fixture.memory_bytes);
		check(figures.restored_bytes > 0);
		for (int i = 0; i < 4000; i++)
			check_int(fixture_get(&fixture, i) != NULL, i % 2);
		fixture_put(&fixture, 1, 1, 'b');
		fixture_commit(&fixture);
	}
	fixture_fini(&fixture);
}
