/*
 * alert_sink: tells people of alerts: hands the rows of the compacted topic `alerts` to Alertmanager and to webhooks.
 *
 * A row is only noted: the entry of its alert says how it stands and what each receiver has said to it. So positions
 * are committed whatever the receivers do, and one that is away holds up neither the topic nor the other receivers.
 * What is due goes out from the entries, by the wall clock, without anybody waiting for an answer
 * (alert_sink_delivery.h).
 *
 *  - Alertmanager hears of every alert that fires again and again (`repeat`): it forgets one that it has not heard of
 *    for four times as long. Of one that is over it hears for `resolved_for`. Labels and startsAt stay the same. Every
 *    address gets every alert, as Alertmanager wants it where several are one cluster.
 *  - A webhook gets one request for each change of state, with an id that stays the same and a signature
 *    (sinks/alert_sign.h), until it has answered.
 *
 * Whoever receives them, each change of state is also a line in this process' own log (`log`).
 *
 * At least once: what was taken is remembered with the next commit, so a kill in between repeats it, with the same id.
 * Only the newest state counts: what changed again before a receiver could be told is told as it stands now; a webhook
 * that was away while an alert fired and ended hears of the end only. An alert of which the first that is seen is that
 * it ended more than `resolved_for` ago is not told to anybody.
 *
 *     notify:
 *       type: alert_sink
 *       inputs: {alerts: alerts}
 *       alertmanager: http://alertmanager-1:9093, http://alertmanager-2:9093
 *       webhook: https://example.com/hooks/isotope
 *       webhook_secret_file: /etc/isotope/webhook.secret
 *
 * A run with an end (--until-end) waits until all has been taken or refused, but no longer than `drain`; what is left
 * is in the state for the next run.
 */
#include "operators/alert_sink.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/logger.h"
#include "base/memory.h"
#include "operators/operators.h"

/* ---- opening ---- */

static int
open_fields(struct alert_sink *sink, const struct schema *schema, struct error *err)
{
	const struct wanted_field fields[] = {
		{"name", SCHEMA_STRING, &sink->row.name},
		{"labels", SCHEMA_MAP, &sink->row.labels},
		{"state", SCHEMA_ENUM, &sink->row.state},
		{"severity", SCHEMA_STRING, &sink->row.severity},
		{"value", SCHEMA_DOUBLE, &sink->row.value},
		{"threshold", SCHEMA_DOUBLE, &sink->row.threshold},
		{"window_start", SCHEMA_LONG, &sink->row.window_start},
		{"starts_at", SCHEMA_LONG, &sink->row.starts_at},
		{"ends_at", SCHEMA_LONG, &sink->row.ends_at},
		{"runbook", SCHEMA_STRING, &sink->row.runbook},
		{"revision", SCHEMA_LONG, &sink->row.revision},
		WANTED_END,
	};

	if (record_fields(schema, fields, err) < 0)
		return -1;
	if (sink->row.labels.schema->items->type != SCHEMA_STRING)
		return fail(err, FATAL, "the field labels of %s has to be a map of strings", schema->name);
	sink->row.firing = schema_symbol_find(sink->row.state.schema, "firing");
	if (sink->row.firing < 0)
		return fail(err, FATAL, "the field state of %s has no symbol firing", schema->name);
	return 0;
}

static int
sink_open(void *self, struct context *context, struct error *err)
{
	struct alert_sink *sink = self;

	if (open_fields(sink, context_input_schema(context, ALERT_SINK_ALERTS), err) < 0)
		return -1;
	return delivery_open(sink, context_task_count(context), &sink->delivery, err);
}

static void
sink_close(void *self)
{
	struct alert_sink *sink = self;

	delivery_close(&sink->delivery);
}

/* ---- a row ---- */

static int
read_labels(const struct alert_sink *sink, const struct record *record, struct alert *alert, struct error *err)
{
	const union slot *labels = &record->slots[sink->row.labels.slot];

	alert->label_count = labels->array.count;
	if (alert->label_count > ALERT_LABELS_MAX)
		return fail(err, SKIP, "the alert has %zu labels; at most %d are taken", alert->label_count,
			    ALERT_LABELS_MAX);
	for (size_t i = 0; i < alert->label_count; i++)
		alert->labels[i] = (struct alert_label){
			.name = labels->array.items[2 * i].bytes,
			.value = labels->array.items[2 * i + 1].bytes,
		};
	return 0;
}

