/* What is said of groups and of a journal's beginning by questions to the cluster: trims, and positions. */
#include "base/logger.h"
#include "base/memory.h"
#include "log/kafka_admin.h"
#include "log/kafka_log.h"

/* ---- trimming ---- */

/* A journal that cannot be trimmed grows, and a restore reads more than it has to: a matter for a warning, once. */
static void
look_at_trims(struct kafka *log)
{
	char quoted[2 * ERROR_TEXT_SIZE];
	rd_kafka_event_t *event;

	while ((event = rd_kafka_queue_poll(log->trims, 0))) {
		rd_kafka_resp_err_t code = rd_kafka_event_error(event);
		const rd_kafka_DeleteRecords_result_t *answer = rd_kafka_event_DeleteRecords_result(event);
		const rd_kafka_topic_partition_list_t *list = answer ? rd_kafka_DeleteRecords_result_offsets(answer)
								     : NULL;

		if (code == RD_KAFKA_RESP_ERR_NO_ERROR && list && list->cnt == 1)
			code = list->elems[0].err;
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !log->trim_refused) {
			log->trim_refused = true;
			logger_warn(
				"trim_refused",
				"topic=%s reason=%s advice=\"journals grow until the principal may delete records\"",
				list && list->cnt == 1 ? list->elems[0].topic : "unknown",
				logger_quote(quoted, sizeof(quoted), rd_kafka_err2str(code)));
		}
		rd_kafka_event_destroy(event);
	}
}

/* Nobody waits for it, and it never fails: the next one removes as much and more. */
int
kafka_trim(struct log *base, int number, int partition, int64_t offset, struct error *err)
{
	struct kafka *log = kafka_of(base);
	struct kafka_topic *topic = kafka_topic_of(log, number);
	int64_t now_us = clock_monotonic_us();
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_DeleteRecords_t *before;

	(void)err;
	pthread_mutex_lock(&log->lock);
	look_at_trims(log);
	if (now_us - topic->trimmed_us[partition] >= (int64_t)KAFKA_TRIM_MS * 1000) {
		topic->trimmed_us[partition] = now_us;
		list = rd_kafka_topic_partition_list_new(1);
		rd_kafka_topic_partition_list_add(list, topic->name, partition)->offset = offset;
		before = rd_kafka_DeleteRecords_new(list);
		rd_kafka_DeleteRecords(log->client, &before, 1, NULL, log->trims);
		rd_kafka_DeleteRecords_destroy(before);
		rd_kafka_topic_partition_list_destroy(list);
	}
	pthread_mutex_unlock(&log->lock);
	return 0;
}

/* ---- positions ---- */

static int
take_positions(rd_kafka_event_t *event, const char *group, int first, int count, int64_t *offsets, struct error *err)
{
	const rd_kafka_topic_partition_list_t *list;
	const rd_kafka_group_result_t **groups;
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	size_t answers;

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, code, "the position of group %s", group);
	groups = rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event),
								 &answers);
	if (answers != 1)
		return fail(err, FATAL, "the position of group %s: %zu answers; expected one", group, answers);
	if (rd_kafka_group_result_error(groups[0]))
		return kafka_fail(err, rd_kafka_error_code(rd_kafka_group_result_error(groups[0])),
				  "the position of group %s", group);
	list = rd_kafka_group_result_partitions(groups[0]);
	for (int i = 0; list && i < list->cnt; i++) {
		if (list->elems[i].err)
			return kafka_fail(err, list->elems[i].err, "the position of group %s", group);
		if (list->elems[i].partition >= first && list->elems[i].partition < first + count)
			offsets[list->elems[i].partition - first] = list->elems[i].offset >= 0 ? list->elems[i].offset
											       : -1;
	}
	return 0;
}

/* What the handle's group, which nobody joins, has to say of coordinators that come and go. */
static void
pass_over_group(rd_kafka_t *client)
{
	rd_kafka_message_t *message;

	while ((message = rd_kafka_consumer_poll(client, 0)))
		rd_kafka_message_destroy(message);
}

/*
 * By the log's own handle: one of the group's would cost connections and threads, for one question. `stable`: while a
 * transaction with positions of these partitions is open there is no answer. Of many partitions one always is.
 */
static int
positions(struct kafka *log, const char *group, int topic, int first, int count, bool stable, int64_t *offsets,
	  struct error *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
	rd_kafka_ListConsumerGroupOffsets_t *question;
	struct kafka_admin admin;
	int result;

	for (int i = 0; i < count; i++) {
		rd_kafka_topic_partition_list_add(list, kafka_topic_name(&log->log, topic), first + i);
		offsets[i] = -1;
	}
	question = rd_kafka_ListConsumerGroupOffsets_new(group, list);
	kafka_admin_open(&admin, log->client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, KAFKA_CALL_MS_MAX);
	rd_kafka_error_destroy(rd_kafka_AdminOptions_set_require_stable_offsets(admin.options, stable));
	rd_kafka_ListConsumerGroupOffsets(log->client, &question, 1, admin.options, admin.queue);
	result = kafka_admin_wait(&admin, KAFKA_CALL_MS_MAX)
			 ? take_positions(admin.answer, group, first, count, offsets, err)
			 : fail(err, RETRY, "the position of group %s: no answer", group);
	kafka_admin_close(&admin);
	pass_over_group(log->client);
	rd_kafka_ListConsumerGroupOffsets_destroy(question);
	rd_kafka_topic_partition_list_destroy(list);
	return result;
}

int
kafka_position(struct log *base, const char *group, int topic, int partition, int64_t *offset, struct error *err)
{
	return positions(kafka_of(base), group, topic, partition, 1, true, offset, err);
}

int
kafka_positions(struct log *base, const char *group, int topic, int64_t *offsets, struct error *err)
{
	return positions(kafka_of(base), group, topic, 0, kafka_topic_partitions(base, topic), false, offsets, err);
}
