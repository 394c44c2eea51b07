/*
 * Removes segments that no batch is in any more. The one place where that happens, whatever took the batches away: that
 * they are gone, or stand elsewhere, is made durable first. Else a loss of power could leave rows of files that are no
 * more.
 *
 * Which files have batches is read from the rows that say where those stand; what that costs must not grow with what
 * the log keeps. So it is done only where batches have gone since. Of a topic that is only trimmed it needs little: a
 * partition's batches lie in its files in the order of their offsets, so that its first ROWS_MAX rows and its last one
 * say it: behind the first ones every file up to that of the last row counts as used. (All of them would be exact;
 * what lies between is freed when the first ones have gone.) Compaction moves batches: there it is all rows.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "log/embedded_log.h"

#define ROWS_MAX 1024 /* of a partition; a file of full batches has a quarter of that */

/* Numbers of files that are used, both included. */
struct span {
	uint64_t from, to;
};

struct spans {
	struct span *items;
	size_t count, capacity;
};

static void
add(struct spans *spans, uint64_t from, uint64_t to)
{
	struct span *last = spans->count != 0 ? &spans->items[spans->count - 1] : NULL;

	if (last && from >= last->from && from <= last->to + 1) {
		if (to > last->to)
			last->to = to;
		return;
	}
	if (spans->count == spans->capacity) {
		spans->capacity = spans->capacity * 2 + 16;
		spans->items = memory_resize_array(spans->items, spans->capacity, sizeof(*spans->items));
	}
	spans->items[spans->count++] = (struct span){from, to};
}

static int
compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* In order, and none that touches another. */
static void
settle(struct spans *spans)
{
	struct spans merged = {0};

	if (spans->count == 0)
		return;
	qsort(spans->items, spans->count, sizeof(*spans->items), compare);
	for (size_t i = 0; i < spans->count; i++)
		add(&merged, spans->items[i].from, spans->items[i].to);
	memory_free(&spans->items);
	*spans = merged;
}

static bool
is_used(void *argument, uint64_t number)
{
	const struct spans *spans = argument;
	size_t low = 0, high = spans->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans->items[middle].to < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < spans->count && spans->items[low].from <= number;
}

/* ---- the rows ---- */

/* 1: the iterator stands on a row of the partition, whose place it is. */
static int
place_at(rocksdb_iterator_t *iterator, const uint8_t prefix[EMBEDDED_PARTITION_KEY_SIZE], struct segment_place *place,
	 struct error *err)
{
	struct bytes key, value;
	char *failure = NULL;

	if (!rocksdb_iter_valid(iterator)) {
		rocksdb_iter_get_error(iterator, &failure);
		if (failure)
			fail_reason(err, failure, "the log cannot be read");
		rocksdb_free(failure);
		return failure ? -1 : 0;
	}
	key.data = (const uint8_t *)rocksdb_iter_key(iterator, &key.size);
	if (key.size != EMBEDDED_KEY_SIZE || memcmp(key.data, prefix, EMBEDDED_PARTITION_KEY_SIZE) != 0)
		return 0;
	value.data = (const uint8_t *)rocksdb_iter_value(iterator, &value.size);
	return segment_place_read(value, place, err) < 0 ? -1 : 1;
}

static int
collect(struct embedded *log, rocksdb_iterator_t *iterator, int topic, int partition, struct spans *spans,
	struct error *err)
{
	size_t rows_max = log->topics[topic]->compacted ? SIZE_MAX : ROWS_MAX;
	uint8_t prefix[EMBEDDED_PARTITION_KEY_SIZE], last[EMBEDDED_KEY_SIZE];
	struct segment_place place;
	uint64_t from;
	int found;

	embedded_partition_key(prefix, 'd', topic, partition);
	rocksdb_iter_seek(iterator, (const char *)prefix, sizeof(prefix));
	found = place_at(iterator, prefix, &place, err);
	for (size_t rows = 0; found > 0 && rows < rows_max; rows++) {
		add(spans, place.number, place.number);
		rocksdb_iter_next(iterator);
		found = place_at(iterator, prefix, &place, err);
	}
	if (found <= 0)
		return found;
	from = place.number;
	embedded_key(last, 'd', topic, partition, INT64_MAX);
	rocksdb_iter_seek_for_prev(iterator, (const char *)last, sizeof(last));
	found = place_at(iterator, prefix, &place, err);
	if (found > 0)
		add(spans, from, place.number > from ? place.number : from);
	return found < 0 ? -1 : 0;
}

static int
collect_all(struct embedded *log, int topic, struct spans *spans, struct error *err)
{
	rocksdb_iterator_t *iterator = rocksdb_create_iterator(log->db, log->read);
	int result = 0;

	for (int i = 0; i < log->topics[topic]->partition_count && result == 0; i++)
		result = collect(log, iterator, topic, i, spans, err);
	rocksdb_iter_destroy(iterator);
	settle(spans);
	return result;
}

static int
free_segments(struct embedded *log, int topic, struct error *err)
{
	uint64_t before = segments_first_unindexed(log->segments, topic); /* before looking at the rows */
	struct spans used = {0};
	int result = collect_all(log, topic, &used, err);

	if (result == 0 && segments_removable(log->segments, topic, before, is_used, &used)) {
		result = embedded_sync(log, err);
		if (result == 0)
			result = segments_remove(log->segments, topic, before, is_used, &used, err);
	}
	memory_free(&used.items);
	return result;
}

int
embedded_free_segments(struct embedded *log, int topic, struct error *err)
{
	_Atomic bool *freed = &log->topics[topic]->freed;

	if (!atomic_exchange(freed, false))
		return 0;
	if (free_segments(log, topic, err) == 0)
		return 0;
	atomic_store(freed, true);
	return -1;
}
