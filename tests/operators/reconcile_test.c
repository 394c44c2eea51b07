/* What reconcile promises, one behaviour a test; tests/flow/test_reconcile.py holds it against a reference besides. */
#include <stdio.h>

#include "operators/operators.h"
#include "tests/operators/reconcile_fixture.h"
#include "tests/test.h"

/* ---- verdicts ---- */

TEST(what_matched_is_counted_and_not_told)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	matches("r-1", 1000);
	logs("exposed", "r-0", 2000);
	pass(20000);
	pass(20001);
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.rows, 1);
	check_int(counted.returned, 2);
	check_int(counted.received, 2);
	check_int(counted.exposed, 1);
	check_int(counted.matched, 2);
	check_int(counted.latencies, 2);
	driver_close(&driver);
}

TEST(counts_are_by_every_part_of_the_marker_and_by_platform)
{
	static const char *const series[][2] = {
		{"experiment_group", "a"}, {"strategy_id", "s"}, {"model_version", "m"}, {"platform", "web"}};

	for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
		open_reconcile(NULL);
		matches("r-0", 1000);
		log_as("returned", "q-0", 1000, (struct delivery){.item = "v", .group = "b", .position = 0});
		pass(20000);
		pass(20001);
		read_counts(0, series[i][0], series[i][1]);
		check_int(counted.returned, i == 0 ? 1 : 2);
		check_int(counted.matched, 1);
		driver_close(&driver);
	}
}

TEST(returned_and_never_delivered_is_lost_between_engine_and_server)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	logs("returned", "r-1", 1000);
	pass(11000);
	check_text(mismatch(), "");
	pass(11001);
	check_text(mismatch(), "r-1 lost engine_server r1");
	check_text(mismatch(), "");
	check_int(driver_counter(driver, "reconcile", "mismatches"), 1);
	driver_close(&driver);
}

TEST(what_the_client_did_not_get_of_a_response_of_which_it_got_more_is_lost)
{
	open_reconcile(NULL);
	matches("r-0", 1000); /* a receipt of the same response */
	logs("returned", "r-1", 1000);
	logs("delivered", "r-1", 1020);
	for (int i = 0; i < 3; i++) {
		char id[] = "q-0";

		id[2] = (char)('0' + i);
		logs("returned", id, 1000);
		logs("delivered", id, 1020);
	}
	logs("exposed", "q-1", 2000); /* q-0 was above it, q-2 below */
	pass(12000);
	check_text(mismatch(), "q-0 lost server_client r1");
	check_text(mismatch(), "r-1 lost server_client r1");
	check_text(mismatch(), "");
	pass(20000);
	pass(20001);
	read_counts(0, "all", "all");
	check_int(counted.lost, 2);
	check_int(counted.not_reached, 1);
	check_int(counted.matched, 2);
	driver_close(&driver);
}

