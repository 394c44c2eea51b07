/*
 * A receiver of alerts: its URL, what an answer of it means, and when it may be asked again. Pure.
 *
 * What an answer means
 *     2xx                                  taken
 *     401, 403, 404, 407, 408, 425, 429    later: what is at fault is the receiver (its address, a password, its state)
 *     any other 4xx                        refused: this alert, as it stands, will never be taken
 *     any other, or none                   later
 *
 * After a failure the receiver is left alone: for a time that doubles with each one in a row up to `backoff_ms_max`, of
 * which a random half is taken, and that is at least what the answer asks for (Retry-After). Then one request tries.
 */
#ifndef SINKS_ALERT_RECEIVER_H
#define SINKS_ALERT_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ALERT_RECEIVERS_MAX 8
#define ALERT_BACKOFF_MS_MIN 250
#define ALERT_RECEIVER_NAME_SIZE 128

enum alert_kind { ALERT_ALERTMANAGER, ALERT_WEBHOOK };
enum alert_verdict { ALERT_TAKEN, ALERT_REFUSED, ALERT_LATER };

struct alert_receiver {
	enum alert_kind kind;
	char *url;
	/* For people, and where secrets may not be: the URL without what stands behind the host. */
	char name[ALERT_RECEIVER_NAME_SIZE];
	uint64_t id; /* of (kind, URL): stable */
	int in_flight;
	int failures;			   /* in a row */
	bool answered;			   /* at the last one: it is there, and may take another alert */
	int64_t next_ms;		   /* steady time: no request before */
	int64_t failing_since_ms, said_ms; /* steady time */
};

/* A list of URLs with commas between them, appended to receivers[0 .. *count). `option` is its name in errors. Of an
 * Alertmanager it is the address of its page; /api/v2/alerts is added. */
int alert_receivers_add(enum alert_kind kind, const char *option, const char *list, struct alert_receiver *receivers,
			size_t *count, struct error *err);
void alert_receivers_free(struct alert_receiver *receivers, size_t count);

enum alert_verdict alert_verdict(int status);

/* `random` decides on the jitter. */
void alert_receiver_failed(struct alert_receiver *receiver, bool answered, int64_t retry_after_ms,
			   int64_t backoff_ms_max, uint64_t random, int64_t now_ms);
void alert_receiver_worked(struct alert_receiver *receiver);

#endif
