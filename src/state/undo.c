#include "state/undo.h"

#include "state/cache.h"

#define MARK_BITS 32 /* of an entry's mark: where its item begins; above them: the epoch */

enum undo_kind { UNDO_ADDED, UNDO_TOUCHED, UNDO_VALUE };

struct undo_item {
	int64_t fire_at;
	uint32_t previous;   /* where the item before this one begins */
	uint32_t of;	     /* the entry's handle; of a UNDO_VALUE: where the entry's own item begins */
	uint32_t value_size; /* UNDO_VALUE: so many bytes follow, padded to 8 */
	uint16_t flags;
	uint8_t drain;
	uint8_t kind;
};

void
undo_init(struct undo *undo)
{
	*undo = (struct undo){.epoch = 1};
}

void
undo_fini(struct undo *undo)
{
	buffer_fini(&undo->log);
}

bool
undo_is_empty(const struct undo *undo)
{
	return undo->log.size == 0;
}

static struct undo_item *
item_at(struct undo *undo, size_t at)
{
	return (struct undo_item *)(void *)(undo->log.data + at);
}

static struct undo_item *
push(struct undo *undo, size_t value_size)
{
	size_t size = sizeof(struct undo_item) + ((value_size + 7) & ~(size_t)7);
	size_t at = undo->log.size;

	buffer_reserve(&undo->log, size);
	insist(undo->log.size + size <= UINT32_MAX);
	undo->log.size += size;
	item_at(undo, at)->previous = (uint32_t)undo->last;
	undo->last = at;
	return item_at(undo, at);
}

static bool
is_marked(const struct undo *undo, const struct entry *entry)
{
	return entry->seq >> MARK_BITS == undo->epoch;
}

static void
touch(struct undo *undo, struct entry *entry, enum undo_kind kind)
{
	struct undo_item *item = push(undo, 0);

	item->fire_at = entry->fire_at;
	item->of = entry->self;
	item->flags = entry->flags;
	item->drain = entry->drain;
	item->kind = (uint8_t)kind;
	item->value_size = 0;
	entry->seq = undo->epoch << MARK_BITS | undo->last;
	entry_flag_off(entry, ENTRY_SAVED);
}

void
undo_added(struct cache *cache, struct entry *entry)
{
	touch(&cache->undo, entry, UNDO_ADDED);
	entry_flag_on(entry, ENTRY_SAVED); /* there is no older value */
}

void
undo_touch(struct cache *cache, struct entry *entry)
{
	if (!is_marked(&cache->undo, entry))
		touch(&cache->undo, entry, UNDO_TOUCHED);
}

void
undo_value(struct cache *cache, struct entry *entry)
{
	struct undo_item *item;

	if (entry_is(entry, ENTRY_SAVED))
		return;
	entry_flag_on(entry, ENTRY_SAVED);
	item = push(&cache->undo, entry->value_size);
	item->kind = UNDO_VALUE;
	item->of = (uint32_t)entry->seq;
	item->value_size = entry->value_size;
	if (entry->value_size)
		memcpy(item + 1, entry_value_at(entry), entry->value_size);
}

void
undo_moved(struct cache *cache, struct entry *entry)
{
	if (entry_is(entry, ENTRY_DIRTY) && is_marked(&cache->undo, entry))
		item_at(&cache->undo, (uint32_t)entry->seq)->of = entry->self;
}

static void
clear(struct undo *undo)
{
	undo->log.size = undo->last = undo->removals = 0;
	undo->epoch = (undo->epoch + 1) & ((1ul << (64 - MARK_BITS)) - 1);
	if (undo->epoch == 0)
		undo->epoch = 1;
}

/*
 * A removed entry that nobody outside memory knows leaves nothing. One that only the journal knows goes with the next
 * block; one that is on disk stays for longer, and gives its value's memory back.
 */
static void
drop_removed(struct cache *cache)
{
	struct undo *undo = &cache->undo;

	for (size_t at = 0; at < undo->log.size;) {
		struct undo_item *item = item_at(undo, at);

		at += sizeof(*item) + ((item->value_size + 7) & ~(size_t)7);
		if (item->kind != UNDO_VALUE) {
			struct entry *entry = cache_at(cache, item->of);

			if (!entry_is(entry, ENTRY_REMOVED))
				continue;
			if (entry_is(entry, ENTRY_ON_DISK))
				entry = cache_resize(cache, entry, 0); /* which may have moved it */
			if (entry_is(entry, ENTRY_JOURNALED | ENTRY_ON_DISK))
				continue;
			cache_unlink(cache, entry);
			cache_free(cache, entry);
		}
	}
}

void
undo_keep(struct cache *cache)
{
	if (cache->undo.removals)
		drop_removed(cache);
	cache->unindexed_kept = cache->unindexed.size;
	clear(&cache->undo);
}

/* The entry stays among the changed: it goes into the next block as it was, which changes nothing. */
static void
take_back(struct cache *cache, const struct undo_item *item)
{
	struct entry *entry = cache_at(cache, item->of);

	if (item->kind == UNDO_ADDED) {
		cache_unlink(cache, entry);
		cache_free(cache, entry);
		return;
	}
	if (entry_is(entry, ENTRY_REMOVED) && !(item->flags & ENTRY_REMOVED)) {
		entry_flag_off(entry, ENTRY_REMOVED);
		cache_count(cache, entry, 1);
	} else if (!entry_is(entry, ENTRY_REMOVED) && (item->flags & ENTRY_REMOVED)) {
		cache_count(cache, entry, -1);
		entry_flag_on(entry, ENTRY_REMOVED);
	}
	if (item->flags & ENTRY_INDEXED)
		entry_flag_on(entry, ENTRY_INDEXED);
	entry->fire_at = item->fire_at;
	entry->drain = item->drain;
	cache_queue(cache, entry);
}

void
undo_run(struct cache *cache)
{
	struct undo *undo = &cache->undo;

	for (size_t at = undo->last, left = undo->log.size; left > 0; left = at, at = item_at(undo, at)->previous) {
		const struct undo_item *item = item_at(undo, at);

		if (item->kind == UNDO_VALUE) {
			struct entry *entry = cache_at(cache, item_at(undo, item->of)->of);

			entry = cache_resize(cache, entry, item->value_size);
			if (item->value_size)
				memcpy(entry_value_at(entry), item + 1, item->value_size);
		} else {
			take_back(cache, item);
		}
	}
	cache->unindexed.size = cache->unindexed_kept;
	clear(undo);
}
