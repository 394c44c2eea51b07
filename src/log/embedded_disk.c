/*
 * The size of the log's directory: what it is, how it grows, and what keeps it within its bound.
 *
 * Beyond the bound the oldest segment of all topics that have a retention goes, and so on until the directory fits. A
 * segment has batches of all partitions of its topic, so each of them is trimmed to its first batch behind that
 * segment: a reader that is behind finds a gap (records_lost). Topics that keep everything, compacted ones and journals
 * are never touched; where they alone are larger than the bound, that is an error in the log, and nothing else happens.
 */
#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/logger.h"
#include "base/memory.h"
#include "log/embedded_log.h"

#define BLOCK_BYTES 512 /* of st_blocks */

/* ---- measuring ---- */

static int64_t
bytes_below(const char *parent, const char *name)
{
	char *path = memory_format("%s/%s", parent, name);
	DIR *directory = opendir(path);
	struct stat status;
	int64_t bytes = 0;

	for (struct dirent *entry; directory && (entry = readdir(directory));)
		if (fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode))
			bytes += (int64_t)status.st_blocks * BLOCK_BYTES;
	if (directory)
		closedir(directory);
	memory_free(&path);
	return bytes;
}

static int64_t
bytes_of_log(const struct embedded *log)
{
	return bytes_below(log->directory, "segments") + bytes_below(log->directory, "database");
}

/* Bytes a minute since the older of the two last measurements. */
static int64_t
growth(struct embedded *log, int64_t bytes)
{
	int64_t now_ms = clock_steady_ms(log->clock), passed_ms, grown;

	pthread_mutex_lock(&log->measuring);
	if (log->measured[0].at_ms == 0) {
		log->measured[0].bytes = log->measured[1].bytes = bytes;
		log->measured[0].at_ms = log->measured[1].at_ms = now_ms;
	}
	if (now_ms - log->measured[1].at_ms >= EMBEDDED_DISK_SAY_MS) {
		log->measured[0] = log->measured[1];
		log->measured[1].bytes = bytes;
		log->measured[1].at_ms = now_ms;
	}
	passed_ms = now_ms - log->measured[0].at_ms;
	grown = bytes - log->measured[0].bytes;
	pthread_mutex_unlock(&log->measuring);
	return passed_ms > 0 ? (int64_t)((double)grown * 60000 / (double)passed_ms) : 0;
}

bool
embedded_disk(struct log *base, struct log_disk *out)
{
	struct embedded *log = embedded_of(base);
	struct statvfs disk;
	int64_t left;

	if (!log->directory || statvfs(log->directory, &disk) < 0)
		return false;
	*out = (struct log_disk){
		.bytes = bytes_of_log(log),
		.limit_bytes = log->disk_bytes,
		.free_bytes = (int64_t)(disk.f_bavail * disk.f_frsize),
		.lasts_ms = TIME_MAX,
	};
	out->bytes_per_minute = growth(log, out->bytes);
	left = out->free_bytes;
	if (out->limit_bytes > 0 && out->limit_bytes - out->bytes < left)
		left = out->limit_bytes > out->bytes ? out->limit_bytes - out->bytes : 0;
	if (out->bytes_per_minute > 0)
		out->lasts_ms = (int64_t)((double)left * 60000 / (double)out->bytes_per_minute);
	return true;
}

void
embedded_disk_say(struct embedded *log)
{
	struct log_disk disk;

	if (!embedded_disk(&log->log, &disk) || disk.bytes_per_minute <= 0)
		return;
	logger_info("disk",
		    "log_bytes=%" PRId64 " limit_bytes=%" PRId64 " free_bytes=%" PRId64 " bytes_per_minute=%" PRId64
		    " lasts_min=%" PRId64,
		    disk.bytes, disk.limit_bytes, disk.free_bytes, disk.bytes_per_minute, disk.lasts_ms / 60000);
}

/* ---- the bound ---- */

static bool
may_be_trimmed(const struct topic *topic)
{
	return !topic->compacted && (topic->retention_ms >= 0 || topic->retention_bytes >= 0);
}

/* Of one look at the bound, by topic. */
struct shrinking {
	bool stuck; /* its first segment stays */
	int64_t segments, records;
};

/* The topic whose first segment was written to longest ago. */
static bool
find_oldest(struct embedded *log, const struct shrinking *done, int *topic, uint64_t *number)
{
	int64_t oldest_ms = TIME_MAX;

	for (int i = 0; i < log->topic_count; i++) {
		int64_t written_ms;
		uint64_t first;

		if (done[i].stuck || !may_be_trimmed(log->topics[i]) ||
		    !segments_oldest(log->segments, i, &first, &written_ms) || written_ms >= oldest_ms)
			continue;
		oldest_ms = written_ms;
		*topic = i;
		*number = first;
	}
	return oldest_ms != TIME_MAX;
}

