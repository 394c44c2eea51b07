/*
 * Settings of topics: asked for in one place. And what those of journals must be: whoever made the topic by hand, or a
 * cluster's default, may have given it a retention or compaction, and the journal would lose what the state needs, days
 * later.
 */
#include <stdio.h>
#include <time.h>

#include "base/logger.h"
#include "log/kafka_admin.h"
#include "log/kafka_log.h"

#define SETTINGS_PAUSE_MS 100 /* before a broker that does not know the topic yet is asked again */

/* ---- asking ---- */

static int
take_all(rd_kafka_event_t *event, const char *topic, kafka_take_setting *take, void *argument,
	 rd_kafka_resp_err_t *code, struct error *err)
{
	const rd_kafka_ConfigResource_t **resources;
	const rd_kafka_ConfigEntry_t **entries;
	size_t count;

	*code = rd_kafka_event_error(event);
	if (*code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, *code, "the settings of topic '%s'", topic);
	resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
	if (count != 1)
		return fail(err, FATAL, "the settings of topic '%s': %zu answers; expected one", topic, count);
	*code = rd_kafka_ConfigResource_error(resources[0]);
	if (*code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_fail(err, *code, "the settings of topic '%s'", topic);
	entries = rd_kafka_ConfigResource_configs(resources[0], &count);
	for (size_t i = 0; i < count; i++)
		if (take(argument, rd_kafka_ConfigEntry_name(entries[i]), rd_kafka_ConfigEntry_value(entries[i]), err) <
		    0)
			return -1;
	return 0;
}

int
kafka_settings_ask(struct kafka *log, const char *topic, kafka_take_setting *take, void *argument,
		   rd_kafka_resp_err_t *code, struct error *err)
{
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	struct kafka_admin admin;
	int result;

	*code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	kafka_admin_open(&admin, log->client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, KAFKA_CALL_MS_MAX);
	rd_kafka_DescribeConfigs(log->client, &resource, 1, admin.options, admin.queue);
	result = kafka_admin_wait(&admin, KAFKA_CALL_MS_MAX)
			 ? take_all(admin.answer, topic, take, argument, code, err)
			 : fail(err, RETRY, "the settings of topic '%s': no answer", topic);
	kafka_admin_close(&admin);
	rd_kafka_ConfigResource_destroy(resource);
	return result;
}

/* ---- journals ---- */

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
compare(void *argument, const char *name, const char *value, struct error *err)
{
	const char *topic = argument, *wanted = wanted_of(name);

	if (!wanted || !value || strcmp(value, wanted) == 0)
		return 0;
	return fail(err, FATAL,
		    "topic '%s' is a journal and has %s=%s, by which it would lose what the state needs; expected %s: "
		    "kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config "
		    "cleanup.policy=delete,retention.ms=-1,retention.bytes=-1",
		    topic, name, value, wanted, topic);
}

static int
check_once(struct kafka *log, const char *topic, struct error *err)
{
	rd_kafka_resp_err_t code;
	int result = kafka_settings_ask(log, topic, compare, (void *)(uintptr_t)topic, &code, err);

	if (code != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
	    code != RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
		return result;
	logger_warn("settings_unknown",
		    "topic=%s reason=\"this principal may not describe its configuration: whether the journal has "
		    "retention or compaction is not known\"",
		    topic);
	return 0;
}

/* The topic is there. A broker that does not know it yet hears of it soon: it was made just now. */
int
kafka_check_settings(struct log *base, const struct topic_spec *spec, struct error *err)
{
	const struct timespec pause = {.tv_nsec = SETTINGS_PAUSE_MS * 1000000};
	struct kafka *log = kafka_of(base);
	struct kafka_wait wait = {0};
	int result;

	while ((result = check_once(log, spec->name, err)) < 0 && kafka_wait(log, &wait, err))
		nanosleep(&pause, NULL);
	return result;
}
