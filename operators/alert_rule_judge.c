/* What a rule says of windows, and what follows. */
#include "operators/alert_rule.h"

#define LATENCY_MS_LEAST 1.0 /* a clock of milliseconds tells no shorter one */

#define OF_ENGINE (1u << ENGINE)
#define OF_SERVER (1u << SERVER)
#define OF_CLIENT (1u << CLIENT)
#define OF_ALL (OF_ENGINE | OF_SERVER | OF_CLIENT)

/* The logs whose silence alone changes a count. */
static const unsigned count_logs[TALLY_COUNTERS] = {
	[TALLY_RETURNED] = OF_ENGINE,
	[TALLY_DELIVERED] = OF_SERVER,
	[TALLY_RECEIVED] = OF_CLIENT,
	[TALLY_EXPOSED] = OF_CLIENT,
	[TALLY_MATCHED] = OF_ALL,
	[TALLY_NOT_REACHED] = OF_CLIENT,
	[TALLY_LOST_ENGINE_SERVER] = OF_SERVER,
	[TALLY_LOST_SERVER_CLIENT] = OF_CLIENT,
	[TALLY_PHANTOM] = OF_ENGINE | OF_SERVER,
	[TALLY_LATE] = OF_ALL,
	[TALLY_UNLISTED] = OF_ALL,
	[TALLY_DIFFERING] = OF_ALL,
	[TALLY_PHANTOM_REACHED] = OF_ENGINE | OF_CLIENT,
	[TALLY_NEGATIVE_LATENCIES] = OF_ALL,
};
/* The logs whose silence alone makes a count smaller, and not larger: what there is of it still counts. */
static const unsigned lowering_logs[TALLY_COUNTERS] = {[TALLY_DUPLICATED] = OF_ALL, [TALLY_ALTERED] = OF_ALL};

static const unsigned latency_logs[LATENCIES] = {
	[LATENCY_ENGINE_SERVER] = OF_ENGINE | OF_SERVER,
	[LATENCY_SERVER_CLIENT] = OF_SERVER | OF_CLIENT,
	[LATENCY_EXPOSED] = OF_SERVER | OF_CLIENT,
};

static unsigned
logs_of(const struct alert_rule *rule)
{
	unsigned logs = rule->per > 0 ? count_logs[rule->per - 1] : 0;

	if (alert_rule_latency(rule) >= 0)
		return logs | latency_logs[alert_rule_latency(rule)];
	if (rule->metric == METRIC_LOST)
		return logs | OF_SERVER | OF_CLIENT;
	return logs | (rule->metric == METRIC_MISMATCHES ? OF_ALL : count_logs[rule->metric]);
}

/* ---- one window ---- */

static double
amount(const struct alert_rule *rule, const struct facts *facts)
{
	const int64_t *counts = facts->counts;
	int64_t lost = counts[TALLY_LOST_ENGINE_SERVER] + counts[TALLY_LOST_SERVER_CLIENT];

	if (alert_rule_latency(rule) >= 0)
		return facts->latencies_ms[alert_rule_latency(rule)][(rule->metric - METRIC_LATENCY) % QUANTILES];
	if (rule->metric == METRIC_LOST)
		return (double)lost;
	if (rule->metric == METRIC_MISMATCHES)
		return (double)(lost + counts[TALLY_DUPLICATED] + counts[TALLY_PHANTOM] + counts[TALLY_ALTERED]);
	return (double)counts[rule->metric];
}

/* How much there is that the value is about. */
static int64_t
basis(const struct alert_rule *rule, const struct facts *facts)
{
	int64_t most = 0;

	if (alert_rule_latency(rule) >= 0)
		return facts->durations[alert_rule_latency(rule)];
	if (rule->per > 0)
		return facts->counts[rule->per - 1];
	for (int i = TALLY_RETURNED; i <= TALLY_EXPOSED; i++)
		if (facts->counts[i] > most)
			most = facts->counts[i];
	return most;
}

static bool
is_shaded(const struct alert_rule *rule, const struct facts *facts)
{
	return (facts->shaded & logs_of(rule)) != 0;
}

static bool
is_lowered(const struct alert_rule *rule, const struct facts *facts)
{
	return rule->metric < TALLY_COUNTERS && (facts->shaded & lowering_logs[rule->metric]) != 0;
}

static bool
has_enough(const struct alert_rule *rule, const struct facts *facts)
{
	int64_t there = basis(rule, facts);

	return there > 0 && there >= rule->min_count;
}

static double
plain_value(const struct alert_rule *rule, const struct facts *facts)
{
	double value = amount(rule, facts);

	return rule->per > 0 ? value / (double)facts->counts[rule->per - 1] : value;
}

static bool
says_something(const struct alert_rule *rule, const struct facts *facts)
{
	return facts->known && !is_shaded(rule, facts) && has_enough(rule, facts);
}

/* ---- the baseline ---- */

/* What the windows of the baseline come to: those that say something and were not in breach. */
struct baseline {
	int64_t used, above_zero, basis;
	double sum;
};

static void
baseline_add(struct baseline *baseline, const struct alert_rule *rule, const struct facts *facts, int by)
{
	double value = plain_value(rule, facts);

	baseline->used += by;
	baseline->basis += by * basis(rule, facts);
	baseline->above_zero += value > 0 ? by : 0;
	baseline->sum = baseline->above_zero > 0 ? baseline->sum + by * value : 0; /* no rest of rounding stays */
}

