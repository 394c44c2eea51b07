/*
 * Splits the states of tasks into the journals of as many other tasks as one likes: each entry goes, as it is and with
 * its timer, to the task that its key belongs to from now on. The journals are new ones, from their first block on.
 *
 *     split_open                 and then, for each state of before (state.h), restored:
 *     split_add                  all its entries
 *     split_end                  for each new task: its last block, with the task's own part
 *     split_close
 *
 * What a store's keys say of the partition the caller knows. Blocks are handed out as they fill. One thread's.
 */
#ifndef STATE_SPLIT_H
#define STATE_SPLIT_H

#include "state/state.h"

/* Of all states that were added, or of all journals that were counted: by store. */
struct split_counts {
	int64_t entries, timers;
};

struct split_config {
	int tasks;
	const struct store_spec *stores; /* ends with a row without a name */
	/* The task of an entry; -1: err says why there is none. */
	int (*task_of)(void *argument, int store, struct bytes key, struct error *err);
	/* A part of a block, for the journal of a task. */
	int (*append)(void *argument, int task, struct bytes part, struct error *err);
	void *argument;
};

struct split;

int split_open(const struct split_config *config, struct split **out, struct error *err);
void split_close(struct split **split);
/* FATAL: a key belongs to no task. `counts`: one for each store; what is added is added to them. */
int split_add(struct split *split, struct state *from, struct split_counts *counts, struct error *err);
int split_end(struct split *split, int task, struct bytes header, struct error *err);

/* Counts a restored state, as split_add does. */
int split_count(struct state *state, struct split_counts *counts, struct error *err);

/* The number of the last bounded run's drain, and whether it is unfinished: then a split would lose what fired. */
bool split_is_draining(const struct state *state);

/* The last record of a journal whose state has moved to another one: whoever restores it is refused. */
void split_put_end(struct buffer *out);

#endif
