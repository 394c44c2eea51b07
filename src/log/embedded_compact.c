/*
 * Compaction of a topic that keeps the last record of every key. Two passes over a partition, worth it once as many
 * bytes were appended as were left by the compaction before: the first remembers where each key occurs last, the
 * second rewrites the batches that hold older ones. Offsets stay: a batch keeps its place and the offsets it covers.
 *
 * What was appended within the topic's compaction lag takes no part, so that a record stays for as long as that after a
 * later one of its key has come: whoever looks for what held at a time in the past finds it.
 *
 * Memory is bounded: the first pass stops when its table is full, and only what lies before that is compacted; the
 * next sweep goes on from there. Keys are told apart by 128 bits of hash. A deletion stays for a day after it was
 * written, so that whoever follows the topic sees it.
 */
#include "base/key.h"
#include "base/memory.h"
#include "log/embedded_log.h"

#define TABLE_SLOTS (1 << 19) /* of 24 bytes */
#define TABLE_KEYS_MAX (TABLE_SLOTS / 4 * 3)
#define DELETION_KEPT_MS (24 * 3600 * 1000)
#define GARBAGE_BYTES_MIN 4096 /* appended, before a compaction is worth it */

struct slot {
	uint64_t low, high;
	int64_t last; /* offset + 1; 0: empty */
};

struct compaction {
	struct embedded *log;
	int topic, partition;
	struct slot *table;
	size_t keys;
	int64_t end;	   /* offsets from there on are younger than the topic's lag */
	int64_t until;	   /* offsets before that are in the table */
	int64_t deletions; /* those with a timestamp before that may go */
	struct buffer batch;
};

static struct slot *
slot_of(struct compaction *compaction, struct bytes key)
{
	XXH128_hash_t hash = XXH3_128bits(key.data, key.size);
	size_t at = hash.low64 & (TABLE_SLOTS - 1);
	struct slot *slot = &compaction->table[at];

	while (slot->last != 0 && (slot->low != hash.low64 || slot->high != hash.high64)) {
		at = (at + 1) & (TABLE_SLOTS - 1);
		slot = &compaction->table[at];
	}
	slot->low = hash.low64;
	slot->high = hash.high64;
	return slot;
}

/* First pass, one batch. False: the table is full, the batch is not in it as a whole. */
static bool
remember(struct compaction *compaction, const struct log_batch *batch)
{
	if (compaction->keys + batch->count > TABLE_KEYS_MAX)
		return false;
	for (size_t i = 0; i < batch->count; i++) {
		struct slot *slot;

		if (!batch->records[i].key.data)
			continue;
		slot = slot_of(compaction, batch->records[i].key);
		compaction->keys += slot->last == 0;
		slot->last = batch->records[i].offset + 1;
	}
	compaction->until = batch->next;
	return true;
}

static int
remember_all(struct compaction *compaction, int64_t from, struct error *err)
{
	struct log_batch batch;
	struct place place;
	int result;

	place_init(&place, compaction->log, compaction->topic, compaction->partition, from);
	do
		result = place_fetch(&place, &batch, err);
	while (result == 0 && batch.count != 0 && batch.records[0].offset < compaction->end &&
	       remember(compaction, &batch) && !batch.at_end);
	place_fini(&place);
	return result;
}

static bool
is_kept(struct compaction *compaction, const struct log_record *record)
{
	int64_t last;

	if (!record->key.data)
		return true;
	last = slot_of(compaction, record->key)->last - 1;
	if (last > record->offset)
		return false;
	return record->value.data || last < 0 || record->timestamp_ms >= compaction->deletions;
}

static int
replace(struct compaction *compaction, const struct index_walk *walk, const struct batch_summary *summary,
	struct error *err)
{
	rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
	uint8_t data_key[EMBEDDED_KEY_SIZE], summary_key[EMBEDDED_KEY_SIZE], value[BATCH_SUMMARY_SIZE];
	uint8_t place_bytes[SEGMENT_PLACE_SIZE];
	struct bytes batch = buffer_bytes(&compaction->batch);
	struct segment_place place;
	int result;

	if (embedded_room(compaction->log, (int64_t)batch.size, err) < 0 ||
	    segments_append(compaction->log->segments, walk->topic, bytes_of(batch.data, BATCH_HEADER_SIZE),
			    bytes_of(batch.data + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE), &place,
			    err) < 0 ||
	    segments_sync(compaction->log->segments, walk->topic, err) < 0) {
		rocksdb_writebatch_destroy(writes);
		return -1;
	}
	segment_place_write(place_bytes, &place);
	embedded_key(data_key, 'd', walk->topic, walk->partition, walk->base);
	embedded_key(summary_key, 'i', walk->topic, walk->partition, walk->base);
	batch_summary_write(value, summary);
	rocksdb_writebatch_put(writes, (const char *)data_key, sizeof(data_key), (const char *)place_bytes,
			       sizeof(place_bytes));
	rocksdb_writebatch_put(writes, (const char *)summary_key, sizeof(summary_key), (const char *)value,
			       sizeof(value));
	result = embedded_write(compaction->log, writes, false, err);
	atomic_store(&compaction->log->topics[walk->topic]->freed, true);
	rocksdb_writebatch_destroy(writes);
	return result;
}

/* What takes batches away waits for this one (maintenance), so it is there as a whole, or cannot be read. */
static int
check_whole(const struct index_walk *walk, const struct log_batch *batch, struct error *err)
{
	if (batch->next == walk->base + walk->summary.span && batch->count == walk->summary.count)
		return 0;
	return fail(
		err, FATAL,
		"the log is damaged: the batch at offset %lld has %zu records up to %lld, its summary says %u up to "
		"%lld",
		(long long)walk->base, batch->count, (long long)batch->next, walk->summary.count,
		(long long)(walk->base + walk->summary.span));
}

