/* What integrity_rollup promises, behind reconcile: one behaviour a test. */
#include <jansson.h>
#include <stdio.h>

#include "operators/operators.h"
#include "tests/operators/reconcile_fixture.h"
#include "tests/test.h"

#define WINDOW_MS 10000
#define EACH 4 /* responses a window */

/* Two tasks of reconcile; windows of 10 s, max_hold 40 s; nothing is out of order; 12 s make an input idle. */
static void
open_rollup(const char *override, const char *another)
{
	const char *overrides[] = {"operators.reconcile.window=10s",
				   "operators.reconcile.max_hold=40s",
				   "operators.reconcile.settle=0",
				   "operators.rollup.settle=0",
				   "operators.reconcile.correction_horizon=10min",
				   "operators.rollup.quiet_after=2min",
				   "topics.engine_log.partitions=2",
				   "topics.server_log.partitions=2",
				   "topics.client_log.partitions=2",
				   "topics.integrity_counts.partitions=1",
				   "topics.integrity_windows.partitions=1",
				   "topics.engine_log.out_of_orderness=0ms",
				   "topics.server_log.out_of_orderness=0ms",
				   "topics.client_log.out_of_orderness=0ms",
				   "topics.engine_log.idle_after=12s",
				   "topics.server_log.idle_after=12s",
				   "topics.client_log.idle_after=12s",
				   "operators.rollup.rules.lost.min_count=2",
				   override,
				   another,
				   NULL};

	check_ok(driver_open("topologies/integrity.yaml", overrides, operators_table, &driver, &err));
}

static void
advance(int64_t ms)
{
	check_ok(driver_advance(driver, ms, &err));
}

/* What the server does with the responses of a window. */
enum server { DELIVERS, LOSES_ONE, LOSES_HALF, IS_SILENT };

static int64_t
made_at(int window, int i)
{
	return window * WINDOW_MS + 1000 + i * 2000;
}

/* Response i of a window. What the server loses the client has not got. */
static void
respond(int window, int i, enum server server)
{
	bool lost = (server == LOSES_ONE && i == 0) || (server == LOSES_HALF && i < EACH / 2);
	int64_t at = made_at(window, i);
	char id[32];

	snprintf(id, sizeof(id), "w%di%d-0", window, i);
	logs("returned", id, at);
	if (!lost && server != IS_SILENT)
		logs("delivered", id, at + 20);
	if (!lost)
		logs("received", id, at + 100);
}

static void
feed(int window, enum server server)
{
	for (int i = 0; i < EACH; i++)
		respond(window, i, server);
}

/* The windows in [from, to), while as much time passes as they last. */
static void
live(int from, int to, enum server server)
{
	for (int window = from; window < to; window++) {
		for (int i = 0; i < EACH; i++) {
			respond(window, i, server);
			advance(2000);
		}
		advance(2000);
	}
}

/* ---- rows, in short ---- */

static void
put_silent(json_t *row, char *to, size_t size)
{
	json_t *log;
	size_t index;

	to[0] = '\0';
	json_array_foreach(json_object_get(row, "silent"), index, log)
	{
		size_t used = strlen(to);

		snprintf(to + used, size - used, " %s", json_string_value(log));
	}
}

/* The next row of dimension all of the window, as "returned 4 lost 0 matched 4 silent r1". */
static const char *
window_row(int window)
{
	static char text[256];
	const char *row;

	while ((row = driver_read(driver, "integrity_windows")) != NULL) {
		json_t *object = json_loads(row, 0, NULL);
		json_int_t start, returned, lost, matched, revision;
		const char *dimension;
		char silent[64];
		bool found;

		check_int(json_unpack(object, "{s:I, s:I, s:I, s:I, s:I, s:s}", "window_start", &start, "returned",
				      &returned, "lost_engine_server", &lost, "matched", &matched, "revision",
				      &revision, "dimension", &dimension),
			  0);
		put_silent(object, silent, sizeof(silent));
		found = start == DRIVER_START_MS + window * WINDOW_MS && strcmp(dimension, "all") == 0;
		snprintf(text, sizeof(text), "returned %lld lost %lld matched %lld silent%s r%lld", (long long)returned,
			 (long long)lost, (long long)matched, silent, (long long)revision);
		json_decref(object);
		if (found)
			return text;
	}
	return "";
}

