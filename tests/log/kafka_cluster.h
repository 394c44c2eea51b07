/* A log on librdkafka's own mock of a cluster, of one broker. Good for errors, no proof of exactly-once. */
#ifndef TESTS_LOG_KAFKA_CLUSTER_H
#define TESTS_LOG_KAFKA_CLUSTER_H

#include "log/kafka_log.h"

#include <librdkafka/rdkafka_mock.h>

struct cluster {
	rd_kafka_t *host;
	rd_kafka_mock_cluster_t *mock;
	struct log *log;
	int topic; /* "rows", of one partition */
};

/* Skips the test under the thread sanitizer. */
void cluster_open(struct cluster *cluster);
void cluster_close(struct cluster *cluster);

#endif
