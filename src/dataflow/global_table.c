#include "dataflow/global_table.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"

#define SLOTS_MIN 1024	     /* a power of two */
#define OUTSIDE UINT64_MAX   /* a reader that is not inside holds nothing */
#define CACHE_LINE 64	     /* bytes */
#define FREE_EVERY (1 << 16) /* bytes unlinked before readers are looked at */

/* A version of a row; what was unlinked is chained by `next_retired`. */
struct version { /* in memory of memory_new, which begins at a multiple of 16 */
	int64_t time_ms;
	_Atomic(struct version *) older;
	struct version *next_retired;
	uint64_t retired_at;
	size_t size;
	alignas(16) uint8_t value[];
};

/* A key, and its versions from the newest to the oldest; none: it was removed. It stays as long as the table. */
struct row {
	uint64_t hash;
	_Atomic(struct version *) newest;
	size_t key_size;
	uint8_t key[];
};

/* The index: open addressing with steps of one, never more than half full. */
struct slots {
	struct slots *next_retired;
	uint64_t retired_at;
	size_t mask;
	_Atomic(struct row *) at[];
};

struct reader_place {
	_Atomic uint64_t seen; /* the epoch that the reader was last outside a look-up in */
	uint8_t apart[CACHE_LINE - sizeof(uint64_t)];
};

struct global_table {
	struct global_table_config config;
	_Atomic(struct slots *) slots;
	struct reader_place *readers;
	_Atomic uint64_t epoch;
	/* The writer's alone. */
	size_t used; /* slots */
	_Atomic int64_t bytes, rows;
	struct version *retired_first, *retired_last; /* in the order in which they were unlinked */
	struct slots *retired_slots;
	size_t retired_bytes;
};

static size_t
slots_size(size_t count)
{
	return sizeof(struct slots) + count * sizeof(_Atomic(struct row *));
}

static struct slots *
slots_new(size_t count)
{
	struct slots *slots = memory_new(slots_size(count));

	slots->mask = count - 1;
	return slots;
}

static struct version *
version_new(int64_t time_ms, struct bytes value)
{
	struct version *version = memory_new(sizeof(*version) + value.size);

	version->time_ms = time_ms;
	version->size = value.size;
	if (value.size != 0)
		memcpy(version->value, value.data, value.size);
	return version;
}

static int64_t
version_bytes(const struct version *version)
{
	return (int64_t)(sizeof(*version) + version->size);
}

struct global_table *
global_table_new(const struct global_table_config *config)
{
	struct global_table *table = memory_new(sizeof(*table));

	table->config = *config;
	table->readers = memory_new_array((size_t)config->readers + 1, sizeof(*table->readers));
	for (int i = 0; i < config->readers; i++)
		atomic_init(&table->readers[i].seen, OUTSIDE);
	atomic_init(&table->epoch, 1);
	atomic_init(&table->slots, slots_new(SLOTS_MIN));
	table->bytes = (int64_t)slots_size(SLOTS_MIN);
	return table;
}

/* ---- freeing what readers may still see ---- */

static uint64_t
oldest_reader(const struct global_table *table)
{
	uint64_t oldest = OUTSIDE;

	for (int i = 0; i < table->config.readers; i++) {
		uint64_t seen = atomic_load(&table->readers[i].seen);

		if (seen < oldest)
			oldest = seen;
	}
	return oldest;
}

/* What was unlinked in an epoch nobody can have found who was outside in a later one. */
static void
free_retired(struct global_table *table)
{
	uint64_t oldest;

	atomic_fetch_add(&table->epoch, 1);
	oldest = oldest_reader(table);
	table->retired_bytes = 0;
	while (table->retired_first && table->retired_first->retired_at < oldest) {
		struct version *version = table->retired_first;

		table->retired_first = version->next_retired;
		table->bytes -= version_bytes(version);
		memory_free(&version);
	}
	if (!table->retired_first)
		table->retired_last = NULL;
	while (table->retired_slots && table->retired_slots->retired_at < oldest) {
		struct slots *slots = table->retired_slots;

		table->retired_slots = slots->next_retired;
		table->bytes -= (int64_t)slots_size(slots->mask + 1);
		memory_free(&slots);
	}
}

static void
retire(struct global_table *table, struct version *version)
{
	version->retired_at = atomic_load(&table->epoch);
	version->next_retired = NULL;
	if (table->retired_last)
		table->retired_last->next_retired = version;
	else
		table->retired_first = version;
	table->retired_last = version;
	table->retired_bytes += (size_t)version_bytes(version);
	if (table->retired_bytes >= FREE_EVERY)
		free_retired(table);
}

