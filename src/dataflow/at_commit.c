#include "dataflow/at_commit.h"

#include "base/error.h"
#include "base/memory.h"

#define CAPACITY_MIN 64
#define EPOCH_BITS 24 /* above the place of an item */
#define PLACE_BITS (64 - EPOCH_BITS)

struct item {
	uint8_t store;
	struct bytes key;
};

void
at_commit_fini(struct at_commit *list)
{
	buffer_fini(&list->keys);
	memory_free(&list->slots);
}

/* The item that begins at *at, which goes on to the one behind it. */
static struct item
item_at(const struct at_commit *list, size_t *at)
{
	const uint8_t *from = list->keys.data + *at;
	uint32_t size = load_u32(from + 1);

	*at += 5 + size;
	return (struct item){.store = from[0], .key = bytes_of(from + 5, size)};
}

/* Where the item is in the table, or would be. */
static uint64_t *
slot_of(const struct at_commit *list, int store, struct key key)
{
	for (size_t i = key.hash + (size_t)store * 0x9e3779b97f4a7c15u;; i++) {
		uint64_t *slot = &list->slots[i & (list->capacity - 1)];
		size_t at = *slot & (((uint64_t)1 << PLACE_BITS) - 1);
		struct item item;

		if (*slot >> PLACE_BITS != list->epoch)
			return slot;
		item = item_at(list, &at);
		if (item.store == store && bytes_equal(item.key, key.bytes))
			return slot;
	}
}

static bool
is_free(const struct at_commit *list, const uint64_t *slot)
{
	return *slot >> PLACE_BITS != list->epoch;
}

static void
set_slot(struct at_commit *list, uint64_t *slot, size_t at)
{
	*slot = list->epoch << PLACE_BITS | at;
	list->count++;
}

/* An empty table; epoch 0 is that of slots that were never used. */
static void
clear_table(struct at_commit *list)
{
	list->count = 0;
	if (++list->epoch >> EPOCH_BITS == 0)
		return;
	list->epoch = 1;
	memset(list->slots, 0, list->capacity * sizeof(*list->slots));
}

/* All that is in `keys`, in a table made anew. */
static void
fill_table(struct at_commit *list)
{
	clear_table(list);
	for (size_t at = 0, next = 0; at < list->keys.size; at = next) {
		struct item item = item_at(list, &next);

		set_slot(list, slot_of(list, item.store, key_of(item.key)), at);
	}
}

static void
grow_table(struct at_commit *list)
{
	if (4 * (list->count + 1) <= 3 * list->capacity)
		return;
	list->capacity = list->capacity ? 2 * list->capacity : CAPACITY_MIN;
	memory_free(&list->slots);
	list->slots = memory_new_array(list->capacity, sizeof(*list->slots));
	fill_table(list);
}

void
at_commit_add(struct at_commit *list, int store, struct key key)
{
	size_t at = list->keys.size;
	uint64_t *slot;

	insist(list->seen == 0 && store >= 0 && store <= UINT8_MAX && key.bytes.size <= UINT32_MAX &&
	       at < (uint64_t)1 << PLACE_BITS);
	grow_table(list);
	slot = slot_of(list, store, key);
	if (!is_free(list, slot))
		return;
	set_slot(list, slot, at);
	buffer_put_u8(&list->keys, (uint8_t)store);
	buffer_put_u32(&list->keys, (uint32_t)key.bytes.size);
	buffer_put_bytes(&list->keys, key.bytes);
}

void
at_commit_keep(struct at_commit *list)
{
	list->kept = list->keys.size;
}

void
at_commit_undo(struct at_commit *list)
{
	if (list->keys.size == list->kept)
		return;
	list->keys.size = list->kept;
	fill_table(list);
}

bool
at_commit_next(struct at_commit *list, int *store, struct key *key)
{
	size_t at = list->seen;
	struct item item;

	insist(list->kept == list->keys.size);
	if (at < list->keys.size) {
		item = item_at(list, &at);
		*store = item.store;
		*key = key_of(item.key);
		return true;
	}
	if (list->count) {
		buffer_clear(&list->keys);
		list->kept = list->seen = 0;
		clear_table(list);
	}
	return false;
}

void
at_commit_done(struct at_commit *list)
{
	item_at(list, &list->seen);
}
