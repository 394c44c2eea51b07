/*
 * What the files of integrity_rollup share: its parameters and resolved fields, its windows and its alerts. The
 * operator itself, and what it promises, is integrity_rollup.c.
 */
#ifndef OPERATORS_INTEGRITY_ROLLUP_H
#define OPERATORS_INTEGRITY_ROLLUP_H

#include "operators/alert_rule.h"

enum rollup_output { INTEGRITY_WINDOWS, ALERTS };
enum rollup_store { TOTALS, NEWEST, RAISED };
enum rollup_counter {
	COUNT_TOLD,
	COUNT_REVISED,
	COUNT_LATE,
	COUNT_FIRED,
	COUNT_RESOLVED,
	COUNT_HELD_BACK,
};

struct rollup {
	int64_t keep, settle, quiet_after, firing_max;
	struct option_groups configured; /* struct alert_rule */
	struct alert_rule *rules;	 /* the same, checked */
	int rule_count;
	int reach;	   /* windows that a rule may look at */
	int row;	   /* ... that a row of them may stretch over */
	unsigned looks_at; /* dimensions (bits) that some rule looks at */
	struct {
		struct field dimension, value, window_start, window_end, counts[TALLY_COUNTERS], latencies[LATENCIES],
			silent;
		struct field bucket, bucket_count; /* in an item of a sketch */
		int bucket_width;
	} count;
	struct {
		struct field dimension, value, window_start, window_end, counts[TALLY_COUNTERS],
			latencies[LATENCIES][QUANTILES], silent, revision;
	} window;
	struct {
		struct field name, labels, state, severity, value, threshold, window_start, starts_at, ends_at, runbook,
			revision, id;
		int states[2]; /* the schema's symbols of resolved, firing */
	} alert;
};

/* integrity_rollup_open.c: resolves fields, checks rules. */
int rollup_open(void *self, struct context *context, struct error *err);
void rollup_close(void *self);

/* ---- integrity_rollup_window.c: what is known of a window of a series ---- */

/* A window of a series. */
struct place {
	struct series_name name;
	int64_t start, end;
};

/* Adds differences to it. *revised: it had been told before; what has changed goes out with the commit. */
int rollup_window_add(const struct rollup *self, const struct place *place, const struct series *added, unsigned silent,
		      bool *revised, struct context *context, struct error *err);
/* Time to tell it, or to forget it. *told: it was told; *place: until the hook returns. */
int rollup_window_on_timer(const struct rollup *self, struct entry *entry, struct place *place, bool *told,
			   struct context *context, struct error *err);
/* It has changed since it was told. *place: until the hook returns. */
int rollup_window_revise(const struct rollup *self, struct entry *entry, struct place *place, struct context *context,
			 struct error *err);
/* `count` windows of the series, the newest first: the context's. */
int rollup_window_facts(const struct place *newest, int count, const struct facts **out, struct context *context,
			struct error *err);
void rollup_window_share(const struct share_part *entry, struct share *share);
void rollup_window_show(const struct entry *entry, struct buffer *out);

/* ---- integrity_rollup_judge.c, integrity_rollup_alert.c: alerts ---- */

/* Holds a window of a series, which may be the newest, against the rules, with those around it. What fires because of
 * an older one is resolved at once where the newest ones are calm. */
int rollup_judge(const struct rollup *self, const struct place *place, const struct place *newest,
		 struct context *context, struct error *err);
/* Nothing has been heard of what it is about, or it may be forgotten. */
int rollup_alert_on_timer(const struct rollup *self, struct entry *entry, struct context *context, struct error *err);
/* For a rescale. How many alerts fire is counted anew in each task. */
void rollup_alert_share(const struct share_part *entry, struct share *share);
int64_t rollup_alert_merge(const struct share_part *a, const struct share_part *b, struct buffer *value);
void rollup_alert_show(const struct entry *entry, struct buffer *out);

#endif
