/*
 * The windows of integrity_rollup: for each window of a series what all tasks of reconcile have counted in it so far.
 *
 * It is told `settle` after its end. By then each task's watermark has passed the time at which it closes the
 * window, and its rows stand before the marker that says so. What comes later is told with the commit.
 */
#include "operators/integrity_rollup.h"

/* What the entry of a window begins with; what was counted follows. Stored as it is. */
struct window_head {
	int64_t end;
	int32_t revision; /* 0: not told yet */
	uint8_t silent;	  /* bits of the logs that it lists */
	uint8_t dark;	  /* ... that were altogether silent when it was told */
	uint16_t unused;
};

_Static_assert(sizeof(struct window_head) == 16, "windows are stored: 16 bytes and the series");

/* ---- the entry ---- */

static struct key
window_key(const struct series_name *name, int64_t start, struct context *context)
{
	uint8_t *key = context_take(context, 9 + name->value.size);

	store_be64(key, (uint64_t)start);
	key[8] = (uint8_t)name->dimension;
	if (name->value.size != 0)
		memcpy(key + 9, name->value.data, name->value.size);
	return key_of(bytes_of(key, 9 + name->value.size));
}

static struct window_head
head_of(const struct entry *entry)
{
	struct window_head head;

	memcpy(&head, entry_value(entry).data, sizeof(head));
	return head;
}

static void
write_head(struct entry *entry, const struct window_head *head, struct context *context)
{
	memcpy(entry_edit(context_store(context, TOTALS), &entry, entry_value(entry).size), head, sizeof(*head));
}

static void
read_series(const struct entry *entry, struct series *into)
{
	struct bytes value = entry_value(entry);

	series_unpack(bytes_of(value.data + sizeof(struct window_head), value.size - sizeof(struct window_head)), into);
}

/* The context's: it outlives changes of the entry. */
static struct place
place_of(const struct entry *entry, struct context *context)
{
	struct bytes key = entry_key(entry);
	uint8_t *copy = context_take(context, key.size);

	memcpy(copy, key.data, key.size);
	return (struct place){
		.name = {.dimension = (enum dimension)copy[8], .value = bytes_of(copy + 9, key.size - 9)},
		.start = (int64_t)load_be64(copy),
		.end = head_of(entry).end,
	};
}

static int64_t
forget_at(const struct rollup *self, const struct place *place)
{
	return place->end + self->keep;
}

/* Of which nothing was counted, among those that it lists. */
static unsigned
silent_altogether(unsigned listed, const struct series *series)
{
	const int64_t *counts = series->counts;

	if (counts[TALLY_RETURNED] != 0)
		listed &= ~(1u << ENGINE);
	if (counts[TALLY_DELIVERED] != 0)
		listed &= ~(1u << SERVER);
	if (counts[TALLY_RECEIVED] != 0 || counts[TALLY_EXPOSED] != 0)
		listed &= ~(1u << CLIENT);
	return listed;
}

/* ---- adding up ---- */

int
rollup_window_add(const struct rollup *self, const struct place *place, const struct series *added, unsigned silent,
		  bool *revised, struct context *context, struct error *err)
{
	struct store *store = context_store(context, TOTALS);
	struct series *sum = series_blank(context);
	struct window_head head = {.end = place->end};
	struct bytes packed;
	struct entry *entry;
	bool is_new;
	uint8_t *to;

	if (store_add(store, window_key(&place->name, place->start, context), sizeof(head), &entry, &is_new, err) < 0)
		return -1;
	if (is_new) {
		entry_set_timer(store, entry, place->end + (self->settle ? self->settle : place->end - place->start));
	} else {
		head = head_of(entry);
		read_series(entry, sum);
	}
	*revised = head.revision > 0 && (!series_is_blank(added) || (silent & ~(unsigned)head.silent) != 0);
	head.silent = (uint8_t)(head.silent | silent);
	for (int i = 0; i < TALLY_COUNTERS; i++)
		sum->counts[i] += added->counts[i];
	for (int i = 0; i < LATENCIES; i++)
		for (int j = added->latencies[i].low; j < added->latencies[i].high; j++)
			sketch_add(&sum->latencies[i], j, added->latencies[i].counts[j]);
	packed = series_pack(sum, context);
	to = entry_edit(store, &entry, sizeof(head) + packed.size);
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), packed.data, packed.size);
	if (*revised)
		context_at_commit(context, TOTALS, entry);
	return 0;
}

/* ---- telling ---- */

static void
set_silent(const struct rollup *self, struct record *row, unsigned silent, struct context *context)
{
	union slot *items = context_take(context, LOGS * sizeof(*items));
	size_t count = 0;

	for (int log = 0; log < LOGS; log++)
		if (silent & 1u << log)
			items[count++].bytes = bytes_of_text(series_logs[log]);
	row->slots[self->window.silent.slot].array.items = items;
	row->slots[self->window.silent.slot].array.count = count;
}

/* The window's row, with the next revision. */
static int
tell(const struct rollup *self, struct entry *entry, const struct place *place, struct context *context,
     struct error *err)
{
	struct record *row = context_row(context, INTEGRITY_WINDOWS);
	struct series *series = series_blank(context);
	struct window_head head = head_of(entry);

