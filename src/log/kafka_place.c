/*
 * Reading one partition from its own queue, which librdkafka fills ahead in bounds of its own: what one reader leaves
 * unread never holds up another one.
 *
 * Offsets between records belong to markers of transactions and to what was aborted. librdkafka skips them in silence
 * and says only at the end of the partition how far it has come; so `next` may stand before some of them until then.
 *
 * It says so once. An end that is older than KAFKA_CONFIRM_MS is asked for again before it is believed: a partition
 * whose broker does not answer must not count as one that is silent.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "log/kafka_log.h"

int
kafka_place_open(struct kafka *log, rd_kafka_t *handle, int topic, int partition, int64_t offset, int event_fd,
		 struct kafka_place **out, struct error *err)
{
	static const uint64_t one = 1;
	const char *name = kafka_topic_name(&log->log, topic);
	struct kafka_place *place = memory_new(sizeof(*place));

	*place = (struct kafka_place){
		.log = log, .handle = handle, .topic = topic, .partition = partition, .position = offset};
	place->rkt = rd_kafka_topic_new(handle, name, NULL);
	place->messages = memory_new_array(KAFKA_BATCH_RECORDS_MAX, sizeof(rd_kafka_message_t *));
	place->records = memory_new_array(KAFKA_BATCH_RECORDS_MAX, sizeof(*place->records));
	place->queue = rd_kafka_queue_get_partition(handle, name, partition);
	if (event_fd >= 0)
		rd_kafka_queue_io_event_enable(place->queue, event_fd, &one, sizeof(one));
	*out = place;
	if (rd_kafka_consume_start(place->rkt, partition, offset) == 0)
		return 0;
	kafka_fail(err, rd_kafka_last_error(), "reading topic '%s' partition %d from offset %" PRId64, name, partition,
		   offset);
	kafka_place_close(out);
	return -1;
}

static void
forget_batch(struct kafka_place *place)
{
	for (size_t i = 0; i < place->message_count; i++)
		rd_kafka_message_destroy(place->messages[i]);
	place->message_count = 0;
}

void
kafka_place_close(struct kafka_place **pointer)
{
	struct kafka_place *place = *pointer;

	if (!place)
		return;
	forget_batch(place);
	rd_kafka_queue_io_event_enable(place->queue, -1, NULL, 0);
	rd_kafka_consume_stop(place->rkt, place->partition);
	rd_kafka_queue_destroy(place->queue);
	rd_kafka_topic_destroy(place->rkt);
	memory_free(&place->messages);
	memory_free(&place->records);
	memory_free(pointer);
}

/* The offset was removed (retention, a trim) between being chosen and being read: on from what is there. */
static int
begin_again(struct kafka_place *place, struct error *err)
{
	const char *name = kafka_topic_name(&place->log->log, place->topic);
	int64_t start, end;
	rd_kafka_resp_err_t code;

	code = rd_kafka_query_watermark_offsets(place->log->client, name, place->partition, &start, &end,
						KAFKA_CALL_MS_MAX);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, code, "the ends of topic '%s' partition %d", name, place->partition);
	if (place->position > end)
		return fail(err, FATAL, "topic '%s' partition %d has no offset %" PRId64 ": it ends at %" PRId64, name,
			    place->partition, place->position, end);
	if (place->position < start) {
		place->gap = (struct log_gap){.from = place->position, .to = start};
		place->position = start;
	}
	place->lost = false;
	rd_kafka_consume_stop(place->rkt, place->partition);
	if (rd_kafka_consume_start(place->rkt, place->partition, place->position) == 0)
		return 0;
	return kafka_fail(err, rd_kafka_last_error(), "reading topic '%s' partition %d", name, place->partition);
}

