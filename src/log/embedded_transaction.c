/*
 * The pending records of a transaction: a growing buffer for each partition that it writes to, used again and again.
 * Records are laid out there as they will be stored; what undo goes back to is a handful of sizes.
 */
#include "base/memory.h"
#include "log/embedded_transaction.h"

static struct embedded_transaction *
transaction_of(struct transaction *transaction)
{
	return (struct embedded_transaction *)transaction;
}

int
embedded_transaction_open(struct log *base, const char *id, struct transaction **out, struct error *err)
{
	struct embedded *log = embedded_of(base);
	struct embedded_transaction *transaction;

	if (log->read_only)
		return fail(err, FATAL, "the log in %s was opened for reading only", log->directory);
	transaction = memory_new(sizeof(*transaction));
	transaction->transaction.ops = base->ops;
	transaction->log = log;
	transaction->id = memory_text(id);
	*out = &transaction->transaction;
	return 0;
}

static void
free_streams(struct stream **streams, int count)
{
	for (int i = 0; i < count; i++) {
		if (!streams[i])
			continue;
		buffer_fini(&streams[i]->records);
		memory_free(&streams[i]->chunks);
		memory_free(&streams[i]);
	}
}

void
embedded_transaction_close(struct transaction *base)
{
	struct embedded_transaction *transaction = transaction_of(base);

	for (int topic = 0; topic < transaction->log->topic_count; topic++) {
		if (!transaction->streams[topic])
			continue;
		free_streams(transaction->streams[topic], transaction->log->topics[topic]->partition_count);
		memory_free(&transaction->streams[topic]);
	}
	for (size_t i = 0; i < transaction->position_count; i++)
		memory_free(&transaction->positions[i].group);
	memory_free(&transaction->positions);
	memory_free(&transaction->used.items);
	memory_free(&transaction->touched.items);
	memory_free(&transaction->committed.items);
	memory_free(&transaction->id);
	memory_free(&transaction);
}

static void
list_add(struct stream_list *list, struct stream *stream)
{
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 16;
		list->items = memory_resize_array(list->items, list->capacity, sizeof(struct stream *));
	}
	list->items[list->count++] = stream;
}

/* The slow half of stream_of: the first record for this partition. */
static struct stream *
stream_new(struct embedded_transaction *transaction, int topic, int partition)
{
	struct embedded *log = transaction->log;
	struct stream *stream;

	embedded_partition(log, topic, partition); /* insists on the numbers */
	if (!transaction->streams[topic])
		transaction->streams[topic] = memory_new_array((size_t)log->topics[topic]->partition_count,
							       sizeof(struct stream *));
	stream = transaction->streams[topic][partition];
	if (stream)
		return stream;
	stream = memory_new(sizeof(*stream));
	stream->topic = topic;
	stream->partition = partition;
	stream->first_offset = stream->expected = -1;
	transaction->streams[topic][partition] = stream;
	return stream;
}

static struct stream *
stream_of(struct embedded_transaction *transaction, int topic, int partition)
{
	struct stream *stream = NULL;

	insist(topic >= 0 && topic < EMBEDDED_TOPICS_MAX);
	insist(partition >= 0 && partition < transaction->log->topics[topic]->partition_count);
	if (transaction->streams[topic])
		stream = transaction->streams[topic][partition];
	return stream ? stream : stream_new(transaction, topic, partition);
}

struct buffer *
embedded_append_begin(struct transaction *base, int topic, int partition, struct bytes key, int64_t timestamp_ms)
{
	struct embedded_transaction *transaction = transaction_of(base);
	struct stream *stream = stream_of(transaction, topic, partition);

	insist(!transaction->open);
	if (!stream->used)
		list_add(&transaction->used, stream);
	if (!stream->touched)
		list_add(&transaction->touched, stream);
	stream->used = stream->touched = true;
	transaction->open = stream;
	transaction->open_size = stream->records.size;
	transaction->key_size = key.size;
	batch_put_record(&stream->records, &(struct log_record){.timestamp_ms = timestamp_ms, .key = key, .value = {0}},
			 -1);
	return &stream->records;
}

static void
close_chunk(struct stream *stream)
{
	struct stream_state *now = &stream->now;

	if (now->chunk_count == stream->chunk_capacity) {
		stream->chunk_capacity = stream->chunk_capacity ? stream->chunk_capacity * 2 : 16;
		stream->chunks = memory_resize_array(stream->chunks, stream->chunk_capacity, sizeof(*stream->chunks));
	}
	stream->chunks[now->chunk_count++] = (struct chunk){
		.size = now->chunk_size, .count = now->count, .min_time = now->min_time, .max_time = now->max_time};
	now->chunk_size = 0;
	now->count = 0;
}

