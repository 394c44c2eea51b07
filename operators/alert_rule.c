#include "operators/alert_rule.h"

#define NOT_GIVEN "-1"
#define NAME_SIZE_MAX 100    /* bytes */
#define LATENCY_MS_LEAST 1.0 /* a clock of milliseconds tells no shorter one */

const double quantile_shares[QUANTILES] = {[P50] = 0.5, [P95] = 0.95, [P99] = 0.99};
const char *const alert_severities[] = {"page", "ticket", NULL};

static const char *const metrics[] = {
	"returned",
	"delivered",
	"received",
	"exposed",
	"matched",
	"not_reached",
	"lost_engine_server",
	"lost_server_client",
	"duplicated",
	"phantom",
	"altered",
	"late",
	"unlisted",
	"differing",
	"phantom_reached",
	"negative_latencies",
	[METRIC_LOST] = "lost",
	[METRIC_MISMATCHES] = "mismatches",
	[METRIC_SILENT] = "silent",
	[METRIC_LATENCY] = "latency_engine_server_p50_ms",
	"latency_engine_server_p95_ms",
	"latency_engine_server_p99_ms",
	"latency_server_client_p50_ms",
	"latency_server_client_p95_ms",
	"latency_server_client_p99_ms",
	"latency_exposed_p50_ms",
	"latency_exposed_p95_ms",
	"latency_exposed_p99_ms",
	NULL,
};
_Static_assert(sizeof(metrics) / sizeof(*metrics) == METRICS + 1, "each metric has its name");

static const char *const shares[] = {"one", "returned", "delivered", "received", "exposed", NULL};

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

/* ---- what a rule is ---- */

static bool
is_latency(const struct alert_rule *rule)
{
	return rule->metric >= METRIC_LATENCY;
}

static enum latency
latency_of(const struct alert_rule *rule)
{
	return (enum latency)((rule->metric - METRIC_LATENCY) / QUANTILES);
}

static unsigned
logs_of(const struct alert_rule *rule)
{
	unsigned logs = rule->per > 0 ? count_logs[rule->per - 1] : 0;

	if (is_latency(rule))
		return logs | latency_logs[latency_of(rule)];
	if (rule->metric == METRIC_LOST)
		return logs | OF_SERVER | OF_CLIENT;
	return logs | (rule->metric == METRIC_MISMATCHES ? OF_ALL : count_logs[rule->metric]);
}

const char *
alert_rule_hop(const struct alert_rule *rule)
{
	static const char *const hops[LATENCIES] = {"engine_server", "server_client", "server_client"};

	if (is_latency(rule))
		return hops[latency_of(rule)];
	if (rule->metric == TALLY_LOST_ENGINE_SERVER)
		return "engine_server";
	return rule->metric == TALLY_LOST_SERVER_CLIENT ? "server_client" : NULL;
}

int
alert_rule_row(const struct alert_rule *rule)
{
	int64_t most = rule->windows > rule->resolve_windows ? rule->windows : rule->resolve_windows;

	return (int)(most * (rule->gap_max + 1));
}

/* Whether a window of the baseline was in breach is a matter of the baseline before it. */
int
alert_rule_reach(const struct alert_rule *rule)
{
	return alert_rule_row(rule) + 2 * (int)rule->baseline;
}

static int
read_dimensions(struct alert_rule *rule, struct error *err)
{
	const char *at = rule->dimensions;

	for (at += strspn(at, ", "); *at; at += strspn(at, ", ")) {
		size_t size = strcspn(at, ", ");
		int dimension = series_dimension_find(bytes_of(at, size));

		if (dimension < 0)
			return fail(err, FATAL,
				    "dimensions has \"%.*s\"; expected some of all, experiment_group, strategy_id, "
				    "model_version, platform",
				    (int)size, at);
		rule->looks_at |= 1u << dimension;
		at += size;
	}
	if (rule->looks_at == 0)
		return fail(err, FATAL, "dimensions is empty; expected \"all\", or others");
	return 0;
}

/* A log is silent or it is not: there is nothing to reckon with. */
static int
check_silence(const struct alert_rule *rule, struct error *err)
{
	if (rule->above >= 0 || rule->below >= 0 || rule->resolve >= 0 || rule->per != 0 || rule->baseline != 0)
		return fail(err, FATAL,
			    "metric silent takes no above, below, resolve, per or baseline: a log is silent or not");
	if (rule->looks_at != 1u << ALL)
		return fail(err, FATAL, "metric silent is about a whole log; expected \"dimensions: all\"");
	return 0;
}

