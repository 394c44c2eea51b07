/* Reading: a place in a partition, and the readers that wait at one. */
#include "base/condition.h"
#include "base/memory.h"
#include "log/embedded_log.h"

#define TRIES_MAX 100 /* of another process' fetch that batches are taken away from meanwhile */

struct embedded_reader {
	struct reader reader;
	struct place place;
};

void
place_init(struct place *place, struct embedded *log, int topic, int partition, int64_t offset)
{
	*place = (struct place){.log = log, .topic = topic, .partition = partition, .next = offset};
}

void
place_fini(struct place *place)
{
	buffer_fini(&place->body);
	memory_free(&place->records.items);
}

/* The row of the batch at `base`, if there is one. */
static int
find_place(struct place *place, int64_t base, struct segment_place *out, struct error *err)
{
	rocksdb_pinnableslice_t *row;
	uint8_t key[EMBEDDED_KEY_SIZE];
	struct bytes value;
	int result;

	embedded_key(key, 'd', place->topic, place->partition, base);
	if (embedded_get(place->log, key, sizeof(key), &row, err) < 0)
		return -1;
	if (!row)
		return 0;
	value.data = (const uint8_t *)rocksdb_pinnableslice_value(row, &value.size);
	result = segment_place_read(value, out, err);
	rocksdb_pinnableslice_destroy(row);
	return result < 0 ? -1 : 1;
}

/* A row refers to a file that is not there: nobody can give back what was in it but a person. */
static int
fail_missing(struct place *place, int64_t base, uint64_t number, struct error *err)
{
	char *path = segments_path(place->log->segments, place->topic, number);

	fail(err, FATAL,
	     "the log is damaged: the batch at offset %lld is in %s, which is not there; put the file back "
	     "from a copy",
	     (long long)base, path);
	memory_free(&path);
	return -1;
}

/* What the writer has done meanwhile. */
static int
catch_up(struct place *place, struct error *err)
{
	if (!place->log->read_only)
		return 0;
	if (embedded_catch_up(place->log, err) < 0)
		return -1;
	return embedded_partition_refresh(place->log, place->topic, place->partition, err);
}

/*
 * Reads the batch at `base`. 1, 0 where there is none (any more), -1. A file that is not there was taken away only if
 * no row refers to it by now: whoever removes a file has removed its rows before.
 */
static int
get(struct place *place, int64_t base, struct error *err)
{
	uint64_t missing = UINT64_MAX;

	for (;;) {
		struct segment_place at;
		int found = find_place(place, base, &at, err);
		bool gone;

		if (found <= 0)
			return found;
		if (at.number == missing)
			return fail_missing(place, base, at.number, err);
		if (segments_read(place->log->segments, place->topic, &at, &place->body, &gone, err) < 0)
			return fail_in(err, "the batch at offset %lld", (long long)base);
		if (!gone)
			return 1;
		missing = at.number;
		if (catch_up(place, err) < 0)
			return -1;
	}
}

/* Mostly the next batch begins exactly where the last one ended: one look-up. Else the summaries know where it is. */
static int
get_next(struct place *place, int64_t *base, struct error *err)
{
	struct index_walk walk;
	int found = get(place, place->next, err);

	*base = place->next;
	if (found != 0)
		return found;
	index_open(&walk, place->log, place->topic, place->partition);
	found = index_seek(&walk, place->next, err);
	index_close(&walk);
	if (found <= 0)
		return found;
	*base = walk.base;
	return get(place, walk.base, err);
}

/* Goes on at the start where the place is before it; then whether there is anything to read. */
static bool
has_more(struct place *place, const struct partition *part, struct log_gap *lost, int64_t *end)
{
	int64_t start = part->start;

	*end = part->end;
	if (place->next < start) {
		if (lost->from == lost->to)
			lost->from = place->next;
		lost->to = place->next = start;
	}
	return place->next < *end;
}

/*
 * There is no batch at `next`, which is before the end. Batches follow each other without gaps (compaction leaves empty
 * ones behind), and go at the start only, which moves first: anything else is damage, never an end.
 */
static int
after_absence(struct place *place, const struct partition *part, int *tries, struct error *err)
{
	if (part->start > place->next)
		return 0;
	if (place->log->read_only &&
	    ++*tries < TRIES_MAX) /* what was read is of before the catching up, or of after it */
		return catch_up(place, err);
	return fail(err, FATAL,
		    "the log is damaged: it has no batch there, although the partition goes from %lld to %lld",
		    (long long)part->start, (long long)part->end);
}