static void
count_record(struct stream *stream, size_t size, int64_t time_ms)
{
	struct stream_state *now = &stream->now;

	if (now->count == 0)
		now->min_time = now->max_time = time_ms;
	if (time_ms < now->min_time)
		now->min_time = time_ms;
	if (time_ms > now->max_time)
		now->max_time = time_ms;
	now->count++;
	now->size += size;
	now->chunk_size += size;
	if (now->chunk_size >= EMBEDDED_BATCH_SIZE)
		close_chunk(stream);
}

int
embedded_append_end(struct transaction *base, bool deletion, struct error *err)
{
	struct embedded_transaction *transaction = transaction_of(base);
	struct stream *stream = transaction->open;
	size_t size, value_size;
	uint8_t *record;

	insist(stream);
	record = stream->records.data + transaction->open_size;
	size = stream->records.size - transaction->open_size;
	value_size = size - BATCH_RECORD_SIZE - transaction->key_size;
	if (transaction->key_size + value_size > LOG_RECORD_SIZE_MAX) {
		embedded_append_cancel(base);
		return fail(err, SKIP, "a record for topic '%s' has %zu bytes; the most is %d",
			    transaction->log->topics[stream->topic]->name, transaction->key_size + value_size,
			    LOG_RECORD_SIZE_MAX);
	}
	store_u32(record + 4, deletion ? BATCH_ABSENT : (uint32_t)value_size);
	count_record(stream, size, (int64_t)load_u64(record + 8));
	transaction->bytes += size;
	transaction->open = NULL;
	return 0;
}

void
embedded_append_cancel(struct transaction *base)
{
	struct embedded_transaction *transaction = transaction_of(base);

	insist(transaction->open);
	transaction->open->records.size = transaction->open_size;
	transaction->open = NULL;
}

void
embedded_keep(struct transaction *base)
{
	struct stream_list *touched = &transaction_of(base)->touched;

	for (size_t i = 0; i < touched->count; i++) {
		touched->items[i]->kept = touched->items[i]->now;
		touched->items[i]->touched = false;
	}
	touched->count = 0;
}

void
embedded_undo(struct transaction *base)
{
	struct embedded_transaction *transaction = transaction_of(base);
	struct stream_list *touched = &transaction->touched;

	for (size_t i = 0; i < touched->count; i++) {
		struct stream *stream = touched->items[i];

		transaction->bytes -= stream->now.size - stream->kept.size;
		stream->now = stream->kept;
		stream->records.size = stream->kept.size;
		stream->touched = false;
	}
	touched->count = 0;
	transaction->open = NULL;
}

size_t
embedded_bytes(const struct transaction *transaction)
{
	return ((const struct embedded_transaction *)transaction)->bytes;
}

void
embedded_set_position(struct transaction *base, const char *group, int topic, int partition, int64_t offset)
{
	struct embedded_transaction *transaction = transaction_of(base);
	struct stream_position *position = NULL;

	embedded_partition(transaction->log, topic, partition);
	for (size_t i = 0; i < transaction->position_count && !position; i++) {
		struct stream_position *at = &transaction->positions[i];

		if (at->topic == topic && at->partition == partition && strcmp(at->group, group) == 0)
			position = at;
	}
	if (!position) {
		if (transaction->position_count == transaction->position_capacity) {
			transaction->position_capacity = transaction->position_capacity * 2 + 8;
			transaction->positions = memory_resize_array(transaction->positions,
								     transaction->position_capacity,
								     sizeof(*transaction->positions));
		}
		position = &transaction->positions[transaction->position_count++];
		*position = (struct stream_position){
			.group = memory_text(group), .topic = topic, .partition = partition};
	}
	position->offset = offset;
	position->set = true;
}

/* The memory stays, unless there is more of it than transactions have needed for a while. */
void
transaction_clear(struct embedded_transaction *transaction)
{
	for (size_t i = 0; i < transaction->used.count; i++) {
		struct stream *stream = transaction->used.items[i];

		stream->now = stream->kept = (struct stream_state){0};
		stream->used = stream->touched = false;
		usage_end_buffer(&stream->usage, &stream->records);
	}
	for (size_t i = 0; i < transaction->position_count; i++)
		transaction->positions[i].set = false;
	transaction->used.count = transaction->touched.count = 0;
	transaction->bytes = 0;
	transaction->open = NULL;
}

void
embedded_expect(struct transaction *base, int topic, int partition, int64_t offset)
{
	stream_of(transaction_of(base), topic, partition)->expected = offset;
}

/* What was expected is forgotten, too, of all that the transaction wrote: the end has to be looked at again. */
int
embedded_abort(struct transaction *base, struct error *err)
{
	struct embedded_transaction *transaction = transaction_of(base);

	(void)err;
	for (size_t i = 0; i < transaction->used.count; i++)
		transaction->used.items[i]->expected = -1;
	transaction_clear(transaction);
	return 0;
}

int64_t
embedded_first_offset(const struct transaction *base, int topic, int partition)
{
	const struct embedded_transaction *transaction = (const struct embedded_transaction *)base;

	if (!transaction->streams[topic] || !transaction->streams[topic][partition])
		return -1;
	return transaction->streams[topic][partition]->first_offset;
}
