#include "operators/alert_sink_delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/logger.h"
#include "base/memory.h"

#define WAIT_ANSWER_MS 20 /* between looks at requests that are on their way, or at a topic that is caught up with */
#define WAIT_MS_MAX 1000  /* how long a new alert may lie there before it is looked at */
#define OLD_MS 10000	  /* a record of which the log's time is older is followed by others */
#define CATCH_UP_MS_MAX 60000
#define SAY_MS 60000

/* ---- opening ---- */

static int
read_secrets(const struct alert_sink *sink, struct delivery *delivery, struct error *err)
{
	char token[ALERT_TOKEN_SIZE_MAX];

	if (*sink->webhook && !*sink->webhook_secret_file)
		return fail(err, FATAL, "webhook needs webhook_secret_file: webhooks are signed");
	if (*sink->webhook_secret_file &&
	    alert_secret_read("webhook_secret_file", sink->webhook_secret_file, &delivery->secret, err) < 0)
		return -1;
	if (!*sink->user != !*sink->password_file)
		return fail(err, FATAL, "alertmanager_user and alertmanager_password_file belong together");
	if (*sink->password_file && alert_secret_line("alertmanager_password_file", sink->password_file,
						      delivery->password, sizeof(delivery->password), err) < 0)
		return -1;
	if (!*sink->token_file)
		return 0;
	if (*sink->user)
		return fail(err, FATAL, "alertmanager_user and alertmanager_token_file exclude each other");
	if (alert_secret_line("alertmanager_token_file", sink->token_file, token, sizeof(token), err) < 0)
		return -1;
	delivery->authorization = memory_format("Authorization: Bearer %s", token);
	return 0;
}

static int
open_receivers(const struct alert_sink *sink, struct delivery *delivery, struct error *err)
{
	if (alert_receivers_add(ALERT_ALERTMANAGER, "alertmanager", sink->alertmanager, delivery->receivers,
				&delivery->receiver_count, err) < 0 ||
	    alert_receivers_add(ALERT_WEBHOOK, "webhook", sink->webhook, delivery->receivers, &delivery->receiver_count,
				err) < 0)
		return -1;
	if (delivery->receiver_count == 0 && !sink->log)
		return fail(err, FATAL, "no receiver is configured; expected alertmanager, webhook or log: true");
	return read_secrets(sink, delivery, err);
}

int
delivery_open(const struct alert_sink *sink, int tasks, struct delivery **out, struct error *err)
{
	const struct alert_http_config config = {.timeout_ms = sink->timeout_ms, .ca = sink->ca};
	struct delivery *delivery = memory_new(sizeof(*delivery));

	delivery->task_count = tasks;
	delivery->tasks = memory_new_array((size_t)tasks, sizeof(*delivery->tasks));
	for (int i = 0; i < tasks; i++)
		delivery->tasks[i] = (struct delivery_task){
			.look = true, .progress_us = clock_monotonic_us(), .catching_up_since_ms = TIME_MAX};
	if (getrandom(&delivery->random, sizeof(delivery->random), 0) < 0)
		delivery->random = (uint64_t)clock_monotonic_us();
	delivery->random |= 1;
	if (open_receivers(sink, delivery, err) < 0 || alert_http_open(&config, &delivery->http, err) < 0) {
		delivery_close(&delivery);
		return -1;
	}
	*out = delivery;
	return 0;
}

void
delivery_transfer_free(struct transfer **transfer)
{
	memory_free(&(*transfer)->alerts);
	buffer_fini(&(*transfer)->keys);
	memory_free(transfer);
}

/* Whether what is on its way arrives is not known then: it is sent again. */
void
delivery_drop(struct delivery *delivery)
{
	struct transfer *transfer;

	alert_http_drop(delivery->http);
	while ((transfer = delivery->transfers)) {
		delivery->transfers = transfer->next;
		delivery_transfer_free(&transfer);
	}
	for (size_t i = 0; i < delivery->receiver_count; i++)
		delivery->receivers[i].in_flight = 0;
	for (int i = 0; i < delivery->task_count; i++)
		delivery->tasks[i].look = true;
}

void
delivery_close(struct delivery **pointer)
{
	struct delivery *delivery = *pointer;

	if (!delivery)
		return;
	if (delivery->http)
		delivery_drop(delivery);
	alert_http_close(&delivery->http);
	alert_receivers_free(delivery->receivers, delivery->receiver_count);
	if (delivery->authorization)
		explicit_bzero(delivery->authorization, strlen(delivery->authorization));
	memory_free(&delivery->authorization);
	memory_free(&delivery->tasks);
	buffer_fini(&delivery->scratch);
	explicit_bzero(delivery, sizeof(*delivery));
	memory_free(pointer);
}

void
delivery_processed(struct delivery *delivery, int number, int64_t timestamp_ms, int added)
{
	struct delivery_task *task = &delivery->tasks[number];

	task->look = task->processed = true;
	task->timestamp_ms = timestamp_ms;
	task->alerts += added;
	task->progress_us = clock_monotonic_us();
	task->gave_up_waiting = false;
}

