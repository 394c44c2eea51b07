/* The log of a Kafka cluster: opening and closing. kafka_log.h tells which file does what. */
#include "base/memory.h"
#include "log/kafka_log.h"

static void
fini(struct kafka *log)
{
	insist(!log->places);
	if (log->trims)
		rd_kafka_queue_destroy(log->trims);
	if (log->client)
		rd_kafka_destroy(log->client);
	if (log->pending)
		rd_kafka_destroy(log->pending);
	if (log->readers)
		rd_kafka_destroy(log->readers);
	for (int i = 0; i < log->topic_count; i++) {
		memory_free(&log->topics[i]->name);
		memory_free(&log->topics[i]->trimmed_us);
		memory_free(&log->topics[i]);
	}
	memory_free(&log->topics);
	kafka_config_fini(log);
	pthread_mutex_destroy(&log->lock);
	pthread_mutex_destroy(&log->places_lock);
	memory_free(&log);
}

/* The first answer: a wrong address, a wrong password must be said at the start. */
static int
meet_cluster(struct kafka *log, struct error *err)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code = rd_kafka_metadata(log->client, 0, NULL, &metadata, KAFKA_OPEN_MS_MAX);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_metadata_destroy(metadata);
		return 0;
	}
	kafka_fail(err, code, "log: no broker of bootstrap.servers has answered within %d s", KAFKA_OPEN_MS_MAX / 1000);
	err->action = FATAL;
	return -1;
}

static int
kafka_open(const struct log_config *config, struct log **out, struct error *err)
{
	struct kafka *log = memory_new(sizeof(*log));
	rd_kafka_conf_t *conf;

	log->log.ops = &kafka_ops;
	pthread_mutex_init(&log->lock, NULL);
	pthread_mutex_init(&log->places_lock, NULL);
	if (kafka_config_read(log, config, err) < 0)
		goto failed;
	conf = kafka_config(log, KAFKA_CLIENT, log, err);
	if (!conf || kafka_handle_open(conf, RD_KAFKA_CONSUMER, &log->client, err) < 0 || meet_cluster(log, err) < 0)
		goto failed;
	log->trims = rd_kafka_queue_new(log->client);
	*out = &log->log;
	return 0;
failed:
	fini(log);
	return -1;
}

static void
kafka_close(struct log *base)
{
	fini(kafka_of(base));
}

const struct log_ops kafka_ops = {
	.type = "kafka",
	.open = kafka_open,
	.close = kafka_close,
	.create_topic = kafka_create_topic,
	.topic = kafka_topic,
	.topic_partitions = kafka_topic_partitions,
	.topic_name = kafka_topic_name,
	.partition_ends = kafka_partition_ends,
	.partition_info = kafka_partition_info,
	.offset_at = kafka_offset_at,
	.trim = kafka_trim,
	.position = kafka_position,
	.reader_open = kafka_reader_open,
	.reader_fetch = kafka_reader_fetch,
	.reader_close = kafka_reader_close,
	.transaction_open = kafka_transaction_open,
	.transaction_close = kafka_transaction_close,
	.append_begin = kafka_append_begin,
	.append_end = kafka_append_end,
	.append_cancel = kafka_append_cancel,
	.keep = kafka_keep,
	.undo = kafka_undo,
	.bytes = kafka_bytes,
	.set_position = kafka_set_position,
	.commit = kafka_commit,
	.abort = kafka_abort,
	.first_offset = kafka_first_offset,
	.member_open = kafka_member_open,
	.member_close = kafka_member_close,
	.member_transaction = kafka_member_transaction,
	.member_poll = kafka_member_poll,
	.member_start = kafka_member_start,
	.member_stop = kafka_member_stop,
	.member_fetch = kafka_member_fetch,
};
