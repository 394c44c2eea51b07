/*
 * The commit on Kafka, and the order in which it must go:
 *
 *     records      everything kept is handed to librdkafka, and acknowledged by the cluster
 *     positions    go into the same transaction, with the member's generation: who was expelled is refused here
 *     commit       the coordinator writes its decision; from then on it is decided
 * Records must be acknowledged before the positions are sent, not only before the commit. A new owner of a task takes
 * the end of its journal as far as it was written, waits for transactions that are open there, and begins. If a
 * block could still be on its way when the generation was checked, it would arrive behind that end, be
 * committed, and be missing in the new owner's state.
 * A call that times out is made again where it was (`step`). What the coordinator decided meanwhile, it says then.
 * In between it is looked at whether the records of the journal got the offsets that its owner expects (kafka_owner.c).
 * At least once: records that are not for the journal go through a second producer without transactions, visible at
 * once. The journal's block and the positions follow in a transaction when they are acknowledged. So what a crash
 * interrupts is done again, and only its rows are there twice; the journal stays whole.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/crash_point.h"
#include "base/memory.h"
#include "log/kafka_limit.h"
#include "log/kafka_owner.h"

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

enum step { STEP_OPEN, STEP_RECORDS, STEP_POSITIONS, STEP_COMMIT };

struct kafka_transaction {
	struct transaction transaction;
	struct kafka *log;
	struct kafka_producer *producer; /* NULL: at least once without a journal */
	struct kafka_producer *plain;	 /* at least once: records of other topics than the journal */
	rd_kafka_t *const *group;	 /* the member's handle, or NULL, or nothing there */
	char *group_name; /* with no handle: positions go to it without a generation; NULL: no positions */
	int tracked;
	struct buffer bytes;
	struct kafka_entry *entries;
	size_t count, capacity;
	size_t kept, sent; /* entries */
	size_t pending_bytes;
	bool appending; /* between begin and end; the entry is entries[count] */
	bool begun;	/* with librdkafka */
	bool failed;	/* something could not be handed over: only an abort helps */
	struct error failure;
	struct kafka_stream **streams; /* by topic and partition; NULL: none of that topic yet */
	int topic_count;
	struct kafka_stream *filled;
	struct kafka_sizes sizes;   /* of records, by topic */
	struct kafka_owners owners; /* of the tracked topic */
	enum step step;
	rd_kafka_topic_partition_list_t *positions;
};

static struct kafka_transaction *
own(struct transaction *base)
{
	return (struct kafka_transaction *)base;
}

/* ---- opening and closing ---- */

int
kafka_transaction_make(struct kafka *log, const char *id, int tracked, rd_kafka_t *const *group, const char *group_name,
		       struct transaction **out, struct error *err)
{
	struct kafka_transaction *transaction = memory_new(sizeof(*transaction));

	transaction->transaction.ops = &kafka_ops;
	transaction->log = log;
	transaction->group = group;
	transaction->group_name = group_name ? memory_text(group_name) : NULL;
	transaction->tracked = tracked;
	transaction->positions = rd_kafka_topic_partition_list_new(16);
	kafka_owners_init(&transaction->owners, tracked >= 0 ? kafka_topic_partitions(&log->log, tracked) : 0);
	*out = &transaction->transaction;
	if ((log->at_least_once && kafka_producer_open(log, NULL, -1, &transaction->plain, err) < 0) ||
	    ((!log->at_least_once || tracked >= 0) &&
	     kafka_producer_open(log, id, tracked, &transaction->producer, err) < 0)) {
		kafka_transaction_close(*out);
		*out = NULL;
		return -1;
	}
	return 0;
}

/* For commands: any number of them may write at a time, so each takes a name that no other has. */
int
kafka_transaction_open(struct log *base, const char *id, struct transaction **out, struct error *err)
{
	struct kafka *log = kafka_of(base);
	struct kafka_wait wait = {0};
	char name[KAFKA_NAME_SIZE];
	uint64_t random;
	int result;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail(err, FATAL, "no random number for a name");
	snprintf(name, sizeof(name), "%s.%s.%s.%016" PRIx64, log->application, id, log->identity, random);
	if (kafka_limit_all_written(log, err) < 0 || kafka_transaction_make(log, name, -1, NULL, NULL, out, err) < 0)
		return -1;
	do
		result = kafka_transaction_prepare(*out, err);
	while (result < 0 && kafka_wait(log, &wait, err));
	if (result < 0) {
		kafka_transaction_close(*out);
		*out = NULL;
	}
	return result;
}

int
kafka_transaction_prepare(struct transaction *base, struct error *err)
{
	struct kafka_transaction *transaction = own(base);

	return transaction->producer ? kafka_producer_prepare(transaction->producer, err) : 0;
}

