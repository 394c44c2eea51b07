/*
 * Which timer fires next. Timers of entries in memory are in the queue (timers.h); those of rows that are only on disk
 * have index rows, and each store knows a place in the order of (time, key) before which no index row matters: all of
 * those were read, and their entries brought into memory, or they were out of date. Before a timer of the queue fires,
 * the index rows up to its place are read. An entry that is evicted with its timer pending takes the place back.
 */
#include "state/parts.h"

#define ROWS_AT_ONCE 64 /* brought into memory before the first of them fires */

static uint8_t
mark_of_drain(uint64_t number)
{
	return (uint8_t)(1 + number % 255);
}

bool
fire_is_held(const struct state *state, uint8_t drain)
{
	return state->draining && drain == mark_of_drain(state->drains);
}

void
fire_evicted(struct state *state, const struct entry *entry)
{
	struct disk_store *store = &state->disk.stores[entry->store];
	struct bytes key = bytes_of(entry->key, entry->key_size);

	/* One held back by the drain would be found at once, again and again; drain_end reads from the beginning. */
	if (entry->fire_at == TIME_MAX || fire_is_held(state, entry->drain) || entry->fire_at > store->timer_at)
		return;
	if (entry->fire_at == store->timer_at && bytes_compare(key, buffer_bytes(&store->timer_key)) >= 0)
		return;
	store->timer_at = entry->fire_at;
	buffer_clear(&store->timer_key);
	buffer_put_bytes(&store->timer_key, key);
}

int64_t
state_timer_next(const struct state *state)
{
	int64_t next = state->cache.timers.next;

	for (int i = 0; i < state->store_count; i++)
		if (state->disk.stores[i].timer_at < next)
			next = state->disk.stores[i].timer_at;
	return next;
}

/* One index row: its entry comes into memory, or the row is out of date and goes; *loaded counts those that came. */
static int
take_index_row(struct state *state, int store, int64_t fire_at, struct bytes key_bytes, int *loaded, struct error *err)
{
	struct key key = key_of(key_bytes);
	const struct entry *entry = cache_find(&state->cache, store, key);
	struct disk_row row;
	bool found;

	if (entry) {
		/* Not while the change is uncommitted: a crash would bring the old timer back, without an index row. */
		if (entry->fire_at != fire_at && !entry_is(entry, ENTRY_DIRTY))
			disk_delete_timer(&state->disk, store, fire_at, key_bytes);
		return 0;
	}
	if (disk_get(&state->disk, store, key_bytes, &row, &found, err) < 0)
		return -1;
	if (!found || row.fire_at != fire_at) {
		disk_delete_timer(&state->disk, store, fire_at, key_bytes);
	} else if (!fire_is_held(state, row.drain)) {
		store_load(state, store, key, &row);
		++*loaded;
	}
	return 0;
}

static void
move_place(struct disk_store *store, int64_t fire_at, struct bytes key)
{
	store->timer_at = fire_at;
	buffer_clear(&store->timer_key);
	buffer_put_bytes(&store->timer_key, key);
}

/* Reads index rows of one store from its place on, up to `until`, or as many as one refill takes. */
static int
read_index(struct state *state, int index, int64_t until, struct error *err)
{
	struct disk_store *store = &state->disk.stores[index];
	struct disk_cursor cursor;
	int64_t place = store->timer_at;
	int result = 0, loaded = 0, rows = 0;

	disk_timers_open(&cursor, &state->disk, index, store->timer_at, buffer_bytes(&store->timer_key));
	for (;;) {
		struct bytes key;
		int64_t fire_at;
		bool more;

		result = disk_timers_at(&cursor, &fire_at, &key, &more, err);
		if (result < 0)
			break;
		if (!more) {
			move_place(store, TIME_MAX, (struct bytes){0});
			break;
		}
		if (fire_at > until || loaded >= ROWS_AT_ONCE) {
			move_place(store, fire_at, key);
			break;
		}
		result = take_index_row(state, index, fire_at, key, &loaded, err);
		if (result < 0)
			break;
		disk_cursor_next(&cursor);
		rows++;
	}
	disk_cursor_close(&cursor);
	insist(result < 0 || rows > 0 || store->timer_at > place);
	return result < 0 ? -1 : disk_write(&state->disk, err);
}

/* Does the store have an index row to be read before (time, key) of the queue may fire? */
static bool
comes_first(const struct disk_store *store, const struct timers_due *due, int64_t until)
{
	if (store->timer_at > until || store->timer_at == TIME_MAX)
		return false;
	if (!due || store->timer_at != due->time)
		return !due || store->timer_at < due->time;
	return bytes_compare(buffer_bytes(&store->timer_key), bytes_of(due->key, due->key_size)) <= 0;
}

static int
next_due(struct state *state, int64_t until, const struct timers_due **out, struct error *err)
{
	bool again = true;

	while (again) {
		*out = timers_peek(&state->cache.timers, until);
		again = false;
		for (int i = 0; i < state->store_count && !again; i++) {
			if (!comes_first(&state->disk.stores[i], *out, until))
				continue;
			if (read_index(state, i, *out ? (*out)->time : until, err) < 0)
				return -1;
			again = true;
		}
	}
	return 0;
}

int
state_timer_take(struct state *state, int64_t until, struct store **store, struct entry **out, struct error *err)
{
	struct cache *cache = &state->cache;

	insist(!state->block_waits);
	*out = NULL;
	if (evict_if_full(state, err) < 0)
		return -1;
	for (;;) {
		const struct timers_due *due;
		struct entry *entry;

		if (next_due(state, until, &due, err) < 0)
			return -1;
		if (!due)
			return 0;
		entry = cache_at(cache, due->handle);
		entry->queued_at = TIME_MAX;
		if (entry->fire_at == due->time && fire_is_held(state, entry->drain)) {
			buffer_put_u32(&state->held, entry->self);
			timers_pop(&cache->timers);
			continue;
		}
		if (entry->fire_at != due->time) { /* it moved later since, or was taken away */
			timers_pop(&cache->timers);
			cache_queue(cache, entry);
			continue;
		}
		timers_pop(&cache->timers);
		timers_prefetch(&cache->timers);
		*store = &state->stores[entry->store];
		cache_set_timer(cache, entry, TIME_MAX);
		if (form_of_today(state, &entry, err) < 0)
			return -1;
		*out = entry;
		return 0;
	}
}

void
state_drain_begin(struct state *state)
{
	if (state->draining)
		return;
	if (!state->drain_unfinished)
		state->drains++;
	state->draining = state->drain_unfinished = true;
	state->cache.drain_mark = mark_of_drain(state->drains);
}

void
state_drain_end(struct state *state)
{
	if (!state->draining)
		return;
	state->draining = state->drain_unfinished = false;
	state->cache.drain_mark = 0;
	for (size_t at = 0; at < state->held.size; at += sizeof(uint32_t)) {
		uint32_t handle = load_u32(state->held.data + at);
		struct entry *entry = slab_known(&state->cache.slab, handle) ? cache_at(&state->cache, handle) : NULL;

		if (entry && entry_is(entry, ENTRY_LIVE))
			cache_queue(&state->cache, entry);
	}
	buffer_clear(&state->held);
	for (int i = 0; i < state->store_count; i++)
		if (state_asks_disk(state, i))
			move_place(&state->disk.stores[i], TIME_MIN, (struct bytes){0});
}
