/*
 * Preloaded into isotope: partition STALL_PARTITION of the topic whose name ends in STALL_TOPIC delivers nothing until
 * it was started STALL_STARTS times. What librdkafka has fetched stays in its queue.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

struct rd_kafka_topic_s;
struct rd_kafka_message_s;

const char *rd_kafka_topic_name(const struct rd_kafka_topic_s *topic);

static _Atomic int starts;

static int
is_stalled(struct rd_kafka_topic_s *topic, int32_t partition)
{
	const char *name = rd_kafka_topic_name(topic), *ending = getenv("STALL_TOPIC");
	size_t size = strlen(name);

	return ending && size >= strlen(ending) && strcmp(name + size - strlen(ending), ending) == 0 &&
	       partition == atoi(getenv("STALL_PARTITION"));
}

int
rd_kafka_consume_start(struct rd_kafka_topic_s *topic, int32_t partition, int64_t offset)
{
	int (*real)(struct rd_kafka_topic_s *, int32_t, int64_t) = (int (*)(
		struct rd_kafka_topic_s *, int32_t, int64_t))dlsym(RTLD_NEXT, "rd_kafka_consume_start");

	starts += is_stalled(topic, partition);
	return real(topic, partition, offset);
}

ssize_t
rd_kafka_consume_batch(struct rd_kafka_topic_s *topic, int32_t partition, int timeout_ms,
		       struct rd_kafka_message_s **messages, size_t size)
{
	ssize_t (*real)(struct rd_kafka_topic_s *, int32_t, int, struct rd_kafka_message_s **,
			size_t) = (ssize_t(*)(struct rd_kafka_topic_s *, int32_t, int, struct rd_kafka_message_s **,
					      size_t))dlsym(RTLD_NEXT, "rd_kafka_consume_batch");

	if (is_stalled(topic, partition) && starts < atoi(getenv("STALL_STARTS")))
		return 0;
	return real(topic, partition, timeout_ms, messages, size);
}