static int
read_alert(const struct alert_sink *sink, const struct record *record, int64_t now_ms, struct alert *alert,
	   struct error *err)
{
	*alert = (struct alert){
		.id = record->key.bytes,
		.name = record_bytes(record, sink->row.name),
		.severity = record_bytes(record, sink->row.severity),
		.runbook = record_bytes(record, sink->row.runbook),
		.firing = record_integer(record, sink->row.state) == sink->row.firing,
		.value = record_real(record, sink->row.value),
		.threshold = record_real(record, sink->row.threshold),
		.window_start_ms = record_integer(record, sink->row.window_start),
		.starts_ms = record_integer(record, sink->row.starts_at),
		.ends_ms = record_is_null(record, sink->row.ends_at) ? now_ms
								     : record_integer(record, sink->row.ends_at),
		.revision = record_integer(record, sink->row.revision),
	};
	if (!alert->id.data)
		return fail(err, SKIP, "the alert has no key, which is what it is known by");
	if (alert->revision < 1)
		return fail(err, SKIP, "the alert's revision is %" PRId64 "; expected 1 or more", alert->revision);
	/* Alertmanager takes an alert that ends in the future for one that fires. */
	if (alert->ends_ms > now_ms)
		alert->ends_ms = now_ms;
	alert->change = alert_change(alert);
	return read_labels(sink, record, alert, err);
}

/* A lower revision with a later start is no older row: who counts them has begun anew. */
static bool
is_newer(const struct alert *alert, const struct alert *held)
{
	return alert->revision > held->revision || alert->starts_ms > held->starts_ms;
}

static const char *
quote(char *to, int size, struct bytes text)
{
	char copy[256];

	snprintf(copy, sizeof(copy), "%.*s", bytes_arguments(text));
	return logger_quote(to, size, copy);
}

static void
say(const struct alert *alert)
{
	char name[512], labels[512], runbook[512];
	struct buffer list = {0};

	for (size_t i = 0; i < alert->label_count; i++)
		buffer_print(&list, "%s%.*s=%.*s", i ? " " : "", bytes_arguments(alert->labels[i].name),
			     bytes_arguments(alert->labels[i].value));
	quote(labels, sizeof(labels), buffer_bytes(&list));
	quote(name, sizeof(name), alert->name);
	if (alert->firing)
		logger_warn("alert_firing", "name=%s severity=%.*s value=%g threshold=%g labels=%s runbook=%s", name,
			    bytes_arguments(alert->severity), alert->value, alert->threshold, labels,
			    quote(runbook, sizeof(runbook), alert->runbook));
	else
		logger_warn("alert_resolved", "name=%s labels=%s", name, labels);
	buffer_fini(&list);
}

/* What stands in the entry becomes what the row says; what the receivers have said stays. */
static void
take_over(const struct alert_sink *sink, struct alert_entry *held, const struct alert *alert, int64_t now_ms)
{
	uint64_t change = held->alert.change;
	bool changed = held->alert.firing != alert->firing || held->alert.starts_ms != alert->starts_ms;

	if (changed && sink->log)
		say(alert);
	held->alert = *alert;
	if (changed)
		held->seen_ms = now_ms;
	else
		held->alert.change = change;
	for (size_t i = 0; i < held->word_count; i++) {
		held->words[i].alone = false;
		held->words[i].failures = 0;
	}
}

static int
put_entry(const struct alert_sink *sink, struct store *store, struct entry **entry, const struct alert_entry *value,
	  struct error *err)
{
	struct buffer *scratch = delivery_scratch(sink->delivery);

	buffer_clear(scratch);
	alert_entry_write(value, scratch);
	if (scratch->size > ALERT_ENTRY_SIZE_MAX)
		return fail(err, SKIP, "the alert has %zu bytes; at most %d are taken", scratch->size,
			    ALERT_ENTRY_SIZE_MAX);
	memcpy(entry_edit(store, entry, scratch->size), scratch->data, scratch->size);
	return 0;
}

/* A storm of alerts is no damage: what is more than the task keeps is in the topic, and whoever reads the log knows. */
static int
leave_out(const struct alert_sink *sink, const struct alert *alert, struct context *context)
{
	char name[512];

	context_count(context, ALERTS_TOO_MANY, 1);
	logger_warn("alert_left_out", "name=%s alerts_max=%" PRId64, quote(name, sizeof(name), alert->name),
		    sink->alerts_max);
	return 0;
}

