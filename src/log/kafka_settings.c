/*
 * Settings of journals. Whoever made the topic by hand, or a cluster's default, may have given it a retention or
 * compaction: the journal would lose what the state needs, days later.
 */
#include <stdio.h>
#include <time.h>

#include "base/logger.h"
#include "base/stop.h"
#include "log/kafka_log.h"

#define SETTINGS_PAUSE_MS 100 /* before a broker that does not know the topic yet is asked again */

static const struct {
	const char *name, *wanted;
} journal_settings[] = {
	{"cleanup.policy", "delete"},
	{"retention.ms", "-1"},
	{"retention.bytes", "-1"},
};

static const char *
wanted_of(const char *name)
{
	for (size_t i = 0; i < sizeof(journal_settings) / sizeof(journal_settings[0]); i++)
		if (strcmp(journal_settings[i].name, name) == 0)
			return journal_settings[i].wanted;
	return NULL;
}

static int
compare(const char *topic, const rd_kafka_ConfigEntry_t *entry, struct error *err)
{
	const char *name = rd_kafka_ConfigEntry_name(entry), *value = rd_kafka_ConfigEntry_value(entry);
	const char *wanted = wanted_of(name);

	if (!wanted || !value || strcmp(value, wanted) == 0)
		return 0;
	return fail(err, FATAL,
		    "topic '%s' is a journal and has %s=%s, by which it would lose what the state needs; expected %s: "
		    "kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config "
		    "cleanup.policy=delete,retention.ms=-1,retention.bytes=-1",
		    topic, name, value, wanted, topic);
}

static int
compare_all(const char *topic, const rd_kafka_ConfigResource_t *resource, struct error *err)
{
	size_t count;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
	rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resource);

	if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	    code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
		logger_warn(
			"settings_unknown",
			"topic=%s reason=\"this principal may not describe its configuration: whether the journal has "
			"retention or compaction is not known\"",
			topic);
		return 0;
	}
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		return fail(err, RETRY, "the settings of topic '%s': the broker does not know it yet", topic);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, code, "the settings of topic '%s'", topic);
	for (size_t i = 0; i < count; i++)
		if (compare(topic, entries[i], err) < 0)
			return -1;
	return 0;
}

static int
ask(struct kafka *log, const char *topic, struct error *err)
{
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(log->client);
	const rd_kafka_ConfigResource_t **resources;
	rd_kafka_event_t *event;
	size_t count;
	int result = -1;

	rd_kafka_DescribeConfigs(log->client, &resource, 1, NULL, queue);
	event = kafka_wait_for(queue, "the settings of a topic", err);
	if (event) {
		resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event),
								      &count);
		result = count == 1 ? compare_all(topic, resources[0], err) : 0;
		rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
	rd_kafka_ConfigResource_destroy(resource);
	return result;
}

/* The topic is there. A broker that does not know it yet hears of it soon: it was made just now. */
int
kafka_check_settings(struct log *base, const struct topic_spec *spec, struct error *err)
{
	const struct timespec pause = {.tv_nsec = SETTINGS_PAUSE_MS * 1000000};
	int64_t until_us = clock_monotonic_us() + (int64_t)KAFKA_ADMIN_MS_MAX * 1000;
	int result;

	while ((result = ask(kafka_of(base), spec->name, err)) < 0 && err->action == RETRY && !stop_requested() &&
	       clock_monotonic_us() < until_us)
		nanosleep(&pause, NULL);
	return result;
}
