/*
 * The entries of a task that are in memory: one hash table, one slab, the timer queue, the undo log, and three lists of
 * which an entry is in exactly one.
 */
#ifndef STATE_CACHE_H
#define STATE_CACHE_H

#include "state/table.h"
#include "state/timers.h"
#include "state/undo.h"

struct cache_list {
	uint32_t first, last;
};

struct cache {
	struct slab slab;
	struct table table;
	struct timers timers;
	struct undo undo;
	struct cache_list dirty;     /* changed since the last block, in the order of the first change */
	struct cache_list journaled; /* by seq: the longest not journaled first */
	struct cache_list loaded;    /* unchanged copies of rows: the longest here first */
	uint32_t unwritten;	     /* in `journaled`: all before it are in RocksDB as they are; 0: all are */
	struct buffer unindexed;     /* index rows to be deleted when the changes since the last commit are committed */
	size_t unindexed_kept;	     /* of those, by records that were kept */
	uint8_t drain_mark;	     /* what a timer set now is marked with; 0 outside drains */
	uint16_t form;		     /* of values written now */
	int64_t dirty_bytes;	     /* of entries in `dirty` */
	int64_t loaded_bytes;
	int64_t entries, live_bytes; /* of all that are not tombstones: as the journal would carry them */
};

void cache_init(struct cache *cache, int64_t memory_bytes);
void cache_fini(struct cache *cache);
int64_t cache_bytes(const struct cache *cache);

static inline struct entry *
cache_at(const struct cache *cache, uint32_t handle)
{
	return slab_at(&cache->slab, handle);
}

static inline uint32_t
cache_tag(uint64_t hash, int store)
{
	return (uint32_t)((hash + (uint64_t)store * 0x9e3779b97f4a7c15u) >> 32);
}

/* The entry, which may be a tombstone, or NULL. */
struct entry *cache_find(const struct cache *cache, int store, struct key key);
void cache_prefetch_slot(const struct cache *cache, uint32_t tag);
void cache_prefetch_entry(const struct cache *cache, uint32_t tag);

/* A new entry in no list yet, its value not set, without a timer. */
struct entry *cache_new(struct cache *cache, int store, struct key key, size_t value_size);
/* Takes it out of everything; it must be in no list. */
void cache_free(struct cache *cache, struct entry *entry);
/* Changes the size of the value; what is new is not set. May move the entry. */
struct entry *cache_resize(struct cache *cache, struct entry *entry, size_t value_size);

/* Moves entries so that a chunk of memory becomes free; false: there is none to be gained. */
bool cache_compact(struct cache *cache);

/* Out of the list it is in, and to the end of one. */
void cache_unlink(struct cache *cache, struct entry *entry);
void cache_link(struct cache *cache, struct cache_list *list, struct entry *entry);

/* Before any change by a record: the entry becomes dirty and its state goes into the undo log. */
void cache_touch(struct cache *cache, struct entry *entry);
void cache_set_timer(struct cache *cache, struct entry *entry, int64_t fire_at);
/* Makes a touched entry a tombstone; or brings one back, with its value not set. */
void cache_bury(struct cache *cache, struct entry *entry);
void cache_revive(struct cache *cache, struct entry *entry);
/* Counts the entry among the live ones, or no longer. */
void cache_count(struct cache *cache, const struct entry *entry, int sign);
/* Queues the entry for its timer where it is not queued early enough. */
void cache_queue(struct cache *cache, struct entry *entry);

#endif
