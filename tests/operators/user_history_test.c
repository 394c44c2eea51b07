/* What user_history promises, one behaviour a test. */
#include <jansson.h>
#include <stdio.h>

#include "dataflow/driver.h"
#include "operators/operators.h"
#include "tests/test.h"

static struct error err;
static struct driver *driver;

static const char topology[] =
	"name: histories\n"
	"log: {type: embedded}\n"
	"schemas: %s/schemas\n"
	"topics:\n"
	"  engagements: {schema: engagement.avsc, key: user_id_token, time: occurred_at, partitions: 1,"
	" out_of_orderness: 0ms}\n"
	"  histories: {schema: user_history.avsc, key: user_id_token, time: updated_at, partitions: 1,"
	" cleanup: compact}\n"
	"  overflow: {schema: engagement.avsc, key: user_id_token, time: occurred_at, partitions: 1}\n"
	"operators:\n"
	"  history: {type: user_history, inputs: {engagements: engagements},"
	" outputs: {histories: histories, overflow: overflow},"
	" actions_kept: 3, ttl: 60s}\n";

static void
open_history(const char *override)
{
	const char *overrides[] = {override, NULL};

	check_ok(driver_open(test_topology_file(topology), overrides, operators_table, &driver, &err));
}

/* An engagement of user u with item x<id>. */
static void
act(const char *user, const char *id, const char *action, int64_t ms)
{
	char json[4096];

	snprintf(
		json, sizeof(json),
		"{\"engagement_id\": \"%s\", \"impression_id\": \"i\", \"user_id_token\": \"%s\", \"item_id\": \"x%s\","
		" \"action\": \"%s\", \"watched_seconds\": %s, \"occurred_at\": %lld}",
		id, user, id, action, strcmp(action, "watch") == 0 ? "2.5" : "null", (long long)(DRIVER_START_MS + ms));
	check_ok(driver_send(driver, "engagements", json, &err));
}

static void
run(void)
{
	check_ok(driver_run(driver, &err));
}

/* Moves W past `ms`, by 1 ms: an action that is not kept. */
static void
pass(int64_t ms)
{
	act("clock", "clock", "skip", ms + 1);
	run();
}

/* The next row as "user r1 @5000: e2/like e1/view", or "". */
static const char *
history(void)
{
	static char text[1024];
	const char *row = driver_read(driver, "histories");
	json_t *object, *action;
	size_t i, size;

	if (!row)
		return "";
	object = json_loads(row, 0, NULL);
	size = (size_t)snprintf(
		text, sizeof(text), "%s r%lld @%lld:", json_string_value(json_object_get(object, "user_id_token")),
		(long long)json_integer_value(json_object_get(object, "revision")),
		(long long)(json_integer_value(json_object_get(object, "updated_at")) - DRIVER_START_MS));
	json_array_foreach(json_object_get(object, "actions"), i, action)
	{
		json_t *watched = json_object_get(action, "watched_seconds");

		size += (size_t)snprintf(text + size, sizeof(text) - size, " %s/%s",
					 json_string_value(json_object_get(action, "engagement_id")),
					 json_string_value(json_object_get(action, "action")));
		check_text(json_string_value(json_object_get(action, "item_id")) + 1,
			   json_string_value(json_object_get(action, "engagement_id")));
		if (!json_is_null(watched))
			size += (size_t)snprintf(text + size, sizeof(text) - size, "(%g)", json_real_value(watched));
	}
	json_decref(object);
	return text;
}

static int64_t
counted(const char *counter)
{
	return driver_counter(driver, "history", counter);
}

TEST(a_user_that_acted_gives_one_row_a_commit_newest_action_first)
{
	open_history(NULL);
	act("u", "e1", "view", 1000);
	act("v", "e2", "like", 1500);
	act("u", "e3", "watch", 2000);
	run();
	check_text(history(), "u r1 @2000: e3/watch(2.5) e1/view");
	check_text(history(), "v r1 @1500: e2/like");
	check_text(history(), "");
	act("u", "e4", "share", 3000);
	run();
	check_text(history(), "u r2 @3000: e4/share e3/watch(2.5) e1/view");
	check_text(history(), "");
	check_int(counted("changed"), 3);
	driver_close(&driver);
}

TEST(the_newest_stay_and_a_late_one_takes_its_place)
{
	open_history(NULL);
	act("u", "e5", "view", 5000);
	act("u", "e1", "view", 1000);
	act("u", "e3", "view", 3000);
	run();
	check_text(history(), "u r1 @5000: e5/view e3/view e1/view");
	act("u", "e2", "view", 2000);
	run();
	check_text(history(), "u r2 @5000: e5/view e3/view e2/view");
	act("u", "e0", "view", 500);
	act("u", "e1", "view", 1000); /* it was pushed out, and stays out */
	run();
	check_text(history(), "");
	check_int(counted("too_old"), 2);
	driver_close(&driver);
}

