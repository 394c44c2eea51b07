/*
 * An entry of alert_sink: an alert as it stood last, and what each receiver has said to it. And what is to be done with
 * it, for each receiver, at a time: pure decisions.
 */
#ifndef OPERATORS_ALERT_SINK_ENTRY_H
#define OPERATORS_ALERT_SINK_ENTRY_H

#include "base/clock.h"
#include "sinks/alert.h"
#include "sinks/alert_receiver.h"
#include "state/store.h"

#define ALERT_ENTRY_SIZE_MAX 65536 /* bytes; a larger alert is refused */

/* What a receiver has said. */
struct alert_word {
	uint64_t receiver; /* alert_receiver.id */
	struct bytes name; /* alert_receiver.name, for people */
	bool refused;	   /* else taken */
	bool alone;	   /* it was in a list that was refused: it is sent by itself */
	int64_t revision;  /* that it was said to; 0: to none yet */
	uint64_t change;   /* likewise */
	int64_t at_ms;	   /* when it was taken last, or failed */
	uint64_t failures; /* in a row, of requests for this alert only */
};

struct alert_entry {
	struct alert alert;
	int64_t seen_ms; /* when it came into its state, by the wall clock here */
	struct alert_word words[ALERT_RECEIVERS_MAX];
	size_t word_count;
};

/* All texts point into `value`, `id` into the key. */
void alert_entry_read(struct bytes key, struct bytes value, struct alert_entry *out);
void alert_entry_write(const struct alert_entry *entry, struct buffer *out);

/* What the receiver has said; a new word that says nothing yet where there is none. */
struct alert_word *alert_entry_word(struct alert_entry *entry, const struct alert_receiver *receiver);
/* Words of receivers that are no longer there go. */
void alert_entry_keep(struct alert_entry *entry, const struct alert_receiver *receivers, size_t count);

struct alert_times {
	int64_t repeat_ms, resolved_for_ms, keep_ms, backoff_ms_max;
};

/* Whether the receiver knows how the alert stands, or will never want to. */
bool alert_word_settled(const struct alert_entry *entry, const struct alert_word *word, enum alert_kind kind);
/* When it is to be sent, as far as the alert goes (one at which a webhook fails waits longer and longer, so that the
 * others have their turn); TIME_MIN: at once, TIME_MAX: not again. */
int64_t alert_word_due(const struct alert_entry *entry, const struct alert_word *word, enum alert_kind kind,
		       const struct alert_times *times, int64_t now_ms);
/* When the entry may go, all receivers having settled it or not; TIME_MAX: not yet. */
int64_t alert_entry_ends(const struct alert_entry *entry, bool settled, const struct alert_times *times);

void alert_entry_show(const struct entry *entry, struct buffer *out);

#endif