/* Second pass, one batch. */
static int
rewrite(struct compaction *compaction, const struct index_walk *walk, const struct log_batch *batch, struct error *err)
{
	struct batch_summary summary = walk->summary;

	buffer_clear(&compaction->batch);
	buffer_reserve(&compaction->batch, BATCH_HEADER_SIZE);
	compaction->batch.size = BATCH_HEADER_SIZE;
	summary.count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		if (!is_kept(compaction, &batch->records[i]))
			continue;
		batch_put_record(&compaction->batch, &batch->records[i], batch->records[i].offset - walk->base);
		summary.count++;
	}
	if (summary.count == walk->summary.count)
		return 0;
	batch_header_write(compaction->batch.data, summary.count, summary.span, BATCH_SPARSE, 0);
	summary.size = (int64_t)compaction->batch.size;
	return replace(compaction, walk, &summary, err);
}

static int
rewrite_all(struct compaction *compaction, struct error *err)
{
	struct index_walk walk;
	struct place place;
	int64_t start = embedded_partition(compaction->log, compaction->topic, compaction->partition)->start;
	int found;

	index_open(&walk, compaction->log, compaction->topic, compaction->partition);
	found = index_seek(&walk, start, err);
	for (; found > 0 && walk.base < compaction->until; found = index_next(&walk, err)) {
		struct log_batch batch;
		int result;

		if (walk.summary.count == 0 || walk.base < start)
			continue;
		place_init(&place, compaction->log, compaction->topic, compaction->partition, walk.base);
		result = place_fetch(&place, &batch, err);
		if (result == 0)
			result = check_whole(&walk, &batch, err);
		if (result == 0)
			result = rewrite(compaction, &walk, &batch, err);
		place_fini(&place);
		if (result < 0) {
			found = -1;
			break;
		}
	}
	index_close(&walk);
	return found < 0 ? -1 : 0;
}

/* Bytes in the batches before `until`, as they are. */
static int
measure(struct embedded *log, int topic, int partition, int64_t from, int64_t until, int64_t *bytes, struct error *err)
{
	struct index_walk walk;
	int found;

	*bytes = 0;
	index_open(&walk, log, topic, partition);
	for (found = index_seek(&walk, from, err); found > 0 && walk.base < until; found = index_next(&walk, err))
		*bytes += walk.summary.size;
	index_close(&walk);
	return found < 0 ? -1 : 0;
}

/* Bytes in the batches from `from` on, none of which was ever compacted: by what the first and the last one count. */
static int
measure_appended(struct embedded *log, int topic, int partition, int64_t from, int64_t *bytes, struct error *err)
{
	struct index_walk walk;
	int64_t first;
	int found;

	*bytes = 0;
	index_open(&walk, log, topic, partition);
	found = index_seek(&walk, from, err);
	first = found > 0 ? walk.summary.bytes : 0;
	if (found > 0)
		found = index_last(&walk, err);
	if (found > 0)
		*bytes = walk.summary.bytes + walk.summary.size - first;
	index_close(&walk);
	return found < 0 ? -1 : 0;
}

/* Where the batches begin that are younger than the lag, behind `from`. */
static int
find_end(struct embedded *log, int topic, int partition, int64_t from, int64_t *end, struct error *err)
{
	int64_t lag_ms = log->topics[topic]->compaction_lag_ms;
	int64_t before = time_add(log->guard.now_ms, -lag_ms);
	struct index_walk walk;
	int found;

	*end = INT64_MAX;
	if (lag_ms == 0)
		return 0;
	index_open(&walk, log, topic, partition);
	found = index_seek(&walk, from, err);
	while (found > 0 && (walk.summary.count == 0 || walk.summary.max_time < before))
		found = index_next(&walk, err);
	if (found > 0)
		*end = walk.base;
	index_close(&walk);
	return found < 0 ? -1 : 0;
}

/* Until the first compaction nothing is known of what an earlier process has compacted: all is looked at. */
static int
measure_dirty(struct embedded *log, int topic, int partition, int64_t end, int64_t *dirty, struct error *err)
{
	int64_t clean_end = embedded_partition(log, topic, partition)->clean_end;

	return clean_end == 0 || end < INT64_MAX ? measure(log, topic, partition, clean_end, end, dirty, err)
						 : measure_appended(log, topic, partition, clean_end, dirty, err);
}

int
embedded_compact(struct embedded *log, int topic, int partition, struct error *err)
{
	struct partition *part = embedded_partition(log, topic, partition);
	struct compaction compaction = {.log = log, .topic = topic, .partition = partition};
	int64_t dirty;
	int result;

	if (find_end(log, topic, partition, part->clean_end, &compaction.end, err) < 0 ||
	    measure_dirty(log, topic, partition, compaction.end, &dirty, err) < 0)
		return -1;
	if (dirty < GARBAGE_BYTES_MIN || dirty < part->clean_bytes)
		return 0;
	compaction.table = memory_new_array(TABLE_SLOTS, sizeof(*compaction.table));
	compaction.deletions = time_add(log->guard.now_ms, -DELETION_KEPT_MS);
	compaction.until = part->clean_end;
	result = remember_all(&compaction, part->clean_end, err);
	if (result == 0)
		result = rewrite_all(&compaction, err);
	if (result == 0)
		result = measure(log, topic, partition, 0, compaction.until, &part->clean_bytes, err);
	if (result == 0)
		part->clean_end = compaction.until;
	memory_free(&compaction.table);
	buffer_fini(&compaction.batch);
	return result;
}
