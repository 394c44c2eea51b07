/* The simulated cluster does what Kafka does, where exactly-once depends on it. */
#include "log/sim.h"

#include "tests/log/log_fixture.h"

/* Kept records are sent at once; nothing else goes wrong. */
static struct sim_config
quiet(void)
{
	return (struct sim_config){.seed = 1,
				   .start_ms = 1000,
				   .session_ms = 1000,
				   .rebalance_ms = 5000,
				   .transaction_ms = 3000,
				   .rates = {.early = 1000}};
}

static struct sim *
open_quiet(struct log **log)
{
	struct sim_config config = quiet();
	struct sim *sim = sim_new(&config);

	sim_log_open(sim, "a", log);
	return sim;
}

static struct transaction *
transaction_of(struct log *log)
{
	struct transaction *transaction;
	struct error err;

	check_ok(log_transaction_open(log, "t", &transaction, &err));
	return transaction;
}

static struct partition_ends
ends_of(struct log *log, int topic)
{
	struct partition_ends ends;
	struct error err;

	check_ok(log_partition_ends(log, topic, 0, &ends, &err));
	return ends;
}

TEST(an_open_transaction_hides_what_is_behind_it)
{
	struct log *log;
	struct sim *sim = open_quiet(&log);
	int topic = fixture_topic(log, "topic", 1, false);
	struct transaction *first = transaction_of(log), *second = transaction_of(log);
	int64_t last;

	fixture_append(first, topic, 0, 0, 2, 10, 7);
	fixture_append(second, topic, 0, 10, 3, 10, 7);
	fixture_commit(second);
	check_int(ends_of(log, topic).end, 0);
	check_int(ends_of(log, topic).pending_end, 6); /* two, three, and the marker of the second */
	check_int(fixture_count(log, topic, 0, 0, &last), 0);
	fixture_commit(first);
	check_int(ends_of(log, topic).end, 7);
	check_int(fixture_count(log, topic, 0, 0, &last), 5);
	check_int(transaction_first_offset(second, topic, 0), 2);
	transaction_close(&first);
	transaction_close(&second);
	log_close(&log);
	sim_free(&sim);
}

TEST(what_is_aborted_is_read_by_nobody)
{
	struct log *log;
	struct sim *sim = open_quiet(&log);
	int topic = fixture_topic(log, "topic", 1, false);
	struct transaction *transaction = transaction_of(log);
	struct error err;
	int64_t last;

	fixture_append(transaction, topic, 0, 0, 4, 10, 7);
	check_ok(transaction_abort(transaction, &err));
	fixture_append(transaction, topic, 0, 5, 1, 10, 7);
	fixture_commit(transaction);
	check_int(fixture_count(log, topic, 0, 0, &last), 1);
	check_int(last, 5);
	check_int(transaction_first_offset(transaction, topic, 0), 5);
	transaction_close(&transaction);
	log_close(&log);
	sim_free(&sim);
}

TEST(of_two_that_expect_the_same_end_one_commits_and_the_other_is_refused)
{
	struct log *log;
	struct sim *sim = open_quiet(&log);
	int topic = fixture_topic(log, "topic", 1, false);
	struct transaction *first = transaction_of(log), *second = transaction_of(log);
	struct error err;

	transaction_expect(first, topic, 0, 0);
	transaction_expect(second, topic, 0, 0);
	fixture_append(first, topic, 0, 0, 2, 10, 7);
	fixture_append(second, topic, 0, 10, 3, 10, 7);
	check_fails(transaction_commit(second, &err), "another process has written to it");
	check_int(err.action, ABORT);
	check_ok(transaction_abort(second, &err));
	fixture_commit(first);
	/* Two, three, and the markers of both: the winner, too, has to look where the end is. */
	fixture_append(first, topic, 0, 2, 1, 10, 7);
	check_fails(transaction_commit(first, &err), "got the offsets 7 to 7, not those from 3 on");
	check_ok(transaction_abort(first, &err));
	transaction_expect(first, topic, 0, 9);
	for (int i = 0; i < 3; i++) { /* alone, it need not look again */
		fixture_append(first, topic, 0, i, 1, 10, 7);
		fixture_commit(first);
	}
	transaction_close(&first);
	transaction_close(&second);
	log_close(&log);
	sim_free(&sim);
}

