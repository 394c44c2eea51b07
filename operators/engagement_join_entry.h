/*
 * What the join keeps per impression_id: one entry, changed in place.
 *
 *     join_head | impression's body | engagement ids | scores | waiting engagements | waiting scores
 *
 * A waiting engagement or score came before its impression. What is many stands elsewhere: ids beyond JOIN_IDS_MAX
 * (engagement_join_ids.c), waiting engagements beyond JOIN_WAITING_MAX (engagement_join_waiting.c). Behind its horizon
 * only the id of an impression stays, with shown_at (engagement_join_remember.c). The bytes are this machine's (the
 * state is rebuilt from the journal on another one of the same kind).
 */
#ifndef OPERATORS_ENGAGEMENT_JOIN_ENTRY_H
#define OPERATORS_ENGAGEMENT_JOIN_ENTRY_H

#include "base/buffer.h"
#include "state/store.h"

/* Of one impression, in its entry. What lies beyond is kept apart. */
#define JOIN_IDS_MAX 100	    /* engagement_ids that are kept whole */
#define JOIN_IDS_SIZE_MAX 65536	    /* bytes of them */
#define JOIN_WAITING_MAX 100	    /* engagements that wait */
#define JOIN_WAITING_SIZE_MAX 65536 /* bytes of them */
/* What lies beyond goes to an output. */
#define JOIN_SCORES_SIZE_MAX 262144 /* bytes of scores, waiting ones included */
/* Records beyond it are dead letters. */
#define JOIN_TEXT_SIZE_MAX 4096 /* bytes of an engagement_id or a model_version */
#define JOIN_KEY_SIZE_MAX 4092	/* bytes of an impression_id */

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
	JOIN_HASHED = 1 << 9,		/* the store IDS has further ids */
	JOIN_WAIT_APART = 1 << 10,	/* the store WAITING has further engagements that wait; their ids are hashed */
	JOIN_WATCHED_APART = 1 << 11,	/* the last of the ids is only that of watched_id: it is hashed as well */
	JOIN_REMEMBERED = 1 << 12,	/* the horizon has passed: flags, shown_at, a bundle of other ids */
};

struct join_head {
	uint16_t flags;	  /* enum join_flag */
	uint16_t actions; /* a bit per action that came: enum join_action */
	int32_t revision; /* of the last final row; 0: none yet */
	int64_t shown_at;
	double duration;
	uint32_t body_size, ids_size, scores_size, waiting_size, waiting_scores_size; /* bytes of the parts */
	uint16_t id_count, score_count, waiting_count, waiting_score_count;

	/* From here on only where something was folded, or hashed: most impressions are swiped away. */
	uint32_t engagement_count; /* that belong */
	int64_t first_at, last_at; /* of them */
	int64_t watched_at;	   /* of the latest engagement with watched_seconds */
	double watched, watched_duration;
	uint32_t watched_id;   /* offset of its id among the ids: breaks ties of watched_at */
	uint32_t hashed_count; /* where JOIN_HASHED: ids that only the store IDS has */
};

#define JOIN_HEAD_SIZE_MIN offsetof(struct join_head, engagement_count)

/* Room for what the smallest record may change: the whole head, numbers, sizes of texts, the id of the latest watch. */
#define JOIN_RESERVE_SIZE (sizeof(struct join_head) + 64 + JOIN_TEXT_SIZE_MAX)

/* The parts of an entry's value: views, gone with the next change of the entry. */
struct join_parts {
	struct join_head head;
	struct bytes body, ids, scores, waiting, waiting_scores;
};

enum join_owners { JOIN_USER, JOIN_ITEM, JOIN_OWNERS }; /* texts that an engagement and its impression share */

struct join_engagement {
	struct bytes id;
	int64_t occurred_at;
	int action; /* enum join_action */
	bool has_watched, has_duration;
	double watched, duration;
	struct bytes body;		  /* as a row for late or orphans */
	struct bytes owners[JOIN_OWNERS]; /* where they are known without a look into the body */
};

struct join_score {
	struct bytes model_version;
	double watch_seconds, engage_probability;
	bool shadow;
	int64_t scored_at;
	struct bytes body; /* waiting ones only: as a row for hindsight */
};

/* The flags alone: enum join_flag. */
unsigned join_flags_of(const struct entry *entry);
/* Of a remembered id: flags and shown_at, all else 0. */
struct join_head join_head_of(const struct entry *entry);
struct join_head join_head_in(struct bytes value);
struct join_parts join_parts_of(const struct entry *entry);
/* Of a store: bodies in the schemas of today. */
int join_rewrite(struct bytes value, struct stored *stored, struct buffer *out, struct error *err);
void join_head_store(struct store *store, struct entry **entry, const struct join_head *head);

/* Makes the entry one of an impression and nothing else, in its final size; a new one where *entry is NULL. */
int join_begin(struct store *store, struct key key, const struct join_head *head, struct bytes body,
	       struct entry **entry, struct error *err);
/* Makes it one of an id that is remembered, and of the others of its bundle: ids as texts. */
void join_keep_id(struct store *store, struct entry **entry, int64_t shown_at, struct bytes bundle);
struct bytes join_bundle_of(const struct entry *entry);

/* Whether so many bytes more go into the entry. */
bool join_has_room(const struct entry *entry, size_t size);
bool join_has_score(const struct join_parts *parts, struct bytes model_version);

/* Each puts something into its part of the entry and counts it in the head. That may move the entry: *entry follows. */
/* The head as it stands in the entry becomes longer or shorter by what is set in its flags. */
void join_change_head(struct store *store, struct entry **entry, const struct join_head *head);
/* Of the latest watch, where it is not among the whole ids: it takes the place of the one before. */
void join_put_watched_id(struct store *store, struct entry **entry, struct bytes id);
/* Behind the other ids, together with what else changes: `head` is the new one, but for what counts the ids. */
void join_add_id(struct store *store, struct entry **entry, struct join_head *head, struct bytes id);
void join_add_score(struct store *store, struct entry **entry, const struct join_score *score); /* by model_version */
void join_add_waiting(struct store *store, struct entry **entry, const struct join_engagement *engagement);
void join_add_waiting_score(struct store *store, struct entry **entry, const struct join_score *score);
/* Both kinds of waiting things are taken out. */
void join_clear_waiting(struct store *store, struct entry **entry);

/* A waiting engagement as it stands in a list. */
size_t join_waiting_size(const struct join_engagement *engagement);
void join_put_waiting(uint8_t *to, const struct join_engagement *engagement); /* join_waiting_size bytes */
/* Such a list, its bodies in the schema of today, onto the end of a buffer. */
int join_rewrite_waiting(struct bytes list, struct stored *stored, struct buffer *out, struct error *err);

size_t join_score_size(const struct join_score *score); /* of one that waits, its body included */

/* Walks over a part: false at its end. */
bool join_next_score(struct cursor *cursor, struct join_score *out);
bool join_next_waiting(struct cursor *cursor, struct join_engagement *out);
bool join_next_waiting_score(struct cursor *cursor, struct join_score *out);

/* The id that stands at an offset among the ids. */
struct bytes join_id_at(const struct join_parts *parts, uint32_t offset);

#endif
