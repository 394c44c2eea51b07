/*
 * What the files of engagement_join share: its parameters and resolved fields, the case of one impression_id, and what
 * each file does with it. The operator itself, and what it promises, is engagement_join.c.
 */
#ifndef OPERATORS_ENGAGEMENT_JOIN_H
#define OPERATORS_ENGAGEMENT_JOIN_H

#include "dataflow/operator.h"
#include "record/symbols.h"
#include "operators/engagement_join_entry.h"

enum join_input { IMPRESSIONS, ENGAGEMENTS, SCORES };
enum join_output {
	OUTCOMES,
	EXPLORATIONS,
	LATE,
	ORPHANS,
	HINDSIGHT,
	LATE_IMPRESSIONS,
	OVERFLOW_ENGAGEMENTS,
	OVERFLOW_SCORES,
};
enum join_store {
	CASES,	    /* an entry per impression_id: engagement_join_entry.h */
	IDS,	    /* engagement_ids beyond those: engagement_join_ids.c */
	WAITING,    /* engagements beyond those that wait in the case: engagement_join_waiting.c */
	REMEMBERED, /* the ids that were remembered last: engagement_join_remember.c */
};
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
	ENGAGEMENTS_OVER,
	SCORES_OVER,
	OTHER_USER,
	OTHER_ITEM,
};
/* As actions.h numbers them. */
enum join_action { VIEW, CLICK, LIKE, SHARE, COMMENT, FOLLOW, PURCHASE, WATCH, ACTION_SKIP, ACTIONS };

#define JOIN_SKIPPED_SECONDS 1.0 /* less than that watched: skipped; such a view or watch alone is no engagement */

/* Actions with a flag of their own in the outcome come first: viewed to purchased. */
#define JOIN_FLAGS 7

/* Whom and what a record is about: numbers of its fields, -1 where its schema has no such text. */
struct join_owner {
	const struct schema *schema;
	int fields[JOIN_OWNERS];
	struct field of[JOIN_OWNERS]; /* the same in a decoded record */
};

struct join {
	int64_t window, before, grace, correction_horizon, orphan_wait, score_tolerance, remember;
	int64_t engagements_max, waiting_max, scores_max;
	int emit;
	struct {
		struct field shown_at, duration, source;
		struct join_owner owner;
		int exploration; /* index of the symbol */
		int field_count;
	} impression;
	struct {
		struct field id, action, watched, duration, occurred_at;
		struct join_owner owner;
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

/* One impression_id, while a record or a timer of it is dealt with. */
struct join_case {
	const struct join *join;
	struct context *context;
	struct store *store;
	struct key key;
	struct entry *entry; /* NULL: there is none. Gone when another store was asked: join_again */
	bool changed;	     /* the outcome is another one now */
};

/* ---- engagement_join.c ---- */

/* The case of a key, as it stands: an id that was remembered long enough is forgotten here. */
int join_find(const struct join *join, struct key key, struct context *context, struct join_case *out,
	      struct error *err);
/* The entry once more, which is there, after calls on other stores. */
int join_again(struct join_case *of, struct error *err);
/* Where nothing waits in it, and it has no impression, the entry goes: true. */
bool join_remove_empty(struct join_case *of);
/* A copy of bytes of the entry, which may change or move then; it lives until the hook returns. */
struct bytes join_hold(const struct join_case *of, struct bytes bytes);
/* The outcome has changed: a correction if its final row is out, a provisional row where those are asked for. */
int join_emit_change(struct join_case *of, struct error *err);

/* ---- engagement_join_open.c: resolves fields and checks that schemas fit together ---- */

int join_open(void *self, struct context *context, struct error *err);

/* ---- engagement_join_engagement.c ---- */

int join_process_engagement(const struct join *join, const struct record *record, struct context *context,
			    struct error *err);
/* An engagement and its impression are both here: it is folded, or late. */
int join_judge(struct join_case *of, const struct join_engagement *engagement, struct error *err);
int join_orphan(struct join_case *of, const struct join_engagement *engagement, struct error *err);

/* ---- engagement_join_score.c ---- */

int join_process_score(const struct join *join, const struct record *record, struct context *context,
		       struct error *err);
/* A score and its impression are both here: it is frozen, or hindsight, or a repeat. */
int join_freeze(struct join_case *of, const struct join_score *score, struct error *err);

/* ---- engagement_join_ids.c: which engagements an impression has had ---- */

int join_knows_id(struct join_case *of, struct bytes id, bool *known, struct error *err);
/* With what else changes: `head` is the new one, but for what counts ids. `latest`: its watched_seconds hold now. */
int join_note_id(struct join_case *of, struct join_head *head, struct bytes id, bool latest, struct error *err);
/* Of those in the store IDS: adds, takes out; takes out all there are. */
int join_hash_id(struct join_case *of, struct bytes id, struct error *err);
int join_unhash_id(struct join_case *of, struct bytes id, struct error *err);
int join_unhash_all(struct join_case *of, struct error *err);
void join_ids_share(const struct share_part *entry, struct share *share);

/* ---- engagement_join_waiting.c: engagements before their impression, where they are many ---- */

/* *full: there is no room for it. */
int join_wait_apart(struct join_case *of, const struct join_engagement *engagement, bool *full, struct error *err);
/* All of them, in the order in which they came, for join_next_waiting; they are taken out. */
int join_take_apart(struct join_case *of, struct bytes *out, struct error *err);
int join_waiting_due(const struct join *join, struct entry *entry, struct context *context, struct error *err);
int join_waiting_rewrite(struct bytes value, struct stored *stored, struct buffer *out, struct error *err);
void join_waiting_share(const struct share_part *entry, struct share *share);
int64_t join_waiting_in(struct bytes value); /* engagements */

/* ---- engagement_join_remember.c ---- */

/* The horizon has passed: of the impression only its id stays, for `remember`. */
int join_end(struct join_case *of, struct error *err);
/* Whether it is over for a remembered id. */
bool join_is_forgotten(const struct join *join, const struct join_head *head, const struct context *context);
/* A remembered id goes where it is forgotten, and so do the others of its bundle. */
int join_forget(struct join_case *of, struct error *err);
int join_remembered_due(struct join_case *of, struct error *err);
void join_case_share(const struct share_part *entry, struct share *share);
void join_filling_share(const struct share_part *entry, struct share *share);

/* ---- engagement_join_time.c ---- */

int join_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err);
void join_show(const struct entry *entry, struct buffer *out);

/* ---- engagement_join_rows.c ---- */

/* The outcome as a row, final with its revision or provisional with 0; exploration rows go to both outputs. */
int join_emit_outcome(const struct join *join, struct bytes key, const struct join_parts *parts, bool final,
		      struct context *context, struct error *err);
/* An input record, as it came, to an output of the same schema; and it is counted. */
int join_pass_on(struct join_case *of, enum join_output output, enum join_counter counter, struct bytes body,
		 struct error *err);

#endif