	read_series(entry, series);
	head.dark = (uint8_t)(head.dark | silent_altogether(head.silent, series));
	head.revision++;
	write_head(entry, &head, context);
	record_set_bytes(row, self->window.dimension, bytes_of_text(series_dimensions[place->name.dimension]));
	record_set_bytes(row, self->window.value, place->name.value);
	record_set_integer(row, self->window.window_start, place->start);
	record_set_integer(row, self->window.window_end, place->end);
	for (int i = 0; i < TALLY_COUNTERS; i++)
		record_set_integer(row, self->window.counts[i], series->counts[i]);
	for (int i = 0; i < LATENCIES; i++)
		for (int q = 0; q < QUANTILES; q++)
			if (sketch_count(&series->latencies[i]) > 0)
				record_set_real(row, self->window.latencies[i][q],
						sketch_quantile_ms(&series->latencies[i], quantile_shares[q]));
			else
				record_set_null(row, self->window.latencies[i][q]);
	set_silent(self, row, head.silent, context);
	record_set_integer(row, self->window.revision, head.revision);
	row->time_ms = place->start;
	context_count(context, head.revision == 1 ? COUNT_TOLD : COUNT_REVISED, 1);
	return context_emit(context, INTEGRITY_WINDOWS, place->name.value, row, err);
}

int
rollup_window_on_timer(const struct rollup *self, struct entry *entry, struct place *place, bool *told,
		       struct context *context, struct error *err)
{
	struct store *store = context_store(context, TOTALS);
	bool draining = context_watermark(context) == TIME_MAX;

	*place = place_of(entry, context);
	*told = head_of(entry).revision == 0;
	if (!*told && !draining) {
		entry_remove(store, entry);
		return 0;
	}
	entry_set_timer(store, entry, forget_at(self, place)); /* after the end of a bounded run there may be another */
	return *told ? tell(self, entry, place, context, err) : 0;
}

int
rollup_window_revise(const struct rollup *self, struct entry *entry, struct place *place, struct context *context,
		     struct error *err)
{
	*place = place_of(entry, context);
	return tell(self, entry, place, context, err);
}

/* ---- as rules see it ---- */

/* How a window stands with silent logs: bits. */
struct shade {
	unsigned listed, dark;
};

static void
read_facts(const struct entry *entry, struct series *scratch, struct facts *out, struct shade *shade)
{
	struct window_head head = head_of(entry);

	series_clear(scratch);
	read_series(entry, scratch);
	out->known = head.revision > 0;
	memcpy(out->counts, scratch->counts, sizeof(out->counts));
	for (int i = 0; i < LATENCIES; i++) {
		out->durations[i] = sketch_count(&scratch->latencies[i]);
		for (int q = 0; q < QUANTILES; q++)
			out->latencies_ms[i][q] = sketch_quantile_ms(&scratch->latencies[i], quantile_shares[q]);
	}
	out->silent = silent_altogether(head.silent, scratch);
	shade->listed = head.silent;
	shade->dark = head.dark | out->silent;
}

/*
 * A window is shaded by a log that was altogether silent in it; in one that hangs together with it by windows that list
 * the log; and in one next to those: a log falls silent, and comes back, in the middle of a window. What only lists a
 * log is not: a few tasks saw little of it. Of a value of another dimension nobody can tell: there, little is usual.
 */
static void
spread(struct shade *shades, int count, enum dimension dimension, struct facts *facts)
{
	for (int i = 0; i < count && dimension != ALL; i++)
		shades[i].dark |= shades[i].listed;
	for (int i = 1; i < count; i++)
		shades[i].dark |= shades[i - 1].dark & shades[i].listed;
	for (int i = count - 2; i >= 0; i--)
		shades[i].dark |= shades[i + 1].dark & shades[i].listed;
	for (int i = 1; i < count; i++) /* the first one speaks only through the second's list */
		facts[i].shaded = (i > 1 ? shades[i - 1].dark : 0) | shades[i].dark |
				  (i + 1 < count ? shades[i + 1].dark : 0);
}

/*
 * facts[0] is the window that follows the newest. It has not been told, so it may be known in part; but where the
 * newest lists a log, and of that nothing is known behind it either, the log has just fallen silent.
 */
int
rollup_window_facts(const struct place *newest, int wanted, const struct facts **out, struct context *context,
		    struct error *err)
{
	struct store *store = context_store(context, TOTALS);
	struct series *scratch = series_blank(context);
	int count = wanted + 1;
	struct facts *facts = context_take(context, (size_t)count * sizeof(*facts));
	struct shade *shades = context_take(context, (size_t)count * sizeof(*shades));

	memset(facts, 0, (size_t)count * sizeof(*facts));
	memset(shades, 0, (size_t)count * sizeof(*shades));
	for (int i = 0; i < count; i++) {
		int64_t start = newest->start + (1 - i) * (newest->end - newest->start);
		struct entry *entry;

		if (store_find(store, window_key(&newest->name, start, context), &entry, err) < 0)
			return -1;
		if (entry)
			read_facts(entry, scratch, &facts[i], &shades[i]);
	}
	spread(shades, count, newest->name.dimension, facts);
	*out = facts + 1;
	return 0;
}

/* Behind the window's start and the dimension stands the value, by which counts come to tasks. */
void
rollup_window_share(const struct share_part *entry, struct share *share)
{
	share_whole(share, share_task_of(share, bytes_of(entry->key.data + 9, entry->key.size - 9)));
}

void
rollup_window_show(const struct entry *entry, struct buffer *out)
{
	struct window_head head = head_of(entry);
	struct series series = {0};

	read_series(entry, &series);
	buffer_print(out, "{\"window_start\": %lld, \"dimension\": \"%s\", \"revision\": %d, \"silent\": [",
		     (long long)load_be64(entry_key(entry).data), series_dimensions[entry_key(entry).data[8]],
		     head.revision);
	series_show_logs(head.silent, out);
	buffer_print(out, "]");
	for (int i = 0; i < TALLY_COUNTERS; i++)
		buffer_print(out, ", \"%s\": %lld", series_counts[i], (long long)series.counts[i]);
	buffer_print(out, "}");
}
