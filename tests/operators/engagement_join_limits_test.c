/* What engagement_join does where one impression has very much, or comes again after its time. */
#include "tests/operators/join_fixture.h"

/* Whole ids, hashed ones, and either after a restart. */
TEST(an_impression_with_thousands_of_engagements_folds_each_once)
{
	open_join(NULL);
	show("a", 0);
	engage_many("a", 0, 2500);
	engage_many("a", 5, 6);
	engage_many("a", 2400, 2401);
	check_ok(driver_run(driver, &err));
	check_ok(driver_crash(driver, &err));
	engage_many("a", 50, 51);
	engage_many("a", 1999, 2000);
	engage_many("a", 2500, 2501);
	pass(11000);
	check_text(outcome(), "a r1 engaged n2501 w2 scores0");
	check_int(driver_counter(driver, "join", "repeated_engagements"), 4);
	check_int(driver_counter(driver, "join", "overflow"), 0);
	check_no_letters();
	driver_close(&driver);
}

TEST(thousands_of_engagements_wait_for_an_impression_too)
{
	open_join(NULL);
	engage_many("a", 0, 2500);
	engage_many("a", 5, 6);
	engage_many("a", 2400, 2401);
	check_ok(driver_run(driver, &err));
	check_ok(driver_crash(driver, &err));
	engage_many("a", 2100, 2101);
	show("a", 0);
	engage_many("a", 2450, 2451);
	pass(11000);
	check_text(outcome(), "a r1 engaged n2500 w2 scores0");
	check_int(driver_counter(driver, "join", "repeated_engagements"), 4);
	check_no_letters();
	driver_close(&driver);
}

TEST(of_thousands_that_wait_each_is_an_orphan_at_its_own_time)
{
	int orphans = 0;

	open_join("topics.orphan_engagements.partitions=1");
	engage_many("a", 0, 300);
	pass(5699); /* e0 to e199 are given up: 500 + 199 + 5000 */
	while (driver_read(driver, "orphan_engagements"))
		orphans++;
	check_int(orphans, 200);
	engage_many("a", 250, 251);
	check_ok(driver_run(driver, &err));
	check_int(driver_counter(driver, "join", "repeated_engagements"), 1);
	show("a", 0);
	pass(11000);
	check_text(outcome(), "a r1 engaged n100 w2 scores0");
	check_int(driver_counter(driver, "join", "orphans"), 200);
	driver_close(&driver);
}

TEST(engagements_beyond_the_limit_go_to_overflow_and_repeats_do_not)
{
	const char *last;
	char limit[64];

	for (int early = 0; early < 2; early++) {
		snprintf(limit, sizeof(limit), "operators.join.engagements_max=%d", early ? 150 : 50);
		open_join(limit);
		if (!early)
			show("a", 0);
		engage_many("a", 0, early ? 151 : 51);
		engage_many("a", 3, 4);
		check_ok(driver_run(driver, &err));
		last = driver_read(driver, "overflow_engagements");
		check_contains(last, early ? "\"e150\"" : "\"e50\"");
		check(driver_read(driver, "overflow_engagements") == NULL);
		check_int(driver_counter(driver, "join", "overflow"), 1);
		check_int(driver_counter(driver, "join", "repeated_engagements"), 1);
		if (early)
			show("a", 0);
		pass(11000);
		check_text(outcome(), early ? "a r1 engaged n150 w2 scores0" : "a r1 engaged n50 w2 scores0");
		check_no_letters();
		driver_close(&driver);
	}
}

TEST(more_bytes_than_may_wait_go_to_overflow)
{
	open_join("operators.join.waiting_max=1KiB");
	engage_many("a", 0, 200);
	check_ok(driver_run(driver, &err));
	check(driver_counter(driver, "join", "overflow") > 50);
	check_contains(driver_read(driver, "overflow_engagements"), "\"e1");
	show("a", 0);
	engage_many("b", 0, 100);
	show("b", 0);
	pass(11000);
	check_contains(outcome(), "a r1 engaged n1");
	check_text(outcome(), "b r1 engaged n100 w2 scores0"); /* another one does not notice */
	check_no_letters();
	driver_close(&driver);
}

TEST(the_latest_watch_is_told_by_its_id_however_many_there_are)
{
	open_join(NULL);
	show("a", 0);
	engage_many("a", 0, 150);
	engage("m", "a", "watch", 3000, 5);
	engage("z-and-a-longer-name", "a", "watch", 3000, 7);
	engage("k", "a", "watch", 3000, 6);
	check_ok(driver_run(driver, &err));
	check_ok(driver_crash(driver, &err));
	engage("n", "a", "watch", 3000, 8);
	engage("zz", "a", "watch", 3000, 9);
	engage("y", "a", "watch", 3000, 10);
	pass(11000);
	check_text(outcome(), "a r1 engaged n156 w9 scores0");
	driver_close(&driver);
}

