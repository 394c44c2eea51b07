/*
 * The committer: one thread makes all waiting transactions durable with one synced write, so that the disk's flush is
 * paid once for all of them. It alone gives out offsets: they are contiguous, in the order of the queue.
 *
 * After a write has failed nobody knows how much of it the disk has, so nothing more is appended; the next open finds
 * out, and finds each transaction whole or not at all. A disk without room is looked for before anything is written
 * (RETRY): what is kept free is for the database, which cannot be used after a write of its own has failed.
 */
#include <time.h>

#include "base/crash_point.h"
#include "base/memory.h"
#include "log/embedded_transaction.h"

#define GROUP_BYTES_MAX (32 << 20) /* of transactions in one write, unless a single one is larger */
#define RETRY_WAIT_MS 50	   /* before a commit that found no room comes back to its caller */

struct commit {
	struct embedded_transaction *transaction;
	struct commit *next;
	bool done;
	int result;
	struct error *err;
};

/* A partition with what this group appended so far: it becomes the partition's own when the group is written. */
struct moved {
	struct partition *partition;
	int64_t end, high_time, records, bytes;
};

struct committer {
	struct embedded *log;
	rocksdb_writebatch_t *writes;
	size_t bytes;
	struct moved *moved; /* the partitions of this group's streams, in order */
	size_t moved_count, moved_capacity;
	struct buffer key;
	struct segment_place last; /* of the last batch that was appended */
};

static struct moved *
moved_of(struct committer *committer, struct partition *partition)
{
	for (size_t i = committer->moved_count; i-- > 0;)
		if (committer->moved[i].partition == partition)
			return &committer->moved[i];
	if (committer->moved_count == committer->moved_capacity) {
		committer->moved_capacity = committer->moved_capacity * 2 + 16;
		committer->moved = memory_resize_array(committer->moved, committer->moved_capacity,
						       sizeof(*committer->moved));
	}
	committer->moved[committer->moved_count] = (struct moved){.partition = partition,
								  .end = partition->end,
								  .high_time = partition->high_time,
								  .records = partition->records,
								  .bytes = partition->bytes};
	return &committer->moved[committer->moved_count++];
}

static int
put_chunk(struct committer *committer, const struct stream *stream, const struct chunk *chunk, const uint8_t *records,
	  struct moved *moved, struct error *err)
{
	uint8_t key[EMBEDDED_KEY_SIZE], place_bytes[SEGMENT_PLACE_SIZE];
	uint8_t header[BATCH_HEADER_SIZE], summary[BATCH_SUMMARY_SIZE];
	struct segment_place place;

	batch_header_write(header, chunk->count, chunk->count, 0, (uint32_t)(committer->log->commits + 1));
	if (segments_append(committer->log->segments, stream->topic, bytes_of(header, sizeof(header)),
			    bytes_of(records, chunk->size), &place, err) < 0)
		return -1;
	if (chunk->max_time > moved->high_time)
		moved->high_time = chunk->max_time;
	batch_summary_write(summary, &(struct batch_summary){.span = chunk->count,
							     .count = chunk->count,
							     .size = (int64_t)place.size,
							     .min_time = chunk->min_time,
							     .max_time = chunk->max_time,
							     .high_time = moved->high_time,
							     .records = moved->records,
							     .bytes = moved->bytes});
	committer->last = place;
	segment_place_write(place_bytes, &place);
	embedded_key(key, 'd', stream->topic, stream->partition, moved->end);
	rocksdb_writebatch_put(committer->writes, (const char *)key, sizeof(key), (const char *)place_bytes,
			       sizeof(place_bytes));
	embedded_key(key, 'i', stream->topic, stream->partition, moved->end);
	rocksdb_writebatch_put(committer->writes, (const char *)key, sizeof(key), (const char *)summary,
			       sizeof(summary));
	moved->records += chunk->count;
	moved->bytes += (int64_t)place.size;
	moved->end += chunk->count;
	return 0;
}

/* Up to where the topic's segments hold what was committed: embedded_tail.c. */
static void
put_tail(struct committer *committer, int topic)
{
	uint8_t key[EMBEDDED_TAIL_KEY_SIZE], value[EMBEDDED_TAIL_SIZE];

	embedded_tail_key(key, topic);
	store_u64(value, committer->last.number);
	store_u64(value + 8, committer->last.position + committer->last.size);
	rocksdb_writebatch_put(committer->writes, (const char *)key, sizeof(key), (const char *)value, sizeof(value));
}

