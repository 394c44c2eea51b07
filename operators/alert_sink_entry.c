/*
 * The value: a version, the alert's fields, the words. Texts with their size before them; numbers as zigzag varints.
 */
#include "operators/alert_sink_entry.h"

#include <inttypes.h>

#include "base/packed.h"
#define VERSION 1
#define REFUSED 1 /* flags of a word */
#define ALONE 2

/* ---- as bytes ---- */

void
alert_entry_write(const struct alert_entry *entry, struct buffer *out)
{
	const struct alert *alert = &entry->alert;

	buffer_put_u8(out, VERSION);
	buffer_put_u8(out, alert->firing);
	buffer_put_text(out, alert->name);
	buffer_put_text(out, alert->severity);
	buffer_put_text(out, alert->runbook);
	buffer_put_varint(out, alert->label_count);
	for (size_t i = 0; i < alert->label_count; i++) {
		buffer_put_text(out, alert->labels[i].name);
		buffer_put_text(out, alert->labels[i].value);
	}
	buffer_put_real(out, alert->value);
	buffer_put_real(out, alert->threshold);
	buffer_put_signed(out, alert->window_start_ms);
	buffer_put_signed(out, alert->starts_ms);
	buffer_put_signed(out, alert->ends_ms);
	buffer_put_signed(out, alert->revision);
	buffer_put_u64(out, alert->change);
	buffer_put_signed(out, entry->seen_ms);
	buffer_put_varint(out, entry->word_count);
	for (size_t i = 0; i < entry->word_count; i++) {
		const struct alert_word *word = &entry->words[i];

		buffer_put_u64(out, word->receiver);
		buffer_put_text(out, word->name);
		buffer_put_u8(out, (uint8_t)((word->refused ? REFUSED : 0) | (word->alone ? ALONE : 0)));
		buffer_put_signed(out, word->revision);
		buffer_put_u64(out, word->change);
		buffer_put_signed(out, word->at_ms);
		buffer_put_varint(out, word->failures);
	}
}

static void
read_words(struct cursor *cursor, struct alert_entry *out)
{
	out->word_count = cursor_varint(cursor);
	insist(out->word_count <= ALERT_RECEIVERS_MAX);
	for (size_t i = 0; i < out->word_count; i++) {
		struct alert_word *word = &out->words[i];
		uint8_t flags;

		word->receiver = cursor_u64(cursor);
		word->name = cursor_text(cursor);
		flags = cursor_u8(cursor);
		word->refused = flags & REFUSED;
		word->alone = flags & ALONE;
		word->revision = cursor_signed(cursor);
		word->change = cursor_u64(cursor);
		word->at_ms = cursor_signed(cursor);
		word->failures = cursor_varint(cursor);
	}
}

void
alert_entry_read(struct bytes key, struct bytes value, struct alert_entry *out)
{
	struct cursor cursor = cursor_of(value);
	struct alert *alert = &out->alert;

	insist(cursor_u8(&cursor) == VERSION);
	alert->id = key;
	alert->firing = cursor_u8(&cursor);
	alert->name = cursor_text(&cursor);
	alert->severity = cursor_text(&cursor);
	alert->runbook = cursor_text(&cursor);
	alert->label_count = cursor_varint(&cursor);
	insist(alert->label_count <= ALERT_LABELS_MAX);
	for (size_t i = 0; i < alert->label_count; i++) {
		alert->labels[i].name = cursor_text(&cursor);
		alert->labels[i].value = cursor_text(&cursor);
	}
	alert->value = cursor_real(&cursor);
	alert->threshold = cursor_real(&cursor);
	alert->window_start_ms = cursor_signed(&cursor);
	alert->starts_ms = cursor_signed(&cursor);
	alert->ends_ms = cursor_signed(&cursor);
	alert->revision = cursor_signed(&cursor);
	alert->change = cursor_u64(&cursor);
	out->seen_ms = cursor_signed(&cursor);
	read_words(&cursor, out);
	insist(!cursor.bad && cursor_left(&cursor) == 0);
}

/* ---- words ---- */

static struct alert_word *
find_word(struct alert_entry *entry, uint64_t receiver)
{
	for (size_t i = 0; i < entry->word_count; i++)
		if (entry->words[i].receiver == receiver)
			return &entry->words[i];
	return NULL;
}

