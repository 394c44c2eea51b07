/* Rules against made-up windows: what they are judged to be, and what follows. */
#include "operators/alert_rule.h"

#include "tests/test.h"

static struct error err;
static struct alert_rule rule;
static struct facts windows[16];
static int count; /* of windows: the newest is windows[0] */

/* lost / returned above 0.1, calm at 0.05, at least 10 returned, 2 windows to fire, 2 to resolve. */
static void
set_rule(void)
{
	static char name[] = "lost", dimensions[] = "all";

	memset(&rule, 0, sizeof(rule));
	option_defaults(alert_rule_group.options, &rule);
	option_free(alert_rule_group.options, &rule);
	rule.name = name;
	rule.dimensions = dimensions;
	rule.runbook = NULL;
	rule.metric = METRIC_LOST;
	rule.per = 1 + TALLY_RETURNED;
	rule.above = 0.1;
	rule.resolve = 0.05;
	rule.min_count = 10;
	count = 0;
}

static void
check_rule(void)
{
	check_ok(alert_rule_check(&rule, &err));
}

/* A window before those that there are: `lost` of 100 at the first hop. */
static struct facts *
before(int64_t lost)
{
	windows[count] = (struct facts){.known = true};
	windows[count].counts[TALLY_RETURNED] = 100;
	windows[count].counts[TALLY_LOST_ENGINE_SERVER] = lost;
	return &windows[count++];
}

static enum outcome
judged(int at, double *value)
{
	return alert_rule_judge(&rule, 0, windows, count, at, value);
}

static enum outcome
outcome(void)
{
	double value;

	return judged(0, &value);
}

static bool
fires(void)
{
	return alert_rule_decide(&rule, 0, false, windows, count, count).fires;
}

static bool
resolves(void)
{
	return alert_rule_decide(&rule, 0, true, windows, count, count).resolves;
}

TEST(a_window_is_in_breach_in_between_or_calm)
{
	double value;

	set_rule();
	check_rule();
	before(11);
	check_int(judged(0, &value), BREACH);
	check_real(value, 0.11);
	windows[0].counts[TALLY_LOST_ENGINE_SERVER] = 10;
	check_int(outcome(), BETWEEN);
	windows[0].counts[TALLY_LOST_ENGINE_SERVER] = 4;
	windows[0].counts[TALLY_LOST_SERVER_CLIENT] = 1;
	check_int(outcome(), CALM);
	windows[0].known = false;
	check_int(outcome(), SAYS_NOTHING);
}

TEST(a_window_with_too_little_in_it_is_calm)
{
	set_rule();
	check_rule();
	before(9)->counts[TALLY_RETURNED] = 9;
	check_int(outcome(), CALM);
	windows[0].counts[TALLY_RETURNED] = 10;
	check_int(outcome(), BREACH);
	rule.min_count = 0;
	windows[0].counts[TALLY_RETURNED] = 0;
	check_int(outcome(), CALM);
}

TEST(a_rule_may_be_about_too_little)
{
	set_rule();
	rule.metric = TALLY_MATCHED;
	rule.above = -1;
	rule.below = 0.9;
	rule.resolve = 0.95;
	check_rule();
	before(0)->counts[TALLY_MATCHED] = 89;
	check_int(outcome(), BREACH);
	windows[0].counts[TALLY_MATCHED] = 94;
	check_int(outcome(), BETWEEN);
	windows[0].counts[TALLY_MATCHED] = 95;
	check_int(outcome(), CALM);
}

TEST(a_rule_may_be_about_a_latency)
{
	set_rule();
	rule.metric = METRIC_LATENCY + LATENCY_SERVER_CLIENT * QUANTILES + P95;
	rule.per = 0;
	rule.above = 500;
	rule.resolve = -1;
	check_rule();
	check_text(alert_rule_hop(&rule), "server_client");
	before(0)->latencies_ms[LATENCY_SERVER_CLIENT][P95] = 501;
	check_int(outcome(), CALM); /* nothing was measured */
	windows[0].durations[LATENCY_SERVER_CLIENT] = 10;
	check_int(outcome(), BREACH);
	windows[0].latencies_ms[LATENCY_SERVER_CLIENT][P95] = 500;
	check_int(outcome(), CALM);
	windows[0].shaded = 1u << CLIENT;
	check_int(outcome(), SAYS_NOTHING);
}

