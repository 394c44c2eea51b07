/*
 * Splits the states of tasks into the journals of as many other tasks as one likes: each entry goes, as it is and with
 * its timer, to the task that its key belongs to from now on; what belongs to tasks themselves is given out as the
 * operator has it (share, merge: store.h). The journals are new ones, from their first block on.
 *
 *     split_open                 and then, for each state of before (state.h), restored:
 *     split_add                  all its entries
 *     split_end                  for each new task: its last block, with the task's own part
 *     split_close
 *
 * Blocks are handed out as they fill. One thread's.
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
	const struct store_spec *stores; /* ends with a row without a name; NULL: none */
	size_t own_bytes_max;		 /* of what belongs to tasks and not to keys, and is held in memory */
	int (*task_of)(void *argument, struct bytes input_key);
	/* A part of a block, for the journal of a task. */
	int (*append)(void *argument, int task, struct bytes part, struct error *err);
	void *argument;
};

struct split;

int split_open(const struct split_config *config, struct split **out, struct error *err);
void split_close(struct split **split);
/* `counts`: one for each store; what is added is added to them. FATAL: own_bytes_max. */
int split_add(struct split *split, struct state *from, struct split_counts *counts, struct error *err);
/* Tasks in their order, when all has been added. */
int split_end(struct split *split, int task, struct bytes header, struct error *err);
/* What was given out: what the new journals have to come to. */
const struct split_counts *split_given(const struct split *split);

/* Counts a restored state, as split_add does. */
int split_count(struct state *state, struct split_counts *counts, struct error *err);

/* The number of the last bounded run's drain, and whether it is unfinished: then a split would lose what fired. */
bool split_is_draining(const struct state *state);

/* The last record of a journal whose state has moved to another one: whoever restores it is refused. */
void split_put_end(struct buffer *out);

#endif