/* Each index is twice as large as the one before it: those that wait are few, and the newest of them goes last. */
static void
retire_slots(struct global_table *table, struct slots *slots)
{
	slots->retired_at = atomic_load(&table->epoch);
	slots->next_retired = table->retired_slots;
	table->retired_slots = slots;
	free_retired(table);
}

static void
free_versions(struct version *version)
{
	while (version) {
		struct version *older = atomic_load_explicit(&version->older, memory_order_relaxed);

		memory_free(&version);
		version = older;
	}
}

void
global_table_free(struct global_table **pointer)
{
	struct global_table *table = *pointer;
	struct slots *slots;

	if (!table)
		return;
	slots = atomic_load(&table->slots);
	for (size_t i = 0; i <= slots->mask; i++) {
		struct row *row = atomic_load_explicit(&slots->at[i], memory_order_relaxed);

		if (row)
			free_versions(atomic_load_explicit(&row->newest, memory_order_relaxed));
		memory_free(&row);
	}
	memory_free(&slots);
	for (int i = 0; i < table->config.readers; i++)
		insist(atomic_load(&table->readers[i].seen) == OUTSIDE);
	free_retired(table);
	insist(!table->retired_first && !table->retired_slots);
	memory_free(&table->readers);
	memory_free(pointer);
}

/* ---- readers ---- */

/* Until the epoch stands still between both looks at it: then the writer, before it frees, has seen this reader. */
void
global_table_enter(struct global_table *table, int reader)
{
	uint64_t epoch;

	do {
		epoch = atomic_load(&table->epoch);
		atomic_store(&table->readers[reader].seen, epoch);
	} while (atomic_load(&table->epoch) != epoch);
}

void
global_table_pass(struct global_table *table, int reader)
{
	uint64_t epoch = atomic_load_explicit(&table->epoch, memory_order_acquire);

	atomic_store_explicit(&table->readers[reader].seen, epoch, memory_order_release);
}

void
global_table_leave(struct global_table *table, int reader)
{
	atomic_store_explicit(&table->readers[reader].seen, OUTSIDE, memory_order_release);
}

/* The slot of the key, or the empty one where it would be. */
static size_t
find_slot(const struct slots *slots, struct key key)
{
	size_t at = key.hash & slots->mask;

	for (;; at = (at + 1) & slots->mask) {
		const struct row *row = atomic_load_explicit(&slots->at[at], memory_order_acquire);

		if (!row || (row->hash == key.hash && bytes_equal(bytes_of(row->key, row->key_size), key.bytes)))
			return at;
	}
}

bool
global_table_find(const struct global_table *table, struct key key, int64_t at_ms, struct table_row *out)
{
	const struct slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
	const struct row *row = atomic_load_explicit(&slots->at[find_slot(slots, key)], memory_order_acquire);
	const struct version *version = row ? atomic_load_explicit(&row->newest, memory_order_acquire) : NULL;

	if (!version)
		return false;
	while (version->time_ms > at_ms) {
		const struct version *older = atomic_load_explicit(&version->older, memory_order_acquire);

		if (!older)
			break;
		version = older;
	}
	out->value = bytes_of(version->value, version->size);
	out->time_ms = version->time_ms;
	return true;
}

/* ---- the writer ---- */

static void
grow(struct global_table *table)
{
	struct slots *old = atomic_load(&table->slots);
	struct slots *slots = slots_new(2 * (old->mask + 1));

	table->bytes += (int64_t)slots_size(slots->mask + 1);
	for (size_t i = 0; i <= old->mask; i++) {
		struct row *row = atomic_load_explicit(&old->at[i], memory_order_relaxed);

		if (row)
			atomic_store_explicit(
				&slots->at[find_slot(slots,
						     (struct key){bytes_of(row->key, row->key_size), row->hash})],
				row, memory_order_relaxed);
	}
	atomic_store_explicit(&table->slots, slots, memory_order_release);
	retire_slots(table, old);
}

