/* Topics of the embedded log: their settings, the state of their partitions, and the positions of groups. */
#include "base/memory.h"
#include "base/option.h"
#include "log/embedded_log.h"

#define TOPIC_KEY_SIZE 5
#define BOUNDS_SIZE 16 /* start, end */

struct partition *
embedded_partition(struct embedded *log, int topic, int partition)
{
	insist(topic >= 0 && topic < log->topic_count);
	insist(partition >= 0 && partition < log->topics[topic]->partition_count);
	return &log->topics[topic]->partitions[partition];
}

static void
topic_free(struct topic *topic)
{
	for (int i = 0; i < topic->partition_count; i++)
		pthread_mutex_destroy(&topic->partitions[i].maintenance);
	memory_free(&topic->partitions);
	memory_free(&topic->name);
	memory_free(&topic);
}

void
embedded_topics_free(struct embedded *log)
{
	for (int i = 0; i < log->topic_count; i++)
		topic_free(log->topics[i]);
}

static struct topic *
topic_new(const struct topic_spec *spec)
{
	struct topic *topic = memory_new(sizeof(*topic));

	topic->name = memory_text(spec->name);
	topic->partition_count = spec->partitions;
	topic->partitions = memory_new_array((size_t)spec->partitions, sizeof(*topic->partitions));
	topic->compacted = spec->compacted;
	topic->freed = true;
	topic->retention_ms = spec->retention_ms;
	topic->retention_bytes = spec->retention_bytes;
	topic->compaction_lag_ms = spec->compaction_lag_ms;
	for (int i = 0; i < spec->partitions; i++) {
		pthread_mutex_init(&topic->partitions[i].maintenance, NULL);
		topic->partitions[i].high_time = TIME_MIN;
	}
	return topic;
}

static int
load_bounds(struct embedded *log, int topic, int partition, int64_t *start, int64_t *end, struct error *err)
{
	uint8_t key[EMBEDDED_PARTITION_KEY_SIZE];
	rocksdb_pinnableslice_t *pinned;
	struct bytes value;

	embedded_partition_key(key, 's', topic, partition);
	if (embedded_get(log, key, sizeof(key), &pinned, err) < 0)
		return -1;
	*start = *end = 0;
	if (!pinned)
		return 0;
	value.data = (const uint8_t *)rocksdb_pinnableslice_value(pinned, &value.size);
	if (value.size == BOUNDS_SIZE) {
		*start = (int64_t)load_u64(value.data);
		*end = (int64_t)load_u64(value.data + 8);
	}
	rocksdb_pinnableslice_destroy(pinned);
	if (value.size != BOUNDS_SIZE || *start < 0 || *end < *start)
		return fail(err, FATAL, "the log is damaged: the bounds of topic '%s' partition %d cannot be read",
			    log->topics[topic]->name, partition);
	return 0;
}

int
embedded_partition_refresh(struct embedded *log, int topic, int partition, struct error *err)
{
	struct partition *part = &log->topics[topic]->partitions[partition];
	struct index_walk walk;
	int64_t start, end;
	int found;

	if (load_bounds(log, topic, partition, &start, &end, err) < 0)
		return -1;
	index_open(&walk, log, topic, partition);
	found = index_last(&walk, err);
	index_close(&walk);
	if (found < 0)
		return fail_in(err, "topic '%s' partition %d", log->topics[topic]->name, partition);
	if (found > 0 && walk.base + walk.summary.span > end)
		end = walk.base + walk.summary.span;
	if (found > 0 && !log->read_only) {
		part->high_time = walk.summary.high_time;
		part->records = walk.summary.records + walk.summary.count;
		part->bytes = walk.summary.bytes + walk.summary.size;
	}
	part->end = end;
	part->start = start;
	return 0;
}

/* How a topic's settings say whether it is compacted; up to 0.1.0 without a lag. */
enum { CLEANUP_DELETE, CLEANUP_COMPACT, CLEANUP_LAGGING };

static uint8_t
cleanup_of(const struct topic_spec *spec)
{
	if (!spec->compacted)
		return CLEANUP_DELETE;
	return spec->compaction_lag_ms > 0 ? CLEANUP_LAGGING : CLEANUP_COMPACT;
}