/* The mean; 0: fewer than half of the windows say something, or nothing can be below it. */
static double
baseline_mean(const struct baseline *baseline, const struct alert_rule *rule)
{
	if (baseline->used == 0 || 2 * baseline->used < rule->baseline)
		return 0;
	if (baseline->above_zero > 0)
		return baseline->sum / (double)baseline->used;
	if (rule->falls || alert_rule_latency(rule) >= 0)
		return rule->falls ? 0 : LATENCY_MS_LEAST;
	return 1 / (double)(rule->per > 0 ? baseline->basis : baseline->used);
}

/* ---- judging ---- */

static struct judgement
judge_value(const struct alert_rule *rule, double value)
{
	bool breach = rule->falls ? value < rule->threshold : value > rule->threshold;
	bool calm = rule->falls ? value >= rule->calm_at : value <= rule->calm_at;

	return (struct judgement){breach ? BREACH : calm ? CALM : BETWEEN, value};
}

static struct judgement
judge_silence(const struct facts *facts, int log)
{
	bool silent = facts->silent & 1u << log;

	if (!facts->known)
		return (struct judgement){SAYS_NOTHING, 0};
	return (struct judgement){silent ? BREACH : CALM, silent};
}

static struct judgement
judge(const struct alert_rule *rule, const struct facts *facts, const struct baseline *baseline)
{
	static const struct judgement nothing = {SAYS_NOTHING, 0};
	double mean = rule->baseline > 0 ? baseline_mean(baseline, rule) : 1;
	struct judgement judgement;

	if (!says_something(rule, facts) || mean <= 0)
		return nothing;
	judgement = judge_value(rule, plain_value(rule, facts) / mean);
	if (is_lowered(rule, facts) && judgement.outcome != (rule->falls ? CALM : BREACH))
		return nothing;
	return judgement;
}

static bool
in_baseline(const struct alert_rule *rule, const struct facts *facts, const struct judgement *judgement)
{
	return says_something(rule, facts) && !is_lowered(rule, facts) && judgement->outcome != BREACH;
}

/* From the oldest on: what is in breach is known when the windows behind it are held against it. */
void
alert_rule_judge(const struct alert_rule *rule, int log, const struct facts *windows, int count, struct judgement *out)
{
	struct baseline baseline = {0};

	for (int at = count - 1; at >= 0; at--) {
		int64_t gone = at + 1 + rule->baseline;

		if (rule->metric == METRIC_SILENT) {
			out[at] = judge_silence(&windows[at], log);
			continue;
		}
		if (rule->baseline > 0 && at + 1 < count && in_baseline(rule, &windows[at + 1], &out[at + 1]))
			baseline_add(&baseline, rule, &windows[at + 1], 1);
		if (rule->baseline > 0 && gone < count && in_baseline(rule, &windows[gone], &out[gone]))
			baseline_add(&baseline, rule, &windows[gone], -1);
		out[at] = judge(rule, &windows[at], &baseline);
	}
}

/* ---- several windows ---- */

/* The next window in one direction that says something, over a gap that is not too long; -1: none. */
static int
next_speaking(const struct alert_rule *rule, const struct judgement *windows, int count, int from, int step)
{
	int64_t gap = 0;

	for (int at = from; at >= 0 && at < count && gap <= rule->gap_max; at += step, gap++)
		if (windows[at].outcome != SAYS_NOTHING)
			return at;
	return -1;
}

/* A row of windows of one outcome around a window, or -1s. */
struct row {
	int first, last, length; /* the oldest, the newest */
};

static struct row
row_around(const struct alert_rule *rule, const struct judgement *windows, int count, int at, enum outcome outcome)
{
	struct row row = {-1, -1, 0};

	if (at < 0 || at >= count || windows[at].outcome != outcome)
		return row;
	row = (struct row){at, at, 1};
	for (int older;
	     (older = next_speaking(rule, windows, count, row.first + 1, 1)) >= 0 && windows[older].outcome == outcome;
	     row.length++)
		row.first = older;
	for (int newer;
	     (newer = next_speaking(rule, windows, count, row.last - 1, -1)) >= 0 && windows[newer].outcome == outcome;
	     row.length++)
		row.last = newer;
	return row;
}

struct alert_decision
alert_rule_decide(const struct alert_rule *rule, bool firing, const struct judgement *windows, int count, int fresh,
		  int at)
{
	int newest = next_speaking(rule, windows, count, 0, 1);
	struct alert_decision decision = {.first = -1, .last = -1, .judged = newest};
	struct row row;

	if (firing) {
		row = row_around(rule, windows, count, newest, CALM);
		decision.resolves = row.length >= rule->resolve_windows;
		if (newest >= 0 && windows[newest].outcome == BREACH)
			decision.last = newest;
		return decision;
	}
	row = row_around(rule, windows, fresh < count ? fresh : count, at == 0 ? newest : at, BREACH);
	decision.fires = row.length >= rule->windows;
	if (decision.fires)
		decision = (struct alert_decision){true, false, row.first, row.last, row.last};
	return decision;
}
