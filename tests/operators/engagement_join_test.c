/* What engagement_join promises, one behaviour a test; test_join_random.py holds it against a reference besides. */
#include "tests/operators/join_fixture.h"

TEST(an_impression_without_engagement_is_a_row_when_its_window_closes)
{
	open_join(NULL);
	show("a", 0);
	pass(10999);
	check_text(outcome(), "");
	pass(11000);
	check_text(outcome(), "a r1 n0 w0 scores0");
	check_text(outcome(), "");
	check_int(driver_counter(driver, "join", "swipe_aways"), 1);
	driver_close(&driver);
}

TEST(engagements_fold_into_one_row_by_event_time_whichever_side_comes_first)
{
	open_join(NULL);
	engage("e1", "a", "watch", 3000, 19.5);
	check_ok(driver_run(driver, &err));
	show("a", 0);
	engage("e2", "a", "view", 2000, 0.5);
	pass(11000);
	check_text(outcome(), "a r1 engaged n2 w19.5 completed scores0");
	driver_close(&driver);
}

TEST(a_skip_alone_is_no_engagement)
{
	open_join(NULL);
	show("a", 0);
	engage("e1", "a", "skip", 500, 0.4);
	pass(11000);
	check_text(outcome(), "a r1 n1 w0.4 skipped scores0");
	driver_close(&driver);
}

TEST(a_view_or_watch_of_less_than_a_second_is_no_engagement_by_itself)
{
	open_join(NULL);
	show("watch", 0);
	engage("e1", "watch", "watch", 500, 0); /* a player that reports its start */
	show("view", 1);
	engage("e2", "view", "view", 500, 0.99);
	show("click", 2);
	engage("e3", "click", "click", 500, 0.5);
	show("second", 3);
	engage("e4", "second", "watch", 500, 1);
	show("like", 4);
	engage("e5", "like", "watch", 500, 0.5);
	engage("e6", "like", "like", 600, 0.5);
	pass(11004);
	check_text(outcome(), "watch r1 n1 w0 skipped scores0");
	check_text(outcome(), "view r1 n1 w0.99 skipped scores0");
	check_text(outcome(), "click r1 engaged n1 w0.5 skipped scores0");
	check_text(outcome(), "second r1 engaged n1 w1 scores0");
	check_text(outcome(), "like r1 engaged n2 w0.5 skipped scores0");
	driver_close(&driver);
}

TEST(the_latest_watch_decides_what_is_skipped)
{
	open_join(NULL);
	show("a", 0);
	engage("e1", "a", "watch", 500, 0);
	engage("e2", "a", "watch", 5500, 5);
	pass(11000);
	check_text(outcome(), "a r1 engaged n2 w5 scores0");
	driver_close(&driver);
}

TEST(an_item_without_a_length_is_never_completed)
{
	open_join(NULL);
	send("impressions",
	     "{\"impression_id\": \"a\", \"user_id_token\": \"u\", \"item_id\": \"x\", \"position\": 1, \"shown_at\": "
	     "%lld, \"source\": \"ranked\", \"duration_seconds\": 0}",
	     at(0));
	engage("e1", "a", "watch", 500, 3);
	pass(11000);
	check_text(outcome(), "a r1 engaged n1 w3 scores0");
	driver_close(&driver);
}

TEST(repeats_change_nothing_and_are_counted)
{
	open_join(NULL);
	show("a", 0);
	show("a", 7);
	engage("e1", "a", "view", 500, 2);
	engage("e1", "a", "view", 500, 2);
	pass(11000);
	check_text(outcome(), "a r1 engaged n1 w2 scores0");
	check_int(driver_counter(driver, "join", "repeated_impressions"), 1);
	check_int(driver_counter(driver, "join", "repeated_engagements"), 1);
	driver_close(&driver);
}

TEST(what_belongs_but_comes_later_is_a_corrected_row)
{
	open_join(NULL);
	show("a", 0);
	pass(11000);
	check_text(outcome(), "a r1 n0 w0 scores0");
	engage("e1", "a", "like", 9000, 5);
	check_ok(driver_run(driver, &err));
	check_text(outcome(), "a r2 engaged n1 w5 scores0");
	driver_close(&driver);
}