int64_t
delivery_alerts(const struct delivery *delivery, int task)
{
	return delivery->tasks[task].alerts;
}

struct buffer *
delivery_scratch(struct delivery *delivery)
{
	return &delivery->scratch;
}

/* ---- answers ---- */

static uint64_t
next_random(struct delivery *delivery)
{
	delivery->random ^= delivery->random >> 12;
	delivery->random ^= delivery->random << 25;
	delivery->random ^= delivery->random >> 27;
	return delivery->random * UINT64_C(2685821657736338717) >> 32;
}

static void
say_failing(struct alert_receiver *receiver, const struct alert_answer *answer, int64_t steady_ms)
{
	char reason[2 * ALERT_REASON_SIZE];

	if (receiver->failures > 1 && steady_ms - receiver->said_ms < SAY_MS)
		return;
	receiver->said_ms = steady_ms;
	logger_warn("receiver_fails", "receiver=\"%s\" times=%d for_ms=%" PRId64 " reason=%s", receiver->name,
		    receiver->failures, steady_ms - receiver->failing_since_ms,
		    logger_quote(reason, sizeof(reason), answer->reason));
}

/* How the receiver does; what it says of the alerts is for the task that sent them. */
static void
judge_receiver(const struct alert_sink *sink, struct alert_receiver *receiver, const struct alert_answer *answer,
	       int64_t steady_ms)
{
	receiver->in_flight--;
	if (alert_verdict(answer->status) == ALERT_LATER) {
		alert_receiver_failed(receiver, answer->status != 0, answer->retry_after_ms, sink->times.backoff_ms_max,
				      next_random(sink->delivery), steady_ms);
		say_failing(receiver, answer, steady_ms);
		return;
	}
	if (receiver->failures > 0)
		logger_info("receiver_back", "receiver=\"%s\" after_ms=%" PRId64, receiver->name,
			    steady_ms - receiver->failing_since_ms);
	alert_receiver_worked(receiver);
}

static void
take_answers(const struct alert_sink *sink, int64_t steady_ms)
{
	struct delivery *delivery = sink->delivery;
	struct alert_answer answer;

	while (alert_http_take(delivery->http, &answer)) {
		struct transfer *transfer = answer.argument;

		transfer->answered = true;
		transfer->answer = answer;
		judge_receiver(sink, transfer->receiver, &answer, steady_ms);
		for (int i = 0; i < delivery->task_count; i++)
			delivery->tasks[i].look = true;
	}
}

static void
say_answer(const struct transfer *transfer, const struct sent *sent, struct bytes id, bool refused)
{
	char quoted[512], text[256], reason[2 * ALERT_REASON_SIZE];

	snprintf(text, sizeof(text), "%.*s", bytes_arguments(id));
	logger_write(refused ? LOGGER_ERROR : LOGGER_INFO, refused ? "alert_refused" : "alert_told",
		     "receiver=\"%s\" alert=%s revision=%" PRId64 " reason=%s", transfer->receiver->name,
		     logger_quote(quoted, sizeof(quoted), text), sent->revision,
		     logger_quote(reason, sizeof(reason), transfer->answer.reason));
}

static void
note_word(const struct transfer *transfer, const struct sent *sent, struct alert_entry *entry, int64_t now_ms)
{
	struct alert_word *word = alert_entry_word(entry, transfer->receiver);
	enum alert_verdict verdict = alert_verdict(transfer->answer.status);

	if (verdict == ALERT_LATER) {
		word->failures++;
		word->at_ms = now_ms;
		return;
	}
	/* One of the list is wrong. Alertmanager has taken the others, which it does not say: each goes by itself. */
	if (verdict == ALERT_REFUSED && transfer->count > 1) {
		word->alone = true;
		return;
	}
	/* What Alertmanager only hears again is not worth a line. */
	if (verdict == ALERT_REFUSED || word->change != sent->change)
		say_answer(transfer, sent, entry->alert.id, verdict == ALERT_REFUSED);
	word->refused = verdict == ALERT_REFUSED;
	word->alone = false;
	word->revision = sent->revision;
	word->change = sent->change;
	word->at_ms = now_ms;
	word->failures = 0;
}

static void
count_answer(const struct transfer *transfer, struct context *context)
{
	bool webhook = transfer->receiver->kind == ALERT_WEBHOOK;
	int64_t count = (int64_t)transfer->count;

	switch (alert_verdict(transfer->answer.status)) {
	case ALERT_TAKEN:
		context_count(context, webhook ? WEBHOOK_TAKEN : ALERTMANAGER_TAKEN, count);
		break;
	case ALERT_REFUSED:
		if (count == 1)
			context_count(context, webhook ? WEBHOOK_REFUSED : ALERTMANAGER_REFUSED, 1);
		else
			context_count(context, ALERTMANAGER_FAILED, count);
		break;
	case ALERT_LATER:
		context_count(context, webhook ? WEBHOOK_FAILED : ALERTMANAGER_FAILED, count);
		break;
	}
}

