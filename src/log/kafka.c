/* The log of a Kafka cluster: opening and closing. kafka_log.h tells which file does what. */
#include <inttypes.h>
#include <stdio.h>

#include "base/logger.h"
#include "base/memory.h"
#include "base/stop.h"
#include "log/kafka_limit.h"
#include "log/kafka_place.h"

static void
fini(struct kafka *log)
{
	insist(!log->places);
	kafka_asker_fini(&log->asker);
	if (log->trims)
		rd_kafka_queue_destroy(log->trims);
	if (log->client)
		kafka_handle_close(log->client, KAFKA_CLOSE_PLAIN, NULL, NULL, NULL);
	if (log->pending)
		kafka_handle_close(log->pending, KAFKA_CLOSE_PLAIN, NULL, NULL, NULL);
	if (log->readers)
		kafka_handle_close(log->readers, KAFKA_CLOSE_PLAIN, NULL, NULL, NULL);
	kafka_handles_wait();
	for (int i = 0; i < log->topic_count; i++) {
		memory_free(&log->topics[i]->name);
		memory_free(&log->topics[i]->trimmed_us);
		memory_free(&log->topics[i]->ends);
		memory_free(&log->topics[i]->leaders);
		memory_free(&log->topics[i]);
	}
	memory_free(&log->topics);
	kafka_config_fini(log);
	pthread_mutex_destroy(&log->lock);
	pthread_mutex_destroy(&log->places_lock);
	memory_free(&log);
}

struct refusal {
	char text[ERROR_TEXT_SIZE / 2]; /* empty: nobody has refused us */
};

/* Inside a poll. librdkafka's text says which broker, and never the password. */
static void
note_refusal(rd_kafka_t *handle, int code, const char *text, void *opaque)
{
	struct refusal *refusal = opaque;

	(void)handle;
	if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		snprintf(refusal->text, sizeof(refusal->text), "%s", text);
}

static rd_kafka_resp_err_t
ask(rd_kafka_t *handle, int wait_ms)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code = rd_kafka_metadata(handle, 0, NULL, &metadata, wait_ms);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_metadata_destroy(metadata);
	return code;
}

bool
kafka_wait(struct kafka *log, struct kafka_wait *wait, const struct error *err)
{
	int64_t now_us = clock_monotonic_us();
	char reason[2 * ERROR_TEXT_SIZE];

	if (wait->began_us == 0)
		wait->began_us = now_us;
	if (err->action != RETRY || stop_requested() || now_us - wait->began_us >= log->wait_ms * 1000)
		return false;
	if (wait->said_us == 0 || now_us - wait->said_us >= (int64_t)KAFKA_SAY_MS * 1000) {
		wait->said_us = now_us;
		logger_warn("log_wait", "for_ms=%" PRId64 " reason=%s", (now_us - wait->began_us) / 1000,
			    logger_quote(reason, sizeof(reason), err->text));
	}
	return true;
}

/*
 * On a handle that hears of refusals: who is refused by one broker, and not answered by another, need not wait. (A
 * handle that hears of them must be polled as long as it lives.)
 */
static int
ask_again(struct kafka *log, struct error *err)
{
	struct refusal refusal = {""};
	struct kafka_wait wait = {0};
	rd_kafka_resp_err_t code;
	rd_kafka_conf_t *conf = kafka_config(log, KAFKA_CLIENT, &refusal, err);
	rd_kafka_t *handle;

	if (!conf)
		return -1;
	rd_kafka_conf_set_error_cb(conf, note_refusal);
	if (kafka_handle_open(conf, RD_KAFKA_CONSUMER, &handle, err) < 0)
		return -1;
	do {
		code = ask(handle, KAFKA_ASK_MS);
		rd_kafka_poll(handle, 0);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			kafka_fail(err, code, "log: no broker of bootstrap.servers (%s) answers",
				   kafka_config_text(log, "bootstrap.servers"));
	} while (code != RD_KAFKA_RESP_ERR_NO_ERROR && !refusal.text[0] && kafka_wait(log, &wait, err));
	kafka_handle_close(handle, KAFKA_CLOSE_PLAIN, NULL, NULL, NULL); /* nobody polls it any more */
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	if (refusal.text[0])
		return fail(err, FATAL, "log: the login is refused: %s", refusal.text);
	if (!stop_requested())
		err->action = FATAL;
	return -1;
}

