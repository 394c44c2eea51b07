/*
 * The records of a transaction on Kafka: gathered in one buffer, so that those of an input record can be taken back,
 * and handed to librdkafka partition by partition, from KAFKA_SEND_BYTES on and at the commit.
 *
 * librdkafka's queue is bounded (kafka_memory.h). What finds no room there stays in the buffer, in order: while records
 * are processed nobody waits for room, and the transaction grows up to commit_bytes; the commit waits, within the time
 * of one call, and is RETRY where no room came.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "log/kafka_transaction.h"

struct kafka_entry {
	int topic, partition;
	bool has_key, deletion;
	size_t key_at, key_size, value_at, value_size; /* in `bytes` */
};

struct kafka_stream {
	struct kafka_stream *next; /* among those that have something */
	int topic, partition;
	size_t *entries; /* by number, in their order */
	size_t count, capacity;
};

#define PORTION_RECORDS 256 /* of one call */
#define ROOM_WAIT_MS 10	    /* for room, before it is tried again */

enum sent { SENT_FAILED = -1, SENT_ALL, SENT_SOME }; /* SOME: librdkafka's queue is full */

/* ---- appending ---- */

struct buffer *
kafka_append_begin(struct transaction *base, int topic, int partition, struct bytes key, int64_t timestamp_ms)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);
	struct kafka_entry *entry;

	(void)timestamp_ms; /* librdkafka gives its batches the wall time, which callers give too */
	insist(!transaction->appending && transaction->step == STEP_OPEN);
	if (transaction->count == transaction->capacity) {
		transaction->capacity = transaction->capacity ? 2 * transaction->capacity : 256;
		transaction->entries = memory_resize_array(transaction->entries, transaction->capacity,
							   sizeof(*transaction->entries));
	}
	entry = &transaction->entries[transaction->count];
	*entry = (struct kafka_entry){
		.topic = topic,
		.partition = partition,
		.has_key = key.data != NULL,
		.key_at = transaction->bytes.size,
		.key_size = key.size,
	};
	buffer_put_bytes(&transaction->bytes, key);
	entry->value_at = transaction->bytes.size;
	transaction->appending = true;
	return &transaction->bytes;
}

void
kafka_append_cancel(struct transaction *base)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);

	insist(transaction->appending);
	transaction->bytes.size = transaction->entries[transaction->count].key_at;
	transaction->appending = false;
}

int
kafka_append_end(struct transaction *base, bool deletion, struct error *err)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);
	struct kafka_entry *entry = &transaction->entries[transaction->count];
	size_t size, size_max = kafka_sizes_max(&transaction->sizes, transaction->log, entry->topic);

	insist(transaction->appending);
	entry->deletion = deletion;
	entry->value_size = transaction->bytes.size - entry->value_at;
	size = entry->key_size + entry->value_size;
	if (size > size_max) {
		kafka_append_cancel(base);
		return fail(err, SKIP, "a record of %zu bytes for topic '%s': expected at most %zu", size,
			    kafka_topic_name(&transaction->log->log, entry->topic), size_max);
	}
	transaction->appending = false;
	transaction->count++;
	return 0;
}

/* ---- a stream: the records of one partition that are handed over at once ---- */

static struct kafka_stream *
stream_of(struct kafka_transaction *transaction, int topic, int partition)
{
	struct kafka *log = transaction->log;

	insist(partition >= 0 && partition < kafka_topic_partitions(&log->log, topic));
	if (topic >= transaction->topic_count) {
		transaction->streams = memory_resize_array(transaction->streams, (size_t)topic + 1,
							   sizeof(struct kafka_stream *));
		while (transaction->topic_count <= topic)
			transaction->streams[transaction->topic_count++] = NULL;
	}
	if (!transaction->streams[topic]) {
		int count = kafka_topic_partitions(&log->log, topic);

		transaction->streams[topic] = memory_new_array((size_t)count, sizeof(struct kafka_stream));
		for (int i = 0; i < count; i++)
			transaction->streams[topic][i] = (struct kafka_stream){.topic = topic, .partition = i};
	}
	return &transaction->streams[topic][partition];
}

static void
stream_add(struct kafka_transaction *transaction, size_t number)
{
	const struct kafka_entry *entry = &transaction->entries[number];
	struct kafka_stream *stream = stream_of(transaction, entry->topic, entry->partition);

	if (stream->count == stream->capacity) {
		stream->capacity = stream->capacity ? 2 * stream->capacity : 64;
		stream->entries = memory_resize_array(stream->entries, stream->capacity, sizeof(*stream->entries));
	}
	if (stream->count == 0) {
		stream->next = transaction->filled;
		transaction->filled = stream;
	}
	stream->entries[stream->count++] = number;
}

