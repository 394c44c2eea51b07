/* What an entry looks like in memory: this header, the key, and, at the next multiple of 8 bytes, the value. */
#ifndef STATE_ENTRY_H
#define STATE_ENTRY_H

#include "state/slab.h"
#include "state/store.h"

enum entry_flag {
	ENTRY_LIVE = 1 << 0,	  /* the slot holds an entry */
	ENTRY_DIRTY = 1 << 1,	  /* changed since the last block: in the list of the changed */
	ENTRY_REMOVED = 1 << 2,	  /* a tombstone */
	ENTRY_JOURNALED = 1 << 3, /* the journal may know the key */
	ENTRY_ON_DISK = 1 << 4,	  /* RocksDB may have a row of the key */
	ENTRY_CURRENT = 1 << 5,	  /* and that row is up to date */
	ENTRY_INDEXED = 1 << 6,	  /* RocksDB has the index row of fire_at */
	ENTRY_LOADED = 1 << 7,	  /* a copy of a row: in the list of the loaded */
	ENTRY_SAVED = 1 << 8,	  /* its value is in the undo log; only for an entry touched by this record */
};

struct entry {
	int64_t fire_at;
	int64_t queued_at;	 /* where the timer queue has it, at or before fire_at; TIME_MAX: nowhere */
	uint64_t seq;		 /* number of the block that last carried it; DIRTY: its mark in the undo log */
	uint32_t self;		 /* its handle */
	uint32_t previous, next; /* in one of the lists of struct cache; 0: none */
	uint32_t value_size;
	uint16_t key_size;
	uint16_t flags;
	uint8_t store; /* index */
	uint8_t drain; /* mark of the drain in which its timer was set; 0: none */
	uint16_t form; /* in which the value is written: state.h */
	uint8_t key[];
};

_Static_assert(sizeof(struct entry) == 48, "one per live key: its size is felt");

static inline size_t
entry_value_offset(size_t key_size)
{
	return (sizeof(struct entry) + key_size + 7) & ~(size_t)7;
}

static inline uint8_t *
entry_value_at(struct entry *entry)
{
	return (uint8_t *)entry + entry_value_offset(entry->key_size);
}

static inline size_t
entry_size(size_t key_size, size_t value_size)
{
	return entry_value_offset(key_size) + value_size;
}

#define ENTRY_PREFETCH_SIZE 384 /* bytes of an entry that are asked for ahead of their use */

static inline void
entry_prefetch(const void *entry)
{
	for (size_t at = 0; at < ENTRY_PREFETCH_SIZE; at += 64)
		__builtin_prefetch((const uint8_t *)entry + at);
}

static inline bool
entry_is(const struct entry *entry, unsigned flags)
{
	return (entry->flags & flags) != 0;
}

static inline void
entry_flag_on(struct entry *entry, unsigned flags)
{
	entry->flags = (uint16_t)(entry->flags | flags);
}

static inline void
entry_flag_off(struct entry *entry, unsigned flags)
{
	entry->flags = (uint16_t)(entry->flags & ~flags);
}

#endif
