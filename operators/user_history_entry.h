/*
 * What user_history keeps per user: one entry, rewritten when its list changes.
 *
 *     history_head | action | action | ...        newest first, by (occurred_at, engagement_id)
 *
 * The order is total and does not depend on arrival, so the list does not either. What is pushed out at the end is
 * older than all that stays: sent again as it was it cannot come back, not even when others have left for their age.
 * So no ids need be kept of what has left, however many engagements a user has.
 */
#ifndef OPERATORS_USER_HISTORY_ENTRY_H
#define OPERATORS_USER_HISTORY_ENTRY_H

#include "dataflow/operator.h"

#define HISTORY_ACTIONS_MAX 400	   /* of one user */
#define HISTORY_TEXT_SIZE_MAX 1024 /* bytes of an engagement_id or an item_id */

struct history_head {
	int64_t revision;   /* of the last row */
	int64_t updated_at; /* time of the newest action there has been */
	int64_t oldest_at;  /* of those in the list; TIME_MAX: it is empty */
	int64_t count;
	int64_t caused_at; /* of the newest action that came since the last row; TIME_MIN: none */
};

#define HISTORY_LAYOUT 1 /* layout 0, up to 0.1.0, had no caused_at */

struct history_action {
	struct bytes engagement_id, item_id;
	int64_t occurred_at;
	double watched;
	bool has_watched;
	uint8_t action; /* number in operators/actions.h */
};

enum history_change {
	HISTORY_ADDED,
	HISTORY_REPEATED, /* an action with that engagement_id is there */
	HISTORY_TOO_OLD,  /* as many as are kept are newer */
};

struct history_head history_head_of(const struct entry *entry);
void history_head_store(struct store *store, struct entry **entry, const struct history_head *head);

/* Puts an action in its place and keeps the `limit` newest. An entry without a value is an empty list. */
enum history_change history_add(struct store *store, struct entry **entry, const struct history_action *action,
				int64_t limit);
/* Removes what happened before `from`. */
void history_expire(struct store *store, struct entry **entry, int64_t from);

/* For store_spec.rewrite. */
int history_rewrite(struct bytes value, struct stored *stored, struct buffer *out, struct error *err);

/* Walks over the actions, newest first. */
struct cursor history_cursor(const struct entry *entry);
bool history_next(struct cursor *cursor, struct history_action *out);

#endif
