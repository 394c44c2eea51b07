/*
 * How entries leave memory for RocksDB: early, because memory is full (eviction), or in time, so that the tail
 * of the journal stays bounded (write-out). Only committed entries do; both go from the oldest of a list on, in
 * batches: written first, and touched only when that has worked.
 */
#include "state/parts.h"

#define BATCH_ENTRIES_MAX 128
#define BATCH_BYTES_MAX (256 << 10)
#define USED_MAX_PARTS 14  /* of 16 of the memory: above that entries are evicted ... */
#define USED_TO_PARTS 13   /* ... until no more than that is in use */
#define LOADED_MAX_PARTS 4 /* of 16: copies of rows are evicted first where they take more */

/* Puts the entry or its removal into the batch where RocksDB does not have it yet. */
static void
put_entry(struct state *state, const struct entry *entry)
{
	if (entry_is(entry, ENTRY_CURRENT))
		return;
	if (entry_is(entry, ENTRY_REMOVED)) {
		disk_delete(&state->disk, entry->store, bytes_of(entry->key, entry->key_size));
		return;
	}
	disk_put(&state->disk, entry);
	state->figures.written++;
}

static void
drop(struct state *state, struct entry *entry)
{
	if (!entry_is(entry, ENTRY_REMOVED)) {
		fire_evicted(state, entry);
		if (!entry_is(entry, ENTRY_LOADED))
			carry_evicted(state, entry);
		state_count_disk_only(state, 1, entry->key_size, entry->value_size);
		state->figures.evicted++;
	}
	cache_unlink(&state->cache, entry);
	cache_free(&state->cache, entry);
}

static int
drop_oldest(struct state *state, struct cache_list *list, struct error *err)
{
	struct cache *cache = &state->cache;
	uint32_t handle = list->first;
	int count = 0;

	for (; handle && count < BATCH_ENTRIES_MAX && state->disk.batch_bytes < BATCH_BYTES_MAX; count++) {
		const struct entry *entry = cache_at(cache, handle);

		put_entry(state, entry);
		handle = entry->next;
	}
	if (disk_write(&state->disk, err) < 0)
		return -1;
	while (count-- > 0)
		drop(state, cache_at(cache, list->first));
	return 0;
}

/* The list whose oldest entry goes next; NULL: only changes that are not committed are left. */
static struct cache_list *
list_to_drop(struct state *state)
{
	struct cache *cache = &state->cache;
	bool loaded_first = cache->loaded_bytes > state->memory_bytes * LOADED_MAX_PARTS / 16;

	if (cache->loaded.first && (loaded_first || !cache->journaled.first))
		return &cache->loaded;
	return cache->journaled.first ? &cache->journaled : NULL;
}

static bool
is_above(const struct state *state, int parts)
{
	const struct cache *cache = &state->cache;
	int64_t bytes = cache_bytes(cache);
	int64_t unused = cache->slab.bytes - cache->slab.used_bytes;

	return bytes > state->memory_bytes || bytes - unused > state->memory_bytes * parts / 16;
}

int
evict_if_full(struct state *state, struct error *err)
{
	struct cache *cache = &state->cache;

	if (!is_above(state, USED_MAX_PARTS))
		return 0;
	while (is_above(state, USED_TO_PARTS)) {
		struct cache_list *list;

		/* Unused slots of sizes that nobody asks for any more can be had without losing an entry. */
		if (cache_bytes(cache) > state->memory_bytes && cache_compact(cache))
			continue;
		list = list_to_drop(state);
		if (!list)
			break;
		if (drop_oldest(state, list, err) < 0)
			return -1;
	}
	return 0;
}

/* RocksDB has the entry now. */
static void
written(struct state *state, struct entry *entry)
{
	struct cache *cache = &state->cache;

	if (entry_is(entry, ENTRY_REMOVED)) {
		cache_unlink(cache, entry);
		cache_free(cache, entry);
		return;
	}
	cache->unwritten = entry->next;
	entry_flag_on(entry, ENTRY_ON_DISK | ENTRY_CURRENT);
	if (entry->fire_at != TIME_MAX)
		entry_flag_on(entry, ENTRY_INDEXED);
}

static int
write_oldest(struct state *state, uint64_t seq_max, uint64_t *bytes, struct error *err)
{
	struct cache *cache = &state->cache;
	uint32_t handle = cache->unwritten;
	int count = 0;

	for (; handle && count < BATCH_ENTRIES_MAX && state->disk.batch_bytes < BATCH_BYTES_MAX; count++) {
		const struct entry *entry = cache_at(cache, handle);

		if (entry->seq > seq_max)
			break;
		put_entry(state, entry);
		handle = entry->next;
	}
	*bytes += (uint64_t)state->disk.batch_bytes;
	if (disk_write(&state->disk, err) < 0)
		return -1;
	while (count-- > 0)
		written(state, cache_at(cache, cache->unwritten));
	return 0;
}

int
evict_write_out(struct state *state, uint64_t bytes_max, struct error *err)
{
	struct cache *cache = &state->cache;
	uint64_t tail_bytes = (uint64_t)state_limit_bytes(state);
	uint64_t seq_max = state->journal_bytes > tail_bytes
				   ? marks_seq_at(&state->marks, state->journal_bytes - tail_bytes)
				   : 0;
	uint64_t bytes = 0;

	while (bytes < bytes_max && cache->unwritten && cache_at(cache, cache->unwritten)->seq <= seq_max)
		if (write_oldest(state, seq_max, &bytes, err) < 0)
			return -1;
	return 0;
}

void
evict_loaded(struct state *state)
{
	while (state->cache.loaded.first)
		drop(state, cache_at(&state->cache, state->cache.loaded.first));
}