static void
free_streams(struct kafka_transaction *transaction)
{
	for (int i = 0; i < transaction->topic_count; i++) {
		for (int k = 0; transaction->streams[i] && k < kafka_topic_partitions(&transaction->log->log, i); k++)
			memory_free(&transaction->streams[i][k].messages);
		memory_free(&transaction->streams[i]);
	}
	memory_free(&transaction->streams);
}

/* What is left open is ended by whoever takes the name next, or by its timeout. */
void
kafka_transaction_close(struct transaction *base)
{
	struct kafka_transaction *transaction = own(base);
	rd_kafka_error_t *error;

	if (transaction->begun) {
		error = rd_kafka_abort_transaction(transaction->producer->handle, KAFKA_CALL_MS_MAX);
		if (error)
			rd_kafka_error_destroy(error);
	}
	kafka_producer_close(&transaction->producer);
	kafka_producer_close(&transaction->plain);
	rd_kafka_topic_partition_list_destroy(transaction->positions);
	buffer_fini(&transaction->bytes);
	free_streams(transaction);
	memory_free(&transaction->entries);
	kafka_sizes_fini(&transaction->sizes);
	kafka_owners_fini(&transaction->owners);
	memory_free(&transaction->group_name);
	memory_free(&transaction);
}

/* ---- appending ---- */

struct buffer *
kafka_append_begin(struct transaction *base, int topic, int partition, struct bytes key, int64_t timestamp_ms)
{
	struct kafka_transaction *transaction = own(base);
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
	struct kafka_transaction *transaction = own(base);

	insist(transaction->appending);
	transaction->bytes.size = transaction->entries[transaction->count].key_at;
	transaction->appending = false;
}