TEST(a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced)
{
	struct log *log;
	struct sim *sim = open_quiet(&log);
	int topic = fixture_topic(log, "topic", 1, false);
	struct transaction *transaction = transaction_of(log);
	struct error err;
	int64_t last;

	fixture_append(transaction, topic, 0, 0, 4, 10, 7);
	sim_advance(sim, 4000);
	check_int(ends_of(log, topic).end, 5);
	check_fails(transaction_commit(transaction, &err), "epoch");
	check_int(err.action, FENCED);
	check_ok(transaction_abort(transaction, &err));
	fixture_append(transaction, topic, 0, 7, 1, 10, 7);
	fixture_commit(transaction);
	check_int(fixture_count(log, topic, 0, 0, &last), 1);
	transaction_close(&transaction);
	log_close(&log);
	sim_free(&sim);
}

TEST(a_commit_without_an_answer_is_made_once)
{
	struct sim_config config = quiet();

	config.rates.unknown = 500;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct transaction *transaction;
		struct sim *sim;
		struct log *log;
		struct error err;
		int64_t last;
		int topic;

		config.seed = seed;
		sim = sim_new(&config);
		sim_log_open(sim, "a", &log);
		topic = fixture_topic(log, "topic", 1, false);
		transaction = transaction_of(log);
		fixture_append(transaction, topic, 0, 0, 4, 10, 7);
		while (transaction_commit(transaction, &err) < 0)
			check_int(err.action, RETRY);
		check_int(fixture_count(log, topic, 0, 0, &last), 4);
		check_int(ends_of(log, topic).end, 5);
		transaction_close(&transaction);
		log_close(&log);
		sim_free(&sim);
	}
}

/* ---- members ---- */

struct pair {
	struct sim *sim;
	struct log *logs[2];
	struct member *members[2];
	int journal, input;
};

static void
join(struct pair *pair, int index)
{
	struct member_spec spec = {
		.group = "g", .workers = 1, .journal = pair->journal, .inputs = &pair->input, .input_count = 1};
	struct error err;

	check_ok(log_member_open(pair->logs[index], &spec, &pair->members[index], &err));
}

static void
open_member(struct pair *pair, int index)
{
	sim_log_open(pair->sim, index == 0 ? "a" : "b", &pair->logs[index]);
	pair->journal = fixture_topic(pair->logs[index], "journal", 2, false);
	pair->input = fixture_topic(pair->logs[index], "input", 2, false);
	join(pair, index);
}

static void
open_pair(struct pair *pair, bool cooperative)
{
	struct sim_config config = quiet();

	config.cooperative = cooperative;
	*pair = (struct pair){.sim = sim_new(&config)};
	open_member(pair, 0);
	sim_advance(pair->sim, 1);
}

static void
close_pair(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		member_close(&pair->members[i]);
		log_close(&pair->logs[i]);
	}
	sim_free(&pair->sim);
}

/* The next event; *partition is its own. */
static enum member_event_type
next(struct pair *pair, int index, int *partition)
{
	struct member_event event;
	struct error err;

	check_ok(member_poll(pair->members[index], 0, &event, &err));
	*partition = event.partition;
	return event.type;
}

static void
check_next(struct pair *pair, int index, enum member_event_type type, int partition)
{
	int got;

	check_int(next(pair, index, &got), type);
	check_int(got, partition);
}

