/*
 * What topics take. A broker refuses a batch of records that is larger than its topic's max.message.bytes, and with the
 * batch the transaction, whatever else is in it. So the limit is read, for each topic that this process writes:
 *
 *     a record that would pass it by itself is refused before it is sent, and alone (kafka_record_size_max)
 *     a producer makes no batches that the least of the topics would not take (kafka_limit_batch_bytes)
 *
 * It is read when the topic is first written, and again when a batch was refused all the same: somebody has lowered it.
 * Any thread.
 */
#ifndef LOG_KAFKA_LIMIT_H
#define LOG_KAFKA_LIMIT_H

#include "log/kafka_producer.h"

#define KAFKA_MESSAGE_BYTES_MAX 1048588 /* Kafka's default max.message.bytes; where it may not be read */
#define KAFKA_RECORD_OVERHEAD_BYTES 128 /* of a batch with one record, besides key and value; rounded up */

/* This process is going to write the topic. Reads its limit where it is not known, which takes KAFKA_CALL_MS_MAX at
 * most. RETRY: no answer. Where people may not read it, that is said once, and Kafka's default holds. */
int kafka_limit_written(struct kafka *log, int topic, struct error *err);
/* All topics that the log has been asked for: for a transaction whose topics nobody names. Waits as a start does. */
int kafka_limit_all_written(struct kafka *log, struct error *err);

/* Of key and value of a record; what a topic that is not known to be written takes is not known either. */
size_t kafka_record_size_max(struct log *log, int topic);
/* The largest batch that all written topics take. */
int64_t kafka_limit_batch_bytes(struct kafka *log);

/*
 * After an abort: where a batch was refused as too large, reads its topic's limit again. Lowered: the producer is
 * replaced by one that keeps to it. Not lowered: the second time in a row is FATAL. RETRY: no answer.
 */
int kafka_limit_look(struct kafka_producer **producer, struct error *err);

/* kafka_record_size_max by topic, for one thread: a record costs no lock. All zero bytes: none asked for yet. */
struct kafka_sizes {
	size_t *max;
	int count;
};

size_t kafka_sizes_max(struct kafka_sizes *sizes, struct kafka *log, int topic);
void kafka_sizes_fini(struct kafka_sizes *sizes); /* they are asked for anew */

#endif