static int
put_stream(struct committer *committer, struct stream *stream, struct error *err)
{
	struct partition *partition = embedded_partition(committer->log, stream->topic, stream->partition);
	const struct stream_state *now = &stream->now;
	const uint8_t *records = stream->records.data;
	struct chunk last = {
		.size = now->chunk_size,
		.count = now->count,
		.min_time = now->min_time,
		.max_time = now->max_time,
	};
	struct moved *moved;

	if (now->size == 0)
		return 0;
	moved = moved_of(committer, partition);
	stream->first_offset = moved->end;
	for (size_t i = 0; i < now->chunk_count; i++) {
		if (put_chunk(committer, stream, &stream->chunks[i], records, moved, err) < 0)
			return -1;
		records += stream->chunks[i].size;
	}
	if (last.count != 0 && put_chunk(committer, stream, &last, records, moved, err) < 0)
		return -1;
	stream->end = moved->end;
	put_tail(committer, stream->topic);
	return 0;
}

static void
put_positions(struct committer *committer, const struct embedded_transaction *transaction)
{
	for (size_t i = 0; i < transaction->position_count; i++) {
		const struct stream_position *position = &transaction->positions[i];
		uint8_t value[sizeof(uint64_t)];

		if (!position->set)
			continue;
		embedded_position_key(&committer->key, position->group, position->topic, position->partition);
		store_u64(value, (uint64_t)position->offset);
		rocksdb_writebatch_put(committer->writes, (const char *)committer->key.data, committer->key.size,
				       (const char *)value, sizeof(value));
	}
}

static int
put_group(struct committer *committer, const struct commit *group, struct error *err)
{
	committer->moved_count = 0;
	for (const struct commit *commit = group; commit; commit = commit->next) {
		for (size_t i = 0; i < commit->transaction->used.count; i++)
			if (put_stream(committer, commit->transaction->used.items[i], err) < 0)
				return -1;
		put_positions(committer, commit->transaction);
	}
	return 0;
}

/* First the batches, then the one write that makes them count. */
static int
write_durably(struct committer *committer, const struct commit *group, struct error *err)
{
	struct embedded *log = committer->log;

	if (put_group(committer, group, err) < 0)
		return -1;
	embedded_put_commits(committer->writes, log->commits + 1);
	for (int topic = 0; topic < log->topic_count; topic++)
		if (segments_sync(log->segments, topic, err) < 0)
			return -1;
	if (embedded_write(log, committer->writes, true, err) < 0)
		return -1;
	embedded_note_commit(log, ++log->commits);
	for (int topic = 0; topic < log->topic_count; topic++)
		segments_indexed(log->segments, topic);
	return 0;
}

/* RETRY: nothing of it counts, and it may be tried again. */
static int
write_group(struct committer *committer, struct commit *group, struct error *err)
{
	struct embedded *log = committer->log;

	if (embedded_check(log, err) < 0 || embedded_room(log, (int64_t)committer->bytes, err) < 0)
		return -1;
	if (write_durably(committer, group, err) == 0)
		return 0;
	return err->action == RETRY ? -1 : embedded_fail_for_good(log, err);
}

/* Under the mutex. */
static void
take_over(const struct committer *committer)
{
	for (size_t i = 0; i < committer->moved_count; i++) {
		const struct moved *moved = &committer->moved[i];

		moved->partition->high_time = moved->high_time;
		moved->partition->records = moved->records;
		moved->partition->bytes = moved->bytes;
		moved->partition->end = moved->end;
	}
}

/* Under the mutex. */
static struct commit *
take_group(struct committer *committer)
{
	struct embedded *log = committer->log;
	struct commit *group = log->queue, *last = group;

	committer->bytes = group->transaction->bytes;
	for (; last->next && committer->bytes + last->next->transaction->bytes <= GROUP_BYTES_MAX; last = last->next)
		committer->bytes += last->next->transaction->bytes;
	log->queue = last->next;
	last->next = NULL;
	if (!log->queue)
		log->queue_tail = &log->queue;
	return group;
}

