/*
 * One request of librdkafka's admin API, and its answer. The caller makes the request itself, with `options` and
 * `queue`.
 */
#ifndef LOG_KAFKA_ADMIN_H
#define LOG_KAFKA_ADMIN_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct kafka_admin {
	rd_kafka_AdminOptions_t *options;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *answer; /* NULL: there is none yet */
};

/* librdkafka itself gives up after timeout_ms. */
void kafka_admin_open(struct kafka_admin *admin, rd_kafka_t *handle, rd_kafka_admin_op_t request, int timeout_ms);
/* After the request was made. Whether there is an answer, within wait_ms; may be called again. */
bool kafka_admin_wait(struct kafka_admin *admin, int wait_ms);
/* What an answer lent is gone. */
void kafka_admin_close(struct kafka_admin *admin);

#endif
