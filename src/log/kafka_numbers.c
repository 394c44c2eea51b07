#include "log/kafka_numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HEARTBEATS_MIN 3 /* in a session: one that is lost must not cost the membership */

struct given {
	int64_t replication, session_ms, transaction_ms, heartbeat_ms, poll_ms, message_ms, delivery_ms;
	int64_t message_bytes, batch_bytes, queue_kib;
};

struct number {
	const char *name;
	size_t offset;
	int64_t min, max;
};

#define NONE (-1) /* not given */
#define HOUR_MS 3600000

static const struct number numbers[] = {
	{"replication.factor", offsetof(struct given, replication), 1, 100},
	{"session.timeout.ms", offsetof(struct given, session_ms), 1, HOUR_MS},
	{"transaction.timeout.ms", offsetof(struct given, transaction_ms), 1000, 900000},
	{"heartbeat.interval.ms", offsetof(struct given, heartbeat_ms), 1, HOUR_MS},
	{"max.poll.interval.ms", offsetof(struct given, poll_ms), 1, 24 * HOUR_MS},
	{"message.timeout.ms", offsetof(struct given, message_ms), 1, INT32_MAX},
	{"delivery.timeout.ms", offsetof(struct given, delivery_ms), 1, INT32_MAX},
	/* Less than a part of a journal's block needs would never do. */
	{"message.max.bytes", offsetof(struct given, message_bytes), KAFKA_BATCH_BYTES, INT32_MAX},
	{"batch.size", offsetof(struct given, batch_bytes), 1, INT32_MAX},
	{"queued.max.messages.kbytes", offsetof(struct given, queue_kib), 1, 2097151},
};

bool
kafka_numbers_have(const char *name)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(numbers[i].name, name) == 0)
			return true;
	return false;
}

static const char *
find(const char *const *properties, const char *name)
{
	for (; properties && *properties; properties += 2)
		if (strcmp(*properties, name) == 0)
			return properties[1];
	return NULL;
}

static int
read_number(const char *const *properties, const struct number *number, struct given *out, struct error *err)
{
	int64_t *to = (int64_t *)(void *)((char *)out + number->offset);
	const char *text = find(properties, number->name);
	char *end;
	long long value;

	*to = NONE;
	if (!text)
		return 0;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < number->min || value > number->max)
		return fail(err, FATAL, "log: %s is \"%.100s\"; expected a number from %" PRId64 " to %" PRId64,
			    number->name, text, number->min, number->max);
	*to = value;
	return 0;
}

static int64_t
or_else(int64_t given, int64_t initial)
{
	return given == NONE ? initial : given;
}

static int64_t
default_transaction_ms(int64_t session_ms)
{
	return session_ms * 2 / 3 < KAFKA_TRANSACTION_MS_MAX ? session_ms * 2 / 3 : KAFKA_TRANSACTION_MS_MAX;
}

/* ---- what belongs together ---- */

static int
check_times(const struct given *given, const struct kafka_numbers *out, const char **property, struct error *err)
{
	int64_t poll_ms = or_else(given->poll_ms, KAFKA_POLL_MS);
	bool delivery = given->delivery_ms != NONE;
	int64_t message_ms = delivery ? given->delivery_ms : given->message_ms;

	*property = "transaction.timeout.ms";
	if (out->transaction_ms >= out->session_ms)
		return fail(err, FATAL,
			    "log: transaction.timeout.ms %" PRId64 " is not less than session.timeout.ms %" PRId64
			    ": one that the group has given up could still commit",
			    out->transaction_ms, out->session_ms);
	*property = "heartbeat.interval.ms";
	if (given->heartbeat_ms != NONE && HEARTBEATS_MIN * given->heartbeat_ms > out->session_ms)
		return fail(err, FATAL,
			    "log: heartbeat.interval.ms %" PRId64 " is more than a third of session.timeout.ms %" PRId64
			    ": a heartbeat that is lost would cost the membership",
			    given->heartbeat_ms, out->session_ms);
	*property = given->poll_ms != NONE ? "max.poll.interval.ms" : "session.timeout.ms";
	if (poll_ms < out->session_ms)
		return fail(err, FATAL,
			    "log: max.poll.interval.ms %" PRId64 " is less than session.timeout.ms %" PRId64
			    "; librdkafka takes at least as much",
			    poll_ms, out->session_ms);
	*property = delivery ? "delivery.timeout.ms" : "message.timeout.ms";
	if (message_ms > out->transaction_ms)
		return fail(err, FATAL,
			    "log: %s %" PRId64 " is more than transaction.timeout.ms %" PRId64
			    ": rows would still be tried when their transaction is gone",
			    *property, message_ms, out->transaction_ms);
	return 0;
}

static int
check_commits(const struct log_config *config, const struct given *given, const struct kafka_numbers *out,
	      const char **property, struct error *err)
{
	char origin[64] = "";

	*property = LOG_COMMIT_INTERVAL;
	if (config->at_least_once || KAFKA_COMMITS_MIN * config->commit_interval_ms <= out->transaction_ms)
		return 0;
	if (given->transaction_ms == NONE)
		snprintf(origin, sizeof(origin), " (from session.timeout.ms %" PRId64 ")", out->session_ms);
	return fail(err, FATAL,
		    LOG_COMMIT_INTERVAL
		    " %" PRId64 " ms is more than half of log: transaction.timeout.ms %" PRId64
		    "%s: the broker would end transactions before they are committed; expected at most %" PRId64
		    " ms, or longer timeouts",
		    config->commit_interval_ms, out->transaction_ms, origin, out->transaction_ms / KAFKA_COMMITS_MIN);
}

static int
check_queues(const struct log_config *config, const struct given *given, const char **property, struct error *err)
{
	*property = "queued.max.messages.kbytes";
	if (given->queue_kib == NONE || config->load.queues == 0 || config->memory_bytes == 0 ||
	    given->queue_kib <= config->memory_bytes / 1024 / config->load.queues)
		return 0;
	return fail(err, FATAL,
		    "log: queued.max.messages.kbytes %" PRId64 " for each of %d partitions that are read is more than "
		    "the log's part of `memory`, %" PRId64 " KiB; expected at most %" PRId64
		    ", more memory, or to leave it out: then it follows from `memory`",
		    given->queue_kib, config->load.queues, config->memory_bytes / 1024,
		    config->memory_bytes / 1024 / config->load.queues);
}

int
kafka_numbers_read(const char *const *properties, const struct log_config *config, struct kafka_numbers *out,
		   const char **property, struct error *err)
{
	struct given given;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		*property = numbers[i].name;
		if (read_number(properties, &numbers[i], &given, err) < 0)
			return -1;
	}
	out->replication = given.replication;
	out->session_ms = or_else(given.session_ms, KAFKA_SESSION_MS);
	out->transaction_ms = or_else(given.transaction_ms, default_transaction_ms(out->session_ms));
	out->batch_bytes = or_else(given.batch_bytes, KAFKA_BATCH_BYTES);
	if (check_times(&given, out, property, err) < 0 || check_commits(config, &given, out, property, err) < 0)
		return -1;
	return check_queues(config, &given, property, err);
}
