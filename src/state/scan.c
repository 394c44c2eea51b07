/*
 * Scans: the keys of the store that are in memory are collected and sorted, then merged with the rows of RocksDB. An
 * entry that is on disk only is shown as a copy that belongs to the scan, so that a scan fills no cache.
 */
#include "state/parts.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/memory.h"

struct store_scan {
	struct store *store;
	struct arena arena;
	struct bytes *keys; /* of entries in memory, tombstones too: they hide rows */
	size_t count, capacity, at;
	struct disk_cursor cursor;
	bool disk; /* there may be rows left */
	struct entry *copy;
	size_t copy_size;
};

static int
compare_keys(const void *a, const void *b)
{
	return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

static bool
begins_with(struct bytes key, struct bytes prefix)
{
	return key.size >= prefix.size && (prefix.size == 0 || memcmp(key.data, prefix.data, prefix.size) == 0);
}

static void
collect(struct store_scan *scan, struct bytes prefix)
{
	const struct cache *cache = &scan->store->state->cache;

	for (uint64_t i = 0; i <= cache->table.mask; i++) {
		uint32_t handle = (uint32_t)cache->table.slots[i];
		const struct entry *entry = handle ? cache_at(cache, handle) : NULL;
		uint8_t *key;

		if (!entry || entry->store != scan->store->index || !begins_with(entry_key(entry), prefix))
			continue;
		if (scan->count == scan->capacity) {
			scan->capacity = scan->capacity ? scan->capacity * 2 : 64;
			scan->keys = memory_resize_array(scan->keys, scan->capacity, sizeof(*scan->keys));
		}
		key = arena_take(&scan->arena, entry->key_size);
		memcpy(key, entry->key, entry->key_size);
		scan->keys[scan->count++] = bytes_of(key, entry->key_size);
	}
	if (scan->count)
		qsort(scan->keys, scan->count, sizeof(*scan->keys), compare_keys);
}

int
store_scan_open(struct store *store, struct bytes prefix, struct store_scan **out, struct error *err)
{
	struct store_scan *scan = memory_new(sizeof(*scan));

	(void)err;
	scan->store = store;
	collect(scan, prefix);
	scan->disk = state_asks_disk(store->state, store->index);
	if (scan->disk)
		disk_rows_open(&scan->cursor, &store->state->disk, store->index, prefix, prefix);
	*out = scan;
	return 0;
}

/* The row, its value in today's form, as an entry of the scan's own. */
static int
copy_row(struct store_scan *scan, struct bytes key, const struct disk_row *row, struct entry **out, struct error *err)
{
	struct state *state = scan->store->state;
	struct bytes value = row->value;
	size_t size;

	if (form_of_today_row(state, scan->store->index, key, row, &value, err) < 0)
		return -1;
	size = entry_size(key.size, value.size);
	if (size > scan->copy_size) {
		scan->copy = memory_resize(scan->copy, size);
		scan->copy_size = size;
	}
	*scan->copy = (struct entry){.fire_at = row->fire_at,
				     .value_size = (uint32_t)value.size,
				     .key_size = (uint16_t)key.size,
				     .store = (uint8_t)scan->store->index,
				     .form = state->rewrite ? state->cache.form : row->form};
	if (key.size)
		memcpy(scan->copy->key, key.data, key.size);
	if (value.size)
		memcpy(entry_value_at(scan->copy), value.data, value.size);
	*out = scan->copy;
	return 0;
}

/* The next in either; *out NULL: a tombstone, or one that was evicted since and is about to come from the disk. */
static int
step(struct store_scan *scan, struct entry **out, bool *end, struct error *err)
{
	struct state *state = scan->store->state;
	struct disk_row row;
	struct bytes key = {0};
	int order;

	*out = NULL;
	if (scan->disk && disk_rows_at(&scan->cursor, &key, &row, &scan->disk, err) < 0)
		return -1;
	*end = !scan->disk && scan->at == scan->count;
	if (*end)
		return 0;
	if (!scan->disk)
		order = 1;
	else if (scan->at == scan->count)
		order = -1;
	else
		order = bytes_compare(key, scan->keys[scan->at]);
	if (order < 0) {
		if (copy_row(scan, key, &row, out, err) < 0)
			return -1;
	} else {
		struct entry *entry = cache_find(&state->cache, scan->store->index, key_of(scan->keys[scan->at]));

		if (entry && !entry_is(entry, ENTRY_REMOVED)) {
			*out = entry;
			if (form_of_today(state, out, err) < 0)
				return -1;
		} else if (!entry && order == 0) {
			if (copy_row(scan, key, &row, out, err) < 0)
				return -1;
		} else if (!entry && store_find(scan->store, key_of(scan->keys[scan->at]), out, err) < 0) {
			return -1;
		}
		scan->at++;
	}
	if (order <= 0)
		disk_cursor_next(&scan->cursor);
	return 0;
}

int
store_scan_next(struct store_scan *scan, struct entry **out, struct error *err)
{
	bool end = false;

	*out = NULL;
	while (!end && !*out)
		if (step(scan, out, &end, err) < 0)
			return -1;
	return 0;
}

void
store_scan_close(struct store_scan **closed)
{
	struct store_scan *scan = *closed;

	if (!scan)
		return;
	if (scan->cursor.rows)
		disk_cursor_close(&scan->cursor);
	arena_fini(&scan->arena);
	memory_free(&scan->keys);
	memory_free(&scan->copy);
	memory_free(closed);
}

/* ---- timers that are pending ---- */

static int64_t
pending_in_memory(const struct cache *cache)
{
	int64_t count = 0;

	for (uint64_t i = 0; i <= cache->table.mask; i++) {
		uint32_t handle = (uint32_t)cache->table.slots[i];
		const struct entry *entry = handle ? cache_at(cache, handle) : NULL;

		count += entry && !entry_is(entry, ENTRY_REMOVED) && entry->fire_at != TIME_MAX;
	}
	return count;
}

/* What an entry in memory, a tombstone too, stands for does not count. */
static int
pending_on_disk(struct state *state, int store, int64_t *count, struct error *err)
{
	struct disk_cursor cursor;
	struct disk_row row;
	struct bytes key;
	bool more = true;
	int result = 0;

	disk_rows_open(&cursor, &state->disk, store, (struct bytes){0}, (struct bytes){0});
	for (;;) {
		result = disk_rows_at(&cursor, &key, &row, &more, err);
		if (result < 0 || !more)
			break;
		*count += row.fire_at != TIME_MAX && !cache_find(&state->cache, store, key_of(key));
		disk_cursor_next(&cursor);
	}
	disk_cursor_close(&cursor);
	return result;
}

int
state_timers_pending(struct state *state, int64_t *count, struct error *err)
{
	*count = pending_in_memory(&state->cache);
	for (int i = 0; i < state->store_count; i++)
		if (state_asks_disk(state, i) && pending_on_disk(state, i, count, err) < 0)
			return -1;
	return 0;
}
