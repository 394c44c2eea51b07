/* What the files of alert_sink share. */
#ifndef OPERATORS_ALERT_SINK_H
#define OPERATORS_ALERT_SINK_H

#include "dataflow/operator.h"
#include "operators/alert_sink_entry.h"
#include "sinks/alert_http.h"
#include "sinks/alert_sign.h"

enum alert_sink_input { ALERT_SINK_ALERTS };
enum alert_sink_store { ALERT_SINK_STORE };

/* Of each kind of receiver there are four, in this order. */
enum alert_sink_counter {
	ALERTMANAGER_SENT,
	ALERTMANAGER_TAKEN,
	ALERTMANAGER_FAILED,
	ALERTMANAGER_REFUSED,
	WEBHOOK_SENT,
	WEBHOOK_TAKEN,
	WEBHOOK_FAILED,
	WEBHOOK_REFUSED,
	ALERTS_OLDER,
	ALERTS_LONG_OVER,
	ALERTS_TOO_MANY,
	ALERTS_GIVEN_UP,
};

struct delivery;

struct alert_sink {
	char *alertmanager, *user, *password_file, *token_file;
	char *webhook, *webhook_secret_file;
	char *ca, *job;
	struct alert_times times;
	int64_t timeout_ms, in_flight_max, alerts_max, drain_ms;
	bool log;
	struct {
		struct field name, labels, state, severity, value, threshold, window_start, starts_at, ends_at, runbook,
			revision;
		int64_t firing; /* index of the symbol */
	} row;
	struct delivery *delivery;
};

int delivery_open(const struct alert_sink *sink, int tasks, struct delivery **out, struct error *err);
void delivery_close(struct delivery **delivery);
/* A record was processed whose log has this time; `added` entries to the store. */
void delivery_processed(struct delivery *delivery, int task, int64_t timestamp_ms, int added);
int64_t delivery_alerts(const struct delivery *delivery, int task); /* in the store, about */
struct buffer *delivery_scratch(struct delivery *delivery);
int delivery_clock(const struct alert_sink *sink, struct context *context, int64_t *wait_ms, bool *pending,
		   struct error *err);
void delivery_drop(struct delivery *delivery);

#endif