/* Ids that would not fit into one entry. */
static void
engage_with_long_ids(const char *id, int count)
{
	char engagement[4097];

	for (int i = 0; i < count; i++) {
		memset(engagement, 'x', sizeof(engagement));
		snprintf(engagement, sizeof(engagement), "%04d", i);
		engagement[4] = 'x';
		engagement[sizeof(engagement) - 1] = '\0';
		engage(engagement, id, "view", 500, 2);
	}
}

TEST(long_ids_make_no_difference)
{
	for (int early = 0; early < 2; early++) {
		open_join(NULL);
		if (!early)
			show("a", 0);
		engage_with_long_ids("a", 230);
		engage_with_long_ids("a", 230);
		check_ok(driver_run(driver, &err));
		if (early)
			show("a", 0);
		pass(11000);
		check_text(outcome(), "a r1 engaged n230 w2 scores0");
		check_int(driver_counter(driver, "join", "repeated_engagements"), 230);
		check_no_letters();
		driver_close(&driver);
	}
}

TEST(scores_beyond_the_limit_go_to_overflow_scores)
{
	for (int early = 0; early < 2; early++) {
		open_join("operators.join.scores_max=2");
		if (!early)
			show("a", 0);
		score("a", "m1", -10);
		score("a", "m2", -10);
		score("a", "m3", -10);
		score("a", "m1", -10);
		check_ok(driver_run(driver, &err));
		if (early)
			show("a", 0);
		pass(11000);
		check_text(outcome(), "a r1 n0 w0 scores2");
		check_contains(driver_read(driver, "overflow_scores"), "\"m3\"");
		check_int(driver_counter(driver, "join", "overflow_scores"), 1);
		check_int(driver_counter(driver, "join", "repeated_scores"), 1);
		check_no_letters();
		driver_close(&driver);
	}
}

TEST(a_score_that_waits_and_comes_again_is_a_repeat_and_another_one_of_its_model_is_not)
{
	open_join(NULL);
	score("a", "m1", 2000); /* turns out to be hindsight */
	for (int i = 0; i < 150; i++)
		score("a", "m1", 2000);
	score("a", "m1", 500);
	check_ok(driver_run(driver, &err));
	show("a", 0);
	pass(11000);
	check_text(outcome(), "a r1 n0 w0 scores1");
	check_int(driver_counter(driver, "join", "repeated_scores"), 150);
	check_int(driver_counter(driver, "join", "hindsight"), 1);
	check_no_letters();
	driver_close(&driver);
}

/* ---- behind the horizon ---- */

TEST(an_impression_sent_again_after_its_horizon_begins_no_second_story)
{
	open_join("operators.join.remember=2min");
	show("a", 0);
	pass(60000);
	check_text(outcome(), "a r1 n0 w0 scores0");
	show("a", 0);
	show("a", 62000); /* even with another shown_at */
	check_ok(driver_run(driver, &err));
	check_ok(driver_crash(driver, &err));
	show("a", 62000);
	pass(120000);
	check_text(outcome(), "");
	check_int(driver_counter(driver, "join", "repeated_impressions"), 3);
	check_int(driver_counter(driver, "join", "late_impressions"), 0);
	driver_close(&driver);
}

TEST(an_id_is_forgotten_when_the_watermark_has_passed_remember)
{
	for (int tidied = 0; tidied < 2; tidied++) {
		open_join("operators.join.remember=90s");
		show("a", 0);
		pass(tidied ? 200000 : 90000); /* before the minute of its list is over, and after that */
		check_text(outcome(), "a r1 n0 w0 scores0");
		show("a", tidied ? 200000 : 90000);
		check_ok(driver_finish(driver, &err));
		check_text(outcome(), "a r1 n0 w0 scores0");
		driver_close(&driver);
	}
}

TEST(what_comes_for_a_remembered_id_is_late)
{
	open_join("operators.join.remember=1h");
	show("a", 0);
	pass(60000);
	engage("e1", "a", "like", 60000, 5); /* its impression would not be gone by its own time */
	score("a", "m1", 0);
	score("a", "m2", 59000);
	check_ok(driver_run(driver, &err));
	check_contains(driver_read(driver, "late_engagements"), "\"e1\"");
	check_contains(driver_read(driver, "hindsight_scores"), "\"m2\"");
	check_int(driver_counter(driver, "join", "dropped_scores"), 1);
	driver_close(&driver);
}

TEST(a_bounded_run_that_ends_forgets_no_id)
{
	open_join("operators.join.remember=1h");
	for (int i = 0; i < 300; i++) { /* some lists of them */
		char id[16];

		snprintf(id, sizeof(id), "impression-%d", i);
		show(id, i);
	}
	pass(61000);
	check_ok(driver_finish(driver, &err));
	check_ok(driver_finish(driver, &err));
	while (*outcome())
		;
	show("impression-0", 62000);
	show("impression-299", 62000);
	check_ok(driver_finish(driver, &err));
	check_text(outcome(), "");
	check_int(driver_counter(driver, "join", "repeated_impressions"), 2);
	driver_close(&driver);
}
