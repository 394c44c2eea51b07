#include "dataflow/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/packed.h"
#include "dataflow/context.h"

#define REASON_SIZE (ERROR_TEXT_SIZE + 100)

_Static_assert(DEAD_LETTER_WINDOW % 8 == 0, "the window is a ring of whole bytes");

static void
set_text(struct record *row, const char *name, struct bytes value)
{
	const struct schema_field *field = schema_field_find(row->schema, name);

	row->slots[field->slot].bytes = value;
}

static void
set_integer(struct record *row, const char *name, int64_t value)
{
	row->slots[schema_field_find(row->schema, name)->slot].integer = value;
}

/* Dead letters are rare, so their fields are found by name, each time. */
static void
fill(struct record *row, const struct context *context, const struct dead_letter *letter)
{
	struct field key = {.slot = 0};
	struct error err;

	set_text(row, "topic", bytes_of_text(letter->topic));
	set_integer(row, "partition", letter->partition);
	set_integer(row, "offset", letter->offset);
	set_text(row, "operator", bytes_of_text(context->operator->spec->name));
	set_text(row, "reason", bytes_of_text(letter->reason));
	set_text(row, "value", letter->value);
	set_integer(row, "record_time", letter->record_time_ms);
	set_integer(row, "failed_at", context->now_ms);
	if (letter->key.data && record_field(row->schema, "key", SCHEMA_BYTES, &key, &err) == 0)
		record_set_bytes(row, key, letter->key);
}

static struct bytes
cut(struct bytes bytes, size_t size)
{
	return bytes.size > size ? bytes_of(bytes.data, size) : bytes;
}

struct bytes
dead_letter_cut_key(struct bytes key)
{
	return cut(key, DEAD_LETTER_KEY_SIZE_MAX);
}

struct bytes
dead_letter_cut_value(struct bytes value)
{
	return cut(value, DEAD_LETTER_VALUE_SIZE_MAX);
}

/* As much as the topic of dead letters takes beside the rest; what is cut the reason says. */
static struct dead_letter
fit(const struct dead_letter *letter, size_t record_size_max, char reason[REASON_SIZE])
{
	size_t room = record_size_max > DEAD_LETTER_REST_SIZE ? record_size_max - DEAD_LETTER_REST_SIZE : 0;
	size_t whole = letter->value_size ? letter->value_size : letter->value.size;
	struct dead_letter kept = *letter;

	kept.key = cut(dead_letter_cut_key(letter->key), room / 2);
	room -= kept.key.size;
	kept.value = cut(dead_letter_cut_value(letter->value), room);
	if (kept.value.size == whole)
		return kept;
	snprintf(reason, REASON_SIZE, "%.*s (%zu of %zu" DEAD_LETTER_CUT, ERROR_TEXT_SIZE, letter->reason,
		 kept.value.size, whole);
	kept.reason = reason;
	return kept;
}

int
dead_letter_write(struct context *context, const struct dead_letter *letter, struct error *err)
{
	const struct topology *topology = context->job->topology;
	const struct topology_topic *topic = &topology->topics[topology->dead_letters];
	int log_topic = context->job->topics[topology->dead_letters];
	char reason[REASON_SIZE];
	struct dead_letter kept = fit(letter, log_record_size_max(context->job->log, log_topic), reason);
	struct bytes key = bytes_of_text(letter->topic);
	struct transaction *transaction = context->transaction;
	struct record row = {0};
	struct buffer *buffer;
	int partition = log_partition_of(key, (int)topic->partitions);
	int result;

	record_init(&row, topic->schema->root);
	result = decoder_defaults(topic->schema->root, &row, &context->arena, err);
	if (result == 0) {
		fill(&row, context, &kept);
		buffer = transaction_append_begin(transaction, log_topic, partition, key, context->now_ms);
		result = codec_encode(topic->codec, &row, buffer, err);
		if (result < 0)
			transaction_append_cancel(transaction);
		else
			result = transaction_append_end(transaction, err);
	}
	record_fini(&row);
	if (result < 0) {
		fail_in(err, "the dead letter of %s partition %d offset %" PRId64 " cannot be written", letter->topic,
			letter->partition, letter->offset);
		err->action = FATAL;
		return -1;
	}
	job_add(&context->operator->figures.dead_letters, 1);
	return 0;
}

static uint8_t
bit_of(int64_t record)
{
	return (uint8_t)(1u << (record % DEAD_LETTER_WINDOW % 8));
}

static uint8_t *
byte_of(struct dead_letter_window *window, int64_t record)
{
	return &window->failed[record % DEAD_LETTER_WINDOW / 8];
}

/* The oldest that still lie within the window. */
static void
note_reason(struct dead_letter_window *window, int64_t record, const char *reason)
{
	int kept = 0;

	for (int i = 0; i < window->reason_count; i++)
		if (window->reasons[i].record >= window->seen - DEAD_LETTER_WINDOW)
			window->reasons[kept++] = window->reasons[i];
	if (kept < DEAD_LETTER_REASONS) {
		window->reasons[kept].record = record;
		snprintf(window->reasons[kept++].text, sizeof(window->reasons[0].text), "%s", reason);
	}
	window->reason_count = kept;
}

static void
note_failure(struct dead_letter_window *window, int64_t record, const char *reason)
{
	*byte_of(window, record) |= bit_of(record);
	window->failures++;
	note_reason(window, record, reason);
}

