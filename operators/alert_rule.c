#include "operators/alert_rule.h"

#define NOT_GIVEN "-1"
#define NAME_SIZE_MAX 100 /* bytes */

const double quantile_shares[QUANTILES] = {[P50] = 0.5, [P95] = 0.95, [P99] = 0.99};
const char *const alert_severities[] = {"page", "ticket", NULL};

static const char *const metrics[] = {
	TALLY_NAMES,
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

/* ---- what a rule is ---- */

int
alert_rule_latency(const struct alert_rule *rule)
{
	return rule->metric >= METRIC_LATENCY ? (rule->metric - METRIC_LATENCY) / QUANTILES : -1;
}

const char *
alert_rule_hop(const struct alert_rule *rule)
{
	static const char *const hops[LATENCIES] = {"engine_server", "server_client", "server_client"};

	if (alert_rule_latency(rule) >= 0)
		return hops[alert_rule_latency(rule)];
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
	if (alert_rule_latency(rule) >= 0 && rule->per != 0)
		return fail(err, FATAL, "metric %s is no count: it takes no per", metrics[rule->metric]);
	rule->falls = rule->below >= 0;
	rule->threshold = rule->falls ? rule->below : rule->above;
	rule->calm_at = rule->resolve >= 0 ? rule->resolve : rule->threshold;
	if (rule->falls ? rule->calm_at < rule->threshold : rule->calm_at > rule->threshold)
		return fail(err, FATAL, "resolve is beyond the threshold: what is resolved there would fire again");
	return 0;
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