TEST(equal_times_are_ordered_by_id)
{
	open_history("operators.history.actions_kept=2");
	act("u", "b", "view", 1000);
	act("u", "a", "view", 1000);
	act("u", "c", "view", 1000);
	run();
	check_text(history(), "u r1 @1000: c/view b/view");
	driver_close(&driver);
}

TEST(a_repeat_changes_nothing_and_is_counted)
{
	open_history(NULL);
	act("u", "e1", "view", 1000);
	run();
	check_text(history(), "u r1 @1000: e1/view");
	act("u", "e1", "view", 1000);
	run();
	check_text(history(), "");
	check_int(counted("repeated"), 1);
	driver_close(&driver);
}

TEST(only_the_actions_that_are_asked_for_are_kept)
{
	open_history("operators.history.actions=like, purchase");
	act("u", "e1", "view", 1000);
	act("u", "e2", "like", 1000);
	act("u", "e3", "purchase", 2000);
	run();
	check_text(history(), "u r1 @2000: e3/purchase e2/like");
	check_int(counted("not_counted"), 1);
	driver_close(&driver);
}

TEST(an_unknown_action_is_refused_at_the_start)
{
	const char *overrides[] = {"operators.history.actions=click, lick", NULL};

	check_fails(driver_open(test_topology_file(topology), overrides, operators_table, &driver, &err),
		    "there is no action \"lick\"");
}

TEST(actions_leave_when_their_time_is_over_and_the_user_with_the_last)
{
	open_history(NULL);
	act("u", "e1", "view", 1000);
	act("u", "e2", "view", 2000);
	run();
	check_text(history(), "u r1 @2000: e2/view e1/view");
	pass(60999);
	check_text(history(), "");
	pass(61000);
	check_text(history(), "u r2 @2000: e2/view");
	pass(62000);
	check_text(history(), "u r3 @2000:");
	act("u", "e2", "view", 2000); /* a repeat of what has left */
	run();
	check_int(counted("expired"), 1);
	act("u", "e9", "like", 62001); /* somebody new, as far as the state goes */
	run();
	check_text(history(), "u r1 @62001: e9/like");
	driver_close(&driver);
}

TEST(a_crash_between_two_commits_changes_nothing)
{
	open_history(NULL);
	act("u", "e1", "view", 1000);
	run();
	check_ok(driver_crash(driver, &err));
	act("u", "e2", "view", 2000);
	act("u", "e1", "view", 1000);
	run();
	check_text(history(), "u r1 @1000: e1/view");
	check_text(history(), "u r2 @2000: e2/view e1/view");
	check_text(history(), "");
	driver_close(&driver);
}

TEST(the_end_of_a_bounded_run_makes_nothing_older)
{
	open_history(NULL);
	act("u", "e1", "view", 1000);
	check_ok(driver_finish(driver, &err));
	check_text(history(), "u r1 @1000: e1/view");
	check_text(history(), "");
	act("u", "e2", "view", 2000);
	run();
	check_text(history(), "u r2 @2000: e2/view e1/view");
	pass(61000);
	check_text(history(), "u r3 @2000: e2/view");
	driver_close(&driver);
}

TEST(what_a_list_cannot_hold_goes_to_overflow_and_is_no_dead_letter)
{
	char id[1100];

	memset(id, 'x', sizeof(id));
	id[sizeof(id) - 1] = 0;
	open_history(NULL);
	act("u", "e1", "view", 1000);
	act("u", id, "view", 1500);
	run();
	check_text(history(), "u r1 @1000: e1/view");
	check_int(counted("too_long"), 1);
	check_contains(driver_read(driver, "overflow"), id);
	check(driver_read(driver, "overflow") == NULL);
	check(driver_read(driver, "dead_letters") == NULL);
	driver_close(&driver);
}

/* The same events in any order, in any commits, with repeats: the last row is the same. */
TEST(the_last_row_does_not_depend_on_the_order)
{
	struct test_random random = test_random_of(test_seed(7));
	char wanted[1024] = "", got[1024] = "";

	for (int round = 0; round < 20; round++) {
		int order[40] = {0};
		const char *row;

		open_history("topics.engagements.out_of_orderness=1h");
		for (int i = 0; i < 40; i++) {
			size_t other = test_random_below(&random, (uint64_t)i + 1);

			order[i] = order[other];
			order[other] = i;
		}
		for (int i = 0; i < 40; i++) {
			char id[16];

			snprintf(id, sizeof(id), "e%02d", order[i] / 2); /* each twice */
			act("u", id, "view", 1000 + order[i] / 2 / 3);
			if (test_random_below(&random, 5) == 0)
				run();
		}
		run();
		while (*(row = history()))
			snprintf(got, sizeof(got), "%s", strchr(row, '@'));
		if (round == 0)
			snprintf(wanted, sizeof(wanted), "%s", got);
		check_text(got, wanted);
		driver_close(&driver);
	}
}
