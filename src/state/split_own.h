/*
 * Entries of tasks themselves, and not of keys, while states are split: parts of them are gathered, and those of the
 * same task, store and key become one. They are held in memory: counts and lists, not records. One thread's.
 */
#ifndef STATE_SPLIT_OWN_H
#define STATE_SPLIT_OWN_H

#include "base/arena.h"
#include "state/store.h"

struct split_own_entry {
	int store;
	struct share_part part; /* .task: of those that there will be */
};

struct split_own {
	const struct store_spec *stores;
	struct arena arena; /* what the entries point to */
	struct split_own_entry *entries;
	size_t count, capacity;
	size_t bytes, bytes_max; /* of keys, values and the entries themselves */
	size_t fold_count;	 /* entries, from which on they are made one again */
};

void split_own_init(struct split_own *own, const struct store_spec *stores, size_t bytes_max);
void split_own_fini(struct split_own *own);

/* Copies the part. FATAL: there are more than bytes_max of them; that a value became too large for an entry. */
int split_own_add(struct split_own *own, int store, const struct share_part *part, struct error *err);

/* Makes one of those that belong together. They are in the order of tasks from then on, until one is added. */
int split_own_fold(struct split_own *own, struct error *err);

#endif
