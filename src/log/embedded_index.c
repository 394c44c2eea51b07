/* Keys of the database, and the summaries of batches: where an offset or a time is, and what a partition holds. */
#include "log/embedded_log.h"

void
embedded_partition_key(uint8_t to[EMBEDDED_PARTITION_KEY_SIZE], char kind, int topic, int partition)
{
	to[0] = (uint8_t)kind;
	store_be32(to + 1, (uint32_t)topic);
	store_be32(to + 5, (uint32_t)partition);
}

void
embedded_key(uint8_t to[EMBEDDED_KEY_SIZE], char kind, int topic, int partition, int64_t offset)
{
	embedded_partition_key(to, kind, topic, partition);
	store_be64(to + EMBEDDED_PARTITION_KEY_SIZE, (uint64_t)offset);
}

void
embedded_position_key(struct buffer *to, const char *group, int topic, int partition)
{
	buffer_clear(to);
	buffer_reserve(to, EMBEDDED_PARTITION_KEY_SIZE);
	embedded_partition_key(to->data, 'p', topic, partition);
	to->size = EMBEDDED_PARTITION_KEY_SIZE;
	buffer_put_bytes(to, bytes_of_text(group));
}

void
index_open(struct index_walk *walk, struct embedded *log, int topic, int partition)
{
	*walk = (struct index_walk){.topic = topic, .partition = partition};
	embedded_partition_key(walk->prefix, 'i', topic, partition);
	walk->iterator = rocksdb_create_iterator(log->db, log->read);
}

void
index_close(struct index_walk *walk)
{
	rocksdb_iter_destroy(walk->iterator);
	walk->iterator = NULL;
}

/* What the iterator stands on, where that is a batch of this partition. */
static int
take(struct index_walk *walk, struct error *err)
{
	struct bytes key = {0}, value = {0};
	char *failure = NULL;

	if (!rocksdb_iter_valid(walk->iterator)) {
		rocksdb_iter_get_error(walk->iterator, &failure);
		if (!failure)
			return 0;
		fail(err, FATAL, "the log cannot be read: %s", failure);
		rocksdb_free(failure);
		return -1;
	}
	key.data = (const uint8_t *)rocksdb_iter_key(walk->iterator, &key.size);
	if (key.size != EMBEDDED_KEY_SIZE || memcmp(key.data, walk->prefix, sizeof(walk->prefix)) != 0)
		return 0;
	value.data = (const uint8_t *)rocksdb_iter_value(walk->iterator, &value.size);
	walk->base = (int64_t)load_be64(key.data + EMBEDDED_PARTITION_KEY_SIZE);
	return batch_summary_read(value, &walk->summary, err) < 0 ? -1 : 1;
}

int
index_next(struct index_walk *walk, struct error *err)
{
	rocksdb_iter_next(walk->iterator);
	return take(walk, err);
}

static int
seek_back(struct index_walk *walk, int64_t offset, struct error *err)
{
	uint8_t key[EMBEDDED_KEY_SIZE];

	embedded_key(key, 'i', walk->topic, walk->partition, offset);
	rocksdb_iter_seek_for_prev(walk->iterator, (const char *)key, sizeof(key));
	return take(walk, err);
}

int
index_last(struct index_walk *walk, struct error *err)
{
	return seek_back(walk, INT64_MAX, err);
}

int
index_seek(struct index_walk *walk, int64_t offset, struct error *err)
{
	uint8_t key[EMBEDDED_KEY_SIZE];
	int found = seek_back(walk, offset, err);

	if (found != 0 && (found < 0 || walk->base + walk->summary.span > offset))
		return found;
	embedded_key(key, 'i', walk->topic, walk->partition, offset);
	rocksdb_iter_seek(walk->iterator, (const char *)key, sizeof(key));
	return take(walk, err);
}