/* The next alert as "id firing 0.5>0.01 from 0 r1", or "id resolved ... from 0 to 3 r2": windows. */
static const char *
alert(void)
{
	static char text[512];
	const char *row = driver_read(driver, "alerts"), *id, *state;
	json_t *object = row ? json_loads(row, 0, NULL) : NULL, *ends;
	json_int_t starts_at, revision;
	double value, threshold;
	char until[32] = "";

	if (!object)
		return "";
	check_int(json_unpack(object, "{s:s, s:s, s:F, s:F, s:I, s:I, s:o}", "alert_id", &id, "state", &state, "value",
			      &value, "threshold", &threshold, "starts_at", &starts_at, "revision", &revision,
			      "ends_at", &ends),
		  0);
	if (!json_is_null(ends))
		snprintf(until, sizeof(until), " to %g",
			 (double)(json_integer_value(ends) - DRIVER_START_MS) / WINDOW_MS);
	snprintf(text, sizeof(text), "%s %s %g>%g from %g%s r%lld", id, state, value, threshold,
		 (double)(starts_at - DRIVER_START_MS) / WINDOW_MS, until, (long long)revision);
	json_decref(object);
	return text;
}

/* ---- windows ---- */

TEST(the_counts_of_all_tasks_are_one_row_when_the_window_is_complete)
{
	open_rollup(NULL, NULL);
	feed(0, DELIVERS);
	advance(9000);
	check_text(window_row(0), "");
	advance(40000);
	check_text(window_row(0), "returned 4 lost 0 matched 4 silent r1");
	check_text(window_row(0), "");
	check_text(alert(), "");
	driver_close(&driver);
}

/* As far as the middle of the next window. */
static void
live_half(void)
{
	live(0, 1, DELIVERS);
	for (int i = 0; i < EACH; i++) {
		respond(1, i, DELIVERS);
		advance(1000);
	}
}

TEST(a_window_is_told_when_it_has_settled)
{
	open_rollup(NULL, NULL);
	live_half();
	check_text(window_row(0), "");
	driver_close(&driver);
	open_rollup("operators.reconcile.settle=2s", "operators.rollup.settle=2s");
	live_half();
	check_text(window_row(0), "returned 4 lost 0 matched 4 silent r1");
	driver_close(&driver);
}

TEST(what_comes_late_revises_the_window_once_a_commit)
{
	open_rollup(NULL, NULL);
	feed(0, LOSES_HALF);
	advance(9000);
	advance(40000);
	check_text(window_row(0), "returned 4 lost 2 matched 2 silent r1");
	logs("delivered", "w0i0-0", 1010);
	logs("delivered", "w0i1-0", 3010);
	run();
	advance(40000);
	advance(20000);
	check_text(window_row(0), "returned 4 lost 0 matched 2 silent r2");
	check_text(window_row(0), "");
	driver_close(&driver);
}

TEST(the_end_of_a_bounded_run_tells_all_windows_and_the_next_run_revises_them)
{
	open_rollup(NULL, NULL);
	feed(0, LOSES_HALF);
	feed(1, DELIVERS);
	check_ok(driver_finish(driver, &err));
	check_text(window_row(0), "returned 4 lost 2 matched 2 silent r1");
	check_text(window_row(1), "returned 4 lost 0 matched 4 silent r1");
	logs("delivered", "w0i0-0", 1010);
	check_ok(driver_finish(driver, &err));
	check_text(window_row(0), "returned 4 lost 1 matched 2 silent r2");
	check_text(window_row(0), "");
	driver_close(&driver);
}

/* ---- alerts ---- */

TEST(an_alert_fires_after_as_many_windows_as_it_should_and_is_resolved_after_calm)
{
	open_rollup("operators.rollup.rules.lost.resolve=0.3", "operators.rollup.rules.lost.above=0.3");
	live(0, 2, DELIVERS);
	live(2, 5, LOSES_HALF);
	live(5, 6, LOSES_ONE);
	check_text(alert(), "");
	live(6, 7, LOSES_ONE);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} firing 0.5>0.3 from 2 r1");
	live(7, 9, LOSES_ONE);
	check_text(alert(), "");
	live(9, 10, LOSES_ONE);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} resolved 0.25>0.3 from 2 to 5 r2");
	live(10, 20, LOSES_ONE);
	check_text(alert(), "");
	check_int(driver_counter(driver, "rollup", "fired"), 1);
	check_int(driver_counter(driver, "rollup", "resolved"), 1);
	driver_close(&driver);
}

TEST(a_crash_fires_nothing_twice)
{
	open_rollup(NULL, NULL);
	live(0, 6, LOSES_HALF);
	check_ok(driver_crash(driver, &err));
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} firing 0.5>0.01 from 0 r1");
	live(6, 8, LOSES_HALF);
	check_ok(driver_crash(driver, &err));
	live(8, 10, LOSES_HALF);
	check_text(alert(), "");
	live(10, 16, DELIVERS);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} resolved 0>0.01 from 0 to 10 r2");
	live(16, 22, LOSES_HALF);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} firing 0.5>0.01 from 16 r3");
	check_text(alert(), "");
	driver_close(&driver);
}

