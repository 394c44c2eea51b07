/*
 * The alerts of integrity_rollup: one entry for each that has ever fired, with all that its row says, so that it can be
 * resolved even where its rule is no longer there.
 *
 * An alert that is resolved is remembered for a long time: its row's revision goes on from there when it fires again.
 * How many fire is kept in an entry of its own.
 */
#include "operators/integrity_rollup_alert.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const label_names[ALERT_TEXTS] = {
	[DIMENSION] = "dimension", [HOP] = "hop", [LOG] = "log", [TASK] = "task", [VALUE] = "value",
};

/* ---- the entry ---- */

struct bytes
alert_id(const struct alert *alert, struct context *context)
{
	size_t most = alert->texts[NAME].size + 2;
	uint8_t *id, *to;
	char separator = '{';

	for (int i = NAME + 1; i < RUNBOOK; i++)
		most += 16 + 2 * alert->texts[i].size;
	id = to = context_take(context, most);
	memcpy(to, alert->texts[NAME].data, alert->texts[NAME].size);
	to += alert->texts[NAME].size;
	for (int i = NAME + 1; i < RUNBOOK; i++) {
		struct bytes text = alert->texts[i];

		if (!text.data)
			continue;
		to += sprintf((char *)to, "%c%s=\"", separator, label_names[i]);
		for (size_t at = 0; at < text.size; at++) {
			if (text.data[at] == '"' || text.data[at] == '\\')
				*to++ = '\\';
			*to++ = text.data[at];
		}
		*to++ = '"';
		separator = ',';
	}
	*to++ = '}';
	return bytes_of(id, (size_t)(to - id));
}

void
alert_read(struct bytes value, struct alert *out)
{
	struct cursor cursor = cursor_of(value);
	struct bytes head = cursor_bytes(&cursor, sizeof(out->head));

	insist(!cursor.bad);
	memcpy(&out->head, head.data, sizeof(out->head));
	for (int i = 0; i < ALERT_TEXTS; i++) {
		uint64_t size = cursor_varint(&cursor);

		out->texts[i] = size > 0 ? cursor_bytes(&cursor, size - 1) : (struct bytes){0};
	}
	insist(!cursor.bad && cursor_left(&cursor) == 0);
}

int
alert_write(const struct alert *alert, struct bytes id, struct context *context, struct error *err)
{
	struct store *store = context_store(context, RAISED);
	size_t size = sizeof(alert->head);
	struct entry *entry;
	uint8_t *data, *to;
	bool is_new;

	for (int i = 0; i < ALERT_TEXTS; i++)
		size += BUFFER_VARINT_SIZE_MAX + alert->texts[i].size;
	data = to = context_take(context, size);
	memcpy(to, &alert->head, sizeof(alert->head));
	to += sizeof(alert->head);
	for (int i = 0; i < ALERT_TEXTS; i++) { /* 0: no text; else its size and 1 */
		to += store_varint(to, alert->texts[i].data ? alert->texts[i].size + 1 : 0);
		if (alert->texts[i].size != 0)
			memcpy(to, alert->texts[i].data, alert->texts[i].size);
		to += alert->texts[i].size;
	}
	size = (size_t)(to - data);
	if (store_add(store, key_of(id), size, &entry, &is_new, err) < 0)
		return -1;
	memcpy(entry_edit(store, &entry, size), data, size);
	if (entry_timer(entry) != alert->head.act_at)
		entry_set_timer(store, entry, alert->head.act_at);
	return 0;
}

/* ---- the row ---- */

static void
set_labels(const struct rollup *self, struct record *row, const struct alert *alert, struct context *context)
{
	union slot *items = context_take(context, 2 * (size_t)ALERT_TEXTS * sizeof(*items)), *item = items;

	for (int i = NAME + 1; i < RUNBOOK; i++) {
		if (!alert->texts[i].data)
			continue;
		(item++)->bytes = bytes_of_text(label_names[i]);
		(item++)->bytes = alert->texts[i];
	}
	row->slots[self->alert.labels.slot].array.items = items;
	row->slots[self->alert.labels.slot].array.count = (size_t)(item - items) / 2;
}

