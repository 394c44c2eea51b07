/*
 * The numbers below `log:` that the Kafka log reads itself, and which of them belong together. Each rule stands here,
 * and its text has both numbers. Pure: a topology is checked without a cluster.
 */
#ifndef LOG_KAFKA_NUMBERS_H
#define LOG_KAFKA_NUMBERS_H

#include "log/log.h"

#define KAFKA_SESSION_MS 45000	       /* librdkafka's default session.timeout.ms */
#define KAFKA_TRANSACTION_MS_MAX 60000 /* transaction.timeout.ms where the topology says nothing: less */
#define KAFKA_POLL_MS 300000	       /* librdkafka's default max.poll.interval.ms */
#define KAFKA_BATCH_BYTES 1000000      /* librdkafka's default batch.size and message.max.bytes */
#define KAFKA_COMMITS_MIN 2	       /* commit intervals that must fit into a transaction's timeout */

struct kafka_numbers {
	int64_t replication; /* of topics that are created; -1: the cluster's default */
	int64_t session_ms, transaction_ms;
	int64_t batch_bytes;
};

/*
 * `properties`: name, value, ..., NULL. *property: the name of the one that is wrong, or LOG_COMMIT_INTERVAL. FATAL.
 */
bool kafka_numbers_have(const char *name); /* a property of that name is read here */
int kafka_numbers_read(const char *const *properties, const struct log_config *config, struct kafka_numbers *out,
		       const char **property, struct error *err);

#endif