/* What a queue says besides records. */
static int
take_event(struct kafka_place *place, const rd_kafka_message_t *message, struct error *err)
{
	const char *name = kafka_topic_name(&place->log->log, place->topic);

	switch (message->err) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		if (message->offset > place->position)
			place->position = message->offset;
		place->at_end = true;
		place->confirmed_us = clock_monotonic_us();
		return 0;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		place->lost = true;
		return 0;
	default:
		return kafka_fail(err, message->err, "reading topic '%s' partition %d", name, place->partition);
	}
}

static void
take_record(struct kafka_place *place, struct log_record *record, const rd_kafka_message_t *message)
{
	rd_kafka_timestamp_type_t type;

	*record = (struct log_record){
		.offset = message->offset,
		.timestamp_ms = rd_kafka_message_timestamp(message, &type),
		.key = bytes_of(message->key, message->key_len),
		.value = bytes_of(message->payload, message->len),
	};
	place->position = message->offset + 1;
	place->at_end = false;
}

/* The batch is what remains of the messages. A failure is said by the next fetch where records came before it. */
static int
take_batch(struct kafka_place *place, size_t got, struct log_batch *out, struct error *err)
{
	size_t count = 0;
	int result = 0;

	for (size_t i = 0; i < got; i++) {
		rd_kafka_message_t *message = place->messages[i];

		if (result == 0 && !message->err) {
			/* After a new start what was queued before it may still come. */
			if (message->offset >= place->position) {
				take_record(place, &place->records[count], message);
				place->messages[count++] = message;
				continue;
			}
		} else if (result == 0) {
			result = take_event(place, message, err);
		}
		rd_kafka_message_destroy(message);
	}
	place->message_count = count;
	out->records = place->records;
	out->count = count;
	return result;
}

/* At an end that nobody has spoken of for a while. */
static void
confirm(struct kafka_place *place)
{
	int64_t now_us = clock_monotonic_us(), start, end;
	rd_kafka_resp_err_t code;

	if (now_us - place->confirmed_us < (int64_t)KAFKA_CONFIRM_MS * 1000)
		return;
	code = rd_kafka_query_watermark_offsets(place->log->client, kafka_topic_name(&place->log->log, place->topic),
						place->partition, &start, &end, KAFKA_CONFIRM_MS / 5);
	/* Silence is asked about again no sooner than an answer. */
	place->confirmed_us = now_us;
	place->at_end = code == RD_KAFKA_RESP_ERR_NO_ERROR && end <= place->position;
	place->unconfirmed = code != RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* What is there; where there is nothing, waits for the first record only. */
static ssize_t
consume(struct kafka_place *place, int64_t wait_ms)
{
	ssize_t got = rd_kafka_consume_batch(place->rkt, place->partition, 0, place->messages, KAFKA_BATCH_RECORDS_MAX);

	if (got == 0 && wait_ms > 0)
		got = rd_kafka_consume_batch(place->rkt, place->partition, (int)wait_ms, place->messages, 1);
	return got;
}

int
kafka_place_fetch(struct kafka_place *place, int64_t wait_ms, struct log_batch *out, struct error *err)
{
	ssize_t got;
	int64_t start, end;

	forget_batch(place);
	if (place->lost && begin_again(place, err) < 0)
		return -1;
	got = consume(place, wait_ms);
	if (got < 0)
		return kafka_fail(err, rd_kafka_last_error(), "reading topic '%s' partition %d",
				  kafka_topic_name(&place->log->log, place->topic), place->partition);
	if (take_batch(place, (size_t)got, out, err) < 0)
		return -1;
	if (got == 0 && (place->at_end || place->unconfirmed))
		confirm(place);
	out->next = place->position;
	out->at_end = out->quiet = place->at_end;
	out->end = place->position;
	out->lost = place->gap;
	place->gap = (struct log_gap){0};
	if (!place->at_end &&
	    rd_kafka_get_watermark_offsets(place->handle, rd_kafka_topic_name(place->rkt), place->partition, &start,
					   &end) == RD_KAFKA_RESP_ERR_NO_ERROR &&
	    end > out->end)
		out->end = end;
	return 0;
}
