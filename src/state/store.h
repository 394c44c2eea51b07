/*
 * A store: keyed state of one task, as an operator sees it.
 *
 * One lookup gives an entry, and the entry is read, changed in place, resized, given a timer or removed. An entry is
 * borrowed: it stays valid until the next call of store_find, store_add or store_scan_next on any store of the task, or
 * until process / on_timer returns. A change is kept when the operator returns 0 and undone when it fails.
 *
 * A timer is a property of an entry: it fires once, when the task's watermark reaches `fire_at`; setting it again moves
 * it, TIME_MAX takes it away. Timers fire in (time, key) order.
 *
 * One task is one thread's; so are its stores.
 */
#ifndef STATE_STORE_H
#define STATE_STORE_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/key.h"

#define STORE_KEY_SIZE_MAX 4096	    /* bytes */
#define STORE_VALUE_SIZE_MAX 900000 /* bytes: an entry must fit in one part of a journal block */

struct store;
struct entry;
struct stored; /* a value that was written in another form (state.h) */

/* An entry, or a part of one, of a task. */
struct share_part {
	int task;
	struct bytes key, value;
	int64_t fire_at; /* TIME_MAX: no timer */
};

struct share; /* an entry that is given out, in a rescale */

/* What an operator declares; the runtime opens, restores and commits it. Ends with a row without a name. */
struct store_spec {
	const char *name; /* unique in the operator; part of the state's format */
	const char *help;
	bool keyed_like_input; /* its keys are the keys of the input records: looked up ahead of time */
	/* Where values hold records of inputs as context_body gives them: a bit for each of these inputs. Their
	 * schemas are kept with the state, and what was written with another one comes to `rewrite` before it is looked
	 * at. */
	unsigned bodies;
	/* What becomes of an entry when another number of tasks shares the keys out (below). NULL: it goes to the task
	 * of its key, where keyed_like_input. An operator with inputs has one of the two for each store. */
	void (*share)(const struct share_part *entry, struct share *share);
	/* Where share() gives parts of this store's entries out: makes one of two of the same task and key. Appends
	 * the value and gives the timer. In whatever order they come, the outcome has to be the same. */
	int64_t (*merge)(const struct share_part *a, const struct share_part *b, struct buffer *value);
	int layout; /* raised when values are laid out in another way; what has another one comes to `rewrite` too */
	/* Appends the value anew, in today's layout, each body in it as stored_body (operator.h) gives it. NULL: values
	 * need no rewriting. */
	int (*rewrite)(struct bytes value, struct stored *stored, struct buffer *out, struct error *err);
};

/* The entry of a key, or NULL. Fails only where the disk does. */
int store_find(struct store *store, struct key key, struct entry **out, struct error *err);
/* The same, and where there is none a new one with `size` zero bytes; *added says so. */
int store_add(struct store *store, struct key key, size_t size, struct entry **out, bool *added, struct error *err);

struct bytes entry_key(const struct entry *entry);
struct bytes entry_value(const struct entry *entry);
int64_t entry_timer(const struct entry *entry); /* TIME_MAX: none */
int entry_store(const struct entry *entry);	/* number of its store, in the order of the specs */

/* The value for writing, now of `size` bytes: the first min(old, new) kept, new ones zeroed. A change of
 * size may move the entry: *entry follows, and other pointers to it are gone. */
uint8_t *entry_edit(struct store *store, struct entry **entry, size_t size);
void entry_set_timer(struct store *store, struct entry *entry, int64_t fire_at);
void entry_remove(struct store *store, struct entry *entry);

/*
 * All entries whose key begins with `prefix`, in key order. The store must not be changed meanwhile, nor may
 * the entries that the scan gives be: find them to change them. Opening one looks at every entry of the task
 * that is in memory.
 */
struct store_scan;
int store_scan_open(struct store *store, struct bytes prefix, struct store_scan **out, struct error *err);
int store_scan_next(struct store_scan *scan, struct entry **out, struct error *err); /* *out NULL: the end */
void store_scan_close(struct store_scan **scan);

/*
 * For the share() of a store, in a rescale (dataflow/rescale.h). An entry belongs to a key, by which input records come
 * to tasks, and goes where the key goes; or to a task itself, as a count of what its keys have done, and then it goes
 * wherever the operator says, in parts: counts to any one task, what each has to know to all of them. The
 * entry it is called with has the number of its task of before.
 */
int share_tasks(const struct share *share);			      /* so many there will be */
int share_task_of(const struct share *share, struct bytes input_key); /* the one that a key belongs to from now on */
/* The entry goes to that task as it is; at most once. */
void share_whole(struct share *share, int task);
/* The same with another timer. */
void share_at(struct share *share, int task, int64_t fire_at);
/* A part of an entry of a store goes to part->task. Copied. */
void share_add(struct share *share, int store, const struct share_part *part);
/* A share() for entries whose key is that of the input records, where keyed_like_input is not wanted. */
void share_by_key(const struct share_part *entry, struct share *share);

#endif
