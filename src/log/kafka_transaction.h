/*
 * What a transaction on Kafka is made of: kafka_append.c gathers its records and hands them over, kafka_transaction.c
 * opens, commits and aborts it. One thread's.
 */
#ifndef LOG_KAFKA_TRANSACTION_H
#define LOG_KAFKA_TRANSACTION_H

#include "base/usage.h"
#include "log/kafka_limit.h"
#include "log/kafka_owner.h"

struct kafka_entry;
struct kafka_stream;

enum step { STEP_OPEN, STEP_RECORDS, STEP_POSITIONS, STEP_COMMIT }; /* kafka_transaction.c */

struct kafka_transaction {
	struct transaction transaction;
	struct kafka *log;
	struct kafka_producer *producer; /* NULL: at least once without a journal */
	struct kafka_producer *plain;	 /* at least once: records of other topics than the journal */
	rd_kafka_t *const *group;	 /* the member's handle, or NULL, or nothing there */
	char *group_name; /* with no handle: positions go to it without a generation; NULL: no positions */
	int tracked;
	struct buffer bytes;
	struct kafka_entry *entries;
	struct usage bytes_usage, entries_usage;
	size_t count, capacity;
	size_t count_max;     /* the most of them at a time in this transaction */
	size_t kept, sent;    /* entries */
	size_t pending_bytes; /* of what was handed over and forgotten */
	size_t send_bytes;    /* from so many in `bytes` on they are handed over */
	bool appending;	      /* between begin and end; the entry is entries[count] */
	bool begun;	      /* with librdkafka */
	bool failed;	      /* something could not be handed over: only an abort helps */
	struct error failure;
	struct kafka_stream **streams; /* by topic and partition; NULL: none of that topic yet */
	int topic_count;
	struct kafka_stream *filled;
	struct kafka_sizes sizes;   /* of records, by topic */
	struct kafka_owners owners; /* of the tracked topic */
	enum step step;
	rd_kafka_topic_partition_list_t *positions;
};

static inline struct kafka_transaction *
kafka_transaction_of(struct transaction *base)
{
	return (struct kafka_transaction *)base;
}

/* With librdkafka, where that has not been done: before the first record, or positions without any. */
int kafka_transaction_begin(struct kafka_transaction *transaction, struct error *err);

/*
 * Gives librdkafka all that was kept; waits for room in its queue at most wait_ms. RETRY: it has no room, or no
 * transaction yet, or what has to be there first is not acknowledged yet; the next call goes on. What fails otherwise
 * fails again until the records are cleared.
 */
int kafka_append_hand_over(struct kafka_transaction *transaction, int64_t wait_ms, struct error *err);
void kafka_append_clear(struct kafka_transaction *transaction); /* no records, no failure */
void kafka_append_fini(struct kafka_transaction *transaction);

#endif
