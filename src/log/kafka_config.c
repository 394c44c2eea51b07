/* What stands below `log:` in a topology goes to librdkafka under its own names; a value may name a secret instead of
 * containing it (kafka_property.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/secret.h"
#include "log/kafka_limit.h"
#include "log/kafka_property.h"

#define FETCH_BACKOFF_MS                                                                                               \
	"10"		   /* fetching goes on so soon after a queue was full; librdkafka's default halves the rate */
#define FETCH_WAIT_MS "50" /* a broker that has less than fetch.min.bytes answers after so long */
#define LINGER_MS "20"
#define RECONNECT_MS_MAX "1000"	  /* a broker that is back is noticed so soon; librdkafka's default is 10 s */
#define HEARTBEAT_MS_MAX 3000	  /* librdkafka's default */
#define QUEUE_MESSAGES "10000000" /* bounded by bytes instead */

static const char *
find_in(const char *const *properties, const char *name)
{
	for (; properties && *properties; properties += 2)
		if (strcmp(*properties, name) == 0)
			return properties[1];
	return NULL;
}

static const char *
find(const struct kafka *log, const char *name)
{
	return find_in((const char *const *)log->properties, name);
}

const char *
kafka_config_text(const struct kafka *log, const char *name)
{
	const char *text = find(log, name);

	return text ? text : "not set";
}

bool
kafka_config_has(const struct kafka *log, const char *name)
{
	return find(log, name) != NULL;
}

static int
read_number(const struct kafka *log, const char *name, int64_t initial, int64_t min, int64_t max, int64_t *out,
	    struct error *err)
{
	const char *text = find(log, name);
	char *end;
	long long number;

	*out = initial;
	if (!text)
		return 0;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || end == text || *end || number < min || number > max)
		return fail(err, FATAL, "log: %s is \"%.100s\"; expected a number from %lld to %lld", name, text,
			    (long long)min, (long long)max);
	*out = number;
	return 0;
}

static int
take_properties(struct kafka *log, const char *const *from, const char **property, struct error *err)
{
	size_t count = 0, used = 0;

	while (from && from[count])
		count++;
	log->properties = memory_new_array(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i += 2) {
		*property = from[i];
		if (kafka_property_read(from[i], from[i + 1], &log->properties[used + 1], err) < 0)
			return -1;
		log->properties[used] = memory_text(from[i]);
		used += 2;
	}
	return 0;
}

static bool
broker_assigns(const char *const *properties)
{
	const char *protocol = find_in(properties, "group.protocol");

	return protocol && strcasecmp(protocol, "consumer") == 0;
}

bool
kafka_config_broker_assigns(const struct kafka *log)
{
	return broker_assigns((const char *const *)log->properties);
}

/* What a member decides in the classic protocol, and librdkafka refuses in the other one, with an error that does not
 * say which property it means. */
static int
check_protocol(const char *const *properties, const char **property, struct error *err)
{
	static const char *const brokers_own[][2] = {
		{"session.timeout.ms", "group.consumer.session.timeout.ms"},
		{"heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"},
		{"partition.assignment.strategy",
		 "group.consumer.assignors; group.remote.assignor chooses one of them"},
	};

	for (size_t i = 0; broker_assigns(properties) && i < sizeof(brokers_own) / sizeof(brokers_own[0]); i++)
		if (find_in(properties, brokers_own[i][0])) {
			*property = brokers_own[i][0];
			return fail(
				err, FATAL,
				"log: %s cannot be set with group.protocol: consumer: it is a setting of the brokers "
				"there, %s",
				brokers_own[i][0], brokers_own[i][1]);
		}
	return 0;
}

static int
check_servers(const struct kafka *log, const char **property, struct error *err)
{
	*property = find(log, "bootstrap.servers") ? "bootstrap.servers" : "metadata.broker.list";
	if (!find(log, *property))
		return fail(err, FATAL,
			    "log: bootstrap.servers is missing; expected the addresses of some brokers, as "
			    "in {type: kafka, bootstrap.servers: \"host:9092\"}");
	return kafka_property_check_servers(find(log, *property), err);
}

