/*
 * A producing handle. Which offsets the journal's blocks got is wanted, of no other records: so instead of delivery
 * reports, an event for each record, an interceptor looks at acknowledgements on librdkafka's own threads.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "log/kafka_limit.h"

static void
track(struct kafka_tracked *track, int64_t offset)
{
	int64_t none = -1;

	if (offset < 0) {
		/* Sent twice, and the broker has forgotten where the first one went. */
		atomic_fetch_add(&track->unknown, 1);
	} else {
		/* In order: a partition's acknowledgements are handled one after the other. */
		atomic_compare_exchange_strong(&track->first, &none, offset);
		if (offset > atomic_load(&track->last))
			atomic_store(&track->last, offset);
	}
	atomic_fetch_add(&track->count, 1);
}

static rd_kafka_resp_err_t
acknowledged(rd_kafka_t *handle, rd_kafka_message_t *message, void *opaque)
{
	struct kafka_producer *producer = opaque;

	(void)handle;
	if (message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		atomic_store(&producer->refused, message->rkt);
	if (message->err)
		atomic_fetch_add(&producer->failures, 1);
	else if (message->rkt == atomic_load_explicit(&producer->track, memory_order_relaxed))
		track(&producer->tracks[message->partition], message->offset);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
created(rd_kafka_t *handle, const rd_kafka_conf_t *conf, void *opaque, char *text, size_t size)
{
	(void)conf;
	(void)text;
	(void)size;
	return rd_kafka_interceptor_add_on_acknowledgement(handle, "isotope", acknowledged, opaque);
}

static int
open_handle(struct kafka_producer *producer, struct error *err)
{
	rd_kafka_conf_t *conf = kafka_config(producer->log, producer->id ? KAFKA_PRODUCER : KAFKA_PLAIN_PRODUCER,
					     producer, err);

	producer->batch_bytes_max = kafka_limit_batch_bytes(producer->log);
	if (!conf)
		return -1;
	if (producer->id && kafka_config_set(conf, "transactional.id", producer->id, err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	rd_kafka_conf_interceptor_add_on_new(conf, "isotope", created, producer);
	if (kafka_handle_open(conf, RD_KAFKA_PRODUCER, &producer->handle, err) < 0)
		return -1;
	producer->caller.handle = producer->handle;
	return 0;
}

int
kafka_producer_open(struct kafka *log, const char *id, int tracked, struct kafka_producer **out, struct error *err)
{
	struct kafka_producer *producer = memory_new(sizeof(*producer));

	producer->log = log;
	producer->id = id ? memory_text(id) : NULL;
	kafka_caller_init(&producer->caller);
	producer->tracked = tracked;
	producer->ready = !id;
	if (tracked >= 0) {
		producer->tracked_partitions = kafka_topic_partitions(&log->log, tracked);
		producer->tracks = memory_new_array((size_t)producer->tracked_partitions, sizeof(*producer->tracks));
		kafka_producer_forget(producer);
	}
	*out = producer;
	if (open_handle(producer, err) == 0)
		return 0;
	kafka_producer_close(out);
	return -1;
}

/* The handle has ended: nothing is acknowledged any more. */
static void
free_producer(void *argument)
{
	struct kafka_producer *producer = argument;

	memory_free(&producer->rkt);
	memory_free(&producer->tracks);
	memory_free(&producer->id);
	memory_free(&producer);
}

/* Before the handle goes, which a call may be using. */
static void
end_calls(void *argument)
{
	kafka_caller_fini(&((struct kafka_producer *)argument)->caller);
}

static void
end_without_handle(struct kafka_producer *producer)
{
	end_calls(producer);
	free_producer(producer);
}

void
kafka_producer_close(struct kafka_producer **pointer)
{
	struct kafka_producer *producer = *pointer;

	*pointer = NULL;
	if (!producer)
		return;
	for (int i = 0; producer->handle && i < producer->rkt_count; i++)
		if (producer->rkt[i])
			rd_kafka_topic_destroy(producer->rkt[i]);
	if (producer->handle)
		kafka_handle_close(producer->handle, KAFKA_CLOSE_PRODUCER, end_calls, free_producer, producer);
	else
		end_without_handle(producer);
}

int
kafka_producer_fail(const struct kafka_producer *producer, rd_kafka_error_t *error, const char *what, struct error *err)
{
	kafka_fail_error(err, error, what);
	if (err->action == FENCED)
		fail_in(err,
			"another process has taken the transactional id %s (is the same --instance given twice?), or "
			"the transaction took longer than transaction.timeout.ms, %" PRId64 " ms",
			producer->id, producer->log->numbers.transaction_ms);
	return -1;
}

int
kafka_producer_prepare(struct kafka_producer *producer, struct error *err)
{
	rd_kafka_error_t *error;

	if (producer->ready)
		return 0;
	if (kafka_call(&producer->caller, KAFKA_CALL_INIT, &error, err) < 0)
		return -1;
	if (error)
		return kafka_producer_fail(producer, error, "starting transactions", err);
	producer->ready = true;
	return 0;
}

rd_kafka_topic_t *
kafka_producer_topic(struct kafka_producer *producer, int topic, struct error *err)
{
	if (topic >= producer->rkt_count) {
		producer->rkt = memory_resize_array(producer->rkt, (size_t)topic + 1, sizeof(rd_kafka_topic_t *));
		while (producer->rkt_count <= topic)
			producer->rkt[producer->rkt_count++] = NULL;
	}
	if (!producer->rkt[topic]) {
		producer->rkt[topic] = rd_kafka_topic_new(producer->handle,
							  kafka_topic_name(&producer->log->log, topic), NULL);
		if (!producer->rkt[topic])
			kafka_fail(err, rd_kafka_last_error(), "topic '%s'",
				   kafka_topic_name(&producer->log->log, topic));
		else if (topic == producer->tracked)
			atomic_store(&producer->track, producer->rkt[topic]);
	}
	return producer->rkt[topic];
}

bool
kafka_producer_is_lost(struct kafka_producer *producer)
{
	enum kafka_call call;
	char text[256];

	if (kafka_call_ms(&producer->caller, &call) > producer->log->numbers.transaction_ms)
		return true;
	return rd_kafka_fatal_error(producer->handle, text, sizeof(text)) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

int
kafka_producer_replace(struct kafka_producer **producer, struct error *err)
{
	struct kafka_producer *old = *producer, *fresh;

	if (kafka_producer_open(old->log, old->id, old->tracked, &fresh, err) < 0)
		return -1;
	kafka_producer_close(producer);
	*producer = fresh;
	return 0;
}

int
kafka_producer_refused(const struct kafka_producer *producer)
{
	const rd_kafka_topic_t *refused = atomic_load(&producer->refused);

	for (int i = 0; refused && i < producer->rkt_count; i++)
		if (producer->rkt[i] == refused)
			return i;
	return -1;
}

void
kafka_producer_forget(struct kafka_producer *producer)
{
	for (int i = 0; i < producer->tracked_partitions; i++) {
		struct kafka_tracked *track = &producer->tracks[i];

		atomic_store_explicit(&track->first, -1, memory_order_relaxed);
		atomic_store_explicit(&track->last, -1, memory_order_relaxed);
		atomic_store_explicit(&track->count, 0, memory_order_relaxed);
		atomic_store_explicit(&track->unknown, 0, memory_order_relaxed);
	}
}

int
kafka_producer_flush(struct kafka_producer *producer, struct error *err)
{
	rd_kafka_resp_err_t code = rd_kafka_flush(producer->handle, KAFKA_CALL_MS_MAX);

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, code, "waiting for records to be acknowledged");
	if (!producer->id && atomic_exchange(&producer->failures, 0) > 0)
		return fail(err, ABORT, "records were not taken by the cluster within message.timeout.ms");
	if (!atomic_load(&producer->refused))
		producer->refusals = 0;
	return 0;
}
