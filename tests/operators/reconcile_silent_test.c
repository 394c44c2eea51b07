/* What reconcile does when a log falls silent. */
#include <stdio.h>

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
	run();
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
