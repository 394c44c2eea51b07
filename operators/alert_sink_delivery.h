/*
 * The delivery of alerts: requests and their answers, while the task goes on.
 *
 * delivery_clock() is called now and then by each task: it takes the answers that have come, notes in the entries what
 * they say, looks through the entries for what is due, and starts requests. What is on its way is known here only, in
 * memory, and shared by the tasks of a worker; so is how a receiver does (sinks/alert_receiver.h). After a restart the
 * entries say what was not taken.
 *
 * An answer speaks of the revision that was sent: one that came meanwhile is due at once.
 *
 * A topic that is read from its beginning says that alerts fire which are long over, as a later record of it tells. So
 * while old records keep coming, nothing is sent.
 */
#ifndef OPERATORS_ALERT_SINK_DELIVERY_H
#define OPERATORS_ALERT_SINK_DELIVERY_H

#include "operators/alert_sink.h"

#define ALERT_TOKEN_SIZE_MAX 4096

struct sent {
	size_t key_at, key_size; /* in transfer.keys */
	int64_t revision;
	uint64_t change;
};

/* A request on its way, or answered and not yet noted by the task that sent it. */
struct transfer {
	struct transfer *next;
	int task;
	struct alert_receiver *receiver;
	struct sent *alerts;
	size_t count;
	struct buffer keys;
	bool answered;
	struct alert_answer answer;
};

struct delivery_task {
	bool look;	 /* something has changed since the entries were looked at */
	int64_t next_ms; /* steady time when there is something to do, as far as known */
	int64_t alerts;
	size_t waiting[ALERT_RECEIVERS_MAX]; /* alerts that each receiver has not settled */
	int64_t progress_us;		     /* when a record or a good answer came last */
	bool gave_up_waiting;
	/* Catching up with the topic. */
	bool processed;		      /* a record, since the last call */
	int64_t timestamp_ms;	      /* wall time, of the last one */
	int64_t catching_up_since_ms; /* steady time; TIME_MAX: it is not */
};

struct delivery {
	struct alert_http *http;
	struct alert_receiver receivers[ALERT_RECEIVERS_MAX];
	size_t receiver_count;
	struct delivery_task *tasks;
	int task_count;
	struct transfer *transfers;
	struct alert_secret secret;
	char *authorization; /* header; NULL: none */
	char password[ALERT_TOKEN_SIZE_MAX];
	uint64_t random;
	struct buffer scratch;
};

void delivery_transfer_free(struct transfer **transfer);

/* Looks through the task's entries and sends what is due. */
int delivery_look(const struct alert_sink *sink, struct context *context, struct error *err);

#endif