static int
note_answer(const struct alert_sink *sink, const struct transfer *transfer, struct context *context, struct error *err)
{
	struct delivery *delivery = sink->delivery;
	struct store *store = context_store(context, ALERT_SINK_STORE);
	enum alert_verdict verdict = alert_verdict(transfer->answer.status);

	count_answer(transfer, context);
	if (verdict != ALERT_LATER) {
		delivery->tasks[transfer->task].progress_us = clock_monotonic_us();
		delivery->tasks[transfer->task].gave_up_waiting = false;
	} else if (transfer->receiver->kind == ALERT_ALERTMANAGER) {
		return 0;
	}
	for (size_t i = 0; i < transfer->count; i++) {
		const struct sent *sent = &transfer->alerts[i];
		struct key key = key_of(bytes_of(transfer->keys.data + sent->key_at, sent->key_size));
		struct alert_entry value = {0};
		struct entry *entry;

		if (store_find(store, key, &entry, err) < 0)
			return -1;
		if (!entry)
			continue;
		alert_entry_read(key.bytes, entry_value(entry), &value);
		alert_entry_keep(&value, delivery->receivers, delivery->receiver_count);
		note_word(transfer, sent, &value, context_now_ms(context));
		buffer_clear(&delivery->scratch);
		alert_entry_write(&value, &delivery->scratch);
		memcpy(entry_edit(store, &entry, delivery->scratch.size), delivery->scratch.data,
		       delivery->scratch.size);
	}
	return 0;
}

static int
note_answers(const struct alert_sink *sink, struct context *context, struct error *err)
{
	struct transfer **link = &sink->delivery->transfers;
	int result = 0;

	while (*link) {
		struct transfer *transfer = *link;

		if (!transfer->answered || transfer->task != context_task(context)) {
			link = &transfer->next;
			continue;
		}
		*link = transfer->next;
		if (result == 0)
			result = note_answer(sink, transfer, context, err);
		delivery_transfer_free(&transfer);
	}
	return result;
}

/* ---- the clock ---- */

static bool
is_catching_up(struct delivery_task *task, int64_t now_ms, int64_t steady_ms)
{
	bool old = task->processed && now_ms - task->timestamp_ms > OLD_MS;

	task->processed = false;
	if (!old) {
		task->catching_up_since_ms = TIME_MAX;
		return false;
	}
	if (task->catching_up_since_ms == TIME_MAX)
		task->catching_up_since_ms = steady_ms;
	return steady_ms - task->catching_up_since_ms < CATCH_UP_MS_MAX;
}

static bool
awaits_answer(const struct delivery *delivery, int task)
{
	for (const struct transfer *transfer = delivery->transfers; transfer; transfer = transfer->next)
		if (transfer->task == task)
			return true;
	return false;
}

/* Whether a run with an end waits for receivers. Where it does so no longer, that is said, once. */
static bool
is_pending(const struct alert_sink *sink, struct delivery_task *task)
{
	const struct delivery *delivery = sink->delivery;
	bool late = clock_monotonic_us() - task->progress_us >= sink->drain_ms * 1000;
	bool any = false;

	for (size_t i = 0; i < delivery->receiver_count; i++) {
		if (task->waiting[i] == 0)
			continue;
		any = true;
		if (late && !task->gave_up_waiting)
			logger_warn("undelivered", "receiver=\"%s\" alerts=%zu", delivery->receivers[i].name,
				    task->waiting[i]);
	}
	task->gave_up_waiting |= late && any;
	return any && !late;
}

int
delivery_clock(const struct alert_sink *sink, struct context *context, int64_t *wait_ms, bool *pending,
	       struct error *err)
{
	struct delivery *delivery = sink->delivery;
	struct delivery_task *task = &delivery->tasks[context_task(context)];
	int64_t steady_ms = context_steady_ms(context);

	take_answers(sink, steady_ms);
	if (note_answers(sink, context, err) < 0)
		return -1;
	if (is_catching_up(task, context_now_ms(context), steady_ms)) {
		*wait_ms = WAIT_ANSWER_MS;
		*pending = true;
		return 0;
	}
	if ((task->look || steady_ms >= task->next_ms) && delivery_look(sink, context, err) < 0)
		return -1;
	*pending = is_pending(sink, task);
	*wait_ms = task->next_ms > steady_ms ? task->next_ms - steady_ms : 1;
	if (*wait_ms > WAIT_MS_MAX)
		*wait_ms = WAIT_MS_MAX;
	if (*wait_ms > WAIT_ANSWER_MS && awaits_answer(delivery, context_task(context)))
		*wait_ms = WAIT_ANSWER_MS;
	return 0;
}
