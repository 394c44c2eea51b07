/*
 * What takes batches away: trimming, on whoever's thread asks for it, and the sweeper, a thread that looks after
 * retention and compaction now and then.
 *
 * A batch goes by two point deletions, not by a range: ranges pile up in the tree and slow its reads down, and whoever
 * trims continually pays for each batch once. A batch with records on both sides of the new start stays.
 *
 * A segment leaves the disk once no batch is in it any more, durably (embedded_free.c): looked for by whoever trims,
 * each time many bytes have gone, and by the sweeper. Compacted topics are the sweeper's alone: it also appends to
 * their segments.
 */
#include <inttypes.h>

#include "base/condition.h"
#include "base/logger.h"
#include "base/memory.h"
#include "log/embedded_log.h"

#define TRIM_BATCHES_MAX 4096	   /* in one write */
#define FREED_BYTES_MAX (32 << 20) /* taken away, before segments are looked through */
#define QUIET_TEXT_SIZE 2048

static void
put_bounds(rocksdb_writebatch_t *writes, int topic, int partition, int64_t start, int64_t end)
{
	uint8_t key[EMBEDDED_PARTITION_KEY_SIZE], value[16];

	embedded_partition_key(key, 's', topic, partition);
	store_u64(value, (uint64_t)start);
	store_u64(value + 8, (uint64_t)end);
	rocksdb_writebatch_put(writes, (const char *)key, sizeof(key), (const char *)value, sizeof(value));
}

static void
delete_batch(rocksdb_writebatch_t *writes, const struct index_walk *walk)
{
	uint8_t key[EMBEDDED_KEY_SIZE];

	embedded_key(key, 'd', walk->topic, walk->partition, walk->base);
	rocksdb_writebatch_delete(writes, (const char *)key, sizeof(key));
	embedded_key(key, 'i', walk->topic, walk->partition, walk->base);
	rocksdb_writebatch_delete(writes, (const char *)key, sizeof(key));
}

/* Deletes up to TRIM_BATCHES_MAX batches before `offset`; `more`: there may be more of them. */
static int
trim_some(struct embedded *log, struct index_walk *walk, rocksdb_writebatch_t *writes, int64_t offset, bool *more,
	  struct error *err)
{
	struct partition *part = embedded_partition(log, walk->topic, walk->partition);
	int64_t freed = 0, end = part->end;
	int count = 0, found = index_seek(walk, part->start, err);

	for (; found > 0 && count < TRIM_BATCHES_MAX && walk->base + walk->summary.span <= offset; count++) {
		delete_batch(writes, walk);
		freed += walk->summary.size;
		found = index_next(walk, err);
	}
	if (found < 0)
		return -1;
	*more = count == TRIM_BATCHES_MAX;
	if (*more && walk->base < offset)
		offset = walk->base;
	put_bounds(writes, walk->topic, walk->partition, offset, end);
	part->start = offset; /* before they are gone: who reads on from there does not miss them */
	part->freed_bytes += freed;
	if (embedded_write(log, writes, false, err) < 0)
		return -1;
	if (count > 0)
		atomic_store(&log->topics[walk->topic]->freed, true);
	return 0;
}

int
embedded_trim_to(struct embedded *log, int topic, int partition, int64_t offset, struct error *err)
{
	bool more = offset > embedded_partition(log, topic, partition)->start;
	int result = 0;

	while (more && result == 0) {
		rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
		struct index_walk walk;

		index_open(&walk, log, topic, partition);
		result = trim_some(log, &walk, writes, offset, &more, err);
		index_close(&walk);
		rocksdb_writebatch_destroy(writes);
	}
	return result;
}

/* Under the partition's maintenance. */
static int
free_if_many(struct embedded *log, int topic, int partition, struct error *err)
{
	struct partition *part = embedded_partition(log, topic, partition);

	if (part->freed_bytes < FREED_BYTES_MAX || log->topics[topic]->compacted)
		return 0;
	part->freed_bytes = 0;
	return embedded_free_segments(log, topic, err);
}