TEST(a_stage_that_stands_twice_in_a_log_is_duplicated)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	logs("exposed", "r-0", 1500);
	logs("returned", "r-0", 1001);
	logs("exposed", "r-0", 1500);
	logs("exposed", "r-0", 1501);
	pass(12000);
	check_text(mismatch(), "r-0 duplicated engine x2 r1");
	check_text(mismatch(), "r-0 duplicated client x3 r1");
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(what_only_later_logs_have_is_a_phantom)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	logs("delivered", "r-1", 1020);
	logs("received", "r-1", 1050);
	logs("exposed", "r-2", 1100);
	pass(12000);
	check_text(mismatch(), "r-1 phantom engine_server r1");
	check_text(mismatch(), "r-2 phantom server_client r1");
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(each_field_that_departs_is_altered_once_at_the_first_hop)
{
	open_reconcile(NULL);
	logs("returned", "r-0", 1000);
	log_as("delivered", "r-0", 1020, (struct delivery){.item = "w", .group = "a", .position = 0});
	log_as("received", "r-0", 1100, (struct delivery){.item = "w", .group = "b", .position = 0});
	log_as("exposed", "r-0", 1200, (struct delivery){.item = "w", .group = "c", .position = 3});
	pass(12000);
	check_text(mismatch(), "r-0 altered engine_server item_id v>w r1");
	check_text(mismatch(), "r-0 altered server_client position 0>3 r1");
	check_text(mismatch(), "r-0 altered server_client experiment_group a>b r1");
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(a_response_delivered_to_another_user_is_altered_and_another_platform_is_not)
{
	open_reconcile(NULL);
	log_as("returned", "r-0", 1000, (struct delivery){.item = "v", .group = "a", .platform = ""});
	log_as("delivered", "r-0", 1020, (struct delivery){.item = "v", .group = "a", .user = "other"});
	log_as("received", "r-0", 1100, (struct delivery){.item = "v", .group = "a"});
	matches("r-1", 1000);
	pass(12000);
	check_text(mismatch(), "r-0 altered engine_server user_id_token u>other r1");
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(where_a_client_says_that_it_showed_something_is_no_evidence_of_depth)
{
	open_reconcile(NULL);
	for (int i = 0; i < 3; i++) {
		char id[] = "r-0";

		id[2] = (char)('0' + i);
		logs("returned", id, 1000);
		logs("delivered", id, 1020);
	}
	log_as("exposed", "r-0", 2000, (struct delivery){.item = "v", .group = "a", .position = 9});
	logs("exposed", "r-7", 2000); /* never delivered */
	pass(12000);
	check_text(mismatch(), "r-0 altered server_client position 0>9 r1");
	check_text(mismatch(), "r-7 phantom server_client r1");
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(times_that_run_backwards_are_counted_and_no_latencies)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	logs("returned", "r-1", 1000);
	logs("delivered", "r-1", 990);
	logs("received", "r-1", 980);
	pass(20001);
	read_counts(0, "all", "all");
	check_int(counted.matched, 2);
	check_int(counted.negative_latencies, 2);
	check_int(counted.latencies, 1);
	driver_close(&driver);
}

/* ---- after the verdict ---- */

TEST(what_comes_after_the_verdict_was_late_and_not_lost)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	logs("returned", "r-1", 1000);
	pass(20000);
	pass(20001);
	check_text(mismatch(), "r-1 lost engine_server r1");
	read_counts(0, "all", "all");
	check_int(counted.lost, 1);
	check_int(counted.latencies, 1);
	logs("delivered", "r-1", 1020); /* what comes within `settle` is judged together: the client lost nothing */
	run();
	pass(25000);
	logs("received", "r-1", 1100);
	run();
	pass(30001);
	check_text(mismatch(), "");
	pass(30002);
	check_text(mismatch(), "r-1 late engine_server r2");
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.rows, 0);
	pass(40001);
	read_counts(0, "all", "all"); /* differences go out when the next window begins */
	check_int(counted.rows, 1);
	check_int(counted.lost, -1);
	check_int(counted.late, 1);
	check_int(counted.returned, 0);
	check_int(counted.delivered, 1);
	check_int(counted.matched, 1);
	check_int(counted.latencies, 1);
	driver_close(&driver);
}

TEST(what_is_still_missing_when_late_entries_are_judged_is_lost_then)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	logs("returned", "r-1", 1000);
	pass(20001);
	check_text(mismatch(), "r-1 lost engine_server r1");
	check_int(detected_at_ms, 11000);
	logs("delivered", "r-1", 1020);
	run();
	pass(40000);
	check_text(mismatch(), "r-1 late engine_server r2");
	check_int(detected_at_ms, 30001);
	check_text(mismatch(), "r-1 lost server_client r1");
	logs("received", "r-1", 1100);
	run();
	pass(50001);
	check_text(mismatch(), "r-1 late server_client r2");
	check(detected_at_ms > 30001);
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(a_late_repeat_of_what_matched_is_duplicated)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	pass(20000);
	pass(20001);
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.matched, 1);
	logs("delivered", "r-0", 1020);
	logs("delivered", "r-0", 1020);
	log_as("exposed", "r-0", 1020, (struct delivery){.item = "other", .group = "a"});
	run();
	pass(30002);
	check_text(mismatch(), "r-0 duplicated server x3 r1");
	check_text(mismatch(), "r-0 altered server_client item_id v>other r1");
	logs("delivered", "r-0", 1020);
	run();
	pass(50000);
	check_text(mismatch(), "r-0 duplicated server x4 r2");
	check_text(mismatch(), "");
	pass(60001);
	read_counts(0, "all", "all");
	check_int(counted.matched, -1);
	check_int(counted.differing, 1);
	check_int(counted.duplicated, 1);
	driver_close(&driver);
}

