/*
 * What embedding_update keeps of the engagements of a user whose items have no vector yet: one entry, a list in the
 * order of arrival. There is one as long as somebody waits, and it is written whole when that changes.
 */
#ifndef OPERATORS_EMBEDDING_WAITING_H
#define OPERATORS_EMBEDDING_WAITING_H

#include "dataflow/operator.h"

#define WAITING_COUNT_MAX 1000
#define WAITING_SIZE_MAX 400000 /* bytes of a list: an entry must fit in one part of a journal block */

struct waiting_event {
	struct bytes id, item;
	int64_t occurred_at;
	uint8_t action;	   /* number in operators/actions.h */
	struct bytes body; /* the engagement, for a row of unmatched or late; empty where neither is connected */
};

size_t waiting_size(const struct waiting_event *event);
void waiting_put(uint8_t *to, const struct waiting_event *event); /* waiting_size bytes */
/* The next one; what it points to is part of the list. */
bool waiting_next(struct cursor *list, struct waiting_event *out);

int64_t waiting_count(struct bytes list);
/* Of a store: bodies in the schema of today. */
int waiting_rewrite(struct bytes list, struct stored *stored, struct buffer *out, struct error *err);
bool waiting_has(struct bytes list, struct bytes id);

#endif