int
alert_emit(const struct rollup *self, struct alert *alert, struct bytes id, struct context *context, struct error *err)
{
	struct record *row = context_row(context, ALERTS);
	const struct alert_head *head = &alert->head;

	alert->head.revision++;
	if (alert_write(alert, id, context, err) < 0)
		return -1;
	context_count(context, head->firing ? COUNT_FIRED : COUNT_RESOLVED, 1);
	if (!row)
		return 0;
	record_set_bytes(row, self->alert.name, alert->texts[NAME]);
	set_labels(self, row, alert, context);
	record_set_integer(row, self->alert.state, self->alert.states[head->firing]);
	record_set_bytes(row, self->alert.severity, bytes_of_text(alert_severities[head->severity]));
	record_set_real(row, self->alert.value, head->value);
	record_set_real(row, self->alert.threshold, head->threshold);
	record_set_integer(row, self->alert.window_start, head->window_start);
	record_set_integer(row, self->alert.starts_at, head->starts_at);
	if (head->firing)
		record_set_null(row, self->alert.ends_at);
	else
		record_set_integer(row, self->alert.ends_at, head->breach_end);
	record_set_bytes(row, self->alert.runbook, alert->texts[RUNBOOK]);
	record_set_integer(row, self->alert.revision, head->revision);
	record_set_bytes(row, self->alert.id, id);
	row->time_ms = head->window_start;
	return context_emit(context, ALERTS, id, row, err);
}

int
alert_find(struct bytes id, struct alert *out, bool *found, struct context *context, struct error *err)
{
	struct entry *entry;
	struct bytes value;
	uint8_t *copy;

	if (store_find(context_store(context, RAISED), key_of(id), &entry, err) < 0)
		return -1;
	*found = entry != NULL;
	if (!entry)
		return 0;
	alert_read(entry_value(entry), out);
	value = entry_value(entry);
	copy = context_take(context, value.size);
	memcpy(copy, value.data, value.size);
	for (int i = 0; i < ALERT_TEXTS; i++) /* what they were borrowed from is about to be written */
		if (out->texts[i].data)
			out->texts[i].data = copy + (out->texts[i].data - value.data);
	return 0;
}

/* ---- for a rescale ---- */

static int64_t
firing_of(struct bytes value)
{
	int64_t firing;

	memcpy(&firing, value.data, sizeof(firing));
	return firing;
}

/* That a task held alerts back is over in any case, since its series are those of other tasks from now on. */
static void
share_held_back(const struct share_part *entry, struct alert *alert, struct share *share)
{
	struct buffer value = {0};
	struct share_part part = *entry;
	char number[16];

	snprintf(number, sizeof(number), "%.*s", bytes_arguments(alert->texts[TASK]));
	part.task = atoi(number) % share_tasks(share);
	if (alert->head.firing)
		alert->head.act_at = part.fire_at = alert->head.window_start;
	buffer_put_bytes(&value, entry->value);
	memcpy(value.data, &alert->head, sizeof(alert->head));
	part.value = buffer_bytes(&value);
	share_add(share, RAISED, &part);
	buffer_fini(&value);
}

void
rollup_alert_share(const struct share_part *entry, struct share *share)
{
	struct alert alert;
	int64_t one = 1;
	int task;

	if (bytes_equal(entry->key, bytes_of_text(FIRING_KEY)))
		return;
	alert_read(entry->value, &alert);
	if (alert.texts[TASK].data) {
		share_held_back(entry, &alert, share);
		return;
	}
	task = share_task_of(share, alert.texts[VALUE]);
	share_whole(share, task);
	if (alert.head.firing)
		share_add(share, RAISED,
			  &(struct share_part){task, bytes_of_text(FIRING_KEY), bytes_of(&one, sizeof(one)), TIME_MAX});
}

/* Only counts come in parts: an alert belongs to one task. */
int64_t
rollup_alert_merge(const struct share_part *a, const struct share_part *b, struct buffer *value)
{
	int64_t firing = firing_of(a->value) + firing_of(b->value);

	buffer_put(value, &firing, sizeof(firing));
	return TIME_MAX;
}

void
rollup_alert_show(const struct entry *entry, struct buffer *out)
{
	struct alert alert;
	int64_t firing;

	if (bytes_equal(entry_key(entry), bytes_of_text(FIRING_KEY))) {
		firing = firing_of(entry_value(entry));
		buffer_print(out, "{\"firing\": %lld}", (long long)firing);
		return;
	}
	alert_read(entry_value(entry), &alert);
	buffer_print(
		out,
		"{\"state\": \"%s\", \"value\": %g, \"threshold\": %g, \"window_start\": %lld, \"starts_at\": %lld, "
		"\"revision\": %d}",
		alert.head.firing ? "firing" : "resolved", alert.head.value, alert.head.threshold,
		(long long)alert.head.window_start, (long long)alert.head.starts_at, alert.head.revision);
}