int
kafka_append_end(struct transaction *base, bool deletion, struct error *err)
{
	struct kafka_transaction *transaction = own(base);
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

/* ---- handing over ---- */

static int
begin(struct kafka_transaction *transaction, struct error *err)
{
	rd_kafka_error_t *error;

	if (transaction->begun)
		return 0;
	if (kafka_producer_prepare(transaction->producer, err) < 0)
		return -1;
	error = rd_kafka_begin_transaction(transaction->producer->handle);
	if (error)
		return kafka_producer_fail(transaction->producer, error, "beginning a transaction", err);
	kafka_producer_forget(transaction->producer);
	transaction->begun = true;
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
	if (!plain && begin(transaction, err) < 0)
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

static int
hand_over(struct kafka_transaction *transaction, struct error *err)
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
	struct kafka_transaction *transaction = own(base);
	struct error err;

	transaction->kept = transaction->count;
	/* What goes wrong here the commit will meet again and say. */
	if (transaction->bytes.size >= KAFKA_SEND_BYTES && hand_over(transaction, &err) == 0)
		forget_sent(transaction);
}

void
kafka_undo(struct transaction *base)
{
	struct kafka_transaction *transaction = own(base);

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

void
kafka_set_position(struct transaction *base, const char *group, int topic, int partition, int64_t offset)
{
	struct kafka_transaction *transaction = own(base);
	const char *name = kafka_topic_name(&transaction->log->log, topic);
	rd_kafka_topic_partition_t *position = rd_kafka_topic_partition_list_find(transaction->positions, name,
										  partition);

	(void)group; /* a member's transaction writes the positions of its own group */
	if (!position)
		position = rd_kafka_topic_partition_list_add(transaction->positions, name, partition);
	position->offset = offset;
}

/* ---- commit ---- */

void
kafka_expect(struct transaction *base, int topic, int partition, int64_t offset)
{
	struct kafka_transaction *transaction = own(base);

	insist(topic == transaction->tracked);
	kafka_owners_expect(&transaction->owners, partition, offset);
}

static int
commit_records(struct kafka_transaction *transaction, struct error *err)
{
	transaction->step = STEP_RECORDS;
	if (hand_over(transaction, err) < 0)
		return -1;
	if (transaction->plain && kafka_producer_flush(transaction->plain, err) < 0)
		return -1;
	if (transaction->begun && kafka_producer_flush(transaction->producer, err) < 0)
		return -1;
	if (transaction->tracked >= 0 && kafka_owners_check(&transaction->owners, transaction->producer, err) < 0)
		return -1;
	return crash_here(CRASH_SENT, err);
}

static rd_kafka_consumer_group_metadata_t *
group_metadata(const struct kafka_transaction *transaction)
{
	return transaction->group && *transaction->group
		       ? rd_kafka_consumer_group_metadata(*transaction->group)
		       : rd_kafka_consumer_group_metadata_new(transaction->group_name);
}

static int
commit_positions(struct kafka_transaction *transaction, struct error *err)
{
	rd_kafka_consumer_group_metadata_t *metadata;
	rd_kafka_error_t *error;

	transaction->step = STEP_POSITIONS;
	if (transaction->positions->cnt == 0 || !transaction->group_name)
		return 0;
	kafka_owners_positions(&transaction->owners, &transaction->transaction, transaction->tracked);
	if (begin(transaction, err) < 0)
		return -1;
	metadata = group_metadata(transaction);
	if (!metadata)
		return fail(err, ABORT, "the group has no member here");
	error = rd_kafka_send_offsets_to_transaction(transaction->producer->handle, transaction->positions, metadata,
						     KAFKA_CALL_MS_MAX);
	rd_kafka_consumer_group_metadata_destroy(metadata);
	if (error)
		return kafka_producer_fail(transaction->producer, error, "adding positions to a transaction", err);
	return crash_here(CRASH_POSITIONS, err);
}

static int
commit_decide(struct kafka_transaction *transaction, struct error *err)
{
	rd_kafka_error_t *error;

	transaction->step = STEP_COMMIT;
	if (transaction->begun) {
		error = rd_kafka_commit_transaction(transaction->producer->handle, KAFKA_CALL_MS_MAX);
		if (error)
			return kafka_producer_fail(transaction->producer, error, "committing a transaction", err);
	}
	transaction->begun = false;
	return crash_here(CRASH_COMMITTED, err);
}

static void
empty(struct kafka_transaction *transaction)
{
	transaction->step = STEP_OPEN;
	transaction->failed = false;
	transaction->count = transaction->kept = transaction->sent = transaction->pending_bytes = 0;
	buffer_clear(&transaction->bytes);
	rd_kafka_topic_partition_list_destroy(transaction->positions);
	transaction->positions = rd_kafka_topic_partition_list_new(16);
}

int
kafka_commit(struct transaction *base, struct error *err)
{
	struct kafka_transaction *transaction = own(base);

	kafka_undo(base);
	if (transaction->step <= STEP_RECORDS && commit_records(transaction, err) < 0)
		return -1;
	if (transaction->step <= STEP_POSITIONS && commit_positions(transaction, err) < 0)
		return -1;
	if (commit_decide(transaction, err) < 0)
		return -1;
	kafka_owners_committed(&transaction->owners);
	empty(transaction);
	return 0;
}

bool
kafka_undecided(const struct transaction *base)
{
	return ((const struct kafka_transaction *)base)->step == STEP_COMMIT;
}

/* ---- abort ---- */

static int
end_open(struct kafka_transaction *transaction, struct error *err)
{
	rd_kafka_error_t *error = NULL;

	if (transaction->begun && !kafka_producer_is_lost(transaction->producer)) {
		error = rd_kafka_abort_transaction(transaction->producer->handle, KAFKA_CALL_MS_MAX);
		if (error && kafka_fail_error(err, error, "aborting a transaction") < 0 && err->action == RETRY)
			return -1;
	}
	if ((error || kafka_producer_is_lost(transaction->producer)) &&
	    kafka_producer_replace(&transaction->producer, err) < 0)
		return -1;
	transaction->begun = false;
	if (kafka_limit_look(&transaction->producer, err) < 0)
		return -1;
	return kafka_producer_prepare(transaction->producer, err);
}

int
kafka_abort(struct transaction *base, struct error *err)
{
	struct kafka_transaction *transaction = own(base);

	if (transaction->appending)
		kafka_append_cancel(base);
	if (transaction->producer && end_open(transaction, err) < 0)
		return -1;
	if (transaction->plain) {
		if (kafka_producer_is_lost(transaction->plain) && kafka_producer_replace(&transaction->plain, err) < 0)
			return -1;
		rd_kafka_purge(transaction->plain->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		if (kafka_producer_flush(transaction->plain, err) < 0 && err->action == RETRY)
			return -1;
		if (kafka_limit_look(&transaction->plain, err) < 0)
			return -1;
	}
	kafka_sizes_fini(&transaction->sizes); /* they may have become less */
	kafka_owners_aborted(&transaction->owners);
	empty(transaction);
	return 0;
}

int64_t
kafka_first_offset(const struct transaction *base, int topic, int partition)
{
	const struct kafka_transaction *transaction = (const struct kafka_transaction *)base;
	const struct kafka_producer *producer = transaction->producer;

	if (!producer || topic != transaction->tracked || partition >= producer->tracked_partitions)
		return -1;
	return atomic_load(&producer->tracks[partition].first);
}
