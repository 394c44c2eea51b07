/*
 * Reading partitions: a place is a queue of its own, no matter who reads; readers are places on a handle of the log's.
 */
#ifndef LOG_KAFKA_PLACE_H
#define LOG_KAFKA_PLACE_H

#include "log/kafka_log.h"
#include "log/kafka_stall.h"

/* Where one partition is read, on a handle that may read others. One thread's. */
struct kafka_place {
	struct kafka_place *next; /* in the list of who opened it */
	struct kafka *log;
	rd_kafka_t *handle;
	rd_kafka_topic_t *rkt;
	int topic, partition;
	rd_kafka_queue_t *queue;
	rd_kafka_message_t **messages; /* behind the last batch */
	size_t message_count;
	struct log_record *records;
	int64_t position;    /* of the next record */
	bool at_end;	     /* the end was reached, and nothing has come since */
	int64_t heard_us;    /* records or an end came, or the ends were confirmed */
	int64_t asked_us;    /* since then the ends are asked for; 0: they are not */
	int64_t pending_end; /* as confirmed last */
	bool silent;	     /* nobody answers */
	int64_t lost_us;     /* there is no such offset, as was heard then: to be begun again; 0: all is well */
	bool failed;	     /* `failure` is to be raised, and what follows to be fetched again */
	struct error failure;
	struct log_gap gap; /* what was taken away, not yet said */
	struct kafka_stall stall;
	int stalled; /* not yet said */
};

/* event_fd: written to when something comes while nothing was there; -1: nobody waits. */
int kafka_place_open(struct kafka *log, rd_kafka_t *handle, int topic, int partition, int64_t offset, int event_fd,
		     struct kafka_place **out, struct error *err);
void kafka_place_close(struct kafka_place **place);
int kafka_place_fetch(struct kafka_place *place, int64_t wait_ms, struct log_batch *out, struct error *err);

/* ---- readers ---- */

int kafka_reader_open(struct log *log, int topic, int partition, int64_t offset, struct reader **out,
		      struct error *err);
int kafka_reader_fetch(struct reader *reader, int64_t wait_ms, struct log_batch *out, struct error *err);
void kafka_reader_close(struct reader *reader);

#endif
