#include "state/cache.h"

#define ENTRY_OVERHEAD 12 /* bytes an entry takes in the journal besides key and value, about */

void
cache_init(struct cache *cache, int64_t memory_bytes)
{
	*cache = (struct cache){0};
	slab_init(&cache->slab, memory_bytes);
	table_init(&cache->table);
	timers_init(&cache->timers, &cache->slab);
	undo_init(&cache->undo);
}

void
cache_fini(struct cache *cache)
{
	timers_fini(&cache->timers);
	table_fini(&cache->table);
	undo_fini(&cache->undo);
	buffer_fini(&cache->unindexed);
	slab_fini(&cache->slab);
}

int64_t
cache_bytes(const struct cache *cache)
{
	return cache->slab.bytes + cache->table.bytes + cache->timers.bytes + (int64_t)cache->undo.log.capacity +
	       (int64_t)cache->unindexed.capacity;
}

static struct key
key_of_entry(const struct entry *entry)
{
	return key_of(bytes_of(entry->key, entry->key_size));
}

struct entry *
cache_find(const struct cache *cache, int store, struct key key)
{
	uint32_t tag = cache_tag(key.hash, store);
	uint32_t at = table_home(&cache->table, tag);

	for (uint32_t handle; (handle = table_next(&cache->table, tag, &at)) != 0;) {
		struct entry *entry = cache_at(cache, handle);

		if (entry->store == store && entry->key_size == key.bytes.size &&
		    memcmp(entry->key, key.bytes.data ? key.bytes.data : entry->key, entry->key_size) == 0)
			return entry;
	}
	return NULL;
}

void
cache_prefetch_slot(const struct cache *cache, uint32_t tag)
{
	__builtin_prefetch(&cache->table.slots[table_home(&cache->table, tag)]);
}

void
cache_prefetch_entry(const struct cache *cache, uint32_t tag)
{
	uint32_t at = table_home(&cache->table, tag);
	uint32_t handle = table_next(&cache->table, tag, &at);

	if (handle) {
		const uint8_t *entry = slab_at(&cache->slab, handle);

		__builtin_prefetch(entry, 1);
		__builtin_prefetch(entry + 64, 1);
		__builtin_prefetch(entry + 128, 1);
	}
}

void
cache_count(struct cache *cache, const struct entry *entry, int sign)
{
	cache->entries += sign;
	cache->live_bytes += sign * ((int64_t)entry->key_size + entry->value_size + ENTRY_OVERHEAD);
}

struct entry *
cache_new(struct cache *cache, int store, struct key key, size_t value_size)
{
	uint32_t handle = slab_take(&cache->slab, entry_size(key.bytes.size, value_size));
	struct entry *entry = cache_at(cache, handle);

	*entry = (struct entry){.fire_at = TIME_MAX,
				.queued_at = TIME_MAX,
				.self = handle,
				.value_size = (uint32_t)value_size,
				.key_size = (uint16_t)key.bytes.size,
				.flags = ENTRY_LIVE,
				.store = (uint8_t)store,
				.form = cache->form};
	if (key.bytes.size)
		memcpy(entry->key, key.bytes.data, key.bytes.size);
	table_insert(&cache->table, cache_tag(key.hash, store), handle);
	cache_count(cache, entry, 1);
	return entry;
}

void
cache_free(struct cache *cache, struct entry *entry)
{
	if (!entry_is(entry, ENTRY_REMOVED))
		cache_count(cache, entry, -1);
	table_remove(&cache->table, cache_tag(key_of_entry(entry).hash, entry->store), entry->self);
	entry->flags = 0;
	slab_give(&cache->slab, entry->self);
}

/* ---- lists ---- */

static struct cache_list *
list_of(struct cache *cache, const struct entry *entry)
{
	if (entry_is(entry, ENTRY_DIRTY))
		return &cache->dirty;
	return entry_is(entry, ENTRY_LOADED) ? &cache->loaded : &cache->journaled;
}

static void
list_count(struct cache *cache, const struct cache_list *list, int64_t bytes)
{
	if (list == &cache->dirty)
		cache->dirty_bytes += bytes;
	else if (list == &cache->loaded)
		cache->loaded_bytes += bytes;
}

void
cache_unlink(struct cache *cache, struct entry *entry)
{
	struct cache_list *list = list_of(cache, entry);

	if (cache->unwritten == entry->self)
		cache->unwritten = entry->next;
	if (entry->previous)
		cache_at(cache, entry->previous)->next = entry->next;
	else
		list->first = entry->next;
	if (entry->next)
		cache_at(cache, entry->next)->previous = entry->previous;
	else
		list->last = entry->previous;
	entry->previous = entry->next = 0;
	list_count(cache, list, -(int64_t)entry_size(entry->key_size, entry->value_size));
	entry_flag_off(entry, ENTRY_DIRTY | ENTRY_LOADED);
}