TEST(an_eager_rebalance_takes_everything_first)
{
	struct pair pair;
	struct error err;
	int partition;

	open_pair(&pair, false);
	check_next(&pair, 0, MEMBER_ASSIGNED, 0);
	check_next(&pair, 0, MEMBER_ASSIGNED, 1);
	open_member(&pair, 1);
	check_next(&pair, 0, MEMBER_REVOKED, 0);
	check_next(&pair, 0, MEMBER_REVOKED, 1);
	sim_advance(pair.sim, 1);
	check_next(&pair, 1, MEMBER_NOTHING, -1);
	check_ok(member_stop(pair.members[0], 0, &err));
	check_ok(member_stop(pair.members[0], 1, &err));
	check_next(&pair, 0, MEMBER_NOTHING, -1);
	sim_advance(pair.sim, 1);
	check_int(next(&pair, 0, &partition), MEMBER_ASSIGNED);
	check_next(&pair, 1, MEMBER_ASSIGNED, 1 - partition);
	close_pair(&pair);
}

TEST(a_cooperative_rebalance_takes_only_what_moves)
{
	struct pair pair;
	struct error err;
	int partition;

	open_pair(&pair, true);
	check_next(&pair, 0, MEMBER_ASSIGNED, 0);
	check_next(&pair, 0, MEMBER_ASSIGNED, 1);
	open_member(&pair, 1);
	check_next(&pair, 0, MEMBER_NOTHING, -1);
	sim_advance(pair.sim, 1);
	check_int(next(&pair, 0, &partition), MEMBER_REVOKED);
	check_next(&pair, 1, MEMBER_NOTHING, -1);
	check_ok(member_stop(pair.members[0], partition, &err));
	check_next(&pair, 0, MEMBER_NOTHING, -1);
	check_next(&pair, 1, MEMBER_NOTHING, -1);
	sim_advance(pair.sim, 1);
	check_next(&pair, 0, MEMBER_NOTHING, -1);
	check_next(&pair, 1, MEMBER_ASSIGNED, partition);
	close_pair(&pair);
}

TEST(one_who_was_expelled_commits_nothing_any_more)
{
	struct pair pair;
	struct transaction *transaction;
	struct error err;

	open_pair(&pair, false);
	check_next(&pair, 0, MEMBER_ASSIGNED, 0);
	check_next(&pair, 0, MEMBER_ASSIGNED, 1);
	transaction = member_transaction(pair.members[0]);
	fixture_append(transaction, pair.journal, 0, 0, 1, 10, 7);
	transaction_position(transaction, "g", pair.input, 0, 0);
	open_member(&pair, 1);
	sim_log_set(pair.logs[0], SIM_PAUSED);
	sim_advance(pair.sim, 900);
	sim_advance(pair.sim, 900);
	sim_log_set(pair.logs[0], SIM_UP);
	check_next(&pair, 1, MEMBER_ASSIGNED, 0);
	check_fails(transaction_commit(transaction, &err), "generation");
	check_int(err.action, ABORT);
	check_next(&pair, 0, MEMBER_LOST, 0);
	check_next(&pair, 0, MEMBER_LOST, 1);
	check_int(ends_of(pair.logs[1], pair.journal).end, 0);
	check_ok(transaction_abort(transaction, &err));
	check_int(ends_of(pair.logs[1], pair.journal).end, 2);
	close_pair(&pair);
}

TEST(the_next_of_the_same_name_ends_what_a_killed_one_left_open)
{
	struct pair pair;
	struct transaction *transaction;

	open_pair(&pair, false);
	check_next(&pair, 0, MEMBER_ASSIGNED, 0);
	transaction = member_transaction(pair.members[0]);
	fixture_append(transaction, pair.journal, 0, 0, 1, 10, 7);
	sim_log_set(pair.logs[0], SIM_DEAD);
	member_close(&pair.members[0]);
	log_close(&pair.logs[0]);
	sim_log_open(pair.sim, "a", &pair.logs[0]);
	check_int(ends_of(pair.logs[0], pair.journal).end, 0);
	check_int(ends_of(pair.logs[0], pair.journal).pending_end, 1);
	join(&pair, 0);
	check_next(&pair, 0, MEMBER_NOTHING, -1);
	check_int(ends_of(pair.logs[0], pair.journal).end, 2);
	close_pair(&pair);
}
