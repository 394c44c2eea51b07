/*
 * Which logs were silent when a response was made.
 *
 * A log is silent where nothing of it came for longer than settle + max_hold of its own event time, although others
 * went on: in a gap between two of its log entries, which the task keeps a list of; or since its last one. So what a
 * bounded run makes of an outage is what a live one made of it. That something else went on needs no look: the response
 * is there.
 */
#include "operators/reconcile.h"

#define GAPS_MAX 64 /* of one log that a task keeps: the newest */

/* Nothing came between these times. Stored as it is. */
struct gap {
	int64_t from; /* TIME_MIN: nothing had ever come */
	int64_t to;
};

static bool
is_silence(const struct reconcile *self, int64_t from, int64_t to)
{
	return to > time_add(from, self->settle + self->max_hold);
}

/* Whether a response was made in the gap, and that is long. What had never come yet was silent since the response. */
static bool
is_silent_in(const struct reconcile *self, struct gap gap, int64_t anchor)
{
	return gap.from < anchor && anchor < gap.to &&
	       is_silence(self, gap.from == TIME_MIN ? anchor : gap.from, gap.to);
}

/* ---- the list of a log ---- */

static int
find_gaps(enum reconcile_log log, struct entry **out, struct context *context, struct error *err)
{
	uint8_t key = (uint8_t)log;

	return store_find(context_store(context, GAPS), key_of(bytes_of(&key, 1)), out, err);
}

static int
gap_count(const struct entry *entry)
{
	return entry ? (int)(entry_value(entry).size / sizeof(struct gap)) : 0;
}

static struct gap
gap_at(const struct entry *entry, int index)
{
	struct gap gap;

	memcpy(&gap, entry_value(entry).data + (size_t)index * sizeof(gap), sizeof(gap));
	return gap;
}

/* How many of the oldest are of no more use: their responses are forgotten, or there are too many. */
static int
outdated(const struct reconcile *self, const struct entry *entry, const struct context *context)
{
	int count = gap_count(entry), old = 0;

	while (old < count && (count - old >= GAPS_MAX ||
			       gap_at(entry, old).to + self->correction_horizon < context_watermark(context)))
		old++;
	return old;
}

int
reconcile_note_gap(const struct reconcile *self, enum reconcile_log log, int64_t at_ms, struct context *context,
		   struct error *err)
{
	struct store *store = context_store(context, GAPS);
	struct gap gap = {context_input_time(context, (int)log), at_ms}, kept[GAPS_MAX];
	uint8_t key = (uint8_t)log;
	struct entry *entry;
	int old, count;
	bool added;

	if (gap.from != TIME_MIN && !is_silence(self, gap.from, gap.to))
		return 0;
	if (store_add(store, key_of(bytes_of(&key, 1)), 0, &entry, &added, err) < 0)
		return -1;
	old = outdated(self, entry, context);
	count = gap_count(entry) - old;
	for (int i = 0; i < count; i++)
		kept[i] = gap_at(entry, old + i);
	kept[count++] = gap;
	memcpy(entry_edit(store, &entry, (size_t)count * sizeof(gap)), kept, (size_t)count * sizeof(gap));
	return 0;
}

void
gaps_show(const struct entry *entry, struct buffer *out)
{
	buffer_print(out, "{\"log\": \"%s\", \"gaps\": [", series_logs[entry_key(entry).data[0]]);
	for (int i = 0; i < gap_count(entry); i++) {
		struct gap gap = gap_at(entry, i);

		buffer_print(out, i ? ", [" : "[");
		if (gap.from == TIME_MIN)
			buffer_print(out, "null, %lld]", (long long)gap.to);
		else
			buffer_print(out, "%lld, %lld]", (long long)gap.from, (long long)gap.to);
	}
	buffer_print(out, "]}");
}

/* ---- a response ---- */

static int
was_silent(const struct reconcile *self, enum reconcile_log log, int64_t anchor, bool *out, struct context *context,
	   struct error *err)
{
	struct entry *entry;

	*out = false;
	if (find_gaps(log, &entry, context, err) < 0)
		return -1;
	for (int i = 0; i < gap_count(entry); i++)
		*out |= is_silent_in(self, gap_at(entry, i), anchor);
	return 0;
}

int
reconcile_silent_logs(const struct reconcile *self, const struct response *response, struct silence *out,
		      struct context *context, struct error *err)
{
	int64_t anchor = response_anchor(response), furthest = TIME_MIN;

	*out = (struct silence){0};
	for (int log = ENGINE; log < LOGS; log++)
		if (context_input_time(context, log) > furthest)
			furthest = context_input_time(context, log);
	for (int log = ENGINE; log < LOGS; log++) {
		int64_t at = context_input_time(context, log);
		bool was;

		if (was_silent(self, (enum reconcile_log)log, anchor, &was, context, err) < 0)
			return -1;
		if (at < anchor && furthest >= anchor + self->settle)
			out->is |= 1u << log;
		if (was || is_silent_in(self, (struct gap){at, furthest}, anchor))
			out->was |= 1u << log;
	}
	return 0;
}
