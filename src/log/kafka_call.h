/*
 * The calls of a transactional handle that wait for a coordinator, made on a thread of their own. librdkafka is given
 * KAFKA_CALL_MS_MAX for each, and does not keep to it: in 2.0.2 rd_kafka_send_offsets_to_transaction waits without end
 * for a coordinator that has gone. Who calls here does not wait with it.
 *
 * One call is out at a time. Made again, the same call waits on for what it was about, with the arguments that it had.
 */
#ifndef LOG_KAFKA_CALL_H
#define LOG_KAFKA_CALL_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define KAFKA_CALL_GRACE_MS 300 /* more than librdkafka is given: its own answer says more than ours */

enum kafka_call { KAFKA_CALL_NONE, KAFKA_CALL_INIT, KAFKA_CALL_POSITIONS, KAFKA_CALL_COMMIT, KAFKA_CALL_ABORT };

struct kafka_caller {
	rd_kafka_t *handle;
	bool started;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	enum kafka_call call; /* is out; NONE: none is */
	bool done, stopping;
	int64_t began_us;
	rd_kafka_error_t *error;		      /* what it came to; NULL: it has worked */
	rd_kafka_topic_partition_list_t *positions;   /* of POSITIONS */
	rd_kafka_consumer_group_metadata_t *metadata; /* likewise */
};

void kafka_caller_init(struct kafka_caller *caller);
/* Waits for a call that is out, however long that takes. */
void kafka_caller_fini(struct kafka_caller *caller);

/* *error is the caller's. RETRY: it is not back yet, or another one is out. */
int kafka_call(struct kafka_caller *caller, enum kafka_call call, rd_kafka_error_t **error, struct error *err);
/* The same, of KAFKA_CALL_POSITIONS. Takes `metadata` over; copies `positions`. */
int kafka_call_positions(struct kafka_caller *caller, const rd_kafka_topic_partition_list_t *positions,
			 rd_kafka_consumer_group_metadata_t *metadata, rd_kafka_error_t **error, struct error *err);
/* How long the call that is out has been; *call: which it is. 0: none is. */
int64_t kafka_call_ms(struct kafka_caller *caller, enum kafka_call *call);

#endif