int
embedded_trim(struct log *base, int topic, int partition, int64_t offset, struct error *err)
{
	struct embedded *log = embedded_of(base);
	struct partition *part = embedded_partition(log, topic, partition);
	int result;

	if (log->read_only)
		return fail(err, FATAL, "the log in %s was opened for reading only", log->directory);
	if (offset < 0 || offset > part->end)
		return fail(err, FATAL, "topic '%s' partition %d cannot be trimmed to offset %lld: it has %lld to %lld",
			    log->topics[topic]->name, partition, (long long)offset, (long long)part->start,
			    (long long)part->end);
	pthread_mutex_lock(&part->maintenance);
	result = embedded_trim_to(log, topic, partition, offset, err);
	if (result == 0)
		result = free_if_many(log, topic, partition, err);
	pthread_mutex_unlock(&part->maintenance);
	return result;
}

/* The offset up to which whole batches are too old, or too many. */
static int
retained_from(struct embedded *log, struct index_walk *walk, int64_t *offset, struct error *err)
{
	struct topic *topic = log->topics[walk->topic];
	struct partition *part = &topic->partitions[walk->partition];
	int64_t age_ms = topic->retention_ms, bytes_max = topic->retention_bytes, total;
	int64_t oldest = age_ms < 0 ? TIME_MIN : time_add(log->guard.now_ms, -age_ms);
	int found = index_last(walk, err);

	*offset = part->start;
	if (found <= 0)
		return found;
	total = walk->summary.bytes + walk->summary.size;
	for (found = index_seek(walk, part->start, err); found > 0; found = index_next(walk, err)) {
		bool too_old = age_ms >= 0 && walk->summary.max_time < oldest;
		bool too_many = bytes_max >= 0 && total - walk->summary.bytes - walk->summary.size >= bytes_max;

		if (!too_old && !too_many)
			break;
		*offset = walk->base + walk->summary.span;
	}
	return found;
}

static int
retain(struct embedded *log, int topic, int partition, struct error *err)
{
	struct index_walk walk;
	int64_t offset;
	int result;

	index_open(&walk, log, topic, partition);
	result = retained_from(log, &walk, &offset, err);
	index_close(&walk);
	return result < 0 ? -1 : embedded_trim_to(log, topic, partition, offset, err);
}

static int
sweep_partition(struct embedded *log, int topic, int partition, struct error *err)
{
	struct topic *of = log->topics[topic];
	struct partition *part = &of->partitions[partition];
	int result = 0;

	pthread_mutex_lock(&part->maintenance);
	if (of->retention_ms >= 0 || of->retention_bytes >= 0)
		result = retain(log, topic, partition, err);
	if (result == 0 && of->compacted)
		result = embedded_compact(log, topic, partition, err);
	pthread_mutex_unlock(&part->maintenance);
	return result;
}

/* A wall clock that was set ahead would make everything old at once. */
static void
look_at_clock(struct embedded *log)
{
	bool doubted = log->guard.doubted;

	wall_guard_look(&log->guard, clock_now_ms(log->clock), clock_steady_ms(log->clock));
	if (log->guard.doubted && !doubted)
		logger_warn("clock_jumped",
			    "ahead_ms=%" PRId64
			    " reason=\"the wall clock was set ahead; retention by time goes on from "
			    "the time before, until the clock has been steady for %d min\"",
			    log->guard.ahead_ms, WALL_GUARD_HOLD_MS / 60000);
	else if (doubted && !log->guard.doubted && log->clock_said)
		logger_info("clock_settled", "reason=\"retention by time follows the wall clock again\"");
	log->clock_said = log->guard.doubted && (log->clock_said || !doubted);
}

static int64_t
newest_record(const struct embedded *log)
{
	int64_t newest_ms = TIME_MIN;

	for (int topic = 0; topic < log->topic_count; topic++)
		for (int i = 0; i < log->topics[topic]->partition_count; i++)
			if (log->topics[topic]->partitions[i].high_time > newest_ms)
				newest_ms = log->topics[topic]->partitions[i].high_time;
	return newest_ms;
}