TEST(a_quiet_night_resolves_what_fires)
{
	open_rollup(NULL, NULL);
	live(0, 6, LOSES_HALF);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} firing 0.5>0.01 from 0 r1");
	for (int i = 0; i < 10; i++)
		advance(WINDOW_MS);
	check_text(alert(), "");
	for (int i = 0; i < 10; i++)
		advance(WINDOW_MS);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} resolved 0.5>0.01 from 0 to 6 r2");
	check_text(alert(), "");
	driver_close(&driver);
}

TEST(the_end_of_a_bounded_run_is_no_quiet_night)
{
	open_rollup(NULL, NULL);
	for (int window = 0; window < 4; window++)
		feed(window, LOSES_HALF);
	check_ok(driver_finish(driver, &err));
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} firing 0.5>0.01 from 0 r1");
	for (int window = 4; window < 8; window++)
		feed(window, LOSES_HALF);
	check_ok(driver_finish(driver, &err));
	check_text(alert(), "");
	driver_close(&driver);
}

/* ---- silence ---- */

/* What a silent server has to say of the windows in [from, to). */
static void
deliver_late(int from, int to)
{
	for (int window = from; window < to; window++)
		for (int i = 0; i < EACH; i++) {
			char id[32];

			snprintf(id, sizeof(id), "w%di%d-0", window, i);
			logs("delivered", id, made_at(window, i) + 20);
		}
	run();
}

TEST(a_silent_log_is_one_alert_and_when_it_is_back_the_windows_are_revised)
{
	open_rollup("operators.rollup.rules.lost.for=1", "operators.rollup.rules.phantom.min_count=1");
	live(0, 3, DELIVERS);
	live(3, 6, IS_SILENT);
	check_text(alert(), "log_silent{dimension=\"all\",log=\"server\",value=\"all\"} firing 1>0 from 3 r1");
	check_text(alert(), "");
	check_text(window_row(3), "returned 0 lost 0 matched 0 silent server r1");
	deliver_late(3, 6);
	live(6, 10, DELIVERS);
	check_text(alert(), "log_silent{dimension=\"all\",log=\"server\",value=\"all\"} resolved 0>0 from 3 to 5 r2");
	live(10, 14, DELIVERS);
	check_text(alert(), "");
	check_text(window_row(3), "returned 4 lost 0 matched 4 silent server r2");
	driver_close(&driver);
}

TEST(a_log_that_is_silent_for_longer_than_max_hold_is_still_one_alert)
{
	open_rollup("operators.rollup.rules.lost.for=1", NULL);
	live(0, 3, DELIVERS);
	live(3, 15, IS_SILENT);
	check_text(alert(), "log_silent{dimension=\"all\",log=\"server\",value=\"all\"} firing 1>0 from 3 r1");
	check_text(alert(), "");
	live(15, 20, DELIVERS);
	check_text(alert(), "log_silent{dimension=\"all\",log=\"server\",value=\"all\"} resolved 0>0 from 3 to 15 r2");
	check_text(alert(), "");
	deliver_late(3, 15);
	live(20, 24, DELIVERS);
	check_text(alert(), "");
	check_text(window_row(3), "returned 0 lost 0 matched 0 silent server r1");
	check_text(window_row(3), "returned 4 lost 4 matched 0 silent server r2");
	check_text(window_row(3), "returned 4 lost 0 matched 4 silent server r3");
	driver_close(&driver);
}

/* ---- limits ---- */

TEST(too_many_alerts_are_held_back_and_that_is_an_alert)
{
	open_rollup("operators.rollup.firing_max=1",
		    "operators.rollup.rules.lost.dimensions=all, platform, strategy_id");
	live(0, 6, LOSES_HALF);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} firing 0.5>0.01 from 0 r1");
	check_text(alert(), "alerts_held_back{task=\"0\"} firing 1>1 from 2 r1");
	check_text(alert(), "");
	check(driver_counter(driver, "rollup", "held_back") > 2);
	live(6, 8, DELIVERS);
	check_text(alert(), "");
	live(8, 12, DELIVERS);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} resolved 0>0.01 from 0 to 6 r2");
	check_text(alert(), "alerts_held_back{task=\"0\"} resolved 1>1 from 2 to 8 r2");
	check_text(alert(), "");
	driver_close(&driver);
}

TEST(a_rule_may_look_at_other_dimensions)
{
	open_rollup("operators.rollup.rules.lost.dimensions=platform",
		    "operators.rollup.rules.lost.metric=lost_engine_server");
	live(0, 6, LOSES_ONE);
	check_text(alert(),
		   "lost{dimension=\"platform\",hop=\"engine_server\",value=\"web\"} firing 0.25>0.01 from 0 r1");
	check_text(alert(), "");
	driver_close(&driver);
}