TEST(after_the_horizon_it_goes_to_late)
{
	open_join(NULL);
	show("a", 0);
	pass(60000);
	check_text(outcome(), "a r1 n0 w0 scores0");
	engage("e1", "a", "like", 9000, 5);
	check_ok(driver_run(driver, &err));
	check_text(outcome(), "");
	check_contains(driver_read(driver, "late_engagements"), "\"e1\"");
	driver_close(&driver);
}

TEST(an_engagement_outside_the_window_goes_to_late_at_once)
{
	open_join(NULL);
	show("a", 5000);
	engage("too_early", "a", "like", 3999, 5);
	engage("early_enough", "a", "like", 4000, 5);
	engage("in_time", "a", "like", 15000, 5);
	engage("too_late", "a", "like", 15001, 5);
	pass(16000);
	check_text(outcome(), "a r1 engaged n2 w5 scores0");
	check_contains(driver_read(driver, "late_engagements"), "too_early");
	check_contains(driver_read(driver, "late_engagements"), "too_late");
	check(driver_read(driver, "late_engagements") == NULL);
	driver_close(&driver);
}

TEST(an_engagement_without_an_impression_waits_and_becomes_an_orphan)
{
	open_join(NULL);
	engage("e1", "nobody", "like", 1000, 5);
	pass(5999);
	check(driver_read(driver, "orphan_engagements") == NULL);
	pass(6000);
	check_contains(driver_read(driver, "orphan_engagements"), "\"e1\"");
	check_int(driver_counter(driver, "join", "orphans"), 1);
	driver_close(&driver);
}

TEST(an_impression_behind_its_horizon_goes_to_late_impressions)
{
	open_join(NULL);
	pass(60001);
	show("a", 1);
	check_ok(driver_run(driver, &err));
	check_text(outcome(), "");
	check_contains(driver_read(driver, "late_impressions"), "\"a\"");
	check_int(driver_counter(driver, "join", "late_impressions"), 1);
	check(driver_read(driver, "dead_letters") == NULL);
	driver_close(&driver);
}

TEST(a_repeat_of_an_impression_that_is_known_is_a_repeat_however_late)
{
	open_join(NULL);
	show("a", 1);
	pass(60000); /* W stands at the horizon, and not behind it: the entry is there, and the impression is late */
	show("a", 1);
	check_ok(driver_run(driver, &err));
	check_int(driver_counter(driver, "join", "repeated_impressions"), 1);
	check_int(driver_counter(driver, "join", "late_impressions"), 0);
	driver_close(&driver);
}

TEST(scores_are_frozen_the_first_per_model_and_none_of_hindsight)
{
	open_join(NULL);
	score("a", "m1", -10);
	show("a", 0);
	score("a", "m1", 900);
	score("a", "m2", 1000);
	score("a", "m3", 1001);
	pass(11000);
	check_text(outcome(), "a r1 n0 w0 scores2");
	check_contains(driver_read(driver, "hindsight_scores"), "\"m3\"");
	check_int(driver_counter(driver, "join", "repeated_scores"), 1);
	driver_close(&driver);
}

TEST(a_score_that_comes_after_the_final_row_attaches_with_the_next_revision)
{
	open_join(NULL);
	show("a", 0);
	pass(11000);
	check_text(outcome(), "a r1 n0 w0 scores0");
	score("a", "m1", 0);
	check_ok(driver_run(driver, &err));
	check_text(outcome(), "a r2 n0 w0 scores1");
	driver_close(&driver);
}

TEST(emit_both_gives_a_provisional_row_per_change_and_the_final_one)
{
	open_join("operators.join.emit=both");
	show("a", 0);
	engage("e1", "a", "view", 500, 2);
	pass(11000);
	check_text(outcome(), "a r0 provisional n0 w0 scores0");
	check_text(outcome(), "a r0 provisional engaged n1 w2 scores0");
	check_text(outcome(), "a r1 engaged n1 w2 scores0");
	driver_close(&driver);
}

TEST(exploration_rows_go_to_both_outputs)
{
	open_join(NULL);
	send("impressions",
	     "{\"impression_id\": \"a\", \"user_id_token\": \"u\", \"item_id\": \"x\", \"position\": 1, \"shown_at\": "
	     "%lld, \"source\": \"exploration\", \"propensity\": 0.25}",
	     at(0));
	pass(11000);
	check_text(outcome(), "a r1 n0 w0 scores0");
	check_contains(driver_read(driver, "exploration_events"), "\"propensity\":0.25");
	driver_close(&driver);
}