/* Totals of batches before each make it two look-ups; after compaction they no longer say what is kept. */
static int
count_kept(struct index_walk *walk, bool compacted, struct partition_info *out, struct error *err)
{
	int found = index_seek(walk, out->start, err);
	struct batch_summary first = walk->summary;
	int64_t skipped = found > 0 && out->start > walk->base ? out->start - walk->base : 0;

	if (found <= 0)
		return found;
	out->first_time = first.min_time;
	if (compacted) {
		for (; found > 0; found = index_next(walk, err)) {
			out->records += walk->summary.count;
			out->bytes += walk->summary.size;
			if (walk->summary.max_time > out->last_time)
				out->last_time = walk->summary.max_time;
		}
		return found;
	}
	if (index_last(walk, err) < 0)
		return -1;
	out->records = walk->summary.records + walk->summary.count - first.records - skipped;
	out->bytes = walk->summary.bytes + walk->summary.size - first.bytes;
	out->last_time = walk->summary.high_time;
	return 0;
}

int
embedded_partition_ends(struct log *base, int topic, int partition, struct partition_ends *out, struct error *err)
{
	struct embedded *log = embedded_of(base);
	struct partition *part = embedded_partition(log, topic, partition);

	if (log->read_only &&
	    (embedded_catch_up(log, err) < 0 || embedded_partition_refresh(log, topic, partition, err) < 0))
		return -1;
	*out = (struct partition_ends){.start = part->start, .end = part->end, .pending_end = part->end};
	return 0;
}

int
embedded_partition_info(struct log *base, int topic, int partition, struct partition_info *out, struct error *err)
{
	struct embedded *log = embedded_of(base);
	struct partition_ends ends;
	struct index_walk walk;
	int result;

	if (embedded_partition_ends(base, topic, partition, &ends, err) < 0)
		return -1;
	*out = (struct partition_info){
		.start = ends.start, .end = ends.end, .first_time = TIME_MIN, .last_time = TIME_MIN};
	index_open(&walk, log, topic, partition);
	result = out->start == out->end ? 0 : count_kept(&walk, log->topics[topic]->compacted, out, err);
	index_close(&walk);
	return result;
}

/* The first record from the batch under the walk on whose timestamp is time_ms or later. */
static int
find_time(struct embedded *log, struct index_walk *walk, int found, int64_t time_ms, int64_t *offset, struct error *err)
{
	int64_t from = *offset;

	*offset = embedded_partition(log, walk->topic, walk->partition)->end;
	for (; found > 0; found = index_next(walk, err)) {
		struct place place;
		struct log_batch batch;
		int result;

		if (walk->summary.max_time < time_ms)
			continue;
		place_init(&place, log, walk->topic, walk->partition, walk->base > from ? walk->base : from);
		result = place_fetch(&place, &batch, err);
		for (size_t i = 0; result == 0 && i < batch.count; i++)
			if (batch.records[i].timestamp_ms >= time_ms) {
				*offset = batch.records[i].offset;
				result = 1;
			}
		place_fini(&place);
		if (result != 0)
			return result < 0 ? -1 : 0;
	}
	return found;
}

int
embedded_offset_at(struct log *base, int topic, int partition, int64_t time_ms, int64_t *offset, struct error *err)
{
	struct embedded *log = embedded_of(base);
	struct partition *part = embedded_partition(log, topic, partition);
	struct index_walk walk;
	int64_t low, high, start;
	int found = 0;

	if (log->read_only &&
	    (embedded_catch_up(log, err) < 0 || embedded_partition_refresh(log, topic, partition, err) < 0))
		return -1;
	low = start = part->start;
	high = part->end;
	index_open(&walk, log, topic, partition);
	while (low < high && found >= 0) { /* the first batch up to which the time was reached is at `high` or before */
		int64_t middle = low + (high - low) / 2;

		found = index_seek(&walk, middle, err);
		if (found > 0 && walk.summary.high_time < time_ms)
			low = walk.base + walk.summary.span;
		else
			high = middle;
	}
	if (found >= 0)
		found = index_seek(&walk, low, err);
	*offset = start;
	if (found >= 0)
		found = find_time(log, &walk, found, time_ms, offset, err);
	index_close(&walk);
	return found < 0 ? -1 : 0;
}