static int
place_of(struct embedded *log, const struct index_walk *walk, struct segment_place *out, struct error *err)
{
	rocksdb_pinnableslice_t *row;
	uint8_t key[EMBEDDED_KEY_SIZE];
	struct bytes value;
	int result;

	embedded_key(key, 'd', walk->topic, walk->partition, walk->base);
	if (embedded_get(log, key, sizeof(key), &row, err) < 0)
		return -1;
	if (!row)
		return fail(err, FATAL, "the log is damaged: the batch at offset %" PRId64 " has no place", walk->base);
	value.data = (const uint8_t *)rocksdb_pinnableslice_value(row, &value.size);
	result = segment_place_read(value, out, err);
	rocksdb_pinnableslice_destroy(row);
	return result;
}

/* Takes away what the partition has in segments up to `number`. */
static int
leave_segment(struct embedded *log, int topic, int partition, uint64_t number, int64_t *records, struct error *err)
{
	int64_t start = embedded_partition(log, topic, partition)->start, offset = start;
	struct segment_place place;
	struct index_walk walk;
	int found, result = 0;

	index_open(&walk, log, topic, partition);
	for (found = index_seek(&walk, start, err); found > 0; found = index_next(&walk, err)) {
		result = place_of(log, &walk, &place, err);
		if (result < 0 || place.number > number)
			break;
		offset = walk.base + walk.summary.span;
	}
	index_close(&walk);
	if (found < 0 || result < 0)
		return -1;
	*records += offset - start;
	return embedded_trim_to(log, topic, partition, offset, err);
}

static int
drop_segment(struct embedded *log, int topic, uint64_t number, int64_t *records, struct error *err)
{
	int result = 0;

	for (int i = 0; i < log->topics[topic]->partition_count && result == 0; i++) {
		struct partition *part = embedded_partition(log, topic, i);

		pthread_mutex_lock(&part->maintenance);
		result = leave_segment(log, topic, i, number, records, err);
		pthread_mutex_unlock(&part->maintenance);
	}
	atomic_store(&log->topics[topic]->freed, true); /* it may have lost the last while it was written to */
	return result < 0 ? -1 : embedded_free_segments(log, topic, err);
}

static void
report(struct embedded *log, const struct shrinking *done, int64_t bytes)
{
	for (int i = 0; i < log->topic_count; i++)
		if (done[i].segments > 0)
			logger_warn("disk_trimmed",
				    "topic=%s segments=%" PRId64 " records=%" PRId64 " log_bytes=%" PRId64
				    " limit_bytes=%" PRId64
				    " reason=\"the log had reached the bound of its topology (disk)\"",
				    log->topics[i]->name, done[i].segments, done[i].records, bytes, log->disk_bytes);
	if (bytes > log->disk_bytes)
		logger_error("disk_bound_missed",
			     "log_bytes=%" PRId64 " limit_bytes=%" PRId64
			     " reason=\"what is left may not be removed: topics that keep everything, compacted ones, "
			     "journals, and the last segment of each topic\"",
			     bytes, log->disk_bytes);
}

static int
shrink(struct embedded *log, int64_t bytes, struct shrinking *done, struct error *err)
{
	uint64_t number, next;
	int64_t written_ms;
	int topic, result = 0;

	while (result == 0 && bytes > log->disk_bytes && find_oldest(log, done, &topic, &number)) {
		result = drop_segment(log, topic, number, &done[topic].records, err);
		if (result < 0)
			fail_in(err, "topic '%s'", log->topics[topic]->name);
		done[topic].segments++;
		done[topic].stuck = segments_oldest(log->segments, topic, &next, &written_ms) && next == number;
		bytes = bytes_of_log(log);
	}
	report(log, done, bytes);
	return result;
}

int
embedded_disk_look(struct embedded *log, struct error *err)
{
	struct shrinking *done;
	int64_t bytes;
	int result;

	if (log->disk_bytes <= 0 || !log->directory)
		return 0;
	bytes = bytes_of_log(log);
	if (bytes <= log->disk_bytes)
		return 0;
	done = memory_new_array(EMBEDDED_TOPICS_MAX, sizeof(*done));
	result = shrink(log, bytes, done, err);
	memory_free(&done);
	return result;
}