int
kafka_config_read(struct kafka *log, const struct log_config *config, const char **property, struct error *err)
{
	log->application = memory_text(config->application ? config->application : "isotope");
	log->instance = config->instance ? memory_text(config->instance) : NULL;
	log->at_least_once = config->at_least_once;
	kafka_shares_of(config, &log->shares);
	log->wait_ms = config->wait_ms > 0 ? config->wait_ms : KAFKA_OPEN_MS_MAX;
	log->stalled_ms = config->stalled_ms > 0 ? config->stalled_ms : KAFKA_STALLED_MS;
	if (check_protocol(config->properties, property, err) < 0 ||
	    take_properties(log, config->properties, property, err) < 0 || check_servers(log, property, err) < 0)
		return -1;
	*property = "topic.metadata.refresh.interval.ms";
	if (read_number(log, *property, KAFKA_WATCH_MS, -1, 3600000, &log->watch_ms, err) < 0)
		return -1;
	if (log->watch_ms <= 0)
		log->watch_ms = KAFKA_WATCH_MS;
	return kafka_numbers_read((const char *const *)log->properties, config, &log->numbers, property, err);
}

void
kafka_config_fini(struct kafka *log)
{
	for (char **at = log->properties; at && *at; at++)
		secret_free(at);
	memory_free(&log->properties);
	memory_free(&log->application);
	memory_free(&log->instance);
	memory_free(&log->identity);
}

int
kafka_config_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err)
{
	char text[ERROR_TEXT_SIZE / 2] = "";

	/* Values of people's were looked at before (kafka_property.h); librdkafka's text would repeat them. */
	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		return 0;
	return fail(err, FATAL, "log: librdkafka %s does not take %s", rd_kafka_version_str(), name);
}

struct setting {
	const char *name, *value;
};

static int
set_all(rd_kafka_conf_t *conf, const struct setting *settings, struct error *err)
{
	for (; settings->name; settings++)
		if (kafka_config_set(conf, settings->name, settings->value, err) < 0)
			return -1;
	return 0;
}

static const struct setting consumer_settings[] = {
	{"enable.auto.commit", "false"},
	{"enable.auto.offset.store", "false"},
	{"enable.partition.eof", "true"},
	{"auto.offset.reset", "error"},
	{"queued.min.messages", QUEUE_MESSAGES},
	{"fetch.error.backoff.ms", FETCH_BACKOFF_MS},
	{"fetch.wait.max.ms", FETCH_WAIT_MS},
	{"check.crcs", "true"},
	{NULL, NULL},
};

static const struct setting producer_settings[] = {
	{"linger.ms", LINGER_MS},
	{"queue.buffering.max.messages", QUEUE_MESSAGES},
	{"enable.idempotence", "true"},
	{NULL, NULL},
};

/* Set by what belongs together, not as it stands there. */
static bool
is_ours(const char *name)
{
	return kafka_property_is_ours(name) || strcmp(name, "session.timeout.ms") == 0 ||
	       strcmp(name, "transaction.timeout.ms") == 0;
}

/* Three heartbeats a session, and at least one in HEARTBEAT_MS_MAX: one that is lost must not cost the membership. */
static int
set_session(struct kafka *log, rd_kafka_conf_t *conf, struct error *err)
{
	int64_t heartbeat_ms = log->numbers.session_ms / 3 < HEARTBEAT_MS_MAX ? log->numbers.session_ms / 3
									      : HEARTBEAT_MS_MAX;
	char number[32];

	snprintf(number, sizeof(number), "%lld", (long long)log->numbers.session_ms);
	if (kafka_config_set(conf, "session.timeout.ms", number, err) < 0)
		return -1;
	snprintf(number, sizeof(number), "%lld", (long long)(heartbeat_ms > 0 ? heartbeat_ms : 1));
	return kafka_config_has(log, "heartbeat.interval.ms")
		       ? 0
		       : kafka_config_set(conf, "heartbeat.interval.ms", number, err);
}

