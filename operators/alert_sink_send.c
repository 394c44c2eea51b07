#include <inttypes.h>
#include <stdio.h>

#include "base/logger.h"
#include "base/memory.h"
#include "operators/alert_sink_delivery.h"

#define BATCH_ALERTS_MAX 64
#define BATCH_BYTES_MAX (1024 * 1024)
#define FORGET_REPEATS 4 /* Alertmanager forgets what it has not heard of for so many repeats */
#define LOOK_MS_MAX 5000 /* all entries are looked at at least that often */

/* Keys of alerts that are due for a receiver, as many as may go now; those that have failed least come first. */
struct picks {
	struct bytes keys[BATCH_ALERTS_MAX];
	uint64_t ranks[BATCH_ALERTS_MAX];
	size_t count, capacity;
};

/* One look through the entries of a task. */
struct look {
	const struct alert_sink *sink;
	struct delivery *delivery;
	struct context *context;
	int task;
	int64_t now_ms;		    /* wall time: what the entries hold */
	int64_t steady_ms, next_ms; /* steady time: of this look, of the next one */
	struct picks picks[ALERT_RECEIVERS_MAX];
	size_t waiting[ALERT_RECEIVERS_MAX];
	int64_t alerts;
	struct bytes *over; /* keys of entries that may go */
	size_t over_count, over_capacity;
};

static void
at_latest(struct look *look, int64_t wait_ms)
{
	if (wait_ms < look->next_ms - look->steady_ms)
		look->next_ms = look->steady_ms + wait_ms;
}

static struct bytes
copy(struct look *look, struct bytes key)
{
	void *to = context_take(look->context, key.size);

	memcpy(to, key.data, key.size);
	return bytes_of(to, key.size);
}

/* ---- what is due ---- */

/* After a failure one request tries. */
static size_t
free_places(const struct alert_sink *sink, const struct alert_receiver *receiver)
{
	int64_t places = receiver->failures > 0 ? 1 : sink->in_flight_max;

	if (receiver->kind == ALERT_ALERTMANAGER)
		return receiver->in_flight == 0 ? BATCH_ALERTS_MAX : 0;
	return receiver->in_flight < places ? (size_t)(places - receiver->in_flight) : 0;
}

static bool
is_on_its_way(const struct look *look, const struct alert_receiver *receiver, struct bytes key)
{
	for (const struct transfer *transfer = look->delivery->transfers; transfer; transfer = transfer->next) {
		if (transfer->task != look->task || transfer->receiver != receiver)
			continue;
		for (size_t i = 0; i < transfer->count; i++) {
			const struct sent *sent = &transfer->alerts[i];

			if (bytes_equal(bytes_of(transfer->keys.data + sent->key_at, sent->key_size), key))
				return true;
		}
	}
	return false;
}

/* A webhook that answers, though badly, may take another alert at once. */
static bool
may_try(const struct alert_receiver *receiver, const struct alert_word *word, int64_t steady_ms)
{
	return steady_ms >= receiver->next_ms ||
	       (receiver->kind == ALERT_WEBHOOK && receiver->answered && word->failures == 0);
}

static void
pick(struct look *look, struct picks *picks, struct bytes key, uint64_t rank)
{
	size_t at = picks->count;

	if (at == picks->capacity && (at == 0 || picks->ranks[at - 1] <= rank))
		return;
	if (at < picks->capacity)
		picks->count++;
	else
		at--;
	for (; at > 0 && picks->ranks[at - 1] > rank; at--) {
		picks->ranks[at] = picks->ranks[at - 1];
		picks->keys[at] = picks->keys[at - 1];
	}
	picks->ranks[at] = rank;
	picks->keys[at] = copy(look, key);
}

static void
look_for(struct look *look, size_t index, struct alert_entry *entry)
{
	const struct alert_receiver *receiver = &look->delivery->receivers[index];
	const struct alert_word *word = alert_entry_word(entry, receiver);
	int64_t due_ms = alert_word_due(entry, word, receiver->kind, &look->sink->times, look->now_ms);

	if (due_ms > look->now_ms)
		at_latest(look, due_ms - look->now_ms);
	else if (!may_try(receiver, word, look->steady_ms))
		at_latest(look, receiver->next_ms - look->steady_ms);
	else if (look->picks[index].capacity > 0 && !is_on_its_way(look, receiver, entry->alert.id))
		pick(look, &look->picks[index], entry->alert.id,
		     receiver->kind == ALERT_WEBHOOK ? word->failures : word->alone);
}

static void
note_over(struct look *look, const struct alert_entry *entry)
{
	if (look->over_count == look->over_capacity) {
		look->over_capacity = look->over_capacity ? 2 * look->over_capacity : 64;
		look->over = memory_resize_array(look->over, look->over_capacity, sizeof(*look->over));
	}
	look->over[look->over_count++] = copy(look, entry->alert.id);
}