static int
fetch(struct place *place, const struct partition *part, struct log_gap *lost, struct error *err)
{
	int64_t end;
	int tries = 0;

	place->records.count = 0;
	while (place->records.count == 0 && has_more(place, part, lost, &end)) {
		int64_t base;
		int found = get_next(place, &base, err);

		if (found < 0)
			return -1;
		if (found == 0 || base > place->next) {
			if (after_absence(place, part, &tries, err) < 0)
				return -1;
		} else if (batch_read(buffer_bytes(&place->body), base, place->next, &place->records, &place->next,
				      err) < 0) {
			return -1;
		}
	}
	return 0;
}

int
place_fetch(struct place *place, struct log_batch *out, struct error *err)
{
	const struct partition *part = &place->log->topics[place->topic]->partitions[place->partition];
	struct log_gap lost = {0};
	int64_t end;

	if (fetch(place, part, &lost, err) < 0)
		return fail_in(err, "topic '%s' partition %d offset %lld", place->log->topics[place->topic]->name,
			       place->partition, (long long)place->next);
	end = part->end;
	*out = (struct log_batch){
		.records = place->records.items,
		.count = place->records.count,
		.next = place->next,
		.end = end,
		.at_end = place->next == end,
		.quiet = place->next == end,
		.lost = lost,
	};
	return 0;
}

bool
embedded_wait(struct embedded *log, uint64_t generation, int64_t until_us)
{
	bool moved;

	pthread_mutex_lock(&log->mutex);
	while (log->generation == generation && condition_wait(&log->changed, &log->mutex, until_us))
		;
	moved = log->generation != generation;
	pthread_mutex_unlock(&log->mutex);
	return moved;
}

int
embedded_reader_open(struct log *base, int topic, int partition, int64_t offset, struct reader **out, struct error *err)
{
	struct embedded *log = embedded_of(base);
	struct partition *part = embedded_partition(log, topic, partition);
	struct embedded_reader *reader;

	if (log->read_only &&
	    (embedded_catch_up(log, err) < 0 || embedded_partition_refresh(log, topic, partition, err) < 0))
		return -1;
	if (offset < 0 || offset > part->end)
		return fail(err, FATAL, "topic '%s' partition %d has no offset %lld: it has %lld to %lld",
			    log->topics[topic]->name, partition, (long long)offset, (long long)part->start,
			    (long long)part->end);
	reader = memory_new(sizeof(*reader));
	reader->reader.ops = base->ops;
	place_init(&reader->place, log, topic, partition, offset);
	*out = &reader->reader;
	return 0;
}

void
embedded_reader_close(struct reader *base)
{
	struct embedded_reader *reader = (struct embedded_reader *)base;

	place_fini(&reader->place);
	memory_free(&reader);
}

/* Of a log that another process writes, more is only seen by asking. */
static int
fetch_now(struct place *place, struct log_batch *out, struct error *err)
{
	struct embedded *log = place->log;

	if (place_fetch(place, out, err) < 0)
		return -1;
	if (out->count != 0 || !log->read_only)
		return 0;
	if (embedded_catch_up(log, err) < 0 || embedded_partition_refresh(log, place->topic, place->partition, err) < 0)
		return -1;
	return place_fetch(place, out, err);
}

int
embedded_reader_fetch(struct reader *base, int64_t wait_ms, struct log_batch *out, struct error *err)
{
	struct place *place = &((struct embedded_reader *)base)->place;
	struct embedded *log = place->log;
	int64_t until_us = wait_ms > 0 ? clock_monotonic_us() + wait_ms * 1000 : 0;

	for (;;) {
		uint64_t generation = log->generation; /* before looking: a commit after the look changes it */
		int64_t now_us, next_us = until_us;

		if (fetch_now(place, out, err) < 0)
			return -1;
		if (out->count != 0 || wait_ms <= 0)
			return 0;
		now_us = clock_monotonic_us();
		if (now_us >= until_us)
			return 0;
		if (log->read_only && next_us > now_us + EMBEDDED_CATCH_UP_INTERVAL_MS * 1000)
			next_us = now_us + EMBEDDED_CATCH_UP_INTERVAL_MS * 1000;
		embedded_wait(log, generation, next_us);
	}
}