TEST(a_rule_may_compare_with_the_windows_before)
{
	open_rollup("operators.rollup.rules.lost.baseline=4", "operators.rollup.rules.lost.above=1.5");
	live(0, 8, LOSES_ONE);
	live(8, 12, LOSES_HALF);
	check_text(alert(), "");
	live(12, 13, LOSES_HALF);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} firing 2>1.5 from 8 r1");
	driver_close(&driver);
}

/* Of so many of a window's responses the client's log says nothing. */
static void
live_unreached(int from, int to, int unreached)
{
	for (int window = from; window < to; window++) {
		for (int i = 0; i < EACH; i++) {
			char id[32];

			snprintf(id, sizeof(id), "w%di%d-0", window, i);
			logs("returned", id, made_at(window, i));
			logs("delivered", id, made_at(window, i) + 20);
			if (i >= unreached)
				logs("received", id, made_at(window, i) + 100);
			advance(2000);
		}
		advance(2000);
	}
}

TEST(batches_that_clients_lose_show_as_reach_that_falls)
{
	open_rollup("operators.rollup.rules.reach.min_count=2", NULL);
	live_unreached(0, 20, 1);
	check_text(alert(), "");
	live_unreached(20, 25, 2);
	check_text(alert(), "reach{dimension=\"all\",value=\"all\"} firing 2>1.3 from 20 r1");
	live_unreached(25, 30, 1);
	check_text(alert(), "reach{dimension=\"all\",value=\"all\"} resolved 1>1.3 from 20 to 25 r2");
	check_text(alert(), "");
	driver_close(&driver);
}

/* ---- little traffic, old windows ---- */

TEST(too_little_traffic_neither_fires_nor_resolves)
{
	open_rollup("operators.rollup.rules.lost.min_count=4", NULL);
	live(0, 6, LOSES_HALF);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} firing 0.5>0.01 from 0 r1");
	for (int window = 6; window < 20; window++) { /* one of two is lost, then none: too few to say so */
		respond(window, 0, window < 12 ? LOSES_ONE : DELIVERS);
		respond(window, 1, DELIVERS);
		advance(WINDOW_MS);
	}
	check_text(alert(), "");
	live(20, 26, DELIVERS);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} resolved 0>0.01 from 0 to 6 r2");
	driver_close(&driver);
}

TEST(no_window_at_all_resolves_nothing_where_quiet_after_is_0)
{
	open_rollup("operators.rollup.quiet_after=0", NULL);
	live(0, 6, LOSES_HALF);
	check_text(alert(), "lost{dimension=\"all\",value=\"all\"} firing 0.5>0.01 from 0 r1");
	for (int i = 0; i < 100; i++)
		advance(WINDOW_MS);
	check_text(alert(), "");
	driver_close(&driver);
}

TEST(old_windows_that_a_revision_puts_in_breach_fire_and_are_resolved_where_newer_ones_are_calm)
{
	open_rollup("operators.rollup.rules.duplicated.min_count=2", NULL);
	live(0, 12, DELIVERS);
	check_text(alert(), "");
	for (int window = 3; window < 6; window++) {
		char id[32];

		snprintf(id, sizeof(id), "w%di0-0", window);
		logs("delivered", id, made_at(window, 0) + 20);
	}
	run();
	live(12, 16, DELIVERS);
	check_text(alert(), "duplicated{dimension=\"all\",value=\"all\"} firing 0.25>0.01 from 3 r1");
	check_text(alert(), "duplicated{dimension=\"all\",value=\"all\"} resolved 0>0.01 from 3 to 6 r2");
	check_text(alert(), "");
	driver_close(&driver);
}

static void
check_refused(const char *override, const char *another, const char *wanted)
{
	const char *overrides[] = {override, another, NULL};

	check_fails(driver_open("topologies/integrity.yaml", overrides, operators_table, &driver, &err), wanted);
}

TEST(rules_that_mean_nothing_are_refused)
{
	check_refused("operators.rollup.rules.lost.below=0.5", NULL,
		      "operator rollup: rules.lost: expected either above or below");
	check_refused("operators.rollup.rules.x.metric=lost", NULL,
		      "operator rollup: rules.x: expected either above or below");
	check_refused("operators.rollup.rules.lost.resolve=0.5", NULL,
		      "operator rollup: rules.lost: resolve is beyond the threshold: what is resolved there would fire "
		      "again");
	check_refused("operators.rollup.rules.lost.dimensions=al", NULL,
		      "operator rollup: rules.lost: dimensions has \"al\"; expected some of all, experiment_group, "
		      "strategy_id, model_version, platform");
	check_refused(
		"operators.rollup.rules.log_silent.above=1", NULL,
		"operator rollup: rules.log_silent: metric silent takes no above, below, resolve, per or baseline: "
		"a log is silent or not");
}
