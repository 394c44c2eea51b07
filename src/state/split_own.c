#include "state/split_own.h"

#include <stdlib.h>

#include "base/memory.h"

#define FOLD_COUNT_MIN 1024

void
split_own_init(struct split_own *own, const struct store_spec *stores, size_t bytes_max)
{
	*own = (struct split_own){.stores = stores, .bytes_max = bytes_max, .fold_count = FOLD_COUNT_MIN};
}

void
split_own_fini(struct split_own *own)
{
	arena_fini(&own->arena);
	memory_free(&own->entries);
}

static struct bytes
copy(struct arena *arena, struct bytes bytes)
{
	uint8_t *to = arena_take(arena, bytes.size);

	if (bytes.size != 0)
		memcpy(to, bytes.data, bytes.size);
	return bytes_of(to, bytes.size);
}

static void
append(struct split_own *own, int store, const struct share_part *part)
{
	struct split_own_entry *entry;

	if (own->count == own->capacity) {
		own->capacity = own->capacity ? 2 * own->capacity : FOLD_COUNT_MIN;
		own->entries = memory_resize_array(own->entries, own->capacity, sizeof(*own->entries));
	}
	entry = &own->entries[own->count++];
	*entry = (struct split_own_entry){.store = store, .part = *part};
	entry->part.key = copy(&own->arena, part->key);
	entry->part.value = copy(&own->arena, part->value);
	own->bytes += sizeof(*entry) + part->key.size + part->value.size;
}

/* ---- making one of several ---- */

static int
compare(const void *left, const void *right)
{
	const struct split_own_entry *a = left, *b = right;

	if (a->part.task != b->part.task)
		return a->part.task < b->part.task ? -1 : 1;
	if (a->store != b->store)
		return a->store < b->store ? -1 : 1;
	return bytes_compare(a->part.key, b->part.key);
}

/* The entries from `first` on that belong together, as one. */
static int
merge(struct split_own *into, const struct split_own_entry *first, size_t count, struct error *err)
{
	const struct store_spec *spec = &into->stores[first->store];
	struct share_part sum = first->part;
	struct buffer values[2] = {{0}, {0}};
	int result = 0;

	for (size_t i = 1; i < count && result == 0; i++) {
		struct buffer *value = &values[i % 2];

		buffer_clear(value);
		sum.fire_at = spec->merge(&sum, &first[i].part, value);
		sum.value = buffer_bytes(value);
		if (sum.value.size > STORE_VALUE_SIZE_MAX)
			result = fail(err, FATAL,
				      "an entry of store %s, which belongs to a task and not to a key, would take %zu "
				      "bytes in one of the new tasks; at most %d: rescale to more tasks",
				      spec->name, sum.value.size, STORE_VALUE_SIZE_MAX);
	}
	if (result == 0)
		append(into, first->store, &sum);
	for (int i = 0; i < 2; i++)
		buffer_fini(&values[i]);
	return result;
}

int
split_own_fold(struct split_own *own, struct error *err)
{
	struct split_own folded;
	size_t same;
	int result = 0;

	split_own_init(&folded, own->stores, own->bytes_max);
	if (own->count > 0)
		qsort(own->entries, own->count, sizeof(*own->entries), compare);
	for (size_t i = 0; i < own->count && result == 0; i += same) {
		for (same = 1; i + same < own->count && compare(&own->entries[i], &own->entries[i + same]) == 0;)
			same++;
		result = merge(&folded, &own->entries[i], same, err);
	}
	if (result < 0) {
		split_own_fini(&folded);
		return -1;
	}
	folded.fold_count = 2 * folded.count > FOLD_COUNT_MIN ? 2 * folded.count : FOLD_COUNT_MIN;
	split_own_fini(own);
	*own = folded;
	return 0;
}

int
split_own_add(struct split_own *own, int store, const struct share_part *part, struct error *err)
{
	append(own, store, part);
	if ((own->count >= own->fold_count || own->bytes > own->bytes_max) && split_own_fold(own, err) < 0)
		return -1;
	if (own->bytes > own->bytes_max)
		return fail(err, FATAL,
			    "entries that belong to tasks and not to keys take more than %zu bytes (store %s); let "
			    "the operator come to the end of what it has begun: isotope run --until-end, with the "
			    "number of partitions of before",
			    own->bytes_max, own->stores[store].name);
	return 0;
}
