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
 * `resolve`, and neither in between. It says nothing where there is none; where it has fewer than `min_count` of what
 * the value is a share of; where fewer than half of the baseline's windows say something; and where a log was silent in
 * it or next to it whose silence alone would make the value what it is: of that there is one alert, by a rule with
 * `metric: silent`.
 *
 * A baseline leaves out windows that were in breach themselves. Its mean is at least one event in all of its windows
 * together (of a latency: 1 ms), so that what usually never happens has a rate that it can be above.
 *
 * An alert fires when `for` windows in a row are in breach: the newest ones, or some around a window that was revised.
 * It is resolved when the newest `resolve_for` are calm. In a row: between two of them at most `gap_max` windows say
 * nothing, and those neither fire nor resolve anything. Windows are taken as they are known now, so that one that is
 * revised has the effect that it would have had at once; only what was seen before an alert was resolved does not fire
 * it again.
 */
#ifndef OPERATORS_ALERT_RULE_H
#define OPERATORS_ALERT_RULE_H

#include "operators/integrity_series.h"

#define RULES_MAX 64
#define RULE_FOR_MAX 60
#define RULE_BASELINE_MAX 1440
#define RULE_GAP_MAX 10

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
	int64_t min_count, baseline, windows, resolve_windows, gap_max;

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
int alert_rule_latency(const struct alert_rule *rule);	   /* what the metric is a quantile of; -1: a count */
int alert_rule_row(const struct alert_rule *rule);	   /* windows that a row of them may stretch over */
int alert_rule_reach(const struct alert_rule *rule);	   /* windows that a decision has to look at */

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

/* What a rule says of a window. */
struct judgement {
	enum outcome outcome;
	double value; /* 0 where it says nothing */
};

/* Judges all windows: the newest first. `log`: of a rule about silence. */
void alert_rule_judge(const struct alert_rule *rule, int log, const struct facts *windows, int count,
		      struct judgement *out);

struct alert_decision {
	bool fires, resolves;
	int first, last; /* the oldest and the newest of the windows in breach; -1: none */
	int judged;	 /* the window whose value it goes by: the newest that says something; -1: none does */
};

/*
 * `at`: the window because of which it is asked: 0, the newest, or one that was revised; around that one it may fire.
 * `fresh`: how many of the windows came after the alert was resolved.
 */
struct alert_decision alert_rule_decide(const struct alert_rule *rule, bool firing, const struct judgement *windows,
					int count, int fresh, int at);

#endif