TEST(an_engagement_of_somebody_else_or_with_something_else_is_joined_and_counted)
{
	open_join(NULL);
	send("engagements",
	     "{\"engagement_id\": \"e1\", \"impression_id\": \"a\", \"user_id_token\": \"other\", \"item_id\": \"x\", "
	     "\"action\": \"like\", \"occurred_at\": %lld}",
	     at(500));
	show("a", 0);
	send("engagements",
	     "{\"engagement_id\": \"e2\", \"impression_id\": \"a\", \"user_id_token\": \"u\", \"item_id\": \"other\", "
	     "\"action\": \"like\", \"occurred_at\": %lld}",
	     at(500));
	engage("e3", "a", "like", 500, 2);
	pass(11000);
	check_text(outcome(), "a r1 engaged n3 w2 scores0");
	check_int(driver_counter(driver, "join", "other_user"), 1);
	check_int(driver_counter(driver, "join", "other_item"), 1);
	driver_close(&driver);
}

TEST(an_impression_larger_than_an_entry_may_be_is_a_dead_letter)
{
	static char json[960000];
	size_t size = (size_t)snprintf(json, sizeof(json),
				       "{\"impression_id\": \"a\", \"user_id_token\": \"u\", \"item_id\": \"x\", "
				       "\"position\": 1, \"shown_at\": %lld, \"source\": \"ranked\", \"surface\": \"",
				       at(0));

	memset(json + size, 'z', 950000);
	snprintf(json + size + 950000, sizeof(json) - size - 950000, "\"}");
	open_join("operators.join.dead_letter_limit=1");
	check_ok(driver_send(driver, "impressions", json, &err));
	show("b", 0);
	check_ok(driver_finish(driver, &err));
	check_contains(driver_read(driver, "dead_letters"), "impression a would take");
	check_text(outcome(), "b r1 n0 w0 scores0");
	driver_close(&driver);
}

TEST(the_end_of_a_bounded_run_does_not_end_corrections_until_the_horizon)
{
	const char *const horizons[] = {"operators.join.correction_horizon=11s",
					"operators.join.correction_horizon=60s"};

	for (int i = 0; i < 2; i++) {
		open_join(horizons[i]);
		show("a", 0);
		check_ok(driver_finish(driver, &err));
		check_text(outcome(), "a r1 n0 w0 scores0");
		check_ok(driver_finish(driver, &err));
		check_text(outcome(), "");
		engage("e1", "a", "click", 4000, 2);
		check_ok(driver_finish(driver, &err));
		check_text(outcome(), "a r2 engaged n1 w2 scores0");
		pass(60000);
		engage("e2", "a", "click", 4000, 2);
		check_ok(driver_run(driver, &err));
		check_text(outcome(), "");
		driver_close(&driver);
	}
}

/* The schema of outcomes with its last two fields the other way round. */
static const char *
swapped_schema(void)
{
	static char override[512];
	char path[256];
	json_t *schema = json_load_file("schemas/outcome.avsc", 0, NULL), *fields = json_object_get(schema, "fields");
	json_t *field = json_incref(json_array_get(fields, json_array_size(fields) - 2));

	json_array_remove(fields, json_array_size(fields) - 2);
	json_array_append_new(fields, field);
	snprintf(path, sizeof(path), "%s/swapped.avsc", test_directory());
	check_int(json_dump_file(schema, path, 0), 0);
	json_decref(schema);
	snprintf(override, sizeof(override), "topics.exploration_events.schema=%s", path);
	return override;
}

TEST(explorations_of_another_schema_than_the_outcomes_are_refused)
{
	const char *const overrides[] = {swapped_schema(), NULL};

	check_fails(driver_open("topologies/engagement.yaml", overrides, operators_table, &driver, &err) == 0
			    ? driver_run(driver, &err)
			    : -1,
		    "the schema of output explorations must be that of output outcomes");
}

TEST(a_horizon_shorter_than_window_and_grace_is_refused)
{
	const char *const overrides[] = {"operators.join.correction_horizon=1s", NULL};

	check_fails(driver_open("topologies/engagement.yaml", overrides, operators_table, &driver, &err) == 0
			    ? driver_run(driver, &err)
			    : -1,
		    "raise correction_horizon");
}