/* That what the queues need at least is more than they may take. */
static void
say_short(const struct log_config *config, const struct kafka_shares *shares)
{
	const struct log_load *load = &config->load;

	if (load->tasks == 0 || shares->least_bytes <= shares->fetched_bytes)
		return;
	logger_warn("memory_short",
		    "what=queues partitions=%d bytes_each=%" PRId64 " bytes_together=%" PRId64 " share_bytes=%" PRId64
		    " advice=\"raise memory, or let more processes share the partitions\"",
		    load->queues + load->table_partitions, KAFKA_QUEUE_BYTES_MIN * KAFKA_RECORD_FACTOR,
		    shares->least_bytes, shares->fetched_bytes);
}

/* The first answer: a wrong address, a wrong password must be said at the start. */
static int
meet_cluster(struct kafka *log, struct error *err)
{
	return ask(log->client, KAFKA_ASK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : ask_again(log, err);
}

/*
 * The log's own handle: for questions. It has a group, which it never joins: librdkafka (2.0 to 2.12 at least) takes it
 * for granted where a coordinator that is asked for positions, of whatever group, has moved.
 */
static int
open_client(struct kafka *log, struct error *err)
{
	rd_kafka_conf_t *conf = kafka_config(log, KAFKA_CLIENT, log, err);
	char group[KAFKA_NAME_SIZE];

	if (!conf)
		return -1;
	snprintf(group, sizeof(group), "%s.log", log->application);
	if (kafka_config_set(conf, "group.id", group, err) < 0) {
		rd_kafka_conf_destroy(conf);
		return -1;
	}
	return kafka_handle_open(conf, RD_KAFKA_CONSUMER, &log->client, err);
}

static int
kafka_open(const struct log_config *config, struct log **out, struct error *err)
{
	struct kafka *log = memory_new(sizeof(*log));
	const char *property;

	log->log.ops = &kafka_ops;
	pthread_mutex_init(&log->lock, NULL);
	pthread_mutex_init(&log->places_lock, NULL);
	kafka_asker_init(&log->asker);
	if (kafka_config_read(log, config, &property, err) < 0 || kafka_identity_read(log, config, err) < 0)
		goto failed;
	if (open_client(log, err) < 0 || meet_cluster(log, err) < 0)
		goto failed;
	log->trims = rd_kafka_queue_new(log->client);
	say_short(config, &log->shares);
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

static const char *
kafka_identity(struct log *base)
{
	return kafka_of(base)->identity;
}

const struct log_ops kafka_ops = {
	.type = "kafka",
	.identity = kafka_identity,
	.check = kafka_check,
	.open = kafka_open,
	.close = kafka_close,
	.create_topic = kafka_create_topic,
	.topic = kafka_topic,
	.topic_partitions = kafka_topic_partitions,
	.topic_name = kafka_topic_name,
	.record_size_max = kafka_record_size_max,
	.partition_ends = kafka_partition_ends,
	.ends_since = kafka_ends_since,
	.partition_info = kafka_partition_info,
	.offset_at = kafka_offset_at,
	.check_settings = kafka_check_settings,
	.topic_id = kafka_topic_id,
	.topic_look = kafka_topic_look,
	.trim = kafka_trim,
	.position = kafka_position,
	.positions = kafka_positions,
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
	.expect = kafka_expect,
	.commit = kafka_commit,
	.abort = kafka_abort,
	.undecided = kafka_undecided,
	.first_offset = kafka_first_offset,
	.member_open = kafka_member_open,
	.member_close = kafka_member_close,
	.member_transaction = kafka_member_transaction,
	.member_poll = kafka_member_poll,
	.member_start = kafka_member_start,
	.member_stop = kafka_member_stop,
	.member_fetch = kafka_member_fetch,
};
