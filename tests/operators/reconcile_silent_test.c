/* What reconcile does when a log falls silent. */
#include <stdio.h>
#include <string.h>

#include "tests/operators/reconcile_fixture.h"
#include "tests/test.h"

/* Responses of engine and client only, while the clock goes on: the server's log falls silent and idle. */
static void
without_server(const char *response, int64_t ms)
{
	char id[32];

	snprintf(id, sizeof(id), "%s-0", response);
	logs("returned", id, ms);
	logs("received", id, ms + 100);
	check_ok(driver_advance(driver, 3000, &err));
}

TEST(a_silent_log_holds_the_verdicts_until_it_speaks_again)
{
	open_reconcile(NULL);
	pass(500);
	without_server("a", 1000);
	without_server("b", 12000);
	without_server("c", 25000);
	without_server("d", 35000);
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.rows, 1); /* says only that the window waits */
	check_int(counted.held, 1);
	check_int(counted.returned, 0);
	check_text(counted.silent, "server");
	logs("delivered", "a-0", 1020);
	logs("delivered", "b-0", 12020);
	logs("delivered", "c-0", 25020);
	run();
	pass(50000);
	check_ok(driver_advance(driver, 3000, &err));
	pass(60000);
	check_text(mismatch(), "d-0 lost engine_server r1");
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.held, 0);
	check_int(counted.returned, 2);
	check_int(counted.matched, 2);
	check_text(counted.silent, "server");
	driver_close(&driver);
}

TEST(after_max_hold_there_is_a_verdict_and_a_log_that_returns_revises_it)
{
	open_reconcile(NULL);
	pass(500);
	without_server("a", 1000);
	without_server("b", 12000);
	without_server("c", 51000);
	check_text(mismatch(), "");
	without_server("d", 51001);
	check_text(mismatch(), "a-0 lost engine_server r1");
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	logs("delivered", "a-0", 1020);
	logs("delivered", "b-0", 12020);
	logs("delivered", "c-0", 51020);
	logs("delivered", "d-0", 51021);
	run();
	pass(80000);
	check_text(mismatch(), "a-0 late engine_server r2");
	driver_close(&driver);
}

TEST(a_silent_client_leaves_nothing_to_hold_where_nothing_is_missing)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	run();
	logs("returned", "q-0", 12000);
	logs("delivered", "q-0", 12020);
	check_ok(driver_advance(driver, 3000, &err));
	check_int(driver_counter(driver, "reconcile", "judged"), 1);
	check_int(driver_counter(driver, "reconcile", "held"), 0);
	driver_close(&driver);
}

TEST(when_all_logs_are_quiet_none_is_silent)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	logs("returned", "q-0", 1200);
	run();
	for (int i = 0; i < 20; i++)
		check_ok(driver_advance(driver, 1000, &err));
	check_text(mismatch(), "q-0 lost engine_server r1");
	driver_close(&driver);
}

/* ---- gaps in a log's own event time ---- */

/* Responses every 10 s, of which the server's log says nothing in (from, to): only its times tell that it was away. */
static void
feed_with_gap(int64_t from, int64_t to, int64_t end)
{
	char id[32];

	for (int64_t ms = 1000; ms < end; ms += 10000) {
		snprintf(id, sizeof(id), "r%lld-0", (long long)ms);
		logs("returned", id, ms);
		if (ms < from || ms > to)
			logs("delivered", id, ms + 20);
		logs("received", id, ms + 100);
	}
}

static int
count_of(const char *kind)
{
	const char *row;
	int count = 0;

	while (*(row = mismatch()))
		count += strstr(row, kind) != NULL;
	return count;
}

TEST(a_gap_longer_than_settle_and_max_hold_is_silence_in_a_bounded_run_too)
{
	open_reconcile(NULL);
	feed_with_gap(20000, 90000, 200000);
	check_ok(driver_finish(driver, &err));
	check_int(count_of("lost engine_server"), 7);
	read_counts(50000, "all", "all");
	check_int(counted.lost, 1);
	check_text(counted.silent, "server");
	driver_close(&driver);
}

TEST(a_gap_that_is_no_longer_is_loss)
{
	open_reconcile(NULL);
	feed_with_gap(20000, 60000, 200000);
	check_ok(driver_finish(driver, &err));
	check_int(count_of("lost engine_server"), 4);
	read_counts(40000, "all", "all");
	check_int(counted.lost, 1);
	check_text(counted.silent, "");
	driver_close(&driver);
}

TEST(a_log_that_ended_early_was_silent_where_the_others_went_on_for_long)
{
	open_reconcile(NULL);
	feed_with_gap(20000, 1000000, 50000);
	check_ok(driver_finish(driver, &err));
	check_int(count_of("lost engine_server"), 3);
	read_counts(30000, "all", "all");
	check_text(counted.silent, "");
	driver_close(&driver);
	open_reconcile(NULL);
	feed_with_gap(20000, 1000000, 120000);
	check_ok(driver_finish(driver, &err));
	read_counts(30000, "all", "all");
	check_text(counted.silent, "server");
	driver_close(&driver);
}

TEST(a_log_that_begins_late_was_silent_before_and_one_loss_at_the_beginning_is_a_loss)
{
	open_reconcile(NULL);
	feed_with_gap(0, 110000, 200000);
	check_ok(driver_finish(driver, &err));
	read_counts(20000, "all", "all");
	check_text(counted.silent, "server");
	driver_close(&driver);
	open_reconcile(NULL);
	feed_with_gap(0, 5000, 200000);
	check_ok(driver_finish(driver, &err));
	check_int(count_of("lost engine_server"), 1);
	read_counts(0, "all", "all");
	check_text(counted.silent, "");
	driver_close(&driver);
}

TEST(a_gap_is_known_after_a_restart)
{
	open_reconcile(NULL);
	feed_with_gap(20000, 90000, 80000);
	run();
	check_ok(driver_crash(driver, &err));
	logs("delivered", "r91000-0", 91020);
	run();
	check_ok(driver_crash(driver, &err));
	pass(93000);
	check_ok(driver_finish(driver, &err));
	read_counts(50000, "all", "all");
	check_int(counted.lost, 1);
	check_text(counted.silent, "server");
	driver_close(&driver);
}
