/* Topics, and offsets for people. */
#include <inttypes.h>
#include <stdio.h>

#include "base/logger.h"
#include "base/memory.h"
#include "base/stop.h"
#include "log/kafka_admin.h"
#include "log/kafka_place.h"

/* ---- by name and number ---- */

static int
find_known(struct kafka *log, const char *name)
{
	int found = -1;

	pthread_mutex_lock(&log->lock);
	for (int i = 0; i < log->topic_count && found < 0; i++)
		if (strcmp(log->topics[i]->name, name) == 0)
			found = i;
	pthread_mutex_unlock(&log->lock);
	return found;
}

static int
add_known(struct kafka *log, const char *name, int partitions)
{
	struct kafka_topic *topic = memory_new(sizeof(*topic));
	int number;

	topic->name = memory_text(name);
	topic->partitions = partitions;
	atomic_init(&topic->seen_partitions, partitions);
	kafka_topic_id_ask(log, name, topic->id);
	topic->trimmed_us = memory_new_array((size_t)partitions, sizeof(*topic->trimmed_us));
	topic->ends = memory_new_array((size_t)partitions, sizeof(*topic->ends));
	topic->leaders = memory_new_array((size_t)partitions, sizeof(*topic->leaders));
	pthread_mutex_lock(&log->lock);
	number = log->topic_count++;
	log->topics = memory_resize_array(log->topics, (size_t)log->topic_count, sizeof(*log->topics));
	log->topics[number] = topic;
	pthread_mutex_unlock(&log->lock);
	return number;
}

static int
ask_once(struct kafka *log, const char *name, int *partitions, struct error *err)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(log->client, name, NULL);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code = rd_kafka_metadata(log->client, 0, rkt, &metadata, KAFKA_ASK_MS);
	int result = 0;

	rd_kafka_topic_destroy(rkt);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, code, "topic '%s'", name);
	*partitions = 0;
	if (metadata->topic_cnt == 1) {
		code = metadata->topics[0].err;
		*partitions = metadata->topics[0].partition_cnt;
		if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
			*partitions = 0;
		else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			result = kafka_fail(err, code, "topic '%s'", name);
	}
	rd_kafka_metadata_destroy(metadata);
	return result;
}

/* *partitions 0: there is none of that name. */
static int
ask_partitions(struct kafka *log, const char *name, int *partitions, struct error *err)
{
	struct kafka_wait wait = {0};
	int result;

	do
		result = ask_once(log, name, partitions, err);
	while (result < 0 && kafka_wait(log, &wait, err));
	return result;
}

int
kafka_topic(struct log *base, const char *name, int *topic, struct error *err)
{
	struct kafka *log = kafka_of(base);
	int partitions;

	*topic = find_known(log, name);
	if (*topic >= 0)
		return 0;
	if (ask_partitions(log, name, &partitions, err) < 0)
		return -1;
	if (partitions == 0)
		return fail(err, FATAL, "there is no topic '%s'", name);
	*topic = add_known(log, name, partitions);
	return 0;
}

struct kafka_topic *
kafka_topic_of(struct kafka *log, int number)
{
	struct kafka_topic *topic;

	pthread_mutex_lock(&log->lock);
	insist(number >= 0 && number < log->topic_count);
	topic = log->topics[number];
	pthread_mutex_unlock(&log->lock);
	return topic;
}

int
kafka_topic_partitions(struct log *base, int topic)
{
	return kafka_topic_of(kafka_of(base), topic)->partitions;
}

const char *
kafka_topic_name(struct log *base, int topic)
{
	return kafka_topic_of(kafka_of(base), topic)->name;
}

/* ---- creation ---- */

static int
set_config(rd_kafka_NewTopic_t *topic, const char *name, int64_t value, struct error *err)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, value);
	if (rd_kafka_NewTopic_set_config(topic, name, text) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return fail(err, FATAL, "the setting %s cannot be made", name);
	return 0;
}

static int
wait_for_created(struct kafka_admin *admin, const struct topic_spec *spec, struct error *err)
{
	int64_t until_us = clock_monotonic_us() + (int64_t)(KAFKA_ADMIN_MS_MAX + KAFKA_ANSWER_MS_MAX) * 1000;
	const rd_kafka_topic_result_t **results;
	size_t count;

	while (!kafka_admin_wait(admin, KAFKA_ASK_MS))
		if (stop_requested() || clock_monotonic_us() >= until_us)
			return fail(err, RETRY, "creating a topic: no answer");
	if (rd_kafka_event_error(admin->answer) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, rd_kafka_event_error(admin->answer), "creating a topic: %s",
				  rd_kafka_event_error_string(admin->answer));
	results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(admin->answer), &count);
	if (count == 1 && rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR &&
	    rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return kafka_fail(err, rd_kafka_topic_result_error(results[0]), "topic '%s' cannot be created: %s",
				  spec->name, rd_kafka_topic_result_error_string(results[0]));
	return 0;
}