static int
load_topic(struct embedded *log, int number, struct bytes value, struct error *err)
{
	char name[LOG_TOPIC_NAME_SIZE_MAX + 1] = "";
	struct topic_spec spec = {.name = name};
	struct cursor cursor = cursor_of(value);
	uint8_t cleanup;
	size_t size;

	spec.partitions = (int)cursor_u32(&cursor);
	cleanup = cursor_u8(&cursor);
	spec.compacted = cleanup != CLEANUP_DELETE;
	spec.retention_ms = (int64_t)cursor_u64(&cursor);
	spec.retention_bytes = (int64_t)cursor_u64(&cursor);
	if (cleanup == CLEANUP_LAGGING)
		spec.compaction_lag_ms = (int64_t)cursor_u64(&cursor);
	size = cursor_left(&cursor);
	if (size > LOG_TOPIC_NAME_SIZE_MAX)
		cursor.bad = true;
	else
		memcpy(name, cursor_bytes(&cursor, size).data, size);
	if (cursor.bad || number != log->topic_count || number >= EMBEDDED_TOPICS_MAX || log_check_spec(&spec, err) < 0)
		return fail(err, FATAL, "the log is damaged: the settings of topic %d cannot be read", number);
	log->topics[number] = topic_new(&spec);
	for (int i = 0; i < spec.partitions; i++)
		if (embedded_partition_refresh(log, number, i, err) < 0) {
			topic_free(log->topics[number]);
			return -1;
		}
	log->topic_count = number + 1;
	return 0;
}

int
embedded_topics_load(struct embedded *log, struct error *err)
{
	rocksdb_iterator_t *iterator = rocksdb_create_iterator(log->db, log->read);
	uint8_t from[TOPIC_KEY_SIZE] = {'t'};
	char *failure = NULL;
	int result = 0;

	store_be32(from + 1, (uint32_t)log->topic_count);
	rocksdb_iter_seek(iterator, (const char *)from, sizeof(from));
	for (; result == 0 && rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
		struct bytes key, value;

		key.data = (const uint8_t *)rocksdb_iter_key(iterator, &key.size);
		value.data = (const uint8_t *)rocksdb_iter_value(iterator, &value.size);
		if (key.size != TOPIC_KEY_SIZE || key.data[0] != 't')
			break;
		result = load_topic(log, (int)load_be32(key.data + 1), value, err);
	}
	rocksdb_iter_get_error(iterator, &failure);
	if (failure && result == 0)
		result = fail(err, FATAL, "the log cannot be read: %s", failure);
	rocksdb_free(failure);
	rocksdb_iter_destroy(iterator);
	return result;
}

static int
find(struct embedded *log, const char *name)
{
	for (int i = 0; i < log->topic_count; i++)
		if (strcmp(log->topics[i]->name, name) == 0)
			return i;
	return -1;
}

static int
store_topic(struct embedded *log, int number, const struct topic_spec *spec, struct error *err)
{
	rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
	uint8_t key[TOPIC_KEY_SIZE] = {'t'};
	struct buffer value = {0};
	int result;

	store_be32(key + 1, (uint32_t)number);
	buffer_put_u32(&value, (uint32_t)spec->partitions);
	buffer_put_u8(&value, cleanup_of(spec));
	buffer_put_u64(&value, (uint64_t)spec->retention_ms);
	buffer_put_u64(&value, (uint64_t)spec->retention_bytes);
	if (cleanup_of(spec) == CLEANUP_LAGGING)
		buffer_put_u64(&value, (uint64_t)spec->compaction_lag_ms);
	buffer_put_bytes(&value, bytes_of_text(spec->name));
	rocksdb_writebatch_put(writes, (const char *)key, sizeof(key), (const char *)value.data, value.size);
	result = embedded_write(log, writes, true, err);
	rocksdb_writebatch_destroy(writes);
	buffer_fini(&value);
	return result;
}

static int
take_over(struct embedded *log, int number, const struct topic_spec *spec, struct error *err)
{
	struct topic *topic = log->topics[number];

	if (topic->partition_count != spec->partitions)
		return fail(err, FATAL, "topic '%s' has %d partitions, not %d: the number cannot be changed",
			    spec->name, topic->partition_count, spec->partitions);
	if (log->read_only ||
	    (topic->compacted == spec->compacted && topic->retention_ms == spec->retention_ms &&
	     topic->retention_bytes == spec->retention_bytes && topic->compaction_lag_ms == spec->compaction_lag_ms))
		return 0;
	if (store_topic(log, number, spec, err) < 0)
		return -1;
	topic->compacted = spec->compacted;
	topic->retention_ms = spec->retention_ms;
	topic->retention_bytes = spec->retention_bytes;
	topic->compaction_lag_ms = spec->compaction_lag_ms;
	return 0;
}

