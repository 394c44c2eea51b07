#include "dataflow/series_set.h"

#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"

struct series {
	struct series *next; /* of all that were made */
	_Atomic int64_t began_ms;
	size_t name_size;
	uint8_t name[];
};

static struct series *
series_new(struct series_set *set, struct bytes name, int64_t time_ms)
{
	struct series *series = memory_new(sizeof(*series) + name.size);

	series->next = set->all;
	set->all = series;
	atomic_init(&series->began_ms, time_ms);
	series->name_size = name.size;
	if (name.size)
		memcpy(series->name, name.data, name.size);
	return series;
}

static struct series *
series_at(const struct series_set *set, int number)
{
	return atomic_load_explicit(&set->at[number], memory_order_acquire);
}

static int64_t
began(const struct series *series)
{
	return atomic_load_explicit(&series->began_ms, memory_order_relaxed);
}

/* The place of that name, or -1; *first: that of the series that began first. */
static int
find(const struct series_set *set, struct bytes name, int *first)
{
	int count = atomic_load_explicit(&set->count, memory_order_relaxed);

	*first = 0;
	for (int i = 0; i < count; i++) {
		const struct series *series = series_at(set, i);

		if (bytes_equal(bytes_of(series->name, series->name_size), name))
			return i;
		if (began(series) < began(series_at(set, *first)))
			*first = i;
	}
	return -1;
}

void
series_set_note(struct series_set *set, struct bytes name, int64_t time_ms)
{
	int count = atomic_load_explicit(&set->count, memory_order_relaxed);
	int first, place = find(set, name, &first);

	if (place >= 0) {
		if (time_ms < began(series_at(set, place)))
			atomic_store_explicit(&series_at(set, place)->began_ms, time_ms, memory_order_relaxed);
	} else if (count < TABLE_SERIES_MAX) {
		atomic_store_explicit(&set->at[count], series_new(set, name, time_ms), memory_order_release);
		atomic_store_explicit(&set->count, count + 1, memory_order_release);
	} else if (time_ms > began(series_at(set, first))) {
		atomic_store_explicit(&set->at[first], series_new(set, name, time_ms), memory_order_release);
	}
}

bool
series_set_get(const struct series_set *set, int number, struct table_series *out)
{
	const struct series *series;

	if (number >= atomic_load_explicit(&set->count, memory_order_acquire))
		return false;
	series = series_at(set, number);
	*out = (struct table_series){bytes_of(series->name, series->name_size), began(series)};
	return true;
}

void
series_set_fini(struct series_set *set)
{
	while (set->all) {
		struct series *series = set->all;

		set->all = series->next;
		memory_free(&series);
	}
	*set = (struct series_set){0};
}
