#include "sinks/alert.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "record/json.h"
#include "sinks/alert_sign.h"

#define DIGITS_MAX 17 /* of a double */

uint64_t
alert_change(const struct alert *alert)
{
	uint8_t numbers[17];

	store_u64(numbers, (uint64_t)alert->starts_ms);
	store_u64(numbers + 8, (uint64_t)alert->revision);
	numbers[16] = alert->firing;
	return alert_digest(alert->id, bytes_of(numbers, sizeof(numbers)));
}

/* ---- JSON ---- */

static void
put(struct buffer *out, const char *text)
{
	buffer_put_bytes(out, bytes_of_text(text));
}

void
alert_put_text(struct bytes text, struct buffer *out)
{
	buffer_put_u8(out, '"');
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];

		if (c == '"' || c == '\\')
			buffer_put_u8(out, '\\');
		if (c < 0x20)
			buffer_print(out, "\\u%04x", c);
		else
			buffer_put_u8(out, c);
	}
	buffer_put_u8(out, '"');
}

static void
put_member(struct buffer *out, const char *name, struct bytes text)
{
	buffer_print(out, "\"%s\":", name);
	alert_put_text(text, out);
}

static void
put_time(struct buffer *out, const char *name, int64_t ms)
{
	char text[32];

	json_format_time(ms, text);
	put_member(out, name, bytes_of_text(text));
}

/* The fewest digits that read back as the same number; what is none as record/json.h has it. */
static void
format_number(double value, char to[32])
{
	if (!isfinite(value)) {
		snprintf(to, 32, "%s", isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
		return;
	}
	for (int digits = 1; digits <= DIGITS_MAX; digits++) {
		snprintf(to, 32, "%.*g", digits, value);
		if (strtod(to, NULL) == value)
			return;
	}
}

static void
put_number(struct buffer *out, const char *name, double value)
{
	char text[32];

	format_number(value, text);
	buffer_print(out, isfinite(value) ? "\"%s\":%s" : "\"%s\":\"%s\"", name, text);
}

void
alert_put_labels(const struct alert *alert, struct buffer *out)
{
	buffer_put_u8(out, '{');
	for (size_t i = 0; i < alert->label_count; i++) {
		put(out, i ? "," : "");
		alert_put_text(alert->labels[i].name, out);
		buffer_put_u8(out, ':');
		alert_put_text(alert->labels[i].value, out);
	}
	buffer_put_u8(out, '}');
}

/* ---- Alertmanager ---- */

static uint8_t
label_character(uint8_t c, bool first)
{
	return c < 0x80 && (isalpha(c) || c == '_' || (isdigit(c) && !first)) ? c : '_';
}

/* Whether two names of labels are the same once they are written. */
static bool
same_label(struct bytes a, struct bytes b)
{
	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++)
		if (label_character(a.data[i], i == 0) != label_character(b.data[i], i == 0))
			return false;
	return true;
}

static bool
is_taken(const struct alert *alert, size_t index)
{
	static const char *const own[] = {"alertname", "severity", "job"};
	struct bytes name = alert->labels[index].name;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (same_label(name, bytes_of_text(own[i])))
			return true;
	for (size_t i = 0; i < index; i++)
		if (same_label(name, alert->labels[i].name))
			return true;
	return name.size == 0;
}

static void
put_item_labels(const struct alert *alert, const char *job, struct buffer *out)
{
	put(out, "\"labels\":{");
	put_member(out, "alertname", alert->name);
	put(out, ",");
	put_member(out, "severity", alert->severity);
	put(out, ",");
	put_member(out, "job", bytes_of_text(job));
	for (size_t i = 0; i < alert->label_count; i++) {
		struct bytes name = alert->labels[i].name;

		if (is_taken(alert, i))
			continue;
		put(out, ",\"");
		for (size_t at = 0; at < name.size; at++)
			buffer_put_u8(out, label_character(name.data[at], at == 0));
		put(out, "\":");
		alert_put_text(alert->labels[i].value, out);
	}
	buffer_put_u8(out, '}');
}

static void
put_annotations(const struct alert *alert, struct buffer *out)
{
	struct buffer summary = {0};
	char value[32], threshold[32], window[32];

	format_number(alert->value, value);
	format_number(alert->threshold, threshold);
	json_format_time(alert->window_start_ms, window);
	buffer_put_bytes(&summary, alert->name);
	buffer_print(&summary,
		     alert->firing ? " is %s, beyond %s, in the window from %s"
				   : " is %s, within %s again, since the window from %s",
		     value, threshold, window);
	put(out, "\"annotations\":{");
	put_member(out, "summary", buffer_bytes(&summary));
	put(out, ",");
	put_member(out, "value", bytes_of_text(value));
	put(out, ",");
	put_member(out, "threshold", bytes_of_text(threshold));
	if (alert->runbook.size) {
		put(out, ",");
		put_member(out, "runbook_url", alert->runbook);
	}
	buffer_put_u8(out, '}');
	buffer_fini(&summary);
}

void
alert_put_item(const struct alert *alert, const char *job, int64_t until_ms, struct buffer *out)
{
	int64_t ends_ms = alert->firing ? until_ms : alert->ends_ms;

	buffer_put_u8(out, '{');
	put_item_labels(alert, job, out);
	put(out, ",");
	put_annotations(alert, out);
	put(out, ",");
	put_time(out, "startsAt", alert->starts_ms);
	put(out, ",");
	/* An alert that ends before it starts is refused. */
	put_time(out, "endsAt", ends_ms > alert->starts_ms ? ends_ms : alert->starts_ms);
	buffer_put_u8(out, '}');
}

/* ---- webhooks ---- */

void
alert_put_webhook(const struct alert *alert, const char *job, int64_t now_ms, struct buffer *out)
{
	const char *state = alert->firing ? "firing" : "resolved";

	buffer_print(out, "{\"type\":\"alert.%s\",", state);
	put_time(out, "timestamp", now_ms);
	put(out, ",\"data\":{");
	put_member(out, "alert", alert->id);
	put(out, ",");
	put_member(out, "name", alert->name);
	put(out, ",");
	put_member(out, "state", bytes_of_text(state));
	put(out, ",");
	put_member(out, "severity", alert->severity);
	put(out, ",\"labels\":");
	alert_put_labels(alert, out);
	put(out, ",");
	put_number(out, "value", alert->value);
	put(out, ",");
	put_number(out, "threshold", alert->threshold);
	put(out, ",");
	put_time(out, "window_start", alert->window_start_ms);
	put(out, ",");
	put_time(out, "starts_at", alert->starts_ms);
	put(out, ",");
	if (alert->firing)
		put(out, "\"ends_at\":null");
	else
		put_time(out, "ends_at", alert->ends_ms);
	put(out, ",");
	put_member(out, "runbook", alert->runbook);
	buffer_print(out, ",\"revision\":%" PRId64 ",", alert->revision);
	put_member(out, "job", bytes_of_text(job));
	put(out, "}}");
}
