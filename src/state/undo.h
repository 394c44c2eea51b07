/*
 * What the current record changed, so that it can be taken back as one. The first time a record touches an
 * entry, its timer and flags are put here; the first time it writes the value, the old value too. Keeping is
 * free: the log's epoch goes on, and with it every entry's mark is out of date.
 */
#ifndef STATE_UNDO_H
#define STATE_UNDO_H

#include "base/buffer.h"
#include "state/entry.h"

struct cache;

struct undo {
	struct buffer log;
	uint64_t epoch;
	size_t last;	 /* where the last item begins */
	size_t removals; /* of this record: to be looked at when it is kept */
};

void undo_init(struct undo *undo);
void undo_fini(struct undo *undo);
bool undo_is_empty(const struct undo *undo);
void undo_added(struct cache *cache, struct entry *entry); /* it is new: taking back is removing it */
void undo_touch(struct cache *cache, struct entry *entry); /* before its timer or flags change; it is DIRTY */
void undo_value(struct cache *cache, struct entry *entry); /* before its value changes */
void undo_moved(struct cache *cache, struct entry *entry); /* it has another handle now */
void undo_keep(struct cache *cache);
void undo_run(struct cache *cache);

#endif
