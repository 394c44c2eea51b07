/*
 * Reading one partition from its own queue, which librdkafka fills ahead in bounds of its own: what one reader leaves
 * unread never holds up another one.
 *
 * Offsets between records belong to markers of transactions and to what was aborted. librdkafka skips them in silence
 * and says only at the end of the partition how far it has come; so `next` may stand before some of them until then.
 *
 * It says so once. Where nothing has come for KAFKA_CONFIRM_MS the ends are asked for before the last word is believed
 * any longer: a partition whose broker does not answer must not count as one that is silent. Nor must one in which
 * somebody's transaction is open: its records are there, behind the last stable offset.
 *
 * Where they say that there is more, and it does not come, the partition is fetched anew (kafka_stall.h).
 */
#include <inttypes.h>

#include "base/logger.h"
#include "base/memory.h"
#include "log/kafka_place.h"

int
kafka_place_open(struct kafka *log, rd_kafka_t *handle, int topic, int partition, int64_t offset, int event_fd,
		 struct kafka_place **out, struct error *err)
{
	static const uint64_t one = 1;
	const char *name = kafka_topic_name(&log->log, topic);
	struct kafka_place *place = memory_new(sizeof(*place));

	*place = (struct kafka_place){
		.log = log,
		.handle = handle,
		.topic = topic,
		.partition = partition,
		.position = offset,
		.heard_us = clock_monotonic_us(),
	};
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

static int
start_at(struct kafka_place *place, struct error *err)
{
	rd_kafka_consume_stop(place->rkt, place->partition);
	if (rd_kafka_consume_start(place->rkt, place->partition, place->position) == 0)
		return 0;
	return kafka_fail(err, rd_kafka_last_error(), "reading topic '%s' partition %d",
			  kafka_topic_name(&place->log->log, place->topic), place->partition);
}

/* The offset was removed (retention, a trim) between being chosen and being read: on from what is there. */
static int
begin_again(struct kafka_place *place, struct error *err)
{
	struct partition_ends ends;

	if (kafka_ends(place->log, place->topic, place->partition, place->lost_us, 0, &ends, err) < 0)
		return -1;
	if (place->position > ends.end)
		return fail(err, FATAL, "topic '%s' partition %d has no offset %" PRId64 ": it ends at %" PRId64,
			    kafka_topic_name(&place->log->log, place->topic), place->partition, place->position,
			    ends.end);
	if (place->position < ends.start) {
		place->gap = (struct log_gap){.from = place->position, .to = ends.start};
		place->position = ends.start;
	}
	place->lost_us = 0;
	return start_at(place, err);
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
		place->silent = false;
		place->heard_us = clock_monotonic_us();
		return 0;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		place->lost_us = clock_monotonic_us();
		return 0;
	case RD_KAFKA_RESP_ERR__BAD_MSG:
		/* It may be the way here, or a replica that does not lead for ever. */
		return fail(err, RETRY,
			    "reading topic '%s' partition %d from offset %" PRId64
			    ": a batch is damaged (%s); compare the partition's replicas, and let a whole one lead",
			    name, place->partition, place->position, rd_kafka_message_errstr(message));
	default:
		return kafka_fail(err, message->err, "reading topic '%s' partition %d from offset %" PRId64, name,
				  place->partition, place->position);
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
	place->at_end = place->silent = false;
	place->asked_us = 0;
}

/*
 * The batch is what remains of the messages. What comes behind a failure is dropped, and fetched again from the
 * position; the failure itself is raised when the records before it have been handed out.
 */
static void
take_batch(struct kafka_place *place, size_t got, struct log_batch *out)
{
	size_t count = 0;

	for (size_t i = 0; i < got; i++) {
		rd_kafka_message_t *message = place->messages[i];

		/* After a new start what was queued before it may still come. */
		if (!place->failed && !message->err && message->offset >= place->position) {
			take_record(place, &place->records[count], message);
			place->messages[count++] = message;
			continue;
		}
		if (!place->failed && message->err)
			place->failed = take_event(place, message, &place->failure) < 0;
		rd_kafka_message_destroy(message);
	}
	place->message_count = count;
	out->records = place->records;
	out->count = count;
}

static int
raise_failure(struct kafka_place *place, struct error *err)
{
	place->failed = false;
	if (start_at(place, err) < 0)
		return -1;
	*err = place->failure;
	return -1;
}

/* librdkafka forgets all it knows of the partition but its connections, and looks up its leader. */
static int
make_anew(struct kafka_place *place, int64_t end, struct error *err)
{
	place->stalled = place->stall.count;
	logger_warn("partition_stalled",
		    "topic=%s partition=%d offset=%" PRId64 " end=%" PRId64 " for_ms=%" PRId64
		    " times=%d reason=\"it has records, and delivers none: it is fetched anew\"",
		    kafka_topic_name(&place->log->log, place->topic), place->partition, place->position, end,
		    place->log->stalled_ms, place->stall.count);
	return start_at(place, err);
}

/* Where nothing has come for a while. Never waits: what is asked now is known at one of the next calls. */
static int
confirm(struct kafka_place *place, struct error *err)
{
	int64_t now_us = clock_monotonic_us();
	struct partition_ends ends;
	struct error none;

	if (now_us - place->heard_us < (int64_t)KAFKA_CONFIRM_MS * 1000)
		return 0;
	if (place->asked_us == 0)
		place->asked_us = now_us;
	if (kafka_ends(place->log, place->topic, place->partition, place->asked_us, 0, &ends, &none) < 0) {
		place->silent |= now_us - place->asked_us >= (int64_t)KAFKA_SILENT_MS * 1000;
		return 0;
	}
	place->heard_us = now_us;
	place->asked_us = 0;
	place->silent = false;
	place->pending_end = ends.pending_end;
	place->at_end = ends.end <= place->position;
	if (kafka_stall_look(&place->stall, place->position, ends.end, now_us, place->log->stalled_ms * 1000))
		return make_anew(place, ends.end, err);
	return 0;
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

/* The high watermark comes with every fetch of the broker, and with every confirmation. */
static void
fill_ends(struct kafka_place *place, struct log_batch *out)
{
	const char *name = rd_kafka_topic_name(place->rkt);
	int64_t start, high;

	if (rd_kafka_get_watermark_offsets(place->handle, name, place->partition, &start, &high) !=
		    RD_KAFKA_RESP_ERR_NO_ERROR ||
	    high < place->pending_end)
		high = place->pending_end;
	out->next = place->position;
	out->at_end = place->at_end && !place->silent;
	out->quiet = out->at_end && high <= place->position;
	out->end = place->at_end || high < place->position ? place->position : high;
	out->lost = place->gap;
	place->gap = (struct log_gap){0};
	out->stalled = place->stalled;
	place->stalled = 0;
}

int
kafka_place_fetch(struct kafka_place *place, int64_t wait_ms, struct log_batch *out, struct error *err)
{
	ssize_t got;

	forget_batch(place);
	if (place->failed)
		return raise_failure(place, err);
	if (place->lost_us != 0 && begin_again(place, err) < 0)
		return -1;
	got = consume(place, wait_ms);
	if (got < 0)
		return kafka_fail(err, rd_kafka_last_error(), "reading topic '%s' partition %d",
				  kafka_topic_name(&place->log->log, place->topic), place->partition);
	take_batch(place, (size_t)got, out);
	if (place->failed && out->count == 0)
		return raise_failure(place, err);
	if (out->count > 0)
		place->heard_us = clock_monotonic_us();
	else if (got == 0 && confirm(place, err) < 0)
		return -1;
	fill_ends(place, out);
	return 0;
}