/* No larger batches than the topics take: one that is refused costs the transaction. */
static int
set_batch(struct kafka *log, rd_kafka_conf_t *conf, struct error *err)
{
	int64_t limit = kafka_limit_batch_bytes(log), bytes = log->numbers.batch_bytes;
	char number[32];

	snprintf(number, sizeof(number), "%lld", (long long)(bytes < limit ? bytes : limit));
	return kafka_config_set(conf, "batch.size", number, err);
}

static int
set_bytes(struct kafka *log, rd_kafka_conf_t *conf, const char *name, int64_t number, struct error *err)
{
	char text[32];

	if (kafka_config_has(log, name))
		return 0;
	snprintf(text, sizeof(text), "%lld", (long long)number);
	return kafka_config_set(conf, name, text, err);
}

static int
fill(struct kafka *log, rd_kafka_conf_t *conf, enum kafka_role role, struct error *err)
{
	bool producer = role == KAFKA_PRODUCER || role == KAFKA_PLAIN_PRODUCER;
	char number[32];

	if (kafka_config_set(conf, "client.id", log->application, err) < 0 ||
	    kafka_config_set(conf, "reconnect.backoff.max.ms", RECONNECT_MS_MAX, err) < 0 ||
	    set_all(conf, producer ? producer_settings : consumer_settings, err) < 0)
		return -1;
	if (!producer && kafka_config_set(conf, "isolation.level",
					  role == KAFKA_PENDING ? "read_uncommitted" : "read_committed", err) < 0)
		return -1;
	for (char **at = log->properties; *at; at += 2)
		if (!is_ours(at[0]) && kafka_config_set(conf, at[0], at[1], err) < 0)
			return -1;
	if (producer && (set_batch(log, conf, err) < 0 || set_bytes(log, conf, "queue.buffering.max.kbytes",
								    log->shares.producer_bytes / 1024, err) < 0))
		return -1;
	if (role == KAFKA_GROUP && !kafka_config_broker_assigns(log) && set_session(log, conf, err) < 0)
		return -1;
	snprintf(number, sizeof(number), "%lld", (long long)log->numbers.transaction_ms);
	return role == KAFKA_PRODUCER ? kafka_config_set(conf, "transaction.timeout.ms", number, err) : 0;
}

/* An answer is kept until its last record is taken. It has room for one batch whatever the queues hold. */
int
kafka_config_queues(struct kafka *log, rd_kafka_conf_t *conf, int queues, int partitions, struct error *err)
{
	int64_t bytes = kafka_shares_queue(&log->shares, queues), answer = bytes * partitions;
	int64_t fetch = bytes < KAFKA_FETCH_BYTES_MAX ? bytes : KAFKA_FETCH_BYTES_MAX;

	answer = answer < KAFKA_ANSWER_BYTES_MAX ? answer : KAFKA_ANSWER_BYTES_MAX;
	answer = answer > KAFKA_BATCH_BYTES ? answer : KAFKA_BATCH_BYTES;
	if (set_bytes(log, conf, "queued.max.messages.kbytes", bytes / 1024, err) < 0 ||
	    set_bytes(log, conf, "fetch.message.max.bytes", fetch, err) < 0)
		return -1;
	return set_bytes(log, conf, "fetch.max.bytes", answer, err);
}

rd_kafka_conf_t *
kafka_config(struct kafka *log, enum kafka_role role, void *opaque, struct error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	rd_kafka_conf_set_log_cb(conf, kafka_log_callback);
	rd_kafka_conf_set_opaque(conf, opaque);
	if (fill(log, conf, role, err) == 0)
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}

int
kafka_handle_open(rd_kafka_conf_t *conf, rd_kafka_type_t type, rd_kafka_t **out, struct error *err)
{
	char text[ERROR_TEXT_SIZE / 2];

	*out = rd_kafka_new(type, conf, text, sizeof(text));
	if (*out)
		return 0;
	rd_kafka_conf_destroy(conf);
	return fail(err, FATAL, "log: %s", text);
}