static int
sink_process(const void *self, int input, const struct record *record, struct context *context, struct error *err)
{
	const struct alert_sink *sink = self;
	struct store *store = context_store(context, ALERT_SINK_STORE);
	int64_t now_ms = context_now_ms(context), timestamp_ms = context_raw(context, input).timestamp_ms;
	int task = context_task(context);
	struct alert_entry value = {0};
	struct alert alert;
	struct entry *entry;
	bool added;

	if (read_alert(sink, record, now_ms, &alert, err) < 0 || store_find(store, record->key, &entry, err) < 0)
		return -1;
	delivery_processed(sink->delivery, task, timestamp_ms, !entry);
	if (entry) {
		alert_entry_read(record->key.bytes, entry_value(entry), &value);
		if (!is_newer(&alert, &value.alert)) {
			context_count(context, ALERTS_OLDER, 1);
			return 0;
		}
		take_over(sink, &value, &alert, now_ms);
		return put_entry(sink, store, &entry, &value, err);
	}
	if (!alert.firing && alert.ends_ms < now_ms - sink->times.resolved_for_ms) {
		context_count(context, ALERTS_LONG_OVER, 1);
		return 0;
	}
	if (delivery_alerts(sink->delivery, task) > sink->alerts_max) {
		delivery_processed(sink->delivery, task, timestamp_ms, -1);
		return leave_out(sink, &alert, context);
	}
	if (sink->log)
		say(&alert);
	value.alert = alert;
	value.seen_ms = now_ms;
	if (store_add(store, record->key, 0, &entry, &added, err) < 0)
		return -1;
	return put_entry(sink, store, &entry, &value, err);
}

static int
sink_on_clock(const void *self, struct context *context, int64_t *wait_ms, bool *pending, struct error *err)
{
	return delivery_clock(self, context, wait_ms, pending, err);
}

static void
sink_drop(const void *self)
{
	const struct alert_sink *sink = self;

	delivery_drop(sink->delivery);
}

/* ---- its manual page ---- */

#define AT(field) offsetof(struct alert_sink, field)
#define DAY_MS (24 * 3600 * 1000.0)

static const struct option options[] = {
	{"alertmanager", OPTION_TEXT, AT(alertmanager), "", 0, 0, NULL, NULL,
	 "addresses of Alertmanagers, with commas between them: http://host:9093; each gets every alert"},
	{"alertmanager_user", OPTION_TEXT, AT(user), "", 0, 0, NULL, NULL, "user of basic authentication"},
	{"alertmanager_password_file", OPTION_TEXT, AT(password_file), "", 0, 0, NULL, NULL,
	 "a file whose first line is that user's password"},
	{"alertmanager_token_file", OPTION_TEXT, AT(token_file), "", 0, 0, NULL, NULL,
	 "a file whose first line is a bearer token"},
	{"webhook", OPTION_TEXT, AT(webhook), "", 0, 0, NULL, NULL,
	 "addresses that get a signed request for each change of state, with commas between them"},
	{"webhook_secret_file", OPTION_TEXT, AT(webhook_secret_file), "", 0, 0, NULL, NULL,
	 "a file whose first line is the secret that they are signed with: whsec_ and base64, or any text"},
	{"log", OPTION_BOOLEAN, AT(log), "true", 0, 0, NULL, NULL, "each change of state is a line in the log too"},
	{"tls_ca", OPTION_TEXT, AT(ca), "", 0, 0, NULL, NULL,
	 "file of the certificates that are trusted; empty: the system's"},
	{"job", OPTION_TEXT, AT(job), "isotope", 0, 0, NULL, NULL, "what the label `job` says"},
	{"repeat", OPTION_DURATION, AT(times.repeat_ms), "1min", 100, DAY_MS, NULL, "ms",
	 "Alertmanager hears again of what fires after this time, and forgets it after four times as long"},
	{"resolved_for", OPTION_DURATION, AT(times.resolved_for_ms), "5min", 0, DAY_MS, NULL, "ms",
	 "so long it hears of what is over; what was over longer ago when it is first seen is told to nobody"},
	{"keep", OPTION_DURATION, AT(times.keep_ms), "7d", 1000, 366 * DAY_MS, NULL, "ms",
	 "an alert that is over, and of which a receiver has not taken the end for so long, is given up"},
	{"timeout", OPTION_DURATION, AT(timeout_ms), "10s", 100, 600000, NULL, "ms", "of a request"},
	{"backoff_max", OPTION_DURATION, AT(times.backoff_ms_max), "15s", 100, DAY_MS, NULL, "ms",
	 "the longest wait before a receiver that fails is tried again"},
	{"in_flight", OPTION_INTEGER, AT(in_flight_max), "4", 1, 64, NULL, "requests",
	 "at the same time to one webhook; Alertmanager gets one, of up to 64 alerts"},
	{"alerts_max", OPTION_INTEGER, AT(alerts_max), "10000", 1, 1000000, NULL, "alerts",
	 "kept in one task; further ones are told to nobody, counted (too_many) and named in the log (alert_left_out)"},
	{"drain", OPTION_DURATION, AT(drain_ms), "30s", 0, DAY_MS, NULL, "ms",
	 "a run with an end waits so long for the receivers, after the last record or good answer"},
	OPTION_END,
};