static struct row *
add_row(struct global_table *table, struct key key)
{
	struct row *row = memory_new(sizeof(*row) + key.bytes.size);
	struct slots *slots;

	if (2 * (table->used + 1) > atomic_load(&table->slots)->mask + 1)
		grow(table);
	slots = atomic_load(&table->slots);
	row->hash = key.hash;
	row->key_size = key.bytes.size;
	if (key.bytes.size != 0)
		memcpy(row->key, key.bytes.data, key.bytes.size);
	table->bytes += (int64_t)(sizeof(*row) + key.bytes.size);
	table->used++;
	atomic_store_explicit(&slots->at[find_slot(slots, key)], row, memory_order_release);
	return row;
}

/* The link behind which a version of that time belongs: behind all newer ones. */
static _Atomic(struct version *) *
place_of(struct row *row, int64_t time_ms, int64_t *newer)
{
	_Atomic(struct version *) *link = &row->newest;

	for (*newer = 0;; ++*newer) {
		struct version *version = atomic_load_explicit(link, memory_order_relaxed);

		if (!version || version->time_ms <= time_ms)
			return link;
		link = &version->older;
	}
}

static void
cut_oldest(struct global_table *table, struct row *row)
{
	_Atomic(struct version *) *link = &row->newest;
	struct version *version;

	for (int64_t i = 0; i < table->config.versions; i++) {
		version = atomic_load_explicit(link, memory_order_relaxed);
		if (!version)
			return;
		link = &version->older;
	}
	version = atomic_load_explicit(link, memory_order_relaxed);
	if (!version)
		return;
	atomic_store_explicit(link, NULL, memory_order_release);
	retire(table, version);
}

static int
refuse(const struct global_table *table, struct error *err)
{
	return fail(err, FATAL,
		    "the global table of topic %s needs more than its table_size of %" PRId64 " bytes (%" PRId64
		    " keys so far, up to %" PRId64
		    " versions each); raise table_size or lower table_versions, and see that there is memory for it",
		    table->config.name, table->config.bytes_max, global_table_rows(table), table->config.versions);
}

/* How much the table grows, at most. */
static int64_t
growth(const struct global_table *table, const struct row *row, struct key key, struct bytes value)
{
	int64_t bytes = (int64_t)(sizeof(struct version) + value.size);
	size_t slots = atomic_load(&table->slots)->mask + 1;

	if (row)
		return bytes;
	bytes += (int64_t)(sizeof(struct row) + key.bytes.size);
	return 2 * (table->used + 1) > slots ? bytes + (int64_t)slots_size(2 * slots) : bytes;
}

int
global_table_put(struct global_table *table, struct key key, int64_t time_ms, struct bytes value, struct error *err)
{
	struct slots *slots = atomic_load(&table->slots);
	struct row *row = atomic_load(&slots->at[find_slot(slots, key)]);
	struct version *version, *before;
	_Atomic(struct version *) *link;
	int64_t newer;

	if (table->bytes + growth(table, row, key, value) > table->config.bytes_max) {
		free_retired(table);
		if (table->bytes + growth(table, row, key, value) > table->config.bytes_max)
			return refuse(table, err);
	}
	if (!row)
		row = add_row(table, key);
	if (!atomic_load_explicit(&row->newest, memory_order_relaxed))
		table->rows++;
	link = place_of(row, time_ms, &newer);
	if (newer >= table->config.versions)
		return 0;
	version = version_new(time_ms, value);
	table->bytes += version_bytes(version);
	before = atomic_load_explicit(link, memory_order_relaxed);
	if (before && before->time_ms == time_ms) {
		atomic_init(&version->older, atomic_load_explicit(&before->older, memory_order_relaxed));
		atomic_store_explicit(link, version, memory_order_release);
		retire(table, before);
		return 0;
	}
	atomic_init(&version->older, before);
	atomic_store_explicit(link, version, memory_order_release);
	cut_oldest(table, row);
	return 0;
}

void
global_table_remove(struct global_table *table, struct key key)
{
	struct slots *slots = atomic_load(&table->slots);
	struct row *row = atomic_load(&slots->at[find_slot(slots, key)]);
	struct version *version = row ? atomic_load_explicit(&row->newest, memory_order_relaxed) : NULL;

	if (!version)
		return;
	table->rows--;
	atomic_store_explicit(&row->newest, NULL, memory_order_release);
	while (version) {
		struct version *older = atomic_load_explicit(&version->older, memory_order_relaxed);

		retire(table, version);
		version = older;
	}
}

int64_t
global_table_bytes(const struct global_table *table)
{
	return atomic_load_explicit(&table->bytes, memory_order_relaxed);
}

int64_t
global_table_rows(const struct global_table *table)
{
	return atomic_load_explicit(&table->rows, memory_order_relaxed);
}
