#include "log/kafka_limit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/logger.h"
#include "base/memory.h"

#define LIMIT_NAME "max.message.bytes"
#define REFUSALS_MAX 2

/* ---- asking ---- */

static int
take_limit(void *argument, const char *name, const char *value, struct error *err)
{
	int64_t *bytes = argument;

	(void)err;
	if (strcmp(name, LIMIT_NAME) == 0 && value)
		*bytes = strtoll(value, NULL, 10);
	return 0;
}

/* A cluster that leaves it out has not been asked for anything else either. */
static int
ask(struct kafka *log, const char *name, int64_t *bytes, struct error *err)
{
	rd_kafka_resp_err_t code;
	int64_t found = 0;

	if (kafka_settings_ask(log, name, take_limit, &found, &code, err) < 0)
		return -1;
	if (found <= 0)
		return fail(err, FATAL, "the settings of topic '%s' have no " LIMIT_NAME, name);
	*bytes = found;
	return 0;
}

static int
read_limit(struct kafka *log, struct kafka_topic *topic, struct error *err)
{
	char quoted[2 * ERROR_TEXT_SIZE];
	int64_t bytes = KAFKA_MESSAGE_BYTES_MAX;

	if (ask(log, topic->name, &bytes, err) < 0) {
		if (err->action == RETRY)
			return -1;
		if (!atomic_exchange(&log->limit_unknown, true))
			logger_warn("limit_unknown",
				    "topic=%s reason=%s advice=\"permit DescribeConfigs on topics that are written, so "
				    "that their " LIMIT_NAME " is kept to; until then %d is taken for it\"",
				    topic->name, logger_quote(quoted, sizeof(quoted), err->text),
				    KAFKA_MESSAGE_BYTES_MAX);
	}
	atomic_store(&topic->batch_bytes_max, bytes);
	return 0;
}

int
kafka_limit_written(struct kafka *log, int number, struct error *err)
{
	struct kafka_topic *topic = kafka_topic_of(log, number);

	return atomic_load(&topic->batch_bytes_max) != 0 ? 0 : read_limit(log, topic, err);
}

int
kafka_limit_all_written(struct kafka *log, struct error *err)
{
	struct kafka_wait wait = {0};
	int count, result = 0;

	pthread_mutex_lock(&log->lock);
	count = log->topic_count;
	pthread_mutex_unlock(&log->lock);
	for (int i = 0; i < count && result == 0; i++)
		do
			result = kafka_limit_written(log, i, err);
		while (result < 0 && kafka_wait(log, &wait, err));
	return result;
}

/* ---- keeping to it ---- */

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

size_t
kafka_record_size_max(struct log *base, int number)
{
	struct kafka *log = kafka_of(base);
	int64_t limit = atomic_load(&kafka_topic_of(log, number)->batch_bytes_max);
	int64_t bytes = LOG_RECORD_SIZE_MAX;

	if (limit != 0)
		bytes = least(bytes, limit - KAFKA_RECORD_OVERHEAD_BYTES);
	return bytes > 0 ? (size_t)bytes : 0;
}

int64_t
kafka_limit_batch_bytes(struct kafka *log)
{
	int64_t bytes = KAFKA_BATCH_BYTES;

	pthread_mutex_lock(&log->lock);
	for (int i = 0; i < log->topic_count; i++) {
		int64_t limit = atomic_load(&log->topics[i]->batch_bytes_max);

		if (limit != 0)
			bytes = least(bytes, limit);
	}
	pthread_mutex_unlock(&log->lock);
	return bytes;
}

/* ---- batches that were refused all the same ---- */

int
kafka_limit_look(struct kafka_producer **producer, struct error *err)
{
	struct kafka *log = (*producer)->log;
	int topic = kafka_producer_refused(*producer);
	const char *name;
	bool lowered;

	if (topic < 0)
		return 0;
	if (read_limit(log, kafka_topic_of(log, topic), err) < 0)
		return -1;
	name = kafka_topic_name(&log->log, topic);
	lowered = kafka_limit_batch_bytes(log) < (*producer)->batch_bytes_max;
	logger_warn("batch_refused", "topic=%s record_bytes_max=%zu lowered=%s", name,
		    kafka_record_size_max(&log->log, topic), lowered ? "true" : "false");
	if (lowered)
		return kafka_producer_replace(producer, err);
	if (++(*producer)->refusals >= REFUSALS_MAX)
		return fail(err, FATAL,
			    "topic '%s' refuses batches of %" PRId64 " bytes as too large, and its " LIMIT_NAME
			    " is not known to be less; expected it to take them: raise it, permit DescribeConfigs, or "
			    "set batch.size below log: to less",
			    name, (*producer)->batch_bytes_max);
	atomic_store(&(*producer)->refused, NULL);
	return 0;
}

/* ---- what a transaction keeps of it ---- */

size_t
kafka_sizes_max(struct kafka_sizes *sizes, struct kafka *log, int topic)
{
	while (sizes->count <= topic) {
		sizes->max = memory_resize_array(sizes->max, (size_t)sizes->count + 1, sizeof(*sizes->max));
		sizes->max[sizes->count] = kafka_record_size_max(&log->log, sizes->count);
		sizes->count++;
	}
	return sizes->max[topic];
}

void
kafka_sizes_fini(struct kafka_sizes *sizes)
{
	memory_free(&sizes->max);
	sizes->count = 0;
}
