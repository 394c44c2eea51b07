/* Rules against made-up windows: what they are judged to be, and what follows. */
#include "operators/alert_rule.h"

#include "tests/test.h"

static struct error err;
static struct alert_rule rule;
#define WINDOWS_MAX 64

static struct facts windows[WINDOWS_MAX];
static struct judgement judgements[WINDOWS_MAX];
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
	alert_rule_judge(&rule, 0, windows, count, judgements);
	*value = judgements[at].value;
	return judgements[at].outcome;
}

static enum outcome
outcome(void)
{
	double value;

	return judged(0, &value);
}

/* Because of the window at `at`; the first `fresh` came after it was resolved. */
static struct alert_decision
decide(bool firing, int fresh, int at)
{
	alert_rule_judge(&rule, 0, windows, count, judgements);
	return alert_rule_decide(&rule, firing, judgements, count, fresh, at);
}

static bool
fires(void)
{
	return decide(false, count, 0).fires;
}

static bool
resolves(void)
{
	return decide(true, count, 0).resolves;
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

TEST(a_window_with_too_little_in_it_says_nothing)
{
	double value;

	set_rule();
	check_rule();
	before(9)->counts[TALLY_RETURNED] = 9;
	check_int(outcome(), SAYS_NOTHING);
	windows[0].counts[TALLY_RETURNED] = 10;
	check_int(judged(0, &value), BREACH);
	check_real(value, 0.9);
	rule.min_count = 0;
	windows[0].counts[TALLY_RETURNED] = 0;
	check_int(outcome(), SAYS_NOTHING);
}

TEST(windows_with_too_little_in_them_neither_fire_nor_resolve)
{
	set_rule();
	check_rule();
	for (int i = 0; i < 3; i++)
		before(0)->counts[TALLY_RETURNED] = 9;
	before(50);
	before(50);
	check(!resolves());
	check_int(decide(true, count, 0).judged, -1);
	rule.gap_max = 3;
	check_int(decide(true, count, 0).judged, 3);
	check_real(judgements[3].value, 0.5);
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
	check_int(outcome(), SAYS_NOTHING); /* nothing was measured */
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
}

TEST(what_never_happened_before_has_the_rate_of_one_event_in_the_whole_baseline)
{
	double value;

	set_rule();
	rule.baseline = 4;
	rule.above = 2;
	check_rule();
	before(1);
	for (int i = 0; i < 4; i++)
		before(0);
	check_int(judged(0, &value), BREACH);
	check_real(value, 4); /* 1 of 100, and before less than 1 of 400 */
	windows[0].counts[TALLY_LOST_ENGINE_SERVER] = 0;
	check_int(judged(0, &value), CALM);
	check_real(value, 0);
	set_rule();
	rule.metric = METRIC_LATENCY + P95;
	rule.per = 0;
	rule.baseline = 4;
	rule.above = 2;
	check_rule();
	for (int i = 0; i < 5; i++)
		before(0)->durations[LATENCY_ENGINE_SERVER] = 10;
	windows[0].latencies_ms[LATENCY_ENGINE_SERVER][P95] = 3;
	check_int(judged(0, &value), BREACH);
	check_real(value, 3);
	set_rule();
	rule.metric = TALLY_MATCHED;
	rule.baseline = 4;
	rule.above = -1;
	rule.below = 0.5;
	rule.resolve = -1;
	check_rule();
	for (int i = 0; i < 5; i++)
		before(0);
	check_int(outcome(), SAYS_NOTHING); /* what usually never happens cannot happen less */
}

TEST(a_baseline_takes_in_no_window_that_was_in_breach)
{
	double value;

	set_rule();
	rule.baseline = 8;
	rule.above = 2;
	rule.resolve = 1.5;
	check_rule();
	for (int i = 0; i < 5; i++)
		before(60);
	for (int i = 0; i < 16; i++)
		before(20);
	for (int at = 3; at >= 0; at--) {
		check_int(judged(at, &value), BREACH); /* with the others in the mean the second one would be calm */
		check(value > 2.999999 && value < 3.000001);
	}
	for (int i = count - 1; i >= 0; i--)
		windows[i + 4] = windows[i];
	count += 4;
	check_int(judged(4, &value), BREACH);
	check_int(judged(3, &value), SAYS_NOTHING); /* fewer than half of the eight before are left */
	check_int(alert_rule_reach(&rule), 2 * 3 + 2 * 8);
}

TEST(a_mean_over_windows_that_come_and_go_is_what_it_would_be_anew)
{
	double value;

	set_rule();
	rule.baseline = 4;
	rule.above = 1000;
	rule.resolve = 1000;
	check_rule();
	for (int i = 0; i < 20; i++)
		before(i % 7);
	check_int(judged(0, &value), CALM);
	check_real(value, 0);
	for (int i = 1; i < 15; i++) {
		double mean = 0;

		for (int j = i + 1; j <= i + 4; j++)
			mean += (double)(j % 7) / 400;
		check_int(judged(i, &value), CALM);
		check(value > 0.999999 * (i % 7) / 100 / mean - 1e-12 &&
		      value < 1.000001 * (i % 7) / 100 / mean + 1e-12);
	}
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
	decision = decide(false, count, 0);
	check(decision.fires && !decision.resolves);
	check_int(decision.first, 2);
	check_int(decision.last, 0);
	check_int(decision.judged, 0);
	check_real(judgements[0].value, 0.5);
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

TEST(windows_that_say_nothing_are_passed_over_up_to_a_limit)
{
	set_rule();
	check_rule();
	before(50);
	before(0)->known = false;
	before(50)->shaded = 1u << SERVER;
	before(50);
	check(fires());
	rule.gap_max = 1;
	check(!fires());
	rule.gap_max = 2;
	for (int i = 0; i < count; i++)
		windows[i].counts[TALLY_LOST_ENGINE_SERVER] = 0;
	check(resolves());
	rule.gap_max = 1;
	check(!resolves());
	rule.gap_max = 2;
	windows[3].known = false;
	check(!resolves());
}

TEST(three_breaches_an_hour_apart_are_no_row)
{
	set_rule();
	rule.windows = 3;
	check_rule();
	for (int i = 0; i < 3; i++) {
		before(50);
		for (int j = 0; j < 10; j++)
			before(0)->known = false;
	}
	check(!fires());
}

TEST(an_alert_starts_with_the_first_window_of_its_row)
{
	set_rule();
	check_rule();
	for (int i = 0; i < 5; i++)
		before(50);
	before(0);
	check(fires());
	check_int(decide(false, count, 0).first, 4);
	windows[3].known = false;
	check_int(decide(false, count, 0).first, 4);
}

TEST(an_old_window_that_is_revised_fires_with_those_around_it)
{
	struct alert_decision decision;

	set_rule();
	check_rule();
	before(0);
	before(0);
	before(40);
	before(0)->known = false;
	before(50);
	before(0);
	check(!fires());
	for (int at = 2; at <= 4; at += 2) {
		decision = decide(false, count, at);
		check(decision.fires);
		check_int(decision.first, 4);
		check_int(decision.last, 2);
		check_real(judgements[decision.judged].value, 0.4);
	}
	check(!decide(false, count, 3).fires);
	check(!decide(false, count, 5).fires);
	check(!decide(false, 3, 2).fires); /* the older one was there before the alert was resolved */
	rule.windows = 3;
	check(!decide(false, count, 2).fires);
}

TEST(what_was_seen_before_it_was_resolved_does_not_fire_it_again)
{
	set_rule();
	check_rule();
	before(50);
	before(50);
	check(!decide(false, 1, 0).fires);
	check(!decide(false, 0, 0).fires);
	check(decide(false, 2, 0).fires);
}

TEST(a_silent_log_is_one_rule_and_holds_what_its_silence_would_fire)
{
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
	alert_rule_judge(&rule, CLIENT, windows, count, judgements);
	check_int(judgements[0].outcome, BREACH);
	check_real(judgements[0].value, 1);
	alert_rule_judge(&rule, SERVER, windows, count, judgements);
	check_int(judgements[0].outcome, CALM);
}

TEST(the_silence_of_a_log_makes_no_calm_of_what_that_log_cannot_show)
{
	set_rule();
	rule.metric = TALLY_DUPLICATED;
	check_rule();
	before(0)->shaded = 1u << CLIENT;
	check_int(outcome(), SAYS_NOTHING); /* what stands twice in the client's log nobody sees */
	windows[0].counts[TALLY_DUPLICATED] = 20;
	check_int(outcome(), BREACH);
	rule.metric = TALLY_ALTERED;
	check_int(outcome(), SAYS_NOTHING);
	rule.baseline = 1;
	check_rule();
	before(0)->shaded = 1u << CLIENT;
	windows[0].shaded = 0;
	windows[0].counts[TALLY_ALTERED] = 20;
	check_int(outcome(), SAYS_NOTHING); /* nor does it make a baseline */
	set_rule();
	rule.metric = TALLY_DUPLICATED;
	rule.above = rule.resolve = -1;
	rule.below = 0.1;
	check_rule();
	before(0)->shaded = 1u << CLIENT;
	check_int(outcome(), SAYS_NOTHING);
	windows[0].counts[TALLY_DUPLICATED] = 20;
	check_int(outcome(), CALM);
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