int
alert_rule_check(struct alert_rule *rule, struct error *err)
{
	if (strlen(rule->name) == 0 || strlen(rule->name) > NAME_SIZE_MAX)
		return fail(err, FATAL, "its name has %zu bytes; expected 1 to %d", strlen(rule->name), NAME_SIZE_MAX);
	if (read_dimensions(rule, err) < 0)
		return -1;
	if (rule->metric == METRIC_SILENT)
		return check_silence(rule, err);
	if ((rule->above >= 0) == (rule->below >= 0))
		return fail(err, FATAL, "expected either above or below");
	if (is_latency(rule) && rule->per != 0)
		return fail(err, FATAL, "metric %s is no count: it takes no per", metrics[rule->metric]);
	rule->falls = rule->below >= 0;
	rule->threshold = rule->falls ? rule->below : rule->above;
	rule->calm_at = rule->resolve >= 0 ? rule->resolve : rule->threshold;
	if (rule->falls ? rule->calm_at < rule->threshold : rule->calm_at > rule->threshold)
		return fail(err, FATAL, "resolve is beyond the threshold: what is resolved there would fire again");
	return 0;
}

/* ---- one window ---- */

static double
amount(const struct alert_rule *rule, const struct facts *facts)
{
	const int64_t *counts = facts->counts;
	int64_t lost = counts[TALLY_LOST_ENGINE_SERVER] + counts[TALLY_LOST_SERVER_CLIENT];

	if (is_latency(rule))
		return facts->latencies_ms[latency_of(rule)][(rule->metric - METRIC_LATENCY) % QUANTILES];
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

	if (is_latency(rule))
		return facts->durations[latency_of(rule)];
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
	if (rule->falls || is_latency(rule))
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

/* ---- its manual page ---- */

static const struct option options[] = {
	{"metric", OPTION_CHOICE, offsetof(struct alert_rule, metric), NULL, 0, 0, metrics, NULL,
	 "what is watched: a count of the window, lost (at both hops), mismatches (of all kinds but late), silent (a "
	 "log of which nothing came), or a latency"},
	{"per", OPTION_CHOICE, offsetof(struct alert_rule, per), "one", 0, 0, shares, NULL,
	 "the count that the metric is divided by; one: it is taken as it is"},
	{"above", OPTION_NUMBER, offsetof(struct alert_rule, above), NOT_GIVEN, -1, 1e15, NULL, NULL,
	 "a window is in breach where the value is above this; -1: not given"},
	{"below", OPTION_NUMBER, offsetof(struct alert_rule, below), NOT_GIVEN, -1, 1e15, NULL, NULL,
	 "... or below this"},
	{"resolve", OPTION_NUMBER, offsetof(struct alert_rule, resolve), NOT_GIVEN, -1, 1e15, NULL, NULL,
	 "a window is calm where the value is not beyond this; -1: as above or below"},
	{"baseline", OPTION_INTEGER, offsetof(struct alert_rule, baseline), "0", 0, RULE_BASELINE_MAX, NULL, "windows",
	 "the value is divided by its mean over so many windows before, without those that were in breach; a window "
	 "says nothing where fewer than half of them do; a mean of 0 counts as one event in all of them, or as 1 ms; "
	 "0: it is not divided"},
	{"min_count", OPTION_INTEGER, offsetof(struct alert_rule, min_count), "100", 0, 1e15, NULL, NULL,
	 "a window says nothing that has fewer of `per`; without `per` fewer impressions; of a latency, fewer that "
	 "were measured"},
	{"for", OPTION_INTEGER, offsetof(struct alert_rule, windows), "2", 1, RULE_FOR_MAX, NULL, "windows",
	 "so many windows in a row are in breach before it fires"},
	{"resolve_for", OPTION_INTEGER, offsetof(struct alert_rule, resolve_windows), "2", 1, RULE_FOR_MAX, NULL,
	 "windows", "so many windows in a row are calm before it is resolved"},
	{"gap_max", OPTION_INTEGER, offsetof(struct alert_rule, gap_max), "2", 0, RULE_GAP_MAX, NULL, "windows",
	 "so many windows between two of a row may say nothing, since there is none, too little in it, or a silent "
	 "log; more end the row"},
	{"dimensions", OPTION_TEXT, offsetof(struct alert_rule, dimensions), "all", 0, 0, NULL, NULL,
	 "which series it looks at, separated by commas: all, experiment_group, strategy_id, model_version, platform"},
	{"severity", OPTION_CHOICE, offsetof(struct alert_rule, severity), "ticket", 0, 0, alert_severities, NULL,
	 "page: somebody is woken; ticket: somebody looks at it in the morning"},
	{"runbook", OPTION_TEXT, offsetof(struct alert_rule, runbook), "", 0, 0, NULL, NULL,
	 "link to what is to be done"},
	OPTION_END,
};

const struct option_group alert_rule_group = {
	.options = options,
	.size = sizeof(struct alert_rule),
	.name = offsetof(struct alert_rule, name),
};
