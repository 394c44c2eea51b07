/*
 * The timer queue of a task: which entry fires next, in (time, key, store) order.
 *
 * A ring of buckets, each a stretch of time, behind it one heap for everything up to the end of the bucket that
 * is being fired, before it a list for what lies beyond the ring. An item is a time and a handle, and counts
 * for nothing unless the entry of that handle says `queued_at` the same time: so nothing has to be taken out
 * when a timer moves, an entry is removed or evicted, or its memory serves another. A timer that moves later is
 * not touched at all: its item comes up at the old time and is queued again. One thread's.
 */
#ifndef STATE_TIMERS_H
#define STATE_TIMERS_H

#include "base/arena.h"
#include "state/entry.h"

#define TIMERS_BUCKET_BITS 8 /* a bucket is 256 ms */
#define TIMERS_RING_BITS 12  /* 4096 buckets: 17 minutes */
#define TIMERS_BUCKETS (1u << TIMERS_RING_BITS)

struct timers_block;

struct timers_due {
	int64_t time;
	uint64_t prefix;    /* the first 8 bytes of the key, in key order */
	const uint8_t *key; /* in `keys`: the entry may be gone while its item is in the heap */
	uint32_t handle;
	uint16_t key_size;
	uint8_t store;
};

struct timers {
	const struct slab *slab;
	struct timers_due *heap;
	size_t heap_count, heap_capacity;
	struct arena keys;
	int64_t keys_bytes;
	int64_t keys_bytes_live; /* what they were when all of them counted: in a new bucket, after a purge */
	int64_t near_end;	 /* the heap has what is before that time */
	int64_t ring_end;	 /* the ring has what is from near_end to before that time */
	struct timers_block *ring[TIMERS_BUCKETS];
	uint64_t filled[TIMERS_BUCKETS / 64]; /* bit per bucket that has items */
	size_t ring_count;
	struct timers_block *far;
	int64_t far_min; /* no item of `far` is earlier */
	size_t far_count;
	struct timers_block *spare;
	struct timers_group *groups; /* what the blocks were allocated in */
	int64_t next;		     /* no item is earlier */
	int64_t bytes;
};

void timers_init(struct timers *timers, const struct slab *slab);
void timers_fini(struct timers *timers);

/* Queues the entry at entry->fire_at, and sets queued_at. */
void timers_push(struct timers *timers, struct entry *entry);
/* The first item in order, if its time is <= until: of an entry that is queued at that time. NULL: none. */
const struct timers_due *timers_peek(struct timers *timers, int64_t until);
/* Takes the item that timers_peek gave. */
void timers_pop(struct timers *timers);
/* Asks for the memory of the entries that are likely to be next. */
void timers_prefetch(const struct timers *timers);

static inline size_t
timers_count(const struct timers *timers)
{
	return timers->heap_count + timers->ring_count + timers->far_count;
}

/* Are there so many items that count for nothing, with `entries` that may have a timer, that a purge is worth it? */
bool timers_need_purge(const struct timers *timers, size_t entries);
/* Forgets the items that count for nothing. */
void timers_purge(struct timers *timers);

#endif