void
dead_letter_window_add(struct dead_letter_window *window, bool failed, const char *reason)
{
	int64_t record = window->seen++;

	if (*byte_of(window, record) & bit_of(record))
		window->failures--;
	*byte_of(window, record) &= (uint8_t)~bit_of(record);
	if (failed)
		note_failure(window, record, reason);
}

void
dead_letter_window_fail(struct dead_letter_window *window, const char *reason)
{
	int64_t oldest = window->seen > DEAD_LETTER_WINDOW ? window->seen - DEAD_LETTER_WINDOW : 0;
	int64_t record = window->seen - 1;

	while (record >= oldest && (*byte_of(window, record) & bit_of(record)))
		record--;
	if (record >= oldest)
		note_failure(window, record, reason);
	else
		dead_letter_window_add(window, true, reason);
}

/* "(1) ... (2) ...": as many as there are. */
static void
list_reasons(const struct dead_letter_window *window, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (int i = 0; i < window->reason_count && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s(%d) %s", i == 0 ? "" : " ", i + 1,
				       window->reasons[i].text);
}

static int64_t
window_size(const struct dead_letter_window *window)
{
	return window->seen < DEAD_LETTER_WINDOW ? window->seen : (int64_t)DEAD_LETTER_WINDOW;
}

bool
dead_letter_window_is_over(const struct dead_letter_window *window, double limit_ratio)
{
	double limit = limit_ratio * DEAD_LETTER_WINDOW;

	return (double)window->failures > (limit < DEAD_LETTER_COUNT_MIN ? DEAD_LETTER_COUNT_MIN : limit);
}

int
dead_letter_window_check(const struct dead_letter_window *window, double limit_ratio, const char *operator_name,
			 const char *topic, struct error *err)
{
	char reasons[DEAD_LETTER_REASONS * (sizeof(window->reasons[0].text) + 8)];

	if (!dead_letter_window_is_over(window, limit_ratio))
		return 0;
	list_reasons(window, reasons, sizeof(reasons));
	return fail(
		err, FATAL,
		"operator %s stops: %" PRId64 " of the last %" PRId64 " records of topic %s could not be "
		"processed (dead_letter_limit %g, at least %d; earlier runs count). `isotope deadletter TOPOLOGY list` "
		"shows those before. Correct the cause and start again, or have it go on past what is there: `isotope "
		"deadletter TOPOLOGY pass %s`. The first reasons: %s",
		operator_name, window->failures, window_size(window), topic, limit_ratio, DEAD_LETTER_COUNT_MIN,
		operator_name, reasons);
}

/* ---- a window in a block ---- */

void
dead_letter_window_write(const struct dead_letter_window *window, struct buffer *out)
{
	uint64_t run = 0;
	bool failed = false; /* what the run is of */

	if (window->failures == 0) { /* nearly always */
		buffer_put_varint(out, (uint64_t)window_size(window));
		return;
	}
	for (int64_t i = window->seen - window_size(window); i < window->seen; i++) {
		size_t at = (size_t)(i % DEAD_LETTER_WINDOW);

		if ((window->failed[at / 8] >> (at % 8) & 1) != failed) {
			buffer_put_varint(out, run);
			failed = !failed;
			run = 0;
		}
		run++;
	}
	buffer_put_varint(out, run);
}

static void
put_failed(struct dead_letter_window *window, uint64_t run)
{
	for (uint64_t i = 0; i < run; i++) {
		size_t at = (size_t)window->seen++;

		window->failed[at / 8] |= (uint8_t)(1u << (at % 8));
	}
	window->failures += (int64_t)run;
}

int
dead_letter_window_read(struct bytes bytes, struct dead_letter_window *out, struct error *err)
{
	struct cursor cursor = cursor_of(bytes);

	*out = (struct dead_letter_window){0};
	for (bool failed = false; cursor_left(&cursor) != 0; failed = !failed) {
		uint64_t run = cursor_varint(&cursor);

		cursor.bad |= run > (uint64_t)(DEAD_LETTER_WINDOW - out->seen);
		if (cursor.bad)
			return fail(err, FATAL, "what the journal says of recent dead letters is damaged (%zu bytes)",
				    bytes.size);
		if (failed)
			put_failed(out, run);
		else
			out->seen += (int64_t)run;
	}
	return 0;
}

void
dead_letter_reasons_write(const struct dead_letter_window *window, struct buffer *out)
{
	for (int i = 0; i < window->reason_count; i++) {
		buffer_put_varint(out, (uint64_t)(window->seen - window->reasons[i].record));
		buffer_put_text(out, bytes_of_text(window->reasons[i].text));
	}
}

int
dead_letter_reasons_read(struct bytes bytes, struct dead_letter_window *window, struct error *err)
{
	struct cursor cursor = cursor_of(bytes);

	for (window->reason_count = 0; cursor_left(&cursor) != 0; window->reason_count++) {
		int64_t since = (int64_t)cursor_varint(&cursor);
		struct bytes text = cursor_text(&cursor);

		if (cursor.bad || window->reason_count == DEAD_LETTER_REASONS)
			return fail(err, FATAL, "what the journal says of the reasons of dead letters is damaged");
		window->reasons[window->reason_count].record = window->seen - since;
		snprintf(window->reasons[window->reason_count].text, sizeof(window->reasons[0].text), "%.*s",
			 bytes_arguments(text));
	}
	return 0;
}