static void
look_at(struct look *look, struct alert_entry *entry)
{
	const struct alert_receiver *receivers = look->delivery->receivers;
	size_t unsettled = 0;
	int64_t ends_ms;

	alert_entry_keep(entry, receivers, look->delivery->receiver_count);
	for (size_t i = 0; i < look->delivery->receiver_count; i++)
		if (!alert_word_settled(entry, alert_entry_word(entry, &receivers[i]), receivers[i].kind))
			unsettled++;
	ends_ms = alert_entry_ends(entry, unsettled == 0, &look->sink->times);
	if (ends_ms <= look->now_ms) {
		note_over(look, entry);
		return;
	}
	at_latest(look, ends_ms - look->now_ms);
	look->alerts++;
	for (size_t i = 0; i < look->delivery->receiver_count; i++) {
		if (!alert_word_settled(entry, alert_entry_word(entry, &receivers[i]), receivers[i].kind))
			look->waiting[i]++;
		look_for(look, i, entry);
	}
}

static int
look_through(struct look *look, struct error *err)
{
	struct store_scan *scan;
	struct entry *entry;
	int result;

	if (store_scan_open(context_store(look->context, ALERT_SINK_STORE), (struct bytes){0}, &scan, err) < 0)
		return -1;
	while ((result = store_scan_next(scan, &entry, err)) == 0 && entry) {
		struct alert_entry value = {0};

		alert_entry_read(entry_key(entry), entry_value(entry), &value);
		look_at(look, &value);
	}
	store_scan_close(&scan);
	return result;
}

/* ---- what is over ---- */

static void
say_given_up(struct look *look, struct alert_entry *entry)
{
	struct delivery *delivery = look->delivery;
	char id[512], text[256];

	snprintf(text, sizeof(text), "%.*s", bytes_arguments(entry->alert.id));
	logger_quote(id, sizeof(id), text);
	for (size_t i = 0; i < delivery->receiver_count; i++) {
		const struct alert_receiver *receiver = &delivery->receivers[i];

		if (alert_word_settled(entry, alert_entry_word(entry, receiver), receiver->kind))
			continue;
		context_count(look->context, ALERTS_GIVEN_UP, 1);
		logger_error("alert_given_up", "receiver=\"%s\" alert=%s revision=%" PRId64, receiver->name, id,
			     entry->alert.revision);
	}
}

static int
remove_over(struct look *look, struct error *err)
{
	struct store *store = context_store(look->context, ALERT_SINK_STORE);

	for (size_t i = 0; i < look->over_count; i++) {
		struct alert_entry value = {0};
		struct entry *entry;

		if (store_find(store, key_of(look->over[i]), &entry, err) < 0)
			return -1;
		insist(entry);
		alert_entry_read(look->over[i], entry_value(entry), &value);
		alert_entry_keep(&value, look->delivery->receivers, look->delivery->receiver_count);
		say_given_up(look, &value);
		entry_remove(store, entry);
	}
	return 0;
}

/* ---- sending ---- */

static void
put_item(const struct look *look, const struct alert *alert, struct buffer *body)
{
	/* From its start, should that be ahead: an end before it is refused. */
	int64_t from_ms = alert->starts_ms > look->now_ms ? alert->starts_ms : look->now_ms;

	buffer_put_u8(body, body->size ? ',' : '[');
	alert_put_item(alert, look->sink->job, from_ms + FORGET_REPEATS * look->sink->times.repeat_ms, body);
}

static void
note_sent(struct transfer *transfer, const struct alert *alert)
{
	transfer->alerts[transfer->count++] = (struct sent){
		.key_at = transfer->keys.size,
		.key_size = alert->id.size,
		.revision = alert->revision,
		.change = alert->change,
	};
	buffer_put_bytes(&transfer->keys, alert->id);
}

static void
start(struct look *look, struct transfer *transfer, struct alert_request *request)
{
	struct delivery *delivery = look->delivery;
	bool webhook = transfer->receiver->kind == ALERT_WEBHOOK;

	request->url = transfer->receiver->url;
	request->argument = transfer;
	alert_http_start(delivery->http, request);
	transfer->receiver->in_flight++;
	transfer->next = delivery->transfers;
	delivery->transfers = transfer;
	context_count(look->context, webhook ? WEBHOOK_SENT : ALERTMANAGER_SENT, (int64_t)transfer->count);
}

static struct transfer *
new_transfer(const struct look *look, struct alert_receiver *receiver, size_t alerts)
{
	struct transfer *transfer = memory_new(sizeof(*transfer));

	transfer->task = look->task;
	transfer->receiver = receiver;
	transfer->alerts = memory_new_array(alerts, sizeof(*transfer->alerts));
	return transfer;
}

