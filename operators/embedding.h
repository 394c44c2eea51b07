/*
 * A user's embedding: the mean of the vectors of what the user acted on, weighted by action and by age.
 *
 *     vector = S / W      S = sum of w_i * 2^((t_i - r) / half_life) * v_i      W = the same sum without v_i
 *
 * The reference time r cancels out, so a sum is all that is kept and the order in which events come does not matter,
 * but for the rounding of sums of three or more. r is a whole number of half lives once there are two events. When it
 * falls far behind, S and W are divided by a power of two and r moves on by as many half lives: that rounds nothing. A
 * very old event adds next to nothing; a very long pause leaves next to nothing.
 *
 * An engagement counts once: its id is remembered (id_list.h) until it is `remember` behind the watermark; an event
 * that old is refused, since nobody could say whether it had come before. As many ids as EMBEDDING_IDS_MAX are kept
 * here; the caller takes them out into pages then, and says of an event what the pages know.
 *
 * Vectors of different embedding spaces are never mixed. A vector of a newer space starts a new state; one of an older
 * space is refused. Which of two is the newer one the caller says, and never says otherwise later: so the order in
 * which events come does not matter for that either.
 *
 * The state is a run of bytes, which an operator keeps as an entry of a store:
 *
 *     size = embedding_forget(value, size, until);                  while the list of ids is full: take them out
 *     verdict = embedding_judge(bytes_of(value, size), &event, until);
 *     size = embedding_size_with(bytes_of(value, size), &event, verdict);     resize it to that, keeping what is there
 *     embedding_apply(value, &event, verdict, half_life_ms);
 *
 * No bytes at all are the state of a user without events. The bytes are this machine's. Pure functions.
 */
#ifndef OPERATORS_EMBEDDING_H
#define OPERATORS_EMBEDDING_H

#include "base/buffer.h"
#include "base/error.h"

#define EMBEDDING_DIMENSIONS_MAX 4096
#define EMBEDDING_SPACE_SIZE_MAX 128  /* bytes of the name of a space */
#define EMBEDDING_IDS_MAX 1024	      /* remembered of one user in the state itself; of before 0.2.0: 4096 */
#define EMBEDDING_COMPONENT_MAX 1e12f /* of a vector, either way: nothing can overflow */
#define EMBEDDING_WEIGHT_MAX 1e6
#define EMBEDDING_TIME_MAX 1000000000000000 /* ms from 1970, either way: differences cannot overflow */

struct embedding_head {
	int64_t reference_ms; /* r: S and W are as if it were now */
	int64_t newest_ms;    /* time of the newest event there has been, of whatever space */
	int64_t caused_ms;    /* time of the newest event since the operator's last row; TIME_MIN: none */
	int64_t floor_ms;     /* of before 0.2.0: events at or before this are refused; 0: none */
	int64_t actions;      /* events that counted */
	int64_t revision;     /* the operator's */
	double weight;	      /* W */
	uint32_t dimensions, id_count, space_size;
	uint32_t paged; /* 1: ids were taken out into pages */
};

struct embedding_event {
	struct bytes id;
	int64_t occurred_at;
	double weight;	     /* of the action; more than 0 */
	const float *vector; /* the item's; NULL: not known (yet) */
	size_t dimensions;
	struct bytes space;
	bool newer;	  /* its space is newer than that of the state */
	bool known;	  /* its id is in a page */
	int64_t floor_ms; /* of that page; TIME_MIN: none */
};

enum embedding_verdict {
	EMBEDDING_STARTS, /* the first event, or the first one of a new space */
	EMBEDDING_COUNTS,
	/* Refused; nothing is to be done: */
	EMBEDDING_REPEATED,
	EMBEDDING_TOO_OLD,
	EMBEDDING_OLD_SPACE,
	EMBEDDING_LACKS_VECTOR,
	/* The operator's own, in the place of LACKS_VECTOR and TOO_OLD: */
	EMBEDDING_VERSION_GONE, /* the table had the version, and holds it no longer */
	EMBEDDING_FORGOTTEN,	/* not for its age, but the page's floor */
};

/* Refuses (SKIP) a vector that has not `dimensions` finite components of a sane size, and others out of bounds. */
int embedding_check(const struct embedding_event *event, size_t dimensions, struct error *err);

/* Forgets the ids of what happened at or before `until`, in place. Returns the new size. */
size_t embedding_forget(uint8_t *value, size_t size, int64_t until);
/* The list of ids, part of the value; embedding_is_full: no more may be added to it. */
struct bytes embedding_ids(struct bytes value);
bool embedding_is_full(struct bytes value);
/* They are in pages now. Returns the new size. */
size_t embedding_drop_ids(uint8_t *value, size_t size);

/* `until`: the watermark less `remember`. */
enum embedding_verdict embedding_judge(struct bytes value, const struct embedding_event *event, int64_t until);
/* For events that are not refused. */
size_t embedding_size_with(struct bytes value, const struct embedding_event *event, enum embedding_verdict verdict);
void embedding_apply(uint8_t *value, const struct embedding_event *event, enum embedding_verdict verdict,
		     int64_t half_life_ms);

struct embedding_head embedding_head_of(struct bytes value);
struct bytes embedding_space(struct bytes value);
void embedding_vector(struct bytes value, float *out); /* `dimensions` components */
/* The weight of all events together, as of the newest. */
double embedding_weight(struct bytes value, int64_t half_life_ms);

#endif
