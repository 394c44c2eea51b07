/*
 * What the files of engagement_join share: its parameters and resolved fields, and its rows. The operator itself, and
 * what it promises, is engagement_join.c.
 */
#ifndef OPERATORS_ENGAGEMENT_JOIN_H
#define OPERATORS_ENGAGEMENT_JOIN_H

#include "dataflow/operator.h"
#include "record/symbols.h"
#include "operators/engagement_join_entry.h"

enum join_input { IMPRESSIONS, ENGAGEMENTS, SCORES };
enum join_output { OUTCOMES, EXPLORATIONS, LATE, ORPHANS, HINDSIGHT, LATE_IMPRESSIONS };
enum join_emit { EMIT_FINAL, EMIT_UPDATES, EMIT_BOTH };
enum join_counter {
	JOINED,
	SWIPE_AWAYS,
	CORRECTIONS,
	LATE_ENGAGEMENTS,
	ORPHAN_ENGAGEMENTS,
	REPEATED_ENGAGEMENTS,
	REPEATED_IMPRESSIONS,
	REPEATED_SCORES,
	HINDSIGHT_SCORES,
	DROPPED_SCORES,
	IMPRESSIONS_LATE,
};
/* As actions.h numbers them. */
enum join_action { VIEW, CLICK, LIKE, SHARE, COMMENT, FOLLOW, PURCHASE, WATCH, ACTION_SKIP, ACTIONS };

#define JOIN_SKIPPED_SECONDS 1.0 /* less than that watched: skipped; such a view or watch alone is no engagement */

/* Actions with a flag of their own in the outcome come first: viewed to purchased. */
#define JOIN_FLAGS 7

struct join {
	int64_t window, before, grace, correction_horizon, orphan_wait, score_tolerance;
	int emit;
	struct {
		struct field shown_at, duration, source;
		int exploration; /* index of the symbol */
		int field_count;
	} impression;
	struct {
		struct field id, action, watched, duration, occurred_at;
		struct symbol_map actions;
		int field_count;
	} engagement;
	struct {
		struct field model_version, watch, probability, shadow, scored_at;
		int field_count;
	} score;
	struct {
		struct field engaged, flags[JOIN_FLAGS], watched, completed, skipped, count, first_at, last_at, scores,
			revision, final;
		struct field score_model, score_watch, score_probability, score_shadow, score_at; /* in an item */
		int score_width;
	} outcome;
};

/* engagement_join_open.c: resolves fields and checks that schemas fit together. */
int join_open(void *self, struct context *context, struct error *err);

/* engagement_join_rows.c */

/* The outcome as a row, final with its revision or provisional with 0; exploration rows go to both outputs. */
int join_emit_outcome(const struct join *join, struct bytes key, const struct join_parts *parts, bool final,
		      struct context *context, struct error *err);
/* An input record, as it came, to an output of the same schema. */
int join_pass_on(struct context *context, enum join_output output, struct bytes key, struct bytes body, int field_count,
		 struct error *err);

#endif
