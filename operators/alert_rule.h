/*
 * Alert rules: what is too much, and for how long. Pure: windows in, a decision out.
 *
 * A rule judges each window of a series. Its value is
 *
 *     metric                                      a count, a latency in ms, or `silent`: a log of which nothing came
 *     metric / per                                where `per` names another count
 *     that / its mean over `baseline` windows     where the rule compares with the windows before
 *
 * and the window is in breach where the value is above `above` (or below `below`), calm where it is not beyond
 * `resolve`, and neither in between. A window with fewer than `min_count` of what the value is a share of is calm:
 * there is too little to go by. A window says nothing at all where there is none, where there is nothing to compare
 * with, and where a log was silent in it or next to it whose silence alone would make the value what it is: of that
 * there is one alert, by a rule with `metric: silent`.
 *
 * An alert fires when the newest `for` windows that say something are in breach, and is resolved when the newest
 * `resolve_for` of them are calm. Both look at the windows as they are known now, so that a window that is revised has
 * the effect that it would have had at once; only what was seen before an alert was resolved does not fire it again.
 */
#ifndef OPERATORS_ALERT_RULE_H
#define OPERATORS_ALERT_RULE_H

#include "operators/integrity_series.h"

#define RULES_MAX 64
#define RULE_FOR_MAX 60
#define RULE_BASELINE_MAX 1440
#define RULE_GAP_MAX 60 /* windows that say nothing and are passed over */

enum quantile { P50, P95, P99, QUANTILES };
enum metric {
	METRIC_LOST = TALLY_COUNTERS, /* before it: the counts */
	METRIC_MISMATCHES,
	METRIC_SILENT,
	METRIC_LATENCY, /* and what follows: by latency and quantile */
	METRICS = METRIC_LATENCY + LATENCIES * QUANTILES,
};

/* As it is configured; and, below, what alert_rule_check makes of that. */
struct alert_rule {
	char *name, *dimensions, *runbook;
	int metric, per, severity;
	double above, below, resolve;
	int64_t min_count, baseline, windows, resolve_windows;

	unsigned looks_at; /* dimensions: bits */
	bool falls;	   /* the breach is below */
	double threshold, calm_at;
};

extern const struct option_group alert_rule_group;
extern const double quantile_shares[QUANTILES];
extern const char *const alert_severities[];

/* Refuses what means nothing. */
int alert_rule_check(struct alert_rule *rule, struct error *err);
const char *alert_rule_hop(const struct alert_rule *rule); /* what the metric is about; NULL: nothing of that kind */
int alert_rule_reach(const struct alert_rule *rule);	   /* windows that a decision may have to look at */

/* What a rule sees of a window. */
struct facts {
	bool known; /* there is such a window */
	int64_t counts[TALLY_COUNTERS];
	int64_t durations[LATENCIES]; /* how many were measured */
	double latencies_ms[LATENCIES][QUANTILES];
	unsigned silent; /* bits of the logs of which nothing came, though others went on */
	unsigned shaded; /* bits of the logs of which something may be missing since they were silent */
};

enum outcome { SAYS_NOTHING, CALM, BETWEEN, BREACH };

/* The window at `at`; those before it are behind it. `log`: of a rule about silence. */
enum outcome alert_rule_judge(const struct alert_rule *rule, int log, const struct facts *windows, int count, int at,
			      double *value);

struct alert_decision {
	bool fires, resolves;
	int first, last; /* of the windows in breach: the oldest of those that made it fire, the newest; -1: none */
	double value;	 /* of the newest window that says something; of the newest in breach where it fires */
};

/* `windows`: the newest first. `fresh`: how many of them came after the alert was resolved. */
struct alert_decision alert_rule_decide(const struct alert_rule *rule, int log, bool firing,
					const struct facts *windows, int count, int fresh);

#endif