static void *
run(void *self)
{
	struct committer committer = {.log = self, .writes = rocksdb_writebatch_create()};
	struct embedded *log = self;
	struct error err;

	pthread_mutex_lock(&log->mutex);
	for (;;) {
		struct commit *group;
		int result;

		while (!log->queue && !log->stopping)
			pthread_cond_wait(&log->work, &log->mutex);
		if (!log->queue)
			break;
		group = take_group(&committer);
		pthread_mutex_unlock(&log->mutex);
		result = write_group(&committer, group, &err);
		rocksdb_writebatch_clear(committer.writes);
		pthread_mutex_lock(&log->mutex);
		if (result == 0)
			take_over(&committer);
		for (struct commit *commit = group, *next; commit; commit = next) {
			next = commit->next;
			commit->result = result;
			if (result < 0)
				*commit->err = err;
			commit->done = true;
		}
		log->generation++;
		pthread_cond_broadcast(&log->changed);
	}
	pthread_mutex_unlock(&log->mutex);
	rocksdb_writebatch_destroy(committer.writes);
	memory_free(&committer.moved);
	buffer_fini(&committer.key);
	return NULL;
}

int
embedded_committer_start(struct embedded *log, struct error *err)
{
	int failure;

	log->queue_tail = &log->queue;
	failure = pthread_create(&log->committer, NULL, run, log);
	return failure ? fail(err, FATAL, "a thread cannot be started: %s", strerror(failure)) : 0;
}

void
embedded_committer_stop(struct embedded *log)
{
	pthread_mutex_lock(&log->mutex);
	log->stopping = true;
	pthread_cond_signal(&log->work);
	pthread_mutex_unlock(&log->mutex);
	pthread_join(log->committer, NULL);
}

static void
forget_last_commit(struct embedded_transaction *transaction)
{
	for (size_t i = 0; i < transaction->committed.count; i++)
		transaction->committed.items[i]->first_offset = -1;
	transaction->committed.count = 0;
}

static bool
is_empty(const struct embedded_transaction *transaction)
{
	bool empty = transaction->bytes == 0;

	for (size_t i = 0; i < transaction->position_count; i++)
		empty &= !transaction->positions[i].set;
	return empty;
}

/* The owner tokens, under the mutex: nobody but the committer moves an end, and who waits for it is in the queue. */
static int
check_expected(struct embedded *log, const struct embedded_transaction *transaction, struct error *err)
{
	for (size_t i = 0; i < transaction->used.count; i++) {
		const struct stream *stream = transaction->used.items[i];
		const struct partition *partition = embedded_partition(log, stream->topic, stream->partition);

		if (stream->expected >= 0 && stream->now.size > 0 && stream->expected != partition->end)
			return fail(err, ABORT,
				    "%s partition %d ends at %lld, not at %lld: another one has written to it",
				    log->topics[stream->topic]->name, stream->partition, (long long)partition->end,
				    (long long)stream->expected);
	}
	return 0;
}

/* After a commit. */
static void
expect_ends(struct embedded_transaction *transaction)
{
	for (size_t i = 0; i < transaction->used.count; i++) {
		struct stream *stream = transaction->used.items[i];

		if (stream->expected >= 0 && stream->now.size > 0)
			stream->expected = stream->end;
	}
}

int
embedded_commit(struct transaction *base, struct error *err)
{
	struct embedded_transaction *transaction = (struct embedded_transaction *)base;
	struct commit commit = {.transaction = transaction, .err = err};
	struct embedded *log = transaction->log;
	struct stream_list spare;
	size_t used_count;

	insist(!transaction->open);
	embedded_undo(base); /* what was not kept */
	forget_last_commit(transaction);
	if (is_empty(transaction)) {
		transaction_clear(transaction);
		return 0;
	}
	pthread_mutex_lock(&log->mutex);
	if (check_expected(log, transaction, err) < 0) {
		pthread_mutex_unlock(&log->mutex);
		return -1;
	}
	*log->queue_tail = &commit;
	log->queue_tail = &commit.next;
	pthread_cond_signal(&log->work);
	while (!commit.done)
		pthread_cond_wait(&log->changed, &log->mutex);
	pthread_mutex_unlock(&log->mutex);
	if (commit.result < 0) {
		if (err->action == RETRY)
			nanosleep(&(struct timespec){.tv_nsec = RETRY_WAIT_MS * 1000000}, NULL);
		return -1;
	}
	expect_ends(transaction);
	used_count = transaction->used.count;
	transaction_clear(transaction);
	spare = transaction->committed; /* the streams of this commit, for the next one to forget */
	transaction->committed = transaction->used;
	transaction->committed.count = used_count;
	transaction->used = spare;
	return crash_here(CRASH_COMMITTED, err);
}
