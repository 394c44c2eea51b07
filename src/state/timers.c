#include "state/timers.h"

#include "base/buffer.h"
#include "base/memory.h"

#define PREFETCH_HEADS 3		    /* the top of the heap: the next items are among these */
#define STALE_ITEMS_MIN 4096		    /* fewer than that are left alone */
#define STALE_KEYS_MIN ((int64_t)256 << 10) /* bytes, likewise */
#define ITEMS_PER_BLOCK 7		    /* a block is 128 bytes */
#define BLOCKS_PER_GROUP 64
#define BUCKET_MS ((int64_t)1 << TIMERS_BUCKET_BITS)

struct timers_item {
	int64_t time;
	uint32_t handle;
};

struct timers_block {
	struct timers_block *next;
	size_t count;
	struct timers_item items[ITEMS_PER_BLOCK];
};

struct timers_group {
	struct timers_group *next;
	struct timers_block blocks[BLOCKS_PER_GROUP];
};

void
timers_init(struct timers *timers, const struct slab *slab)
{
	*timers = (struct timers){.slab = slab,
				  .near_end = TIME_MIN,
				  .ring_end = TIME_MIN,
				  .far_min = TIME_MAX,
				  .next = TIME_MAX,
				  .bytes = sizeof(*timers)};
}

void
timers_fini(struct timers *timers)
{
	while (timers->groups) {
		struct timers_group *next = timers->groups->next;

		memory_free(&timers->groups);
		timers->groups = next;
	}
	memory_free(&timers->heap);
	arena_fini(&timers->keys);
}

static struct timers_block *
take_block(struct timers *timers)
{
	struct timers_block *block;

	if (!timers->spare) {
		struct timers_group *group = memory_new(sizeof(*group));

		group->next = timers->groups;
		timers->groups = group;
		timers->bytes += (int64_t)sizeof(*group);
		for (size_t i = 0; i < BLOCKS_PER_GROUP; i++) {
			group->blocks[i].next = timers->spare;
			timers->spare = &group->blocks[i];
		}
	}
	block = timers->spare;
	timers->spare = block->next;
	block->count = 0;
	return block;
}

static void
list_push(struct timers *timers, struct timers_block **list, int64_t time, uint32_t handle)
{
	if (!*list || (*list)->count == ITEMS_PER_BLOCK) {
		struct timers_block *block = take_block(timers);

		block->next = *list;
		*list = block;
	}
	(*list)->items[(*list)->count++] = (struct timers_item){.time = time, .handle = handle};
}

static struct entry *
entry_of(const struct timers *timers, int64_t time, uint32_t handle)
{
	struct entry *entry;

	if (!slab_known(timers->slab, handle))
		return NULL;
	entry = slab_at(timers->slab, handle);
	return entry_is(entry, ENTRY_LIVE) && entry->queued_at == time ? entry : NULL;
}

/* ---- the heap ---- */

static bool
due_before(const struct timers_due *a, const struct timers_due *b)
{
	int order;

	if (a->time != b->time)
		return a->time < b->time;
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix;
	order = bytes_compare(bytes_of(a->key, a->key_size), bytes_of(b->key, b->key_size));
	return order != 0 ? order < 0 : a->store < b->store;
}

