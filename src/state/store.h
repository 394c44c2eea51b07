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

/* What an operator declares; the runtime opens, restores and commits it. Ends with a row without a name. */
struct store_spec {
	const char *name; /* unique in the operator; part of the state's format */
	const char *help;
	bool keyed_like_input; /* its keys are the keys of the input records: looked up ahead of time */
	/* Where values hold records of inputs as context_body gives them: a bit for each of these inputs. Their
	 * schemas are kept with the state, and what was written with another one comes to `rewrite` before it is looked
	 * at. */
	unsigned bodies;
	/* The key of the input record that an entry's key stands for, by which tasks share them out; NULL: the entry's
	 * key, where keyed_like_input. Where it is not either, entries cannot be moved to another task. */
	struct bytes (*input_key)(struct bytes key);
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

#endif