void
cache_link(struct cache *cache, struct cache_list *list, struct entry *entry)
{
	entry->previous = list->last;
	entry->next = 0;
	if (list->last)
		cache_at(cache, list->last)->next = entry->self;
	else
		list->first = entry->self;
	list->last = entry->self;
	list_count(cache, list, (int64_t)entry_size(entry->key_size, entry->value_size));
	if (list == &cache->dirty)
		entry_flag_on(entry, ENTRY_DIRTY);
	else if (list == &cache->loaded)
		entry_flag_on(entry, ENTRY_LOADED);
	else if (!cache->unwritten)
		cache->unwritten = entry->self;
}

/* The entry stands at another place in memory: whoever knew the old handle is told. Stale timer items stay behind. */
static void
moved(struct cache *cache, struct entry *entry, uint32_t old)
{
	struct cache_list *list = list_of(cache, entry);

	if (cache->unwritten == old)
		cache->unwritten = entry->self;
	if (entry->previous)
		cache_at(cache, entry->previous)->next = entry->self;
	else
		list->first = entry->self;
	if (entry->next)
		cache_at(cache, entry->next)->previous = entry->self;
	else
		list->last = entry->self;
	table_replace(&cache->table, cache_tag(key_of_entry(entry).hash, entry->store), old, entry->self);
	undo_moved(cache, entry);
	entry->queued_at = TIME_MAX;
	cache_queue(cache, entry);
}

/* To a slot of its present class or, before a change of size, of another; the first `size` bytes go along. */
static struct entry *
move(struct cache *cache, struct entry *entry, size_t room, size_t size)
{
	uint32_t old = entry->self;
	uint32_t handle = slab_take(&cache->slab, room);
	struct entry *to = cache_at(cache, handle);

	memcpy(to, entry, size);
	to->self = handle;
	entry->flags = 0;
	slab_give(&cache->slab, old);
	moved(cache, to, old);
	return to;
}

struct entry *
cache_resize(struct cache *cache, struct entry *entry, size_t value_size)
{
	size_t size = entry_size(entry->key_size, value_size);
	size_t old_size = entry_size(entry->key_size, entry->value_size);
	bool live = !entry_is(entry, ENTRY_REMOVED);

	if (live)
		cache_count(cache, entry, -1);
	list_count(cache, list_of(cache, entry), (int64_t)size - (int64_t)old_size);
	if (slab_room_for(&cache->slab, size) != slab_room(&cache->slab, entry->self))
		entry = move(cache, entry, size, size < old_size ? size : old_size);
	entry->value_size = (uint32_t)value_size;
	if (live)
		cache_count(cache, entry, 1);
	return entry;
}

bool
cache_compact(struct cache *cache)
{
	uint32_t chunk = slab_sparse_chunk(&cache->slab);
	int64_t before = cache->slab.bytes;

	if (!chunk)
		return false;
	for (uint32_t n = 0, handle; (handle = slab_slot(&cache->slab, chunk, n)) != 0; n++) {
		struct entry *entry = cache_at(cache, handle);
		size_t size = entry_size(entry->key_size, entry->value_size);

		if (entry_is(entry, ENTRY_LIVE))
			move(cache, entry, size, size);
	}
	return cache->slab.bytes < before;
}

/* ---- changes ---- */

void
cache_queue(struct cache *cache, struct entry *entry)
{
	if (entry->fire_at >= entry->queued_at)
		return;
	if (timers_need_purge(&cache->timers, cache->table.count))
		timers_purge(&cache->timers);
	timers_push(&cache->timers, entry);
}

void
cache_touch(struct cache *cache, struct entry *entry)
{
	if (!entry_is(entry, ENTRY_DIRTY)) {
		cache_unlink(cache, entry);
		entry->seq = 0;
		cache_link(cache, &cache->dirty, entry);
		entry_flag_off(entry, ENTRY_CURRENT);
	}
	undo_touch(cache, entry);
}

/* Its index row on disk, which stands for the timer it has now, has to go once the change is committed. */
static void
unindex(struct cache *cache, struct entry *entry)
{
	struct buffer *list = &cache->unindexed;

	if (!entry_is(entry, ENTRY_INDEXED))
		return;
	entry_flag_off(entry, ENTRY_INDEXED);
	buffer_put_u8(list, entry->store);
	buffer_put_u64(list, (uint64_t)entry->fire_at);
	buffer_put_u32(list, entry->key_size);
	buffer_put(list, entry->key, entry->key_size);
}

void
cache_set_timer(struct cache *cache, struct entry *entry, int64_t fire_at)
{
	cache_touch(cache, entry);
	if (entry->fire_at != fire_at)
		unindex(cache, entry);
	entry->fire_at = fire_at;
	entry->drain = fire_at == TIME_MAX ? 0 : cache->drain_mark;
	cache_queue(cache, entry);
}

void
cache_bury(struct cache *cache, struct entry *entry)
{
	cache_set_timer(cache, entry, TIME_MAX);
	cache_count(cache, entry, -1);
	entry_flag_on(entry, ENTRY_REMOVED);
	cache->undo.removals++;
}

void
cache_revive(struct cache *cache, struct entry *entry)
{
	cache_touch(cache, entry);
	undo_value(cache, entry);
	entry_flag_off(entry, ENTRY_REMOVED);
	entry->form = cache->form;
	cache_count(cache, entry, 1);
}
