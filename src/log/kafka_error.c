#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/key.h"
#include "base/logger.h"
#include "base/logger_limit.h"
#include "log/kafka_log.h"

/* What a wait, another broker or a new election may cure. */
static bool
passes(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__WAIT_COORD:
	case RD_KAFKA_RESP_ERR__WAIT_CACHE:
	case RD_KAFKA_RESP_ERR__NODE_UPDATE:
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
	case RD_KAFKA_RESP_ERR__RETRY:
	case RD_KAFKA_RESP_ERR__IN_PROGRESS:
	case RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR__UNKNOWN_BROKER:
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: /* of a topic that was seen: see kafka_topic */
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
	case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
	case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
	case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
	case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
	case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
	case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
	case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
	case RD_KAFKA_RESP_ERR_LISTENER_NOT_FOUND:
	case RD_KAFKA_RESP_ERR_STALE_BROKER_EPOCH:
	case RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_ELIGIBLE_LEADERS_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_FETCH_SESSION_ID_NOT_FOUND:
	case RD_KAFKA_RESP_ERR_INVALID_FETCH_SESSION_EPOCH:
	case RD_KAFKA_RESP_ERR_REASSIGNMENT_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
	case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
	case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
	case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
	case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
		return true;
	default:
		return false;
	}
}

int
kafka_fail(struct error *err, rd_kafka_resp_err_t code, const char *format, ...)
{
	char what[ERROR_TEXT_SIZE / 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	return fail(err, passes(code) ? RETRY : FATAL, "%s: %s (%s)", what, rd_kafka_err2str(code),
		    rd_kafka_err2name(code));
}

int
kafka_fail_error(struct error *err, rd_kafka_error_t *error, const char *what)
{
	enum error_action action = FATAL;

	if (rd_kafka_error_is_fatal(error))
		action = FENCED;
	else if (rd_kafka_error_txn_requires_abort(error))
		action = ABORT;
	else if (rd_kafka_error_is_retriable(error) || passes(rd_kafka_error_code(error)))
		action = RETRY;
	else if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE)
		action = ABORT;
	fail(err, action, "%s: %s%s (%s)", what,
	     rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
		     ? "does another process run under the same instance name? "
		     : "",
	     rd_kafka_error_string(error), rd_kafka_error_name(error));
	rd_kafka_error_destroy(error);
	return -1;
}

/*
 * A broker that is gone is worth several lines of every handle, each time that one tries to connect, for as long as it
 * is gone. Of a kind are lines of one facility about one broker, which librdkafka's thread is named after, whatever
 * handle they come from.
 */
static bool
may_be_written(const char *facility, const char *text, int64_t *left_out)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct logger_limit limit;
	size_t thread_size = text[0] == '[' ? strcspn(text, "]") : 0;
	uint64_t kind = key_of(bytes_of_text(facility)).hash ^ (key_of(bytes_of(text, thread_size)).hash + 1);
	bool pass;

	pthread_mutex_lock(&lock);
	pass = logger_limit_pass(&limit, kind ? kind : 1, clock_monotonic_us(), left_out);
	pthread_mutex_unlock(&lock);
	return pass;
}

/* On librdkafka's threads. */
void
kafka_log_callback(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	enum logger_level as = level <= LOG_ERR ? LOGGER_ERROR : level <= LOG_NOTICE ? LOGGER_WARN : LOGGER_DEBUG;
	char quoted[LOGGER_LINE_SIZE / 2], more[48] = "";
	int64_t left_out;

	/*
	 * Every property goes to every handle: one that is for producers only is no news on a consumer. And that a
	 * coordinator is not ready yet is a matter of waiting.
	 */
	if (strcmp(facility, "CONFWARN") == 0 || (strcmp(facility, "GETPID") == 0 && strstr(text, "retrying")))
		as = LOGGER_DEBUG;
	if (as != LOGGER_DEBUG && !may_be_written(facility, text, &left_out))
		return;
	if (as != LOGGER_DEBUG && left_out > 0)
		snprintf(more, sizeof(more), " left_out=%" PRId64, left_out);
	logger_write(as, "librdkafka", "handle=%s facility=%s%s text=%s", handle ? rd_kafka_name(handle) : "none",
		     facility, more, logger_quote(quoted, sizeof(quoted), text));
}