static int
create(struct kafka *log, const struct topic_spec *spec, struct error *err)
{
	char text[ERROR_TEXT_SIZE / 2];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(spec->name, spec->partitions, (int)log->numbers.replication,
							   text, sizeof(text));
	struct kafka_admin admin;
	int result;

	if (!topic)
		return fail(err, FATAL, "topic '%s' cannot be created: %s", spec->name, text);
	rd_kafka_NewTopic_set_config(topic, "cleanup.policy", spec->compacted ? "compact" : "delete");
	if ((spec->retention_ms != LOG_RETENTION_UNSET &&
	     set_config(topic, "retention.ms", spec->retention_ms, err) < 0) ||
	    (spec->retention_bytes != LOG_RETENTION_UNSET &&
	     set_config(topic, "retention.bytes", spec->retention_bytes, err) < 0) ||
	    (spec->compaction_lag_ms > 0 &&
	     set_config(topic, "min.compaction.lag.ms", spec->compaction_lag_ms, err) < 0)) {
		rd_kafka_NewTopic_destroy(topic);
		return -1;
	}
	kafka_admin_open(&admin, log->client, RD_KAFKA_ADMIN_OP_CREATETOPICS, KAFKA_ADMIN_MS_MAX);
	rd_kafka_AdminOptions_set_operation_timeout(admin.options, KAFKA_ADMIN_MS_MAX, text, sizeof(text));
	rd_kafka_CreateTopics(log->client, &topic, 1, admin.options, admin.queue);
	result = wait_for_created(&admin, spec, err);
	kafka_admin_close(&admin);
	rd_kafka_NewTopic_destroy(topic);
	return result;
}

/* A topic that exists keeps its settings: they are the cluster's business. */
int
kafka_create_topic(struct log *base, const struct topic_spec *spec, struct error *err)
{
	struct kafka *log = kafka_of(base);
	int partitions;

	if (ask_partitions(log, spec->name, &partitions, err) < 0)
		return -1;
	if (partitions == 0) {
		int64_t until_us = clock_monotonic_us() + (int64_t)KAFKA_ADMIN_MS_MAX * 1000;

		if (create(log, spec, err) < 0)
			return -1;
		logger_info("topic_created", "topic=%s partitions=%d", spec->name, spec->partitions);
		/* The controller knows it; every broker does when its metadata has come round. */
		while (partitions == 0) {
			if (clock_monotonic_us() > until_us)
				return fail(err, FATAL, "topic '%s' was created, but no broker knows of it",
					    spec->name);
			if (ask_partitions(log, spec->name, &partitions, err) < 0)
				return -1;
		}
	}
	if (partitions != spec->partitions)
		return fail(err, FATAL, "topic '%s' has %d partitions, not %d: change the topology, or the topic",
			    spec->name, partitions, spec->partitions);
	if (find_known(log, spec->name) < 0)
		add_known(log, spec->name, partitions);
	return 0;
}

/* ---- offsets ---- */

/* The timestamp of the first record from `offset` on. */
static int
read_time(struct kafka *log, int topic, int partition, int64_t offset, int64_t *time_ms, struct error *err)
{
	struct reader *reader;
	struct log_batch batch = {.next = offset};
	int64_t until_us = clock_monotonic_us() + (int64_t)KAFKA_ANSWER_MS_MAX * 1000;
	int result;

	if (kafka_reader_open(&log->log, topic, partition, offset, &reader, err) < 0)
		return -1;
	do
		result = kafka_reader_fetch(reader, KAFKA_ASK_MS, &batch, err);
	while (result == 0 && batch.count == 0 && !batch.at_end && !stop_requested() &&
	       clock_monotonic_us() < until_us);
	if (result == 0 && batch.count > 0)
		*time_ms = batch.records[0].timestamp_ms;
	kafka_reader_close(reader);
	return result;
}

/* The last offsets may be markers of transactions, so the last record is looked for backwards. */
static int
read_last_time(struct kafka *log, int topic, int partition, const struct partition_info *info, int64_t *time_ms,
	       struct error *err)
{
	for (int64_t back = 1; *time_ms == TIME_MIN; back *= 8) {
		int64_t from = info->end - back > info->start ? info->end - back : info->start;

		if (read_time(log, topic, partition, from, time_ms, err) < 0)
			return -1;
		if (from == info->start)
			break;
	}
	return 0;
}

int
kafka_partition_info(struct log *base, int topic, int partition, struct partition_info *out, struct error *err)
{
	struct kafka *log = kafka_of(base);
	struct partition_ends ends;

	*out = (struct partition_info){.first_time = TIME_MIN, .last_time = TIME_MIN, .bytes = -1};
	if (kafka_partition_ends(base, topic, partition, &ends, err) < 0)
		return -1;
	out->start = ends.start;
	out->end = ends.end;
	/* Markers of transactions, and what was aborted or compacted, have offsets too. */
	out->records = out->end == out->start ? 0 : -1;
	if (out->records == 0)
		return 0;
	if (read_time(log, topic, partition, out->start, &out->first_time, err) < 0)
		return -1;
	return read_last_time(log, topic, partition, out, &out->last_time, err);
}

static int
ask_offset_at(struct kafka *log, const char *name, int partition, int64_t time_ms, int64_t *offset, struct error *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *asked = rd_kafka_topic_partition_list_add(list, name, partition);
	rd_kafka_resp_err_t code;

	asked->offset = time_ms < 0 ? 0 : time_ms;
	code = rd_kafka_offsets_for_times(log->client, list, KAFKA_ASK_MS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = asked->err;
	*offset = asked->offset;
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_fail(err, code, "the offset of a time in topic '%s' partition %d", name, partition) : 0;
}

int
kafka_offset_at(struct log *base, int topic, int partition, int64_t time_ms, int64_t *offset, struct error *err)
{
	struct kafka *log = kafka_of(base);
	struct kafka_wait wait = {0};
	struct partition_ends ends;
	int result;

	do
		result = ask_offset_at(log, kafka_topic_name(base, topic), partition, time_ms, offset, err);
	while (result < 0 && kafka_wait(log, &wait, err));
	if (result < 0 || *offset >= 0)
		return result;
	if (kafka_partition_ends(base, topic, partition, &ends, err) < 0)
		return -1;
	*offset = ends.end;
	return 0;
}
