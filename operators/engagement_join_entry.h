/*
 * What the join keeps per impression_id: one entry, changed in place.
 *
 *     join_head | impression's body | engagement ids | scores | waiting engagements | waiting scores
 *
 * A waiting engagement or score came before its impression. Ids are kept whole: a repeat must be told from a stranger
 * for certain. The bytes are this machine's (the state is rebuilt from the journal on another one of the same kind).
 */
#ifndef OPERATORS_ENGAGEMENT_JOIN_ENTRY_H
#define OPERATORS_ENGAGEMENT_JOIN_ENTRY_H

#include "base/buffer.h"
#include "state/store.h"

#define JOIN_ENGAGEMENTS_MAX 1000 /* of one impression, waiting ones included; more are dead letters */
#define JOIN_SCORES_MAX 100	  /* of one impression, likewise */
#define JOIN_TEXT_SIZE_MAX 4096	  /* bytes of an engagement_id or a model_version that is kept */

enum join_flag {
	JOIN_HAS_IMPRESSION = 1 << 0,
	JOIN_FINAL = 1 << 1,		/* the window has closed; rows since then are corrections */
	JOIN_HAS_DURATION = 1 << 2,	/* the impression's */
	JOIN_EXPLORATION = 1 << 3,	/* the impression's source */
	JOIN_ENGAGED = 1 << 4,		/* from here on: the fold; something came that is an engagement by itself */
	JOIN_SKIPPED = 1 << 5,		/* a skip came */
	JOIN_WATCHED = 1 << 6,		/* some engagement had watched_seconds */
	JOIN_WATCHED_DURATION = 1 << 7, /* ... and a duration */
	JOIN_FOLDED = 1 << 8,		/* some engagement was folded */
};

struct join_head {
	uint16_t flags;	  /* enum join_flag */
	uint16_t actions; /* a bit per action that came: enum join_action */
	int32_t revision; /* of the last final row; 0: none yet */
	int64_t shown_at;
	double duration;
	uint32_t body_size, ids_size, scores_size, waiting_size, waiting_scores_size; /* bytes of the parts */
	uint16_t id_count, score_count, waiting_count, waiting_score_count;

	/* From here on only where something was folded: most impressions are swiped away. */
	uint32_t engagement_count; /* that belong */
	int64_t first_at, last_at; /* of them */
	int64_t watched_at;	   /* of the latest engagement with watched_seconds */
	double watched, watched_duration;
	uint32_t watched_id; /* offset of its id among the ids: breaks ties of watched_at */
};

#define JOIN_HEAD_SIZE_MIN offsetof(struct join_head, engagement_count)

/* What one record can add to an entry besides its texts and its body: the whole head, numbers, sizes of texts. */
#define JOIN_OVERHEAD_SIZE_MAX (sizeof(struct join_head) + 64)

/* The parts of an entry's value: views, gone with the next change of the entry. */
struct join_parts {
	struct join_head head;
	struct bytes body, ids, scores, waiting, waiting_scores;
};

struct join_engagement {
	struct bytes id;
	int64_t occurred_at;
	int action; /* enum join_action */
	bool has_watched, has_duration;
	double watched, duration;
	struct bytes body; /* as a row for late or orphans */
};

struct join_score {
	struct bytes model_version;
	double watch_seconds, engage_probability;
	bool shadow;
	int64_t scored_at;
	struct bytes body; /* waiting ones only: as a row for hindsight */
};

struct join_head join_head_of(const struct entry *entry);
struct join_parts join_parts_of(const struct entry *entry);
/* Of a store: bodies in the schemas of today. */
int join_rewrite(struct bytes value, struct stored *stored, struct buffer *out, struct error *err);
void join_head_store(struct store *store, struct entry **entry, const struct join_head *head);

/* A new entry for an impression that nothing waits for: made in its final size. */
int join_start(struct store *store, struct key key, const struct join_head *head, struct bytes body, struct entry **out,
	       struct error *err);

/* Whether the id is known: folded, found to be late, or waiting. */
bool join_knows(const struct join_parts *parts, struct bytes id);
bool join_has_score(const struct join_parts *parts, struct bytes model_version);

/* Each puts something into its part of the entry and counts it in the head. That may move the entry: *entry follows. */
void join_put_body(struct store *store, struct entry **entry, struct bytes body);
/* Behind the other ids, together with what else changes: `head` is the new one, but for what counts the ids. */
void join_add_id(struct store *store, struct entry **entry, struct join_head *head, struct bytes id);
void join_add_score(struct store *store, struct entry **entry, const struct join_score *score); /* by model_version */
void join_add_waiting(struct store *store, struct entry **entry, const struct join_engagement *engagement);
void join_add_waiting_score(struct store *store, struct entry **entry, const struct join_score *score);
/* Both kinds of waiting things are taken out. */
void join_clear_waiting(struct store *store, struct entry **entry);

/* Walks over a part: false at its end. */
bool join_next_score(struct cursor *cursor, struct join_score *out);
bool join_next_waiting(struct cursor *cursor, struct join_engagement *out);
bool join_next_waiting_score(struct cursor *cursor, struct join_score *out);

/* The id that stands at an offset among the ids. */
struct bytes join_id_at(const struct join_parts *parts, uint32_t offset);

#endif
