/*
 * Topics that vanish, or gain partitions, while they are used. Nobody tells a consumer that it has assigned by number
 * that there is one partition more: its records would never be read. So the asker's thread (kafka_ends.c) looks at the
 * metadata of all topics now and then, and who uses one looks at what it has found.
 *
 * A topic that is not there may have been deleted, or a broker that has just begun does not know it yet: it is waited
 * for. When it is there again it may be another one of its name, so tasks that read it are opened again
 * (kafka_member.c), which compares the records that were read last.
 */
#include "log/kafka_log.h"

#define GONE_MS 1000 /* a topic that is not there is looked for so often */

void
kafka_watch_note(struct kafka *log, struct kafka_topic *topic, rd_kafka_resp_err_t code, int partitions)
{
	(void)log;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && partitions > 0)
		atomic_store(&topic->seen_partitions, partitions);
	else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		atomic_store(&topic->seen_partitions, 0);
}

/* By number; NULL: there are no more. What it points to stays. */
static struct kafka_topic *
topic_at(struct kafka *log, int number)
{
	struct kafka_topic *topic = NULL;

	pthread_mutex_lock(&log->lock);
	if (number < log->topic_count)
		topic = log->topics[number];
	pthread_mutex_unlock(&log->lock);
	return topic;
}

static void
look_at_id(struct kafka *log, struct kafka_topic *topic)
{
	uint8_t id[LOG_TOPIC_ID_SIZE];

	if (kafka_topic_has_id(topic) && kafka_topic_id_ask(log, topic->name, id) &&
	    memcmp(id, topic->id, sizeof(id)) != 0)
		atomic_store(&topic->renewed, true);
}

/* Ends at the first that no broker answers: ends of partitions are waited for. */
int64_t
kafka_watch(struct kafka *log)
{
	struct kafka_asker *asker = &log->asker;
	int64_t period_ms = log->watch_ms;
	struct kafka_topic *topic;

	if (clock_monotonic_us() < asker->watch_us)
		return asker->watch_us;
	for (int i = 0; (topic = topic_at(log, i)) && !atomic_load(&asker->stopping); i++) {
		rd_kafka_resp_err_t code = kafka_look_up(log, topic);

		if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
			break;
		look_at_id(log, topic);
		if (atomic_load(&topic->seen_partitions) == 0 && GONE_MS < period_ms)
			period_ms = GONE_MS;
	}
	asker->watch_us = clock_monotonic_us() + period_ms * 1000;
	return asker->watch_us;
}

int
kafka_topic_look(struct log *base, int number, struct error *err)
{
	const struct kafka_topic *topic = topic_at(kafka_of(base), number);
	int seen = atomic_load_explicit(&topic->seen_partitions, memory_order_relaxed);

	if (atomic_load_explicit(&topic->renewed, memory_order_relaxed))
		return fail(
			err, FATAL,
			"topic '%s' was deleted and made anew while it was used: start again; what was read of it is "
			"compared then",
			topic->name);
	if (seen == topic->partitions)
		return 0;
	if (seen == 0)
		return fail(err, RETRY, "topic '%s' is not there any more: was it deleted?", topic->name);
	return fail(
		err, FATAL,
		"topic '%s' has %d partitions now, and had %d when this process began: keys are shared out in another "
		"way, and records of the new ones would not be read. End all processes that read or write it, give the "
		"topics that go together as many partitions, and run isotope rescale for the operators that read it",
		topic->name, seen, topic->partitions);
}