static rd_kafka_message_t
message_of(const struct kafka_transaction *transaction, const struct kafka_entry *entry)
{
	const uint8_t *bytes = transaction->bytes.data;

	return (rd_kafka_message_t){
		.payload = entry->deletion ? NULL : (void *)(uintptr_t)(bytes + entry->value_at),
		.len = entry->deletion ? 0 : entry->value_size,
		.key = entry->has_key ? (void *)(uintptr_t)(bytes + entry->key_at) : NULL,
		.key_len = entry->has_key ? entry->key_size : 0,
	};
}

/* A portion of the stream, from its `done`th record on. *taken: so many from there are librdkafka's. */
static enum sent
send_portion(struct kafka_transaction *transaction, const struct kafka_stream *stream, size_t done, int *taken,
	     struct error *err)
{
	bool plain = transaction->plain && stream->topic != transaction->tracked;
	struct kafka_producer *producer = plain ? transaction->plain : transaction->producer;
	rd_kafka_topic_t *topic = kafka_producer_topic(producer, stream->topic, err);
	rd_kafka_message_t messages[PORTION_RECORDS];
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	int count = 0;

	*taken = 0;
	if (!topic)
		return SENT_FAILED;
	for (; count < PORTION_RECORDS && done + (size_t)count < stream->count; count++)
		messages[count] = message_of(transaction, &transaction->entries[stream->entries[done + (size_t)count]]);
	*taken = rd_kafka_produce_batch(topic, stream->partition, RD_KAFKA_MSG_F_COPY, messages, count);
	if (*taken == count)
		return SENT_ALL;
	for (int i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		code = messages[i].err;
	/* From the first one on that found no room all are left. */
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return SENT_SOME;
	kafka_fail(err, code, "appending to topic '%s'", kafka_topic_name(&transaction->log->log, stream->topic));
	err->action = ABORT; /* some of them are on their way */
	return SENT_FAILED;
}

/* What has no room stays at the stream's beginning. */
static enum sent
stream_send(struct kafka_transaction *transaction, struct kafka_stream *stream, struct error *err)
{
	bool tracked = stream->topic == transaction->tracked;
	enum sent sent = SENT_ALL;
	size_t done = 0;
	int taken;

	if ((!transaction->plain || tracked) && kafka_transaction_begin(transaction, err) < 0)
		return SENT_FAILED;
	while (sent == SENT_ALL && done < stream->count) {
		sent = send_portion(transaction, stream, done, &taken, err);
		done += (size_t)taken;
		if (tracked)
			kafka_owners_sent(&transaction->owners, stream->partition, taken);
	}
	stream->count -= done;
	memmove(stream->entries, stream->entries + done, stream->count * sizeof(*stream->entries));
	return sent;
}

static enum sent
send_filled(struct kafka_transaction *transaction, struct error *err)
{
	struct kafka_stream *left = NULL;
	enum sent result = SENT_ALL;

	for (struct kafka_stream *stream; (stream = transaction->filled);) {
		transaction->filled = stream->next;
		if (result != SENT_FAILED && stream->count > 0) {
			enum sent sent = stream_send(transaction, stream, err);

			result = sent == SENT_ALL ? result : sent;
		}
		if (result == SENT_FAILED) {
			stream->count = 0;
		} else if (stream->count > 0) {
			stream->next = left;
			left = stream;
		}
	}
	transaction->filled = left;
	return result;
}

/* Whether what comes from here on may be sent only when everything before it is acknowledged. */
static bool
is_first_of_journal(const struct kafka_transaction *transaction, size_t at)
{
	return transaction->plain && transaction->entries[at].topic == transaction->tracked &&
	       (at == 0 || transaction->entries[at - 1].topic != transaction->tracked);
}

/* Some of it is on its way, or gone: the commit will say so, whoever met it first. */
static int
give_up(struct kafka_transaction *transaction, struct error *err)
{
	err->action = err->action == RETRY ? ABORT : err->action;
	transaction->failed = true;
	transaction->failure = *err;
	return -1;
}

/* Both: whichever it is that has no room. */
static void
wait_for_room(const struct kafka_transaction *transaction)
{
	if (transaction->plain)
		rd_kafka_flush(transaction->plain->handle, ROOM_WAIT_MS);
	if (transaction->producer)
		rd_kafka_flush(transaction->producer->handle, ROOM_WAIT_MS);
}

/* Waits for room until until_us at most. RETRY: there is none yet. */
static int
send_all(struct kafka_transaction *transaction, int64_t until_us, struct error *err)
{
	enum sent sent;

	while ((sent = send_filled(transaction, err)) == SENT_SOME) {
		if (clock_monotonic_us() >= until_us)
			return fail(err, RETRY,
				    "the producer's queue, %" PRId64
				    " KiB, is full: brokers have not acknowledged what is in it",
				    transaction->log->shares.producer_bytes / 1024);
		wait_for_room(transaction);
	}
	return sent == SENT_ALL ? 0 : give_up(transaction, err);
}

/* What comes before the journal at least once has to be there first. A flush that takes time is waited for again. */
static int
flush_plain(struct kafka_transaction *transaction, int64_t until_us, struct error *err)
{
	if (send_all(transaction, until_us, err) < 0)
		return -1;
	if (kafka_producer_flush(transaction->plain, err) == 0)
		return 0;
	return err->action == RETRY ? -1 : give_up(transaction, err);
}

int
kafka_append_hand_over(struct kafka_transaction *transaction, int64_t wait_ms, struct error *err)
{
	int64_t until_us = clock_monotonic_us() + wait_ms * 1000;

	if (transaction->failed) {
		*err = transaction->failure;
		return -1;
	}
	/* Prepared first: an answer that takes time may be waited for again, with nothing on its way yet. */
	if (transaction->sent < transaction->kept && transaction->producer &&
	    kafka_producer_prepare(transaction->producer, err) < 0)
		return -1;
	for (; transaction->sent < transaction->kept; transaction->sent++) {
		if (is_first_of_journal(transaction, transaction->sent) && flush_plain(transaction, until_us, err) < 0)
			return -1;
		stream_add(transaction, transaction->sent);
	}
	return send_all(transaction, until_us, err);
}

/* Before records are forgotten. */
static void
note_size(struct kafka_transaction *transaction)
{
	size_t bytes = transaction->bytes.size;

	if (transaction->count > transaction->count_max)
		transaction->count_max = transaction->count;
	if (bytes > transaction->bytes_usage.peak_bytes)
		transaction->bytes_usage.peak_bytes = bytes;
}

/* All that was kept has been handed over: the space is used again. */
static void
forget_sent(struct kafka_transaction *transaction)
{
	note_size(transaction);
	insist(transaction->sent == transaction->count);
	transaction->pending_bytes += transaction->bytes.size;
	transaction->count = transaction->kept = transaction->sent = 0;
	transaction->send_bytes = KAFKA_SEND_BYTES;
	buffer_clear(&transaction->bytes);
}

void
kafka_keep(struct transaction *base)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);
	struct error err;

	transaction->kept = transaction->count;
	/* What goes wrong here the commit will meet again and say; it is tried again when there is as much more. */
	if (transaction->bytes.size < transaction->send_bytes)
		return;
	if (kafka_append_hand_over(transaction, 0, &err) == 0)
		forget_sent(transaction);
	else
		transaction->send_bytes = transaction->bytes.size + KAFKA_SEND_BYTES;
}

