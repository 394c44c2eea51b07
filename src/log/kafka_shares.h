/*
 * How the log's part of `memory` is shared out among librdkafka's queues, those of all handles of the process together:
 *
 *     three quarters   what was fetched and not taken yet: an equal part for each task and each partition of a table.
 *                      A task's part is that of its inputs, or of its journal while it is restored
 *     one quarter      what was handed over and not acknowledged yet: an equal part for each producer
 *
 * A queue counts the bytes of records, and holds some hundred bytes beside each: it gets a part of what it may take.
 * Below a least size a queue would hold less than one batch of a broker; where that makes them more together than their
 * part, the start says so (memory_short). Pure.
 */
#ifndef LOG_KAFKA_SHARES_H
#define LOG_KAFKA_SHARES_H

#include "log/log.h"

#define KAFKA_FETCHED_PERCENT 75		  /* of the log's memory; the rest is the producers' */
#define KAFKA_RECORD_FACTOR 4			  /* what records of 100 to 200 bytes take in a queue, by their size */
#define KAFKA_PRODUCED_FACTOR 2			  /* the same in a producer's */
#define KAFKA_QUEUE_BYTES_MIN ((int64_t)64 << 10) /* of a partition that is read */
#define KAFKA_QUEUE_BYTES_MAX ((int64_t)4 << 20)  /* likewise */
#define KAFKA_PRODUCER_BYTES_MIN ((int64_t)1 << 20)	  /* of a producer: more than a record has at most */
#define KAFKA_PRODUCER_BYTES_MAX ((int64_t)2097151 << 10) /* the most that librdkafka takes */
#define KAFKA_FETCH_BYTES_MAX ((int64_t)1 << 20)	  /* of a partition in one answer; librdkafka's default */
#define KAFKA_ANSWER_BYTES_MAX ((int64_t)50 << 20)	  /* of one broker to one handle; librdkafka's default */
#define KAFKA_READERS 64				  /* partitions read at a time where nobody knows how many */

_Static_assert(KAFKA_PRODUCER_BYTES_MIN > LOG_RECORD_SIZE_MAX, "an empty queue has room for any record");

struct kafka_shares {
	int parts;		/* among which fetched_bytes are shared out */
	int64_t fetched_bytes;	/* for all that is fetched */
	int64_t part_bytes;	/* of a task, or of a partition of a table: in bytes of records */
	int64_t producer_bytes; /* of a producer's queue: likewise */
	int64_t least_bytes;	/* what all queues take together where each has only the least; 0: not known */
};

void kafka_shares_of(const struct log_config *config, struct kafka_shares *out);
/* Of each of so many queues that share a part. */
int64_t kafka_shares_queue(const struct kafka_shares *shares, int queues);

#endif
