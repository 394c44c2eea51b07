/*
 * Where partitions begin and end, as a thread of its own finds out: the asker (kafka_ends.c). Part of kafka_log.h.
 */
#ifndef LOG_KAFKA_ENDS_H
#define LOG_KAFKA_ENDS_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "log/log.h"

struct kafka;
struct kafka_topic;

/* What is known of a partition's ends, and what somebody wants to know. Times are monotonic. */
struct kafka_ends {
	struct partition_ends now;
	int64_t asked_us;	  /* the question that `now` answers was asked then; 0: nothing is known */
	int64_t wanted_us;	  /* an answer to a question of this time or later is wanted */
	int64_t dropped_us;	  /* until then */
	int64_t again_us;	  /* not asked before that: the last question had no answer */
	int64_t failed_us;	  /* that question was asked then */
	rd_kafka_resp_err_t code; /* why; or no error */
};

/* The thread that asks for ends (kafka_ends.c), from the first question on. */
struct kafka_asker {
	pthread_t thread;
	bool started;
	atomic_bool stopping;
	int64_t watch_us;	 /* the next look at all topics; the thread's own */
	pthread_mutex_t lock;	 /* guards `started`, the topics' `ends`, and `pending` */
	pthread_cond_t wake;	 /* there is something to ask */
	pthread_cond_t answered; /* or it is known why not */
};

void kafka_asker_init(struct kafka_asker *asker);
void kafka_asker_fini(struct kafka_asker *asker); /* waits for the request that is out: half a second at most, or so */
/*
 * The ends as they were at since_us (monotonic) or later. Waits for the answer at most wait_ms: RETRY, and the
 * question stands; the same call takes the answer when it is there. Any thread.
 */
int kafka_ends(struct kafka *log, int topic, int partition, int64_t since_us, int64_t wait_ms,
	       struct partition_ends *out, struct error *err);
int kafka_ends_since(struct log *log, int topic, int partition, int64_t since_us, struct partition_ends *out,
		     struct error *err);

/* What metadata says of a topic: the watch's part of it (kafka_watch.c). On the asker's thread. */
void kafka_watch_note(struct kafka *log, struct kafka_topic *topic, rd_kafka_resp_err_t code, int partitions);
/* Looks at all topics, if it is time to. Gives the time when it is to be called again. On the asker's thread. */
int64_t kafka_watch(struct kafka *log);
/* Metadata of one topic, noted, with its leaders. On the asker's thread. */
rd_kafka_resp_err_t kafka_look_up(struct kafka *log, struct kafka_topic *topic);
/* FATAL: the topic has another count of partitions than when it was opened. RETRY: it is not there. Any thread. */
int kafka_topic_look(struct log *log, int topic, struct error *err);

int kafka_partition_ends(struct log *log, int topic, int partition, struct partition_ends *out, struct error *err);

#endif