void
kafka_undo(struct transaction *base)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);

	if (transaction->count == transaction->kept)
		return;
	transaction->bytes.size = transaction->entries[transaction->kept].key_at;
	transaction->count = transaction->kept;
}

size_t
kafka_bytes(const struct transaction *base)
{
	const struct kafka_transaction *transaction = (const struct kafka_transaction *)base;

	return transaction->pending_bytes + transaction->bytes.size;
}

/* ---- the end ---- */

static void
free_stream_entries(struct kafka_transaction *transaction)
{
	for (int i = 0; i < transaction->topic_count; i++)
		for (int k = 0; transaction->streams[i] && k < kafka_topic_partitions(&transaction->log->log, i); k++) {
			struct kafka_stream *stream = &transaction->streams[i][k];

			stream->count = stream->capacity = 0;
			memory_free(&stream->entries);
		}
}

/* What only a large transaction has needed, long ago, is given back. */
static void
rest(struct kafka_transaction *transaction)
{
	size_t size = sizeof(*transaction->entries), held = transaction->capacity * size;
	size_t kept = usage_end(&transaction->entries_usage, transaction->count_max * size, held);

	transaction->count_max = 0;
	usage_end_buffer(&transaction->bytes_usage, &transaction->bytes);
	if (kept >= held)
		return;
	free_stream_entries(transaction);
	transaction->capacity = kept / size;
	transaction->entries = memory_resize_array(transaction->entries, transaction->capacity, size);
}

void
kafka_append_clear(struct kafka_transaction *transaction)
{
	note_size(transaction);
	while (transaction->filled) {
		transaction->filled->count = 0;
		transaction->filled = transaction->filled->next;
	}
	transaction->failed = false;
	transaction->count = transaction->kept = transaction->sent = transaction->pending_bytes = 0;
	transaction->send_bytes = KAFKA_SEND_BYTES;
	rest(transaction);
}

void
kafka_append_fini(struct kafka_transaction *transaction)
{
	free_stream_entries(transaction);
	for (int i = 0; i < transaction->topic_count; i++)
		memory_free(&transaction->streams[i]);
	memory_free(&transaction->streams);
	memory_free(&transaction->entries);
	buffer_fini(&transaction->bytes);
}
