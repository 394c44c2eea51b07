/*
 * The id that a cluster gives a topic when it is made: a topic of the same name that is made anew has another.
 * librdkafka tells it from 2.3 on; before that, and where nobody answers, it is not known, and topics are told by the
 * records that were read of them.
 */
#include "log/kafka_log.h"

#define NO_ID ((uint8_t[LOG_TOPIC_ID_SIZE]){0})

#if RD_KAFKA_VERSION >= 0x020300ff

#include "base/bytes.h"
#include "log/kafka_admin.h"

#define ASK_MS_MAX 1000

static bool
take_id(const rd_kafka_TopicDescription_t *description, uint8_t *id)
{
	const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(description);
	const rd_kafka_Uuid_t *uuid = rd_kafka_TopicDescription_topic_id(description);

	if ((error && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) || !uuid)
		return false;
	store_u64(id, (uint64_t)rd_kafka_Uuid_most_significant_bits(uuid));
	store_u64(id + 8, (uint64_t)rd_kafka_Uuid_least_significant_bits(uuid));
	return true;
}

bool
kafka_topic_id_ask(struct kafka *log, const char *name, uint8_t *id)
{
	rd_kafka_TopicCollection_t *topics = rd_kafka_TopicCollection_of_topic_names(&name, 1);
	const rd_kafka_TopicDescription_t **found = NULL;
	struct kafka_admin admin;
	size_t count = 0;
	bool known = false;

	kafka_admin_open(&admin, log->client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, ASK_MS_MAX);
	rd_kafka_DescribeTopics(log->client, topics, admin.options, admin.queue);
	if (kafka_admin_wait(&admin, ASK_MS_MAX) && rd_kafka_event_error(admin.answer) == RD_KAFKA_RESP_ERR_NO_ERROR)
		found = rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(admin.answer),
							      &count);
	known = count == 1 && take_id(found[0], id);
	kafka_admin_close(&admin);
	rd_kafka_TopicCollection_destroy(topics);
	return known;
}

#else

bool
kafka_topic_id_ask(struct kafka *log, const char *name, uint8_t *id)
{
	(void)log;
	(void)name;
	(void)id;
	return false;
}

#endif

bool
kafka_topic_has_id(const struct kafka_topic *topic)
{
	return memcmp(topic->id, NO_ID, sizeof(topic->id)) != 0;
}

const uint8_t *
kafka_topic_id(struct log *base, int topic)
{
	return kafka_topic_of(kafka_of(base), topic)->id;
}
