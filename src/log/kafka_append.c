/*
 * The records of a transaction on Kafka: gathered in one buffer, so that those of an input record can be taken back,
 * and handed to librdkafka partition by partition, from KAFKA_SEND_BYTES on and at the commit.
 */
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
	rd_kafka_message_t *messages;
	size_t count, capacity;
};

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
stream_add(struct kafka_transaction *transaction, const struct kafka_entry *entry)
{
	struct kafka_stream *stream = stream_of(transaction, entry->topic, entry->partition);
	const uint8_t *bytes = transaction->bytes.data;
	rd_kafka_message_t *message;

	if (stream->count == stream->capacity) {
		stream->capacity = stream->capacity ? 2 * stream->capacity : 64;
		stream->messages = memory_resize_array(stream->messages, stream->capacity, sizeof(*stream->messages));
	}
	if (stream->count == 0) {
		stream->next = transaction->filled;
		transaction->filled = stream;
	}
	message = &stream->messages[stream->count++];
	*message = (rd_kafka_message_t){
		.payload = entry->deletion ? NULL : (void *)(uintptr_t)(bytes + entry->value_at),
		.len = entry->deletion ? 0 : entry->value_size,
		.key = entry->has_key ? (void *)(uintptr_t)(bytes + entry->key_at) : NULL,
		.key_len = entry->has_key ? entry->key_size : 0,
	};
}

static int
stream_send(struct kafka_transaction *transaction, struct kafka_stream *stream, struct error *err)
{
	bool plain = transaction->plain && stream->topic != transaction->tracked;
	struct kafka_producer *producer = plain ? transaction->plain : transaction->producer;
	rd_kafka_topic_t *topic;
	int count = (int)stream->count, taken;

	stream->count = 0;
	if (!plain && kafka_transaction_begin(transaction, err) < 0)
		return -1;
	if (stream->topic == transaction->tracked)
		kafka_owners_sent(&transaction->owners, stream->partition, count);
	topic = kafka_producer_topic(producer, stream->topic, err);
	if (!topic)
		return -1;
	taken = rd_kafka_produce_batch(topic, stream->partition, RD_KAFKA_MSG_F_COPY, stream->messages, count);
	if (taken == count)
		return 0;
	/* Some of them are on their way: what remains is to abort. */
	for (int i = 0; i < count; i++)
		if (stream->messages[i].err) {
			kafka_fail(err, stream->messages[i].err, "appending to topic '%s'",
				   kafka_topic_name(&transaction->log->log, stream->topic));
			break;
		}
	err->action = ABORT;
	return -1;
}

static int
send_filled(struct kafka_transaction *transaction, struct error *err)
{
	int result = 0;

	for (struct kafka_stream *stream; (stream = transaction->filled);) {
		transaction->filled = stream->next;
		if (result == 0)
			result = stream_send(transaction, stream, err);
		stream->count = 0;
	}
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

/* What comes before the journal at least once has to be there first. A flush that takes time is waited for again. */
static int
flush_plain(struct kafka_transaction *transaction, struct error *err)
{
	if (send_filled(transaction, err) < 0)
		return give_up(transaction, err);
	if (kafka_producer_flush(transaction->plain, err) == 0)
		return 0;
	return err->action == RETRY ? -1 : give_up(transaction, err);
}

int
kafka_append_hand_over(struct kafka_transaction *transaction, struct error *err)
{
	if (transaction->failed) {
		*err = transaction->failure;
		return -1;
	}
	/* Prepared first: an answer that takes time may be waited for again, with nothing on its way yet. */
	if (transaction->sent < transaction->kept && transaction->producer &&
	    kafka_producer_prepare(transaction->producer, err) < 0)
		return -1;
	for (; transaction->sent < transaction->kept; transaction->sent++) {
		if (is_first_of_journal(transaction, transaction->sent) && flush_plain(transaction, err) < 0)
			return -1;
		stream_add(transaction, &transaction->entries[transaction->sent]);
	}
	return send_filled(transaction, err) == 0 ? 0 : give_up(transaction, err);
}

/* All that was kept has been handed over: the space is used again. */
static void
forget_sent(struct kafka_transaction *transaction)
{
	insist(transaction->sent == transaction->count);
	transaction->pending_bytes += transaction->bytes.size;
	transaction->count = transaction->kept = transaction->sent = 0;
	buffer_clear(&transaction->bytes);
}

void
kafka_keep(struct transaction *base)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);
	struct error err;

	transaction->kept = transaction->count;
	/* What goes wrong here the commit will meet again and say. */
	if (transaction->bytes.size >= KAFKA_SEND_BYTES && kafka_append_hand_over(transaction, &err) == 0)
		forget_sent(transaction);
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

void
kafka_append_clear(struct kafka_transaction *transaction)
{
	transaction->failed = false;
	transaction->count = transaction->kept = transaction->sent = transaction->pending_bytes = 0;
	buffer_clear(&transaction->bytes);
}

void
kafka_append_fini(struct kafka_transaction *transaction)
{
	for (int i = 0; i < transaction->topic_count; i++) {
		for (int k = 0; transaction->streams[i] && k < kafka_topic_partitions(&transaction->log->log, i); k++)
			memory_free(&transaction->streams[i][k].messages);
		memory_free(&transaction->streams[i]);
	}
	memory_free(&transaction->streams);
	memory_free(&transaction->entries);
	buffer_fini(&transaction->bytes);
}
