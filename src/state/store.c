#include "state/store.h"

#include "state/parts.h"

struct bytes
entry_key(const struct entry *entry)
{
	return bytes_of(entry->key, entry->key_size);
}

struct bytes
entry_value(const struct entry *entry)
{
	return bytes_of((const uint8_t *)entry + entry_value_offset(entry->key_size), entry->value_size);
}

int64_t
entry_timer(const struct entry *entry)
{
	return entry->fire_at;
}

int
entry_store(const struct entry *entry)
{
	return entry->store;
}

struct entry *
store_load(struct state *state, int store, struct key key, const struct disk_row *row)
{
	struct cache *cache = &state->cache;
	struct entry *entry = cache_new(cache, store, key, row->value.size);

	if (row->value.size)
		memcpy(entry_value_at(entry), row->value.data, row->value.size);
	entry_flag_on(entry, ENTRY_JOURNALED | ENTRY_ON_DISK | ENTRY_CURRENT);
	entry->seq = row->seq;
	entry->form = row->form;
	entry->fire_at = row->fire_at;
	entry->drain = row->drain;
	if (row->fire_at != TIME_MAX)
		entry_flag_on(entry, ENTRY_INDEXED);
	cache_link(cache, &cache->loaded, entry);
	cache_queue(cache, entry);
	state_count_disk_only(state, -1, key.bytes.size, row->value.size);
	return entry;
}

/* The entry, which may be a tombstone, from memory or else from disk; NULL: there is none. */
static int
find(struct store *store, struct key key, struct entry **out, struct error *err)
{
	struct state *state = store->state;
	struct disk_row row;
	bool found;

	insist(!state->block_waits);
	*out = cache_find(&state->cache, store->index, key);
	if (*out || !state_asks_disk(state, store->index)) {
		state->figures.hits++;
		return 0;
	}
	state->figures.misses++;
	if (evict_if_full(state, err) < 0)
		return -1;
	if (disk_get(&state->disk, store->index, key.bytes, &row, &found, err) < 0)
		return -1;
	if (found)
		*out = store_load(state, store->index, key, &row);
	return 0;
}

int
store_find(struct store *store, struct key key, struct entry **out, struct error *err)
{
	if (find(store, key, out, err) < 0)
		return -1;
	if (*out && entry_is(*out, ENTRY_REMOVED))
		*out = NULL;
	return *out ? form_of_today(store->state, out, err) : 0;
}

int
store_add(struct store *store, struct key key, size_t size, struct entry **out, bool *added, struct error *err)
{
	struct cache *cache = &store->state->cache;
	struct entry *entry;

	if (key.bytes.size > STORE_KEY_SIZE_MAX)
		return fail(err, SKIP, "store %s: a key of %zu bytes; %d are the most", store->name, key.bytes.size,
			    STORE_KEY_SIZE_MAX);
	insist(size <= STORE_VALUE_SIZE_MAX);
	if (find(store, key, &entry, err) < 0)
		return -1;
	*added = !entry || entry_is(entry, ENTRY_REMOVED);
	if (!entry) {
		if (evict_if_full(store->state, err) < 0)
			return -1;
		entry = cache_new(cache, store->index, key, size);
		cache_link(cache, &cache->dirty, entry);
		undo_added(cache, entry);
	} else if (*added) {
		cache_revive(cache, entry);
		entry = cache_resize(cache, entry, size);
	} else if (form_of_today(store->state, &entry, err) < 0) {
		return -1;
	}
	if (*added && size)
		memset(entry_value_at(entry), 0, size);
	*out = entry;
	return 0;
}

uint8_t *
entry_edit(struct store *store, struct entry **pointer, size_t size)
{
	struct cache *cache = &store->state->cache;
	struct entry *entry = *pointer;
	size_t old_size = entry->value_size;

	insist(size <= STORE_VALUE_SIZE_MAX);
	insist(entry->store == store->index && entry_is(entry, ENTRY_LIVE) && !entry_is(entry, ENTRY_REMOVED));
	cache_touch(cache, entry);
	undo_value(cache, entry);
	if (size != old_size)
		entry = cache_resize(cache, entry, size);
	if (size > old_size)
		memset(entry_value_at(entry) + old_size, 0, size - old_size);
	*pointer = entry;
	return entry_value_at(entry);
}

void
entry_set_timer(struct store *store, struct entry *entry, int64_t fire_at)
{
	insist(entry->store == store->index && entry_is(entry, ENTRY_LIVE) && !entry_is(entry, ENTRY_REMOVED));
	if (entry->fire_at != fire_at || entry->drain != store->state->cache.drain_mark)
		cache_set_timer(&store->state->cache, entry, fire_at);
}

void
entry_remove(struct store *store, struct entry *entry)
{
	insist(entry->store == store->index && entry_is(entry, ENTRY_LIVE) && !entry_is(entry, ENTRY_REMOVED));
	cache_bury(&store->state->cache, entry);
}
