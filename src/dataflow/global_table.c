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
#define RETIRED_IN_CHUNK 170 /* a chunk takes about 4 KiB */

/* A version of a row. */
struct version { /* in memory of memory_new, which begins at a multiple of 16 */
	int64_t time_ms;
	_Atomic(struct version *) older;
	size_t size;
	alignas(16) uint8_t value[];
};

/* A key, and its versions from the newest to the oldest; none: it is not in the index any more, or not yet. */
struct row {
	uint64_t hash;
	_Atomic(struct version *) newest;
	_Atomic int64_t gone_from_ms; /* time of the oldest version that is no longer kept; TIME_MAX: there is none */
	size_t key_size;
	uint8_t key[];
};

/*
 * The index: open addressing with steps of one, never more than half full. Where a row was removed `gone` stands,
 * which is like no key, so that what lies behind it is still found. An index that is half full of rows and of `gone` is
 * replaced by one of the size that the rows need.
 */
struct slots {
	size_t mask;
	_Atomic(struct row *) at[];
};

static struct row gone = {.key_size = SIZE_MAX};

/* What was unlinked, and in which epoch. */
struct retired {
	void *memory;
	int64_t bytes;
	uint64_t epoch;
};

/* A part of the queue of it. */
struct retired_chunk {
	struct retired_chunk *next;
	size_t first, count; /* of `items`: those from `first` on wait */
	struct retired items[RETIRED_IN_CHUNK];
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
	size_t used; /* slots with a row or `gone` */
	_Atomic int64_t bytes, rows;
	struct retired_chunk *retired_first, *retired_last; /* in the order in which it was unlinked */
	int64_t retired_bytes;				    /* of all that is in the queue, and of the queue */
	int64_t unlinked_bytes;				    /* since readers were looked at */
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

static int64_t
row_bytes(size_t key_size)
{
	return (int64_t)(sizeof(struct row) + key_size);
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

static void
give_back(struct global_table *table, int64_t bytes)
{
	table->bytes -= bytes;
	table->retired_bytes -= bytes;
}

static void
free_items(struct global_table *table, struct retired_chunk *chunk, uint64_t oldest)
{
	for (; chunk->first < chunk->count && chunk->items[chunk->first].epoch < oldest; chunk->first++) {
		give_back(table, chunk->items[chunk->first].bytes);
		memory_free(&chunk->items[chunk->first].memory);
	}
}

/* What was unlinked in an epoch nobody can have found who was outside in a later one. */
static void
free_retired(struct global_table *table)
{
	uint64_t oldest;

	atomic_fetch_add(&table->epoch, 1);
	oldest = oldest_reader(table);
	table->unlinked_bytes = 0;
	while (table->retired_first) {
		struct retired_chunk *chunk = table->retired_first;

		free_items(table, chunk, oldest);
		if (chunk->first < chunk->count)
			return;
		table->retired_first = chunk->next;
		give_back(table, (int64_t)sizeof(*chunk));
		memory_free(&chunk);
	}
	table->retired_last = NULL;
}

static void
retire(struct global_table *table, void *memory, int64_t bytes)
{
	struct retired_chunk *chunk = table->retired_last;

	if (!chunk || chunk->count == RETIRED_IN_CHUNK) {
		struct retired_chunk *fresh = memory_new(sizeof(*fresh));

		if (chunk)
			chunk->next = fresh;
		else
			table->retired_first = fresh;
		chunk = table->retired_last = fresh;
		table->bytes += (int64_t)sizeof(*chunk);
		table->retired_bytes += (int64_t)sizeof(*chunk);
	}
	chunk->items[chunk->count++] = (struct retired){memory, bytes, atomic_load(&table->epoch)};
	table->retired_bytes += bytes;
	table->unlinked_bytes += bytes;
	if (table->unlinked_bytes >= FREE_EVERY)
		free_retired(table);
}

static void
retire_version(struct global_table *table, struct version *version)
{
	retire(table, version, version_bytes(version));
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

		if (!row || row == &gone)
			continue;
		free_versions(atomic_load_explicit(&row->newest, memory_order_relaxed));
		memory_free(&row);
	}
	memory_free(&slots);
	for (int i = 0; i < table->config.readers; i++)
		insist(atomic_load(&table->readers[i].seen) == OUTSIDE);
	free_retired(table);
	insist(!table->retired_first && table->retired_bytes == 0);
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

/*
 * The row of the key, or NULL; *at: its slot, or the empty one where it would be. A slot is looked at once: by the next
 * look another key's row may stand there.
 */
static struct row *
find_row(const struct slots *slots, struct key key, size_t *at)
{
	for (*at = key.hash & slots->mask;; *at = (*at + 1) & slots->mask) {
		struct row *row = atomic_load_explicit(&slots->at[*at], memory_order_acquire);

		if (!row || (row->hash == key.hash && bytes_equal(bytes_of(row->key, row->key_size), key.bytes)))
			return row;
	}
}

/* `version`: NULL where nothing that is kept is as old as that. */
static enum table_answer
answer(const struct row *row, const struct version *version, int64_t at_ms, struct table_row *out)
{
	if (!version)
		return atomic_load_explicit(&row->gone_from_ms, memory_order_relaxed) <= at_ms ? TABLE_GONE
											       : TABLE_NOTHING;
	*out = (struct table_row){
		.value = bytes_of(version->value, version->size),
		.time_ms = version->time_ms,
		.at = {row, version, at_ms},
	};
	return TABLE_ROW;
}

enum table_answer
global_table_find(const struct global_table *table, struct key key, int64_t at_ms, struct table_row *out)
{
	const struct slots *slots = atomic_load_explicit(&table->slots, memory_order_acquire);
	size_t at;
	const struct row *row = find_row(slots, key, &at);
	const struct version *version = row ? atomic_load_explicit(&row->newest, memory_order_acquire) : NULL;

	if (!version) /* of a row that is being removed too */
		return TABLE_NOTHING;
	while (version && version->time_ms > at_ms)
		version = atomic_load_explicit(&version->older, memory_order_acquire);
	return answer(row, version, at_ms, out);
}

enum table_answer
global_table_find_before(struct table_row *row)
{
	const struct version *version = row->at.version;

	return answer(row->at.row, atomic_load_explicit(&version->older, memory_order_acquire), row->at.ms, row);
}

/* ---- the writer ---- */

/* How many slots an index of so many rows has: half of them are free for more, or for `gone`. */
static size_t
slots_for(size_t rows)
{
	size_t count = SLOTS_MIN;

	while (count < 4 * rows)
		count *= 2;
	return count;
}

static bool
must_replace_slots(const struct global_table *table)
{
	return 2 * (table->used + 1) > atomic_load(&table->slots)->mask + 1;
}

static struct key
key_of_row(const struct row *row)
{
	return (struct key){bytes_of(row->key, row->key_size), row->hash};
}

/* By one without `gone`, with room for more rows. */
static void
replace_slots(struct global_table *table)
{
	struct slots *old = atomic_load(&table->slots);
	struct slots *slots = slots_new(slots_for((size_t)table->rows));
	size_t at;

	table->bytes += (int64_t)slots_size(slots->mask + 1);
	table->used = 0;
	for (size_t i = 0; i <= old->mask; i++) {
		struct row *row = atomic_load_explicit(&old->at[i], memory_order_relaxed);

		if (!row || row == &gone)
			continue;
		insist(!find_row(slots, key_of_row(row), &at));
		atomic_store_explicit(&slots->at[at], row, memory_order_relaxed);
		table->used++;
	}
	insist(table->used == (size_t)table->rows);
	atomic_store_explicit(&table->slots, slots, memory_order_release);
	retire(table, old, (int64_t)slots_size(old->mask + 1));
	free_retired(table);
}

/* Where a row of that key goes: where one before it in its sequence was removed, else behind all of them. */
static size_t
find_free(const struct slots *slots, struct key key)
{
	size_t at = key.hash & slots->mask;

	for (;; at = (at + 1) & slots->mask) {
		const struct row *row = atomic_load_explicit(&slots->at[at], memory_order_relaxed);

		if (!row || row == &gone)
			return at;
	}
}

/* A row of a key that is not there, with its first version. */
static void
add_row(struct global_table *table, struct key key, struct version *version)
{
	struct row *row = memory_new(sizeof(*row) + key.bytes.size);
	struct slots *slots;
	size_t at;

	if (must_replace_slots(table))
		replace_slots(table);
	slots = atomic_load(&table->slots);
	row->hash = key.hash;
	row->key_size = key.bytes.size;
	if (key.bytes.size != 0)
		memcpy(row->key, key.bytes.data, key.bytes.size);
	atomic_init(&row->newest, version);
	atomic_init(&row->gone_from_ms, TIME_MAX);
	at = find_free(slots, key);
	table->used += atomic_load_explicit(&slots->at[at], memory_order_relaxed) == NULL;
	table->bytes += row_bytes(row->key_size);
	table->rows++;
	atomic_store_explicit(&slots->at[at], row, memory_order_release);
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

/* Before it is unlinked: who finds it no more finds that it is gone. */
static void
note_gone(struct row *row, int64_t time_ms)
{
	if (time_ms < atomic_load_explicit(&row->gone_from_ms, memory_order_relaxed))
		atomic_store_explicit(&row->gone_from_ms, time_ms, memory_order_relaxed);
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
	note_gone(row, version->time_ms);
	atomic_store_explicit(link, NULL, memory_order_release);
	retire_version(table, version);
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

/* How much the table grows for good, and until readers have passed. */
static int64_t
growth(const struct global_table *table, const struct row *row, struct key key, struct bytes value, bool for_good)
{
	int64_t bytes = (int64_t)(sizeof(struct version) + value.size);

	if (row)
		return bytes;
	bytes += row_bytes(key.bytes.size);
	if (must_replace_slots(table)) {
		bytes += (int64_t)slots_size(slots_for((size_t)table->rows));
		if (for_good)
			bytes -= (int64_t)slots_size(atomic_load(&table->slots)->mask + 1);
	}
	return bytes;
}

/*
 * What readers still hold counts, but it is no reason to give up: they pass. With nothing of that the index may be
 * replaced in any case: the old one goes with the next pass.
 */
static int
check_room(struct global_table *table, const struct row *row, struct key key, struct bytes value, struct error *err)
{
	if (table->bytes + growth(table, row, key, value, false) <= table->config.bytes_max)
		return 0;
	free_retired(table);
	if (table->bytes - table->retired_bytes + growth(table, row, key, value, true) > table->config.bytes_max)
		return refuse(table, err);
	if (table->retired_bytes == 0 ||
	    table->bytes + growth(table, row, key, value, false) <= table->config.bytes_max)
		return 0;
	return fail(err, RETRY,
		    "the global table of topic %s waits for a worker that has made no turn: %" PRId64 " of its %" PRId64
		    " bytes are of rows that were replaced or removed meanwhile",
		    table->config.name, table->retired_bytes, table->config.bytes_max);
}

/* A version of a row that is there. */
static void
add_version(struct global_table *table, struct row *row, int64_t time_ms, struct bytes value)
{
	struct version *version, *before;
	_Atomic(struct version *) *link;
	int64_t newer;

	link = place_of(row, time_ms, &newer);
	if (newer >= table->config.versions) {
		note_gone(row, time_ms);
		return;
	}
	version = version_new(time_ms, value);
	table->bytes += version_bytes(version);
	before = atomic_load_explicit(link, memory_order_relaxed);
	if (before && before->time_ms == time_ms) {
		atomic_init(&version->older, atomic_load_explicit(&before->older, memory_order_relaxed));
		atomic_store_explicit(link, version, memory_order_release);
		retire_version(table, before);
		return;
	}
	atomic_init(&version->older, before);
	atomic_store_explicit(link, version, memory_order_release);
	cut_oldest(table, row);
}

int
global_table_put(struct global_table *table, struct key key, int64_t time_ms, struct bytes value, struct error *err)
{
	size_t at;
	struct row *row = find_row(atomic_load(&table->slots), key, &at);
	struct version *version;

	if (check_room(table, row, key, value, err) < 0)
		return -1;
	if (row) {
		add_version(table, row, time_ms, value);
		return 0;
	}
	version = version_new(time_ms, value);
	table->bytes += version_bytes(version);
	add_row(table, key, version);
	return 0;
}

/* A reader that has found the row already finds it without versions, or with those that were there. */
void
global_table_remove(struct global_table *table, struct key key)
{
	struct slots *slots = atomic_load(&table->slots);
	size_t at;
	struct row *row = find_row(slots, key, &at);
	struct version *version;

	if (!row)
		return;
	table->rows--;
	atomic_store_explicit(&slots->at[at], &gone, memory_order_release);
	version = atomic_load_explicit(&row->newest, memory_order_relaxed);
	atomic_store_explicit(&row->newest, NULL, memory_order_release);
	while (version) {
		struct version *older = atomic_load_explicit(&version->older, memory_order_relaxed);

		retire_version(table, version);
		version = older;
	}
	retire(table, row, row_bytes(row->key_size));
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
