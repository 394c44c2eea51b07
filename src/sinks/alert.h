/*
 * An alert as it is told to the outside: to Alertmanager (API v2) as one item of the list that is posted, and to a
 * webhook as a body of its own. Pure: an alert in, JSON out. Texts are borrowed and are UTF-8.
 *
 * For Alertmanager an alert is its labels: alertname, severity, job and the alert's own (those three win over own ones
 * of the same name; characters that a label's name may not have become _). They and startsAt stay the same while it
 * fires. `annotations` tell a person more: summary, value, threshold, runbook_url.
 *
 * A webhook gets
 *
 *     {"type":"alert.firing","timestamp":"2026-11-21T05:00:00.000Z","data":{"alert":"the topic's key","name":...,
 *      "state":"firing","severity":...,"labels":{...},"value":0.5,"threshold":0.1,"window_start":...,"starts_at":...,
 *      "ends_at":null,"runbook":...,"revision":3,"job":...}}
 */
#ifndef SINKS_ALERT_H
#define SINKS_ALERT_H

#include "base/buffer.h"

#define ALERT_LABELS_MAX 64

struct alert_label {
	struct bytes name, value;
};

struct alert {
	struct bytes id; /* the topic's key: what it is known by */
	struct bytes name, severity, runbook;
	struct alert_label labels[ALERT_LABELS_MAX];
	size_t label_count;
	bool firing;
	double value, threshold;
	int64_t window_start_ms, starts_ms;
	int64_t ends_ms; /* where it is resolved */
	int64_t revision;
	uint64_t change; /* names the change that brought it into its state; the same for all revisions in that state */
};

/* The name of the change into the alert's present state, at its revision. */
uint64_t alert_change(const struct alert *alert);

/* `until_ms`: endsAt of one that fires: when Alertmanager is to forget it unless it hears of it again. */
void alert_put_item(const struct alert *alert, const char *job, int64_t until_ms, struct buffer *out);
void alert_put_webhook(const struct alert *alert, const char *job, int64_t now_ms, struct buffer *out);
/* "{"a":"b"}" as a webhook has them. */
void alert_put_labels(const struct alert *alert, struct buffer *out);

/* A text as JSON, with its quotes. */
void alert_put_text(struct bytes text, struct buffer *out);

#endif