static const struct port inputs[] = {
	[ALERT_SINK_ALERTS] = {"alerts", "alert", NULL, true, "alerts, by what they are known by"},
	{.name = NULL},
};

static const struct store_spec stores[] = {
	[ALERT_SINK_STORE] = {"alerts", "each alert as it stands, and what each receiver has said to it", true},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[ALERTMANAGER_SENT] = {"alertmanager_sent", "alerts that went out to an Alertmanager, repeated ones too"},
	[ALERTMANAGER_TAKEN] = {"alertmanager_acknowledged", "of them, those that it took"},
	[ALERTMANAGER_FAILED] = {"alertmanager_failed", "those that it could not take; they are sent again"},
	[ALERTMANAGER_REFUSED] = {"alertmanager_refused", "those that it will never take; the log says why"},
	[WEBHOOK_SENT] = {"webhook_sent", "requests to webhooks"},
	[WEBHOOK_TAKEN] = {"webhook_acknowledged", "of them, those that were answered 2xx"},
	[WEBHOOK_FAILED] = {"webhook_failed", "those without a good answer; they are sent again"},
	[WEBHOOK_REFUSED] = {"webhook_refused", "those that will never be taken; the log says why"},
	[ALERTS_OLDER] = {"older", "rows that were known already, or a newer one was"},
	[ALERTS_LONG_OVER] = {"long_over", "alerts that were over for long when they were first seen: told to nobody"},
	[ALERTS_TOO_MANY] = {"too_many", "rows of alerts beyond alerts_max: told to nobody"},
	[ALERTS_GIVEN_UP] = {"given_up", "ends of alerts that a receiver did not take within `keep`"},
	{.name = NULL},
};

const struct operator_type alert_sink_type = {
	.name = "alert_sink",
	.help = "Tells Alertmanager and webhooks of the alerts in a topic, until each of them has heard it.",
	.manual = "Alertmanager hears of what fires every repeat, and of its end for resolved_for. A webhook gets "
		  "one request for each change of state, signed as the Standard Webhooks convention has it, with an "
		  "id that stays the same however often it is sent. A receiver that is away delays neither the "
		  "topic nor the other receivers, and is told when it is back.\n"
		  "At least once: what a receiver has taken is remembered with the next commit. Only the newest "
		  "state counts: what changed again meanwhile is told as it stands now. So of an alert that fired and "
		  "ended between two looks a receiver hears the end only.\n"
		  "Limits. An alert has at most 64 labels; one with more is a dead letter, and so is a row without a "
		  "key or with a revision below 1. A task keeps alerts_max alerts: each that fires, and each that is "
		  "over until every receiver has taken its end (for keep at most; given_up) and resolved_for has "
		  "passed. An alert beyond that is told to nobody; its next row is taken if there is room by then.\n",
	.options = options,
	.inputs = inputs,
	.stores = stores,
	.counters = counters,
	.self_size = sizeof(struct alert_sink),
	.open = sink_open,
	.process = sink_process,
	.on_clock = sink_on_clock,
	.drop = sink_drop,
	.close = sink_close,
	.show = alert_entry_show,
};