/* So would one that is wrong when the log is opened: what is known then is the time of its newest record. */
static void
meet_clock(struct embedded *log)
{
	int64_t newest_ms = newest_record(log), now_ms = clock_now_ms(log->clock);
	int64_t steady_ms = clock_steady_ms(log->clock);

	if (newest_ms == TIME_MIN)
		return;
	wall_guard_know(&log->guard, newest_ms, steady_ms);
	wall_guard_look(&log->guard, now_ms, steady_ms);
	log->clock_said = log->guard.ahead_ms > WALL_GUARD_REST_MS;
	if (!log->clock_said)
		return;
	logger_warn("clock_doubted",
		    "now_ms=%" PRId64 " newest_record_ms=%" PRId64 " ahead_ms=%" PRId64
		    " reason=\"the log has rested for so long, or the wall clock is wrong; retention by time goes on "
		    "from the newest record, until the clock has been steady for %d min\"",
		    now_ms, newest_ms, log->guard.ahead_ms, WALL_GUARD_HOLD_MS / 60000);
}

static int
sweep_topic(struct embedded *log, int topic, struct error *err)
{
	for (int i = 0; i < log->topics[topic]->partition_count; i++)
		if (sweep_partition(log, topic, i, err) < 0)
			return fail_in(err, "topic '%s' partition %d", log->topics[topic]->name, i);
	if (embedded_free_segments(log, topic, err) < 0)
		return fail_in(err, "topic '%s'", log->topics[topic]->name);
	return 0;
}

/* A topic that cannot be swept keeps no other from it; the first error is told. */
int
embedded_sweep(struct embedded *log, struct error *err)
{
	struct error first;
	int failures = 0;

	pthread_mutex_lock(&log->sweeping);
	look_at_clock(log);
	for (int topic = 0; topic < log->topic_count; topic++)
		if (sweep_topic(log, topic, err) < 0 && failures++ == 0)
			first = *err;
	if (embedded_disk_look(log, err) < 0 && failures++ == 0)
		first = *err;
	pthread_mutex_unlock(&log->sweeping);
	if (failures > 0)
		*err = first;
	return failures > 0 ? -1 : 0;
}

static void
report(const struct error *err)
{
	char text[QUIET_TEXT_SIZE];

	logger_write(err->action == RETRY ? LOGGER_WARN : LOGGER_ERROR, "sweep_failed", "reason=%s",
		     logger_quote(text, sizeof(text), err->text));
}

/* Everything now and then, the size of the directory more often where it has a bound. Returns when to look again. */
static int64_t
look(struct embedded *log, int64_t *swept_us, int64_t *said_us)
{
	int64_t now_us = clock_monotonic_us();
	struct error err;
	int result;

	if (*swept_us < 0 || now_us - *swept_us >= (int64_t)EMBEDDED_SWEEP_INTERVAL_MS * 1000) {
		*swept_us = now_us;
		result = embedded_sweep(log, &err);
	} else {
		result = embedded_disk_look(log, &err);
	}
	if (result < 0)
		report(&err);
	if (now_us - *said_us >= (int64_t)EMBEDDED_DISK_SAY_MS * 1000) {
		*said_us = now_us;
		embedded_disk_say(log);
	}
	return now_us + (int64_t)(log->disk_bytes > 0 ? EMBEDDED_DISK_INTERVAL_MS : EMBEDDED_SWEEP_INTERVAL_MS) * 1000;
}

static void *
run(void *self)
{
	struct embedded *log = self;
	int64_t swept_us = -1, said_us = clock_monotonic_us();

	pthread_mutex_lock(&log->sweep_mutex);
	do { /* once at least, however short the log is open */
		int64_t until_us;

		pthread_mutex_unlock(&log->sweep_mutex);
		until_us = look(log, &swept_us, &said_us);
		pthread_mutex_lock(&log->sweep_mutex);
		while (!log->sweep_stopping && condition_wait(&log->sweep_work, &log->sweep_mutex, until_us))
			;
	} while (!log->sweep_stopping);
	pthread_mutex_unlock(&log->sweep_mutex);
	return NULL;
}

int
embedded_sweeper_start(struct embedded *log, struct error *err)
{
	int failure;

	meet_clock(log);
	failure = pthread_create(&log->sweeper, NULL, run, log);
	return failure ? fail(err, FATAL, "a thread cannot be started: %s", strerror(failure)) : 0;
}

void
embedded_sweeper_stop(struct embedded *log)
{
	pthread_mutex_lock(&log->sweep_mutex);
	log->sweep_stopping = true;
	pthread_cond_signal(&log->sweep_work);
	pthread_mutex_unlock(&log->sweep_mutex);
	pthread_join(log->sweeper, NULL);
}