static int
create(struct embedded *log, const struct topic_spec *spec, struct error *err)
{
	int number = log->topic_count;

	if (log->read_only)
		return fail(err, FATAL, "topic '%s' does not exist, and the log in %s was opened for reading only",
			    spec->name, log->directory);
	if (number == EMBEDDED_TOPICS_MAX)
		return fail(err, FATAL, "topic '%s': the log has %d topics already, the most it can have", spec->name,
			    EMBEDDED_TOPICS_MAX);
	if (store_topic(log, number, spec, err) < 0)
		return -1;
	log->topics[number] = topic_new(spec);
	log->topic_count = number + 1; /* others look only below the count */
	return 0;
}

int
embedded_create_topic(struct log *base, const struct topic_spec *spec, struct error *err)
{
	struct embedded *log = embedded_of(base);
	int number, result;

	pthread_mutex_lock(&log->mutex);
	number = find(log, spec->name);
	result = number >= 0 ? take_over(log, number, spec, err) : create(log, spec, err);
	pthread_mutex_unlock(&log->mutex);
	return result;
}

int
embedded_raise_partitions(struct log *base, int number, int partitions, struct error *err)
{
	struct embedded *log = embedded_of(base);
	const struct topic *topic = log->topics[number];
	struct topic_spec spec = {.name = topic->name,
				  .partitions = partitions,
				  .compacted = topic->compacted,
				  .retention_ms = topic->retention_ms,
				  .retention_bytes = topic->retention_bytes,
				  .compaction_lag_ms = topic->compaction_lag_ms};
	int result;

	pthread_mutex_lock(&log->mutex);
	result = store_topic(log, number, &spec, err);
	pthread_mutex_unlock(&log->mutex);
	return result;
}

int
embedded_topic(struct log *base, const char *name, int *topic, struct error *err)
{
	struct embedded *log = embedded_of(base);
	const char **names;
	const char *closest;
	int count;

	*topic = find(log, name);
	if (*topic < 0 && log->read_only) {
		if (embedded_catch_up(log, err) < 0)
			return -1;
		*topic = find(log, name);
	}
	if (*topic >= 0)
		return 0;
	count = log->topic_count;
	names = memory_new_array((size_t)count + 1, sizeof(*names));
	for (int i = 0; i < count; i++)
		names[i] = log->topics[i]->name;
	closest = option_closest(name, names);
	if (closest)
		fail(err, FATAL, "topic '%s' does not exist; did you mean '%s'?", name, closest);
	else
		fail(err, FATAL, "topic '%s' does not exist", name);
	memory_free(&names);
	return -1;
}

int
embedded_topic_partitions(struct log *base, int topic)
{
	struct embedded *log = embedded_of(base);

	insist(topic >= 0 && topic < log->topic_count);
	return log->topics[topic]->partition_count;
}

const char *
embedded_topic_name(struct log *base, int topic)
{
	struct embedded *log = embedded_of(base);

	insist(topic >= 0 && topic < log->topic_count);
	return log->topics[topic]->name;
}

int
embedded_position(struct log *base, const char *group, int topic, int partition, int64_t *offset, struct error *err)
{
	struct embedded *log = embedded_of(base);
	rocksdb_pinnableslice_t *pinned = NULL;
	struct buffer key = {0};
	const char *value;
	size_t size;
	int result = 0;

	*offset = -1;
	embedded_position_key(&key, group, topic, partition);
	if (log->read_only)
		result = embedded_catch_up(log, err);
	if (result == 0)
		result = embedded_get(log, key.data, key.size, &pinned, err);
	buffer_fini(&key);
	if (!pinned)
		return result;
	value = rocksdb_pinnableslice_value(pinned, &size);
	if (size == sizeof(uint64_t))
		*offset = (int64_t)load_u64(value);
	else
		result = fail(err, FATAL, "the log is damaged: the position of group '%s' cannot be read", group);
	rocksdb_pinnableslice_destroy(pinned);
	return result;
}