TEST(a_value_may_be_held_against_its_mean_in_the_windows_before)
{
	double value;

	set_rule();
	rule.baseline = 4;
	rule.above = 2;
	check_rule();
	before(50);
	before(25);
	check_int(judged(0, &value), SAYS_NOTHING); /* of four windows there is one */
	before(0)->known = false;
	before(25);
	check_int(judged(0, &value), BETWEEN);
	check_real(value, 2);
	windows[0].counts[TALLY_LOST_ENGINE_SERVER] = 51;
	check_int(outcome(), BREACH);
	windows[1].counts[TALLY_LOST_ENGINE_SERVER] = windows[3].counts[TALLY_LOST_ENGINE_SERVER] = 0;
	check_int(outcome(), SAYS_NOTHING); /* usually there is none: there is no twice as much */
}

TEST(an_alert_fires_when_enough_windows_in_a_row_are_in_breach)
{
	struct alert_decision decision;

	set_rule();
	check_rule();
	before(50);
	check(!fires());
	before(6);
	before(50);
	check(!fires());
	windows[1].counts[TALLY_LOST_ENGINE_SERVER] = 40;
	decision = alert_rule_decide(&rule, 0, false, windows, count, count);
	check(decision.fires && !decision.resolves);
	check_int(decision.first, 1);
	check_int(decision.last, 0);
	check_real(decision.value, 0.5);
}

TEST(it_is_resolved_when_enough_are_calm)
{
	set_rule();
	check_rule();
	before(5);
	check(!resolves());
	before(6);
	before(50);
	check(!resolves());
	windows[1].counts[TALLY_LOST_ENGINE_SERVER] = 5;
	check(resolves());
	check(!fires());
}

TEST(windows_that_say_nothing_are_passed_over)
{
	set_rule();
	check_rule();
	before(50);
	before(0)->known = false;
	before(50)->shaded = 1u << SERVER;
	before(50);
	check(fires());
	for (int i = 0; i < count; i++)
		windows[i].counts[TALLY_LOST_ENGINE_SERVER] = 0;
	check(resolves());
	windows[3].known = false;
	check(!resolves());
}

TEST(what_was_seen_before_it_was_resolved_does_not_fire_it_again)
{
	set_rule();
	check_rule();
	before(50);
	before(50);
	check(!alert_rule_decide(&rule, 0, false, windows, count, 1).fires);
	check(!alert_rule_decide(&rule, 0, false, windows, count, 0).fires);
	check(alert_rule_decide(&rule, 0, false, windows, count, 2).fires);
}

TEST(a_silent_log_is_one_rule_and_holds_what_its_silence_would_fire)
{
	double value;

	set_rule();
	check_rule();
	before(100)->shaded = 1u << SERVER;
	check_int(outcome(), SAYS_NOTHING);
	windows[0].shaded = 1u << CLIENT;
	rule.metric = TALLY_LOST_ENGINE_SERVER;
	check_int(outcome(), BREACH); /* what the client says has nothing to do with it */
	rule.metric = TALLY_DUPLICATED;
	windows[0].counts[TALLY_DUPLICATED] = 20;
	check_int(outcome(), BREACH);
	set_rule();
	rule.metric = METRIC_SILENT;
	rule.per = 0;
	rule.above = rule.resolve = -1;
	check_rule();
	before(0)->silent = 1u << CLIENT;
	check_int(alert_rule_judge(&rule, CLIENT, windows, count, 0, &value), BREACH);
	check_real(value, 1);
	check_int(alert_rule_judge(&rule, SERVER, windows, count, 0, &value), CALM);
}

TEST(a_rule_that_means_nothing_is_refused)
{
	static char none[] = " ,", wrong[] = "all, planet", empty[] = "";

	set_rule();
	rule.below = 0.2;
	check_fails(alert_rule_check(&rule, &err), "expected either above or below");
	set_rule();
	rule.dimensions = none;
	check_fails(alert_rule_check(&rule, &err), "dimensions is empty; expected \"all\", or others");
	rule.dimensions = wrong;
	check_fails(alert_rule_check(&rule, &err),
		    "dimensions has \"planet\"; expected some of all, experiment_group, strategy_id, model_version, "
		    "platform");
	set_rule();
	rule.name = empty;
	check_fails(alert_rule_check(&rule, &err), "its name has 0 bytes; expected 1 to 100");
	set_rule();
	rule.metric = METRIC_LATENCY;
	check_fails(alert_rule_check(&rule, &err), "metric latency_engine_server_p50_ms is no count: it takes no per");
}