TEST(a_late_exposure_shows_what_was_lost_above_it)
{
	open_reconcile(NULL);
	logs("returned", "r-0", 1000);
	logs("returned", "r-1", 1000);
	logs("delivered", "r-0", 1020);
	logs("delivered", "r-1", 1020);
	pass(20000);
	check_text(mismatch(), "");
	logs("exposed", "r-1", 15000);
	run();
	pass(30001);
	check_text(mismatch(), "r-0 lost server_client r1");
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(a_phantom_whose_first_log_entry_was_late_is_none)
{
	open_reconcile(NULL);
	logs("delivered", "r-0", 1020);
	logs("received", "r-0", 1100);
	pass(20000);
	check_text(mismatch(), "r-0 phantom engine_server r1");
	logs("returned", "r-0", 1000);
	run();
	pass(40000);
	check_text(mismatch(), "r-0 late engine_server r2");
	pass(50001);
	read_counts(0, "all", "all");
	check_int(counted.returned, 1);
	check_int(counted.matched, 1);
	check_int(counted.phantom, 0);
	driver_close(&driver);
}

TEST(a_response_that_comes_late_as_a_whole_is_given_its_time)
{
	open_reconcile(NULL);
	pass(30000);
	matches("r-0", 1000);
	logs("returned", "r-1", 1000);
	run();
	check_text(mismatch(), "");
	pass(41000);
	check_text(mismatch(), "r-1 lost engine_server r1");
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(log_entries_of_forgotten_responses_are_counted_and_dropped)
{
	open_reconcile(NULL);
	pass(250000);
	logs("exposed", "r-0", 1000);
	pass(270000);
	check_text(mismatch(), "");
	check_int(driver_counter(driver, "reconcile", "too_late"), 1);
	driver_close(&driver);
}

TEST(a_log_entry_in_the_wrong_log_is_a_dead_letter)
{
	const char *letter;

	open_reconcile(NULL);
	check_ok(driver_send(driver, "engine_log",
			     "{\"impression_id\": \"i\", \"request_id\": \"r\", \"stage\": \"exposed\", "
			     "\"user_id_token\": \"u\", \"item_id\": \"v\", \"position\": 0, "
			     "\"logged_at\": 1767225600000}",
			     &err));
	run();
	letter = driver_read(driver, "dead_letters");
	check(letter != NULL);
	check_contains(letter, "stage exposed does not belong into the log of the engine");
	driver_close(&driver);
}

/* ---- ends and kills ---- */

TEST(the_end_of_a_bounded_run_closes_all_windows_and_the_next_one_goes_on)
{
	open_reconcile(NULL);
	matches("r-0", 1000);
	logs("returned", "r-1", 1000);
	check_ok(driver_finish(driver, &err));
	check_text(mismatch(), "r-1 lost engine_server r1");
	read_counts(0, "all", "all");
	check_int(counted.returned, 2);
	check_int(counted.lost, 1);
	logs("delivered", "r-1", 1020);
	logs("received", "r-1", 1100);
	matches("q-0", 1000);
	check_ok(driver_finish(driver, &err));
	check_text(mismatch(), "r-1 late engine_server r2");
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.returned, 1);
	check_int(counted.lost, -1);
	check_int(counted.late, 1);
	check_int(counted.matched, 2);
	driver_close(&driver);
}

TEST(a_crash_between_log_entries_changes_nothing)
{
	open_reconcile(NULL);
	logs("returned", "r-0", 1000);
	logs("returned", "r-1", 1000);
	run();
	check_ok(driver_crash(driver, &err));
	logs("delivered", "r-0", 1020);
	logs("received", "r-0", 1100);
	run();
	check_ok(driver_crash(driver, &err));
	pass(20000);
	check_ok(driver_crash(driver, &err));
	pass(20001);
	check_text(mismatch(), "r-1 lost engine_server r1");
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.returned, 2);
	check_int(counted.lost, 1);
	driver_close(&driver);
}

TEST(a_horizon_too_short_for_a_verdict_is_refused)
{
	static const char *const overrides[] = {"operators.reconcile.correction_horizon=5min", NULL};

	check_fails(driver_open("topologies/integrity.yaml", overrides, operators_table, &driver, &err),
		    "shorter than 2 x window + max_hold");
}

TEST(a_response_is_judged_when_it_has_settled_and_its_window_closes_so_long_after_its_end)
{
	open_reconcile("operators.reconcile.settle=2s");
	logs("returned", "a-0", 1000);
	logs("received", "b-0", 1000);
	pass(2900);
	check_text(mismatch(), "");
	pass(3001);
	check_text(mismatch(), "a-0 lost engine_server r1");
	check_text(mismatch(), "b-0 phantom server_client r1");
	pass(11999);
	read_counts(0, "all", "all");
	check_int(counted.rows, 0);
	pass(12001);
	read_counts(0, "all", "all");
	check_int(counted.rows, 1);
	check_int(counted.lost, 1);
	driver_close(&driver);
}

TEST(nothing_settles_for_longer_than_a_window)
{
	static const char *const overrides[] = {"operators.reconcile.settle=2min", NULL};

	check_fails(driver_open("topologies/integrity.yaml", overrides, operators_table, &driver, &err),
		    "settle is 120000 ms, longer than a window");
}
