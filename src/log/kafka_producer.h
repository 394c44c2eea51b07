/* A producing handle of the Kafka log, transactional or plain, and where the records of one topic went. */
#ifndef LOG_KAFKA_PRODUCER_H
#define LOG_KAFKA_PRODUCER_H

#include "log/kafka_call.h"
#include "log/kafka_log.h"

/* The offsets that the records of this transaction got in one partition of the tracked topic. */
struct kafka_tracked {
	_Atomic int64_t first, last; /* -1: none */
	_Atomic int64_t count;	     /* acknowledged */
	_Atomic int64_t unknown;     /* of those: the cluster has it, and nobody says where */
};

struct kafka_producer {
	struct kafka *log;
	rd_kafka_t *handle;
	struct kafka_caller caller;
	char *id;		/* transactional id; NULL: without transactions */
	rd_kafka_topic_t **rkt; /* by topic number */
	int rkt_count;
	int tracked;			   /* topic, or -1 */
	_Atomic(rd_kafka_topic_t *) track; /* its handle */
	int tracked_partitions;
	struct kafka_tracked *tracks;	     /* by partition of the tracked topic */
	_Atomic int64_t failures;	     /* records that were given up, since the last look */
	_Atomic(rd_kafka_topic_t *) refused; /* whose batch was too large for its topic; NULL: none */
	int refusals;			     /* of those in a row, although the topic's limit says otherwise */
	int64_t batch_bytes_max;	     /* of a batch, as it was opened */
	bool ready;			     /* init_transactions has succeeded */
};

int kafka_producer_open(struct kafka *log, const char *id, int tracked, struct kafka_producer **out, struct error *err);
void kafka_producer_close(struct kafka_producer **producer);
/* Ends what a predecessor of the same id left open, and fences him. RETRY while the cluster cannot be reached. */
int kafka_producer_prepare(struct kafka_producer *producer, struct error *err);
rd_kafka_topic_t *kafka_producer_topic(struct kafka_producer *producer, int topic, struct error *err);
void kafka_producer_forget(struct kafka_producer *producer); /* what was tracked: a new transaction begins */
/* librdkafka has given it up, or does not come back from a call for longer than its transaction may last. */
bool kafka_producer_is_lost(struct kafka_producer *producer);
/* By a new one of the same name, which fences it: that also ends its transaction. */
int kafka_producer_replace(struct kafka_producer **producer, struct error *err);
/* The topic that has refused a batch as too large, or -1. */
int kafka_producer_refused(const struct kafka_producer *producer);
/* As kafka_fail_error; where the producer is lost it says what may have taken its name. */
int kafka_producer_fail(const struct kafka_producer *producer, rd_kafka_error_t *error, const char *what,
			struct error *err);
/* Until everything is acknowledged. A transactional producer says what failed with the next transactional call. */
int kafka_producer_flush(struct kafka_producer *producer, struct error *err);

#endif
