/*
 * What stands below `log:` in a topology is handed to librdkafka under its own names, but for what the log needs to be
 * as it is. A value may name a secret instead of containing it:
 *
 *     sasl.password: ${ENV:KAFKA_PASSWORD}        the environment variable
 *     ssl.key.password: ${FILE:/run/secrets/key}  the file's content, without a last line feed
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "log/kafka_limit.h"

#define SECRET_SIZE_MAX 65536 /* bytes of a file that holds one */
#define FETCH_BACKOFF_MS                                                                                               \
	"10"		   /* fetching goes on so soon after a queue was full; librdkafka's default halves the rate */
#define FETCH_WAIT_MS "50" /* a broker that has less than fetch.min.bytes answers after so long */
#define LINGER_MS "20"
#define RECONNECT_MS_MAX "1000"	  /* a broker that is back is noticed so soon; librdkafka's default is 10 s */
#define HEARTBEAT_MS_MAX 3000	  /* librdkafka's default */
#define QUEUE_MESSAGES "10000000" /* bounded by bytes instead */

/* Ours: by them hangs that nothing is lost and nothing comes twice. */
static const char *const reserved[] = {
	"client.id",
	"group.id",
	"group.instance.id",
	"transactional.id",
	"enable.idempotence",
	"enable.auto.commit",
	"enable.auto.offset.store",
	"isolation.level",
	"enable.partition.eof",
	"auto.offset.reset",
	"allow.auto.create.topics",
	"partitioner",
	NULL,
};

static int
read_secret_file(const char *path, char **out, struct error *err)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t size;

	if (!file)
		return fail(err, FATAL, "%s cannot be read: %s", path, strerror(errno));
	text = memory_new(SECRET_SIZE_MAX + 1);
	size = fread(text, 1, SECRET_SIZE_MAX + 1, file);
	fclose(file);
	if (size > SECRET_SIZE_MAX) {
		memory_free(&text);
		return fail(err, FATAL, "%s is larger than %d bytes; expected a secret", path, SECRET_SIZE_MAX);
	}
	if (size > 0 && text[size - 1] == '\n')
		text[--size] = 0;
	*out = text;
	return 0;
}

/* Never says the value. */
static int
resolve(const char *name, const char *value, char **out, struct error *err)
{
	size_t size = strlen(value);
	char *inner;
	int result = 0;

	if (strncmp(value, "${", 2) != 0 || value[size - 1] != '}') {
		*out = memory_text(value);
		return 0;
	}
	inner = memory_text(value + 2);
	inner[size - 3] = 0;
	if (strncmp(inner, "ENV:", 4) == 0) {
		const char *found = getenv(inner + 4);

		if (found)
			*out = memory_text(found);
		else
			result = fail(err, FATAL, "log: %s: the environment has no variable %s", name, inner + 4);
	} else if (strncmp(inner, "FILE:", 5) == 0) {
		result = read_secret_file(inner + 5, out, err);
		if (result < 0)
			fail_in(err, "log: %s", name);
	} else {
		result = fail(err, FATAL, "log: %s: expected ${ENV:NAME} or ${FILE:path}", name);
	}
	memory_free(&inner);
	return result;
}

static const char *
find(const struct kafka *log, const char *name)
{
	for (char **at = log->properties; *at; at += 2)
		if (strcmp(*at, name) == 0)
			return at[1];
	return NULL;
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
take_properties(struct kafka *log, const char *const *from, struct error *err)
{
	size_t count = 0, used = 0;

	while (from && from[count])
		count++;
	log->properties = memory_new_array(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i += 2) {
		for (const char *const *name = reserved; *name; name++)
			if (strcmp(from[i], *name) == 0)
				return fail(err, FATAL, "log: %s cannot be set: exactly-once depends on it", from[i]);
		if (resolve(from[i], from[i + 1], &log->properties[used + 1], err) < 0)
			return -1;
		log->properties[used] = memory_text(from[i]);
		used += 2;
	}
	return 0;
}

bool
kafka_config_broker_assigns(const struct kafka *log)
{
	const char *protocol = find(log, "group.protocol");

	return protocol && strcasecmp(protocol, "consumer") == 0;
}

/* What a member decides in the classic protocol, and librdkafka refuses in the other one, with an error that does not
 * say which property it means. */
static int
check_protocol(const struct kafka *log, struct error *err)
{
	static const char *const brokers_own[][2] = {
		{"session.timeout.ms", "group.consumer.session.timeout.ms"},
		{"heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"},
		{"partition.assignment.strategy",
		 "group.consumer.assignors; group.remote.assignor chooses one of them"},
	};

	for (size_t i = 0; kafka_config_broker_assigns(log) && i < sizeof(brokers_own) / sizeof(brokers_own[0]); i++)
		if (find(log, brokers_own[i][0]))
			return fail(
				err, FATAL,
				"log: %s cannot be set with group.protocol: consumer: it is a setting of the brokers "
				"there, %s",
				brokers_own[i][0], brokers_own[i][1]);
	return 0;
}

int
kafka_config_read(struct kafka *log, const struct log_config *config, struct error *err)
{
	const char *property;

	log->application = memory_text(config->application ? config->application : "isotope");
	log->instance = config->instance ? memory_text(config->instance) : NULL;
	log->at_least_once = config->at_least_once;
	kafka_shares_of(config, &log->shares);
	log->wait_ms = config->wait_ms > 0 ? config->wait_ms : KAFKA_OPEN_MS_MAX;
	log->stalled_ms = config->stalled_ms > 0 ? config->stalled_ms : KAFKA_STALLED_MS;
	if (take_properties(log, config->properties, err) < 0 || kafka_identity_read(log, config, err) < 0)
		return -1;
	if (!find(log, "bootstrap.servers") && !find(log, "metadata.broker.list"))
		return fail(err, FATAL,
			    "log: bootstrap.servers is missing; expected the addresses of some brokers, as "
			    "in {type: kafka, bootstrap.servers: \"host:9092\"}");
	if (check_protocol(log, err) < 0)
		return -1;
	if (read_number(log, "topic.metadata.refresh.interval.ms", KAFKA_WATCH_MS, -1, 3600000, &log->watch_ms, err) <
		    0 ||
	    kafka_numbers_read((const char *const *)log->properties, config, &log->numbers, &property, err) < 0)
		return -1;
	if (log->watch_ms <= 0)
		log->watch_ms = KAFKA_WATCH_MS;
	return 0;
}

void
kafka_config_fini(struct kafka *log)
{
	for (char **at = log->properties; at && *at; at++)
		memory_free(at);
	memory_free(&log->properties);
	memory_free(&log->application);
	memory_free(&log->instance);
	memory_free(&log->identity);
}

int
kafka_config_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err)
{
	char text[ERROR_TEXT_SIZE / 2] = "";

	/* librdkafka's text repeats the value, which may be a secret: only names are said. */
	switch (rd_kafka_conf_set(conf, name, value, text, sizeof(text))) {
	case RD_KAFKA_CONF_OK:
		return 0;
	case RD_KAFKA_CONF_UNKNOWN:
		return fail(err, FATAL, "log: librdkafka %s has no property \"%.100s\"", rd_kafka_version_str(), name);
	default:
		return fail(err, FATAL, "log: the value of %s is not one that librdkafka %s takes", name,
			    rd_kafka_version_str());
	}
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

static bool
is_ours(const char *name)
{
	return strcmp(name, "replication.factor") == 0 || strcmp(name, "session.timeout.ms") == 0 ||
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