static void
sift_up(struct timers *timers, size_t at)
{
	struct timers_due due = timers->heap[at];

	while (at > 0 && due_before(&due, &timers->heap[(at - 1) / 2])) {
		timers->heap[at] = timers->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	timers->heap[at] = due;
}

static void
sift_down(struct timers *timers, size_t at)
{
	struct timers_due due = timers->heap[at];

	for (size_t child = 2 * at + 1; child < timers->heap_count; child = 2 * at + 1) {
		if (child + 1 < timers->heap_count && due_before(&timers->heap[child + 1], &timers->heap[child]))
			child++;
		if (!due_before(&timers->heap[child], &due))
			break;
		timers->heap[at] = timers->heap[child];
		at = child;
	}
	timers->heap[at] = due;
}

/* Bytes beyond the end of a short key count as zeros; such ties are settled by the comparison of the whole keys. */
static uint64_t
prefix_of(struct bytes key)
{
	uint8_t first[8] = {0};

	if (key.size)
		memcpy(first, key.data, key.size < 8 ? key.size : 8);
	return load_be64(first);
}

static void
heap_push(struct timers *timers, int64_t time, const struct entry *entry)
{
	uint8_t *key = arena_take(&timers->keys, entry->key_size);

	memcpy(key, entry->key, entry->key_size);
	timers->keys_bytes += entry->key_size + 16;
	timers->bytes += entry->key_size + 16;
	if (timers->heap_count == timers->heap_capacity) {
		size_t capacity = timers->heap_capacity ? timers->heap_capacity * 2 : 64;

		timers->heap = memory_resize_array(timers->heap, capacity, sizeof(*timers->heap));
		timers->bytes += (int64_t)((capacity - timers->heap_capacity) * sizeof(*timers->heap));
		timers->heap_capacity = capacity;
	}
	timers->heap[timers->heap_count] = (struct timers_due){.time = time,
							       .prefix = prefix_of(bytes_of(key, entry->key_size)),
							       .key = key,
							       .handle = entry->self,
							       .key_size = entry->key_size,
							       .store = entry->store};
	sift_up(timers, timers->heap_count++);
}

static void
forget_keys(struct timers *timers)
{
	arena_reset(&timers->keys);
	timers->bytes -= timers->keys_bytes;
	timers->keys_bytes = timers->keys_bytes_live = 0;
}

void
timers_pop(struct timers *timers)
{
	timers->heap[0] = timers->heap[--timers->heap_count];
	if (timers->heap_count > 1)
		sift_down(timers, 0);
	if (timers->heap_count == 0)
		forget_keys(timers);
}

void
timers_prefetch(const struct timers *timers)
{
	for (size_t i = 0; i < timers->heap_count && i < PREFETCH_HEADS; i++)
		if (slab_known(timers->slab, timers->heap[i].handle))
			entry_prefetch(slab_at(timers->slab, timers->heap[i].handle));
}

/* ---- the ring ---- */

static uint32_t
bucket_of(int64_t time)
{
	return (uint32_t)((uint64_t)time >> TIMERS_BUCKET_BITS) & (TIMERS_BUCKETS - 1);
}

static void
place(struct timers *timers, int64_t time, uint32_t handle)
{
	if (time < timers->ring_end) {
		uint32_t bucket = bucket_of(time);

		list_push(timers, &timers->ring[bucket], time, handle);
		timers->filled[bucket / 64] |= 1ul << bucket % 64;
		timers->ring_count++;
		return;
	}
	list_push(timers, &timers->far, time, handle);
	timers->far_count++;
	if (time < timers->far_min)
		timers->far_min = time;
}

void
timers_push(struct timers *timers, struct entry *entry)
{
	entry->queued_at = entry->fire_at;
	if (entry->fire_at < timers->near_end)
		heap_push(timers, entry->fire_at, entry);
	else
		place(timers, entry->fire_at, entry->self);
	if (entry->fire_at < timers->next)
		timers->next = entry->fire_at;
}

/* A time may be any, TIME_MIN too, which is why it is not time_add(): what is added counts even there. */
static int64_t
later_by(int64_t time, int64_t ms)
{
	return time > TIME_MAX - ms ? TIME_MAX : time + ms;
}

/* The start of the first bucket that has items, from near_end on; the ring is not empty. */
static int64_t
ring_first(const struct timers *timers)
{
	int64_t time = timers->near_end;
	uint32_t bucket = bucket_of(time);

	for (uint32_t passed = 0; passed < TIMERS_BUCKETS;) {
		uint32_t at = (bucket + passed) & (TIMERS_BUCKETS - 1);
		uint64_t bits = timers->filled[at / 64] >> at % 64;

		if (bits) {
			passed += (uint32_t)__builtin_ctzl(bits);
			return later_by(time, (int64_t)passed * BUCKET_MS);
		}
		passed += 64 - at % 64;
	}
	insist(!"a ring with items has a bucket with items");
	return time;
}

/* The items of a list that still count go on to where they belong by now; the list is empty afterwards. */
static void
list_move(struct timers *timers, struct timers_block *list, bool to_heap)
{
	while (list) {
		struct timers_block *next = list->next;

		for (size_t i = 0; i < list->count; i++)
			__builtin_prefetch(slab_known(timers->slab, list->items[i].handle)
						   ? slab_at(timers->slab, list->items[i].handle)
						   : NULL);
		for (size_t i = 0; i < list->count; i++) {
			struct timers_item item = list->items[i];
			struct entry *entry = entry_of(timers, item.time, item.handle);

			if (entry && to_heap)
				heap_push(timers, item.time, entry);
			else if (entry)
				place(timers, item.time, item.handle);
		}
		list->next = timers->spare;
		timers->spare = list;
		list = next;
	}
}

static void
open_bucket(struct timers *timers, int64_t start)
{
	uint32_t bucket = bucket_of(start);
	struct timers_block *list = timers->ring[bucket];

	for (struct timers_block *block = list; block; block = block->next)
		timers->ring_count -= block->count;
	timers->ring[bucket] = NULL;
	timers->filled[bucket / 64] &= ~(1ul << bucket % 64);
	timers->near_end = later_by(start, BUCKET_MS);
	list_move(timers, list, true);
	timers->keys_bytes_live = timers->keys_bytes;
}

/* The ring is empty: it begins again at the first of the far items. */
static void
turn_ring(struct timers *timers)
{
	struct timers_block *far = timers->far;
	int64_t start = (int64_t)((uint64_t)timers->far_min & ~(uint64_t)(BUCKET_MS - 1));

	timers->far = NULL;
	timers->far_count = 0;
	timers->far_min = TIME_MAX;
	timers->near_end = start;
	timers->ring_end = later_by(start, BUCKET_MS * TIMERS_BUCKETS);
	list_move(timers, far, false);
}

/*
 * The slot may hold another entry by now, which happens to be queued at the same time: that one has an item of
 * its own, at its own place in the order.
 */
static bool
is_of(const struct timers_due *due, const struct entry *entry)
{
	return entry && entry->store == due->store &&
	       bytes_equal(bytes_of(entry->key, entry->key_size), bytes_of(due->key, due->key_size));
}

const struct timers_due *
timers_peek(struct timers *timers, int64_t until)
{
	for (;;) {
		int64_t start;

		if (timers->heap_count) {
			const struct timers_due *due = &timers->heap[0];

			timers->next = due->time;
			if (due->time > until)
				return NULL;
			if (is_of(due, entry_of(timers, due->time, due->handle)))
				return due;
			timers_pop(timers);
			continue;
		}
		start = timers->ring_count ? ring_first(timers) : timers->far_min;
		timers->next = start;
		if (start > until || start == TIME_MAX)
			return NULL;
		if (timers->ring_count) {
			int64_t near_end = timers->near_end;

			open_bucket(timers, start);
			insist(timers->near_end > near_end);
		} else {
			turn_ring(timers);
			insist(timers->ring_count || timers->far_min > start);
		}
	}
}

/* ---- purge ---- */

bool
timers_need_purge(const struct timers *timers, size_t entries)
{
	return timers_count(timers) > 2 * entries + STALE_ITEMS_MIN ||
	       timers->keys_bytes > 2 * timers->keys_bytes_live + STALE_KEYS_MIN;
}

void
timers_purge(struct timers *timers)
{
	struct timers_due *heap = timers->heap;
	size_t heap_count = timers->heap_count;
	struct timers_block *all = timers->far;

	for (uint32_t i = 0; i < TIMERS_BUCKETS; i++) {
		struct timers_block **end = &timers->ring[i];

		while (*end)
			end = &(*end)->next;
		*end = all;
		all = timers->ring[i];
		timers->ring[i] = NULL;
	}
	memset(timers->filled, 0, sizeof(timers->filled));
	timers->ring_count = timers->far_count = 0;
	timers->far = NULL;
	timers->far_min = TIME_MAX;
	list_move(timers, all, false);

	timers->heap = NULL;
	timers->bytes -= (int64_t)(timers->heap_capacity * sizeof(*heap));
	timers->heap_count = timers->heap_capacity = 0;
	arena_fini(&timers->keys);
	timers->bytes -= timers->keys_bytes;
	timers->keys_bytes = 0;
	for (size_t i = 0; i < heap_count; i++) {
		struct entry *entry = entry_of(timers, heap[i].time, heap[i].handle);

		if (entry)
			heap_push(timers, heap[i].time, entry);
	}
	timers->keys_bytes_live = timers->keys_bytes;
	memory_free(&heap);
}
