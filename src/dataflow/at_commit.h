/*
 * The entries that an operator sees once more before the work so far is committed (operator.h, on_commit): each once,
 * in the order in which they were first asked for. Kept or undone with the hook that asked. It is nowhere but in
 * memory: an abort forgets it together with the changes it was about, and a commit has emptied it. One thread's.
 */
#ifndef DATAFLOW_AT_COMMIT_H
#define DATAFLOW_AT_COMMIT_H

#include "base/buffer.h"
#include "base/key.h"

struct at_commit {
	struct buffer keys; /* one behind the other: store, size, key */
	size_t kept;	    /* bytes of those that hooks asked for whose work was kept */
	size_t seen;	    /* bytes of those that are done with */
	uint64_t *slots;    /* a hash table of the keys: the epoch, and below it where in `keys` one ends; 0: free */
	size_t capacity;    /* a power of two */
	size_t count;
	uint64_t epoch; /* slots of another one are free: emptying the table costs nothing */
};

void at_commit_fini(struct at_commit *list);

void at_commit_add(struct at_commit *list, int store, struct key key);
void at_commit_keep(struct at_commit *list);
void at_commit_undo(struct at_commit *list);

/* The first that is not done with; false: there is none, and the list is empty now. The key is borrowed until
 * the next at_commit_add. */
bool at_commit_next(struct at_commit *list, int *store, struct key *key);
void at_commit_done(struct at_commit *list);

#endif