struct alert_word *
alert_entry_word(struct alert_entry *entry, const struct alert_receiver *receiver)
{
	struct alert_word *word = find_word(entry, receiver->id);

	if (word)
		return word;
	insist(entry->word_count < ALERT_RECEIVERS_MAX);
	word = &entry->words[entry->word_count++];
	*word = (struct alert_word){.receiver = receiver->id, .name = bytes_of_text(receiver->name)};
	return word;
}

void
alert_entry_keep(struct alert_entry *entry, const struct alert_receiver *receivers, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < entry->word_count; i++)
		for (size_t j = 0; j < count; j++)
			if (entry->words[i].receiver == receivers[j].id) {
				entry->words[kept++] = entry->words[i];
				break;
			}
	entry->word_count = kept;
}

/* ---- what is to be done ---- */

/* Alertmanager wants to know each revision, a webhook each change of state. */
bool
alert_word_settled(const struct alert_entry *entry, const struct alert_word *word, enum alert_kind kind)
{
	if (word->revision == 0)
		return false;
	return word->change == entry->alert.change &&
	       (kind == ALERT_WEBHOOK || word->revision == entry->alert.revision);
}

static int64_t
wait_after(uint64_t failures, const struct alert_times *times)
{
	int64_t wait_ms = ALERT_BACKOFF_MS_MIN;

	for (uint64_t i = 1; i < failures && wait_ms < times->backoff_ms_max; i++)
		wait_ms *= 2;
	return wait_ms < times->backoff_ms_max ? wait_ms : times->backoff_ms_max;
}

int64_t
alert_word_due(const struct alert_entry *entry, const struct alert_word *word, enum alert_kind kind,
	       const struct alert_times *times, int64_t now_ms)
{
	/* What was said in the future was said by a clock that has been set back since: that silences nothing. */
	bool from_future = word->at_ms > now_ms;
	int64_t due_ms;

	if (!alert_word_settled(entry, word, kind))
		return word->failures > 0 && !from_future ? word->at_ms + wait_after(word->failures, times) : TIME_MIN;
	if (kind == ALERT_WEBHOOK || word->refused)
		return TIME_MAX;
	due_ms = from_future ? now_ms : word->at_ms + times->repeat_ms;
	return entry->alert.firing || due_ms < entry->seen_ms + times->resolved_for_ms ? due_ms : TIME_MAX;
}

int64_t
alert_entry_ends(const struct alert_entry *entry, bool settled, const struct alert_times *times)
{
	int64_t wait_ms = times->keep_ms;

	if (entry->alert.firing)
		return TIME_MAX;
	if (settled && times->resolved_for_ms < wait_ms)
		wait_ms = times->resolved_for_ms;
	return entry->seen_ms + wait_ms;
}

/* ---- for people ---- */

static void
put_member(struct buffer *out, const char *name, struct bytes text)
{
	buffer_print(out, "\"%s\":", name);
	alert_put_text(text, out);
	buffer_put_u8(out, ',');
}

void
alert_entry_show(const struct entry *from, struct buffer *out)
{
	struct alert_entry entry;

	alert_entry_read(entry_key(from), entry_value(from), &entry);
	buffer_put_u8(out, '{');
	put_member(out, "name", entry.alert.name);
	put_member(out, "state", bytes_of_text(entry.alert.firing ? "firing" : "resolved"));
	put_member(out, "severity", entry.alert.severity);
	buffer_print(out, "\"labels\":");
	alert_put_labels(&entry.alert, out);
	buffer_print(out, ",\"revision\":%" PRId64 ",\"starts_at\":%" PRId64 ",\"seen_at\":%" PRId64 ",\"receivers\":[",
		     entry.alert.revision, entry.alert.starts_ms, entry.seen_ms);
	for (size_t i = 0; i < entry.word_count; i++) {
		const struct alert_word *word = &entry.words[i];

		buffer_print(out, i ? ",{" : "{");
		put_member(out, "name", word->name);
		buffer_print(out,
			     "\"said\":\"%s\",\"revision\":%" PRId64 ",\"at\":%" PRId64 ",\"failures\":%" PRIu64 "}",
			     word->revision == 0 ? "nothing"
			     : word->refused	 ? "refused"
						 : "taken",
			     word->revision, word->at_ms, word->failures);
	}
	buffer_print(out, "]}");
}