static int
read_picked(struct look *look, struct bytes key, struct alert_entry *out, struct error *err)
{
	struct entry *entry;

	if (store_find(context_store(look->context, ALERT_SINK_STORE), key_of(key), &entry, err) < 0)
		return -1;
	insist(entry);
	alert_entry_read(key, entry_value(entry), out);
	return 0;
}

static int
send_list(struct look *look, struct alert_receiver *receiver, const struct picks *picks, struct error *err)
{
	struct buffer *body = &look->delivery->scratch;
	struct transfer *transfer = new_transfer(look, receiver, picks->count);
	struct alert_request request = {
		.headers = {look->delivery->authorization},
		.user = look->sink->user,
		.password = look->delivery->password,
	};
	struct alert_entry entry;

	buffer_clear(body);
	for (size_t i = 0; i < picks->count && body->size < BATCH_BYTES_MAX; i++) {
		/* Those that have to go by themselves are the last. */
		if (i > 0 && picks->ranks[i] > 0)
			break;
		entry = (struct alert_entry){0};
		if (read_picked(look, picks->keys[i], &entry, err) < 0) {
			delivery_transfer_free(&transfer);
			return -1;
		}
		put_item(look, &entry.alert, body);
		note_sent(transfer, &entry.alert);
	}
	buffer_put_u8(body, ']');
	request.body = buffer_bytes(body);
	start(look, transfer, &request);
	return 0;
}

static int
send_webhook(struct look *look, struct alert_receiver *receiver, struct bytes key, struct error *err)
{
	struct buffer *body = &look->delivery->scratch;
	struct alert_entry entry = {0};
	char id[ALERT_MESSAGE_ID_SIZE], signature[ALERT_SIGNATURE_SIZE];
	char id_header[ALERT_MESSAGE_ID_SIZE + 32], time_header[64], signature_header[ALERT_SIGNATURE_SIZE + 32];
	struct alert_request request = {.headers = {id_header, time_header, signature_header}};
	struct transfer *transfer;

	if (read_picked(look, key, &entry, err) < 0)
		return -1;
	buffer_clear(body);
	alert_put_webhook(&entry.alert, look->sink->job, look->now_ms, body);
	alert_message_id(entry.alert.change, id);
	alert_sign(&look->delivery->secret, id, look->now_ms / 1000, buffer_bytes(body), signature);
	snprintf(id_header, sizeof(id_header), "webhook-id: %s", id);
	snprintf(time_header, sizeof(time_header), "webhook-timestamp: %" PRId64, look->now_ms / 1000);
	snprintf(signature_header, sizeof(signature_header), "webhook-signature: %s", signature);
	request.body = buffer_bytes(body);
	transfer = new_transfer(look, receiver, 1);
	note_sent(transfer, &entry.alert);
	start(look, transfer, &request);
	return 0;
}

static int
send_picks(struct look *look, struct error *err)
{
	for (size_t i = 0; i < look->delivery->receiver_count; i++) {
		struct alert_receiver *receiver = &look->delivery->receivers[i];
		const struct picks *picks = &look->picks[i];

		if (picks->count > 0 && receiver->kind == ALERT_ALERTMANAGER &&
		    send_list(look, receiver, picks, err) < 0)
			return -1;
		for (size_t j = 0; j < picks->count && receiver->kind == ALERT_WEBHOOK; j++)
			if (send_webhook(look, receiver, picks->keys[j], err) < 0)
				return -1;
	}
	return 0;
}

int
delivery_look(const struct alert_sink *sink, struct context *context, struct error *err)
{
	struct delivery *delivery = sink->delivery;
	struct delivery_task *task = &delivery->tasks[context_task(context)];
	struct look *look = context_take(context, sizeof(*look));
	int result;

	*look = (struct look){
		.sink = sink,
		.delivery = delivery,
		.context = context,
		.task = context_task(context),
		.now_ms = context_now_ms(context),
		.steady_ms = context_steady_ms(context),
		.next_ms = context_steady_ms(context) + LOOK_MS_MAX,
	};
	for (size_t i = 0; i < delivery->receiver_count; i++)
		look->picks[i].capacity = free_places(sink, &delivery->receivers[i]);
	result = look_through(look, err);
	if (result == 0)
		result = remove_over(look, err);
	if (result == 0)
		result = send_picks(look, err);
	memory_free(&look->over);
	if (result < 0)
		return -1;
	task->look = false;
	task->next_ms = look->next_ms;
	task->alerts = look->alerts;
	memcpy(task->waiting, look->waiting, sizeof(task->waiting));
	return 0;
}
