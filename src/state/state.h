/*
 * The state of one task: its stores over one journal partition. See state.c for how it works; here is what the task
 * does with it.
 *
 *     open       state_open, then state_restore for each journal record from state_restore_from() to the journal's end
 *     a record   stores are read and changed (store.h); then state_keep or state_undo
 *     timers     state_timer_due / state_timer_take, as the watermark moves
 *     commit     state_block gives the parts of the block to append to the journal, in the transaction of the outputs;
 *                when that is committed, state_committed; state_trim_to says what the journal may forget
 *     abort      close it and open it again
 *
 * One thread's.
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include "base/buffer.h"
#include "state/database.h"
#include "state/store.h"

#define STATE_FORMS_MAX 65535		 /* of the entries of one task, over its life */
#define STATE_BLOCK_PART_SIZE_MAX 950000 /* bytes of one journal record; a larger block is split */

struct state;

struct state_config {
	struct database *database;
	const char *operator_name;
	int partition;
	const struct store_spec *stores; /* ends with a row without a name; NULL: none */
	int64_t memory_bytes;		 /* for the entry cache of this task */
};

int state_open(const struct state_config *config, struct state **out, struct error *err);
void state_close(struct state **state); /* drops what is not committed; committed entries may be written out */

/* Removes what the database has of a task that nobody here has open. *any: there was something. */
int state_forget(const struct state_config *config, bool *any, struct error *err);

struct store *state_store(struct state *state, int index); /* in the order of the specs */

/*
 * Restore. `start` and `end` are the journal's; a local copy whose position lies outside is wiped (RocksDB is then
 * filled again from `start`). *from is where to begin to read: at or before the last block. After state_put_aside it is
 * the last block that the state has, where the journal still has it.
 */
int state_restore_from(struct state *state, int64_t start, int64_t end, int64_t *from, struct error *err);
/*
 * One journal record. A block takes effect when its last part is here: until then (state_in_block) nothing but
 * the next part may be restored. ABORT: what is on disk turned out to be
 * of another journal and was wiped, or the journal was trimmed while it was read: begin again with
 * state_restore_from.
 */
int state_restore(struct state *state, int64_t offset, struct bytes part, struct error *err);
bool state_in_block(const struct state *state);
/* All records up to the end were given. ABORT: the first one that was to come has not; as above. */
int state_restored(struct state *state, struct error *err);
/* Then: whether a local copy of this journal was seen that had a later block, *seq, than the journal has. */
bool state_was_further(const struct state *state, uint64_t *seq);
/*
 * The task is given up, and may come back: what is in memory stays there, for the next state_restore_from. false, and
 * nothing is changed: it does not say what its last block says, that and nothing else (uncommitted changes, no block
 * yet); close it. It goes on in any thread.
 */
bool state_put_aside(struct state *state);
/*
 * When all is restored: whether the journal has all that its last block needs. *first: the number of the first block
 * that was read, *needed: of the first one that is needed.
 */
enum state_journal {
	STATE_JOURNAL_WHOLE,
	STATE_JOURNAL_HERE,    /* it has lost some, which the local copy has */
	STATE_JOURNAL_LACKING, /* it has lost some, and so has the state */
};
enum state_journal state_journal(const struct state *state, uint64_t *first, uint64_t *needed);
/* What it has now is enough: so the next blocks say. */
void state_accept_journal(struct state *state);
/* The task's own part of the last block (positions, times): borrowed until the next block. size 0: no block yet. */
struct bytes state_header(const struct state *state);

/*
 * Forms. What the bytes of a value mean depends on how the operator lays them out, and on the schemas of records that
 * stand in them. A form is a description of that, a text of the caller's; it has a number, and each entry has the
 * number of the form that its value was written in. The descriptions are kept in a store of the state's own, and so are
 * journaled, restored and carried as entries are.
 *
 * Form 0 is what version 0.1.0 wrote: it kept no descriptions.
 */
/* Gives the value as it is to be written in today's form: `value` itself, or bytes that stay until the next call. */
typedef int state_rewrite(void *argument, int form, int store, struct bytes key, struct bytes value, struct bytes *out,
			  struct error *err);
/* After the restore, before anything else: values are written in this form, and those of another one are given to
 * `rewrite` before anybody sees them. Nothing happens where the operator has no stores. */
int state_set_form(struct state *state, struct bytes description, state_rewrite *rewrite, void *argument,
		   struct error *err);
/* *found false: there is none of that number. Borrowed until the next look-up. */
int state_form_description(struct state *state, int form, struct bytes *out, bool *found, struct error *err);
int state_form_before(const struct state *state); /* of the last block that was restored */
/* No entry of any form is there. */
bool state_is_empty(const struct state *state);

/* What was done since the last of these two is kept, or taken back. */
bool state_touched(const struct state *state); /* there is something */
void state_keep(struct state *state);
void state_undo(struct state *state);

/* Looks the key up ahead of time: brings what the next store_find will touch near the processor. */
void state_prefetch(struct state *state, struct key key);

/* Entries that have a timer. Reads all rows where some are on disk: for the end of a run. */
int state_timers_pending(struct state *state, int64_t *count, struct error *err);
/* The earliest timer, or TIME_MAX. Cheap: kept up to date. It may be an earlier time than that of any entry. */
int64_t state_timer_next(const struct state *state);
/*
 * Takes the next timer with time <= `until`, in (time, key) order over all stores; *out NULL: none left. Its
 * timer is off (TIME_MAX) when it is handed out; the operator sets the next.
 */
int state_timer_take(struct state *state, int64_t until, struct store **store, struct entry **out, struct error *err);
/*
 * A drain is the end of a bounded run: every pending timer fires once, whatever its time; those set meanwhile
 * are kept for the next run. It survives a kill: what fired and was committed does not fire again when the
 * drain is taken up. Between drain_begin and drain_end state_timer_take passes over timers set during this
 * drain.
 */
void state_drain_begin(struct state *state);
void state_drain_end(struct state *state);

/* Bytes of changes since the last commit: forces a commit when it grows large. */
size_t state_dirty_bytes(const struct state *state);
bool state_must_commit(const struct state *state); /* changes not yet committed are using too much of the memory */

/*
 * Writes the block of all changes since the last commit, with `header`: calls `append` once per part, in order.
 * Nothing in the state counts as committed before state_committed. With no changes there is still one part, for the
 * header.
 */
typedef int state_append(void *argument, struct bytes part, struct error *err);
int state_block(struct state *state, struct bytes header, state_append *append, void *argument, struct error *err);
/* The block stands in the journal at `offset` (of its first part). Evicts and writes out by the budgets. */
int state_committed(struct state *state, int64_t offset, struct error *err);
/* The journal offset before which nothing is needed any more, or -1. */
int64_t state_trim_to(const struct state *state);

struct state_figures {
	int64_t entries;	  /* live, in memory */
	int64_t memory_bytes;	  /* of the cache: entries, table, timers */
	int64_t disk_entries;	  /* rows in RocksDB of this task, about */
	int64_t hits, misses;	  /* lookups answered from memory, and those that had to ask RocksDB */
	int64_t evicted, written; /* entries dropped from memory / written to RocksDB */
	int64_t journal_bytes;	  /* written to the journal since opening */
	int64_t carried_bytes;	  /* of those: unchanged entries moved forward */
	int64_t restored_bytes;	  /* read from the journal at restore */
};

void state_figures(const struct state *state, struct state_figures *out);

#endif
