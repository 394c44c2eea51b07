/* What the files of this layer share: the inside of struct state. Included by nobody outside it but its tests. */
#ifndef STATE_PARTS_H
#define STATE_PARTS_H

#include "state/block.h"
#include "state/cache.h"
#include "state/disk.h"
#include "state/marks.h"
#include "state/state.h"

#define STATE_PREFETCH_DISTANCE 4 /* keys between the look at a slot and the look at its entry */
#define STATE_STORES_MAX BLOCK_STORES_MAX

/* Bytes of journal; tests make them small. */
struct state_limits {
	int64_t tail_bytes_min;	 /* write-out and carrying begin no earlier: max(this, 2 x live) */
	int64_t position_bytes;	 /* between one position row and the next */
	int64_t carry_bytes_min; /* what a block carries at most, where it has fewer changes than that */
};

struct store {
	struct state *state;
	const char *name;
	int index;
	bool keyed_like_input;
};

/* The pass that carries rows which are only on disk. See state.c. */
struct state_pass {
	bool running, ended; /* ended: its last rows are in the block that waits to be committed */
	int store;
	struct buffer key;  /* it has done with all rows before (store, key) */
	uint64_t start_seq; /* of the block in which it began: rows journaled since then it leaves alone */
	uint64_t floor_seq; /* what the floor becomes when the pass has gone round */
};

struct state {
	struct cache cache;
	struct disk disk;
	struct store *stores;
	int spec_count, store_count; /* of the operator; with the state's own behind them */
	char *operator_name;
	int partition;
	int64_t memory_bytes;
	struct state_limits limits;

	uint64_t journal; /* its number; 0: no block yet */
	uint64_t seq;	  /* of the last committed block */
	struct buffer header;
	uint64_t journal_bytes; /* of all committed blocks, since the journal began */
	struct marks marks;
	struct block_mark last; /* the last committed block */
	/* The floor as the last block says it: the journal is trimmed no further, so that a restore can compare. */
	struct block_mark written_floor;
	uint64_t first_seq; /* of the first block that was restored */
	int64_t start;	    /* of the journal then */
	struct block_writer writer;
	bool block_waits; /* written, not yet committed */
	bool aside;	  /* put aside: the next restore goes on from the last block */

	int64_t disk_only, disk_only_bytes; /* rows of which the cache has no entry */
	bool old_rows;			    /* there are rows from before this opening */
	struct block_mark floor; /* no row that the list of the journaled does not stand for was journaled before */
	struct block_mark floor_evicted; /* the same for rows evicted since the opening */
	struct state_pass pass;
	struct block_mark position;	 /* as written last */
	struct disk_position restore_at; /* what the position row promised: the first block read must be that */
	struct disk_position furthest;	 /* that a local copy was seen at, since the opening */
	uint64_t flushed_bytes;		 /* of the journal, at the last flush */

	struct {
		struct block_prelude prelude; /* its header is in `header`; its names of stores are gone */
		struct buffer header;
		int stores[BLOCK_STORES_MAX]; /* ours, by the block's numbers */
		uint64_t number;	      /* of the part that comes next; 0: a block begins */
		uint64_t bytes, body_bytes;
		int64_t offset;
	} partial; /* the block that is being restored, part by part: its changes are applied as they come */

	uint64_t drains;       /* number of the last drain that was begun */
	bool drain_unfinished; /* ... and not ended, perhaps by a process that is gone */
	bool draining;
	struct buffer held; /* handles of entries whose timers came up, set during this drain */

	int form_before; /* of the last block that was restored */
	state_rewrite *rewrite;
	void *rewrite_argument;

	uint32_t ahead[STATE_PREFETCH_DISTANCE][STATE_STORES_MAX]; /* tags of the keys prefetched last */
	uint32_t ahead_at;
	struct state_figures figures;
};

#define STATE_SEQ_NONE UINT64_MAX

/* state.c */
static inline bool
state_asks_disk(const struct state *state, int store)
{
	return state->disk_only > 0 || state->disk.stores[store].unknown;
}

void state_reset(struct state *state);	  /* forgets all that is in memory */
void state_add_mark(struct state *state); /* of state->last */
/* Are there rows that nothing in the list of the journaled stands for? */
bool state_has_disk_rows(const struct state *state);
int64_t state_limit_bytes(const struct state *state); /* max(tail_bytes_min, 2 x live) */
void state_count_disk_only(struct state *state, int sign, size_t key_size, size_t value_size);

/* evict.c */
int evict_if_full(struct state *state, struct error *err);
int evict_write_out(struct state *state, uint64_t bytes_max, struct error *err);
void evict_loaded(struct state *state); /* all copies of rows */

/* carry.c */
int carry_into(struct state *state, uint64_t seq, uint64_t change_bytes, struct error *err);
void carry_committed(struct state *state);
/* Where the oldest block begins that the next holder of an empty disk would need; seq 0: none. */
struct block_mark carry_floor(const struct state *state);
void carry_evicted(struct state *state, const struct entry *entry);

/* commit.c */
int commit_settle(struct state *state, uint64_t block_bytes, struct error *err);

/* store.c: the row as an entry of the cache */
struct entry *store_load(struct state *state, int store, struct key key, const struct disk_row *row);

/* form.c */
#define FORM_STORE ".forms" /* name of the state's own store */
int form_rewrite_entry(struct state *state, struct entry **entry, struct error *err);
/* The same for a row; *value is changed where that is needed, until the next call. */
int form_of_today_row(const struct state *state, int store, struct bytes key, const struct disk_row *row,
		      struct bytes *value, struct error *err);
int form_count_in_memory(const struct state *state);

/* Before an operator sees the entry: its value is written in today's form. May move the entry. */
static inline int
form_of_today(struct state *state, struct entry **entry, struct error *err)
{
	if (__builtin_expect((*entry)->form == state->cache.form, true))
		return 0;
	return form_rewrite_entry(state, entry, err);
}

/* fire.c */
void fire_evicted(struct state *state, const struct entry *entry); /* its timer is on disk only now */
bool fire_is_held(const struct state *state, uint8_t drain);

#endif
