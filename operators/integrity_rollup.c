/*
 * integrity_rollup: how well the logs agreed, window by window; and what is alarming about it.
 *
 * Each task of reconcile counts what passes through it. Here the counts of all tasks meet: they come keyed by the value
 * of their dimension, each row a difference, and the sum of all rows of a (window, dimension, value) is the truth.
 * Their topic is internal, so the watermark W is the least of all tasks of reconcile that are not idle.
 *
 *     a window's row     revision 1 when W is `settle` past its end: that is when reconcile closes it, so the
 *                        rows of all tasks are there. What comes later (a log that was silent and speaks again, a late
 *                        log entry) gives one row a commit with the next revision. After `keep` the sum is forgotten,
 *                        and what comes still is counted and dropped
 *     a silent log       reconcile says of a window that it waits for a log. Where nothing of that log was counted in
 *                        the whole window, the log is silent: a rule with `metric: silent` fires, one alert for each
 *                        log, and rules about what seems to be missing then say nothing about the window, nor about the
 *                        ones next to it, in which the log fell silent and came back (integrity_rollup_window.c)
 *     rules              alert_rule.h. A series (dimension and value) is judged whenever a window of it is told,
 *                        and once a commit when windows of it were revised
 *     an alert           a row when it fires and one when it is resolved, both with the same alert_id: its name and
 *                        labels. It is resolved when its windows are calm, be it that they were revised; or when W is
 *                        `quiet_after` past the last window of its series. An old window that a revision puts in breach
 *                        fires too; where the newest windows are calm, the alert is resolved in the same commit. At
 *                        most `firing_max` fire at the same time in a task: what is more is counted, and that there is
 *                        more is an alert (alerts_held_back)
 *
 *     rollup:
 *       type: integrity_rollup
 *       inputs: {counts: integrity_counts}
 *       outputs: {windows: integrity_windows, alerts: alerts}
 *       rules:
 *         lost: {metric: lost, per: returned, above: 0.01, resolve: 0.005, for: 3, severity: page}
 *         log_silent: {metric: silent, severity: page}
 *         slow: {metric: latency_engine_server_p95_ms, above: 2, baseline: 60}    # twice the mean of the last hour
 */
#include "operators/operators.h"
#include "operators/integrity_rollup.h"

#define VALUE_SIZE_MAX 1000 /* bytes of a dimension's value */

/* ---- counts ---- */

static int
read_place(const struct rollup *self, const struct record *record, struct place *out, struct error *err)
{
	struct bytes dimension = record_bytes(record, self->count.dimension);
	int number = series_dimension_find(dimension);

	*out = (struct place){
		.name = {.dimension = (enum dimension)number, .value = record_bytes(record, self->count.value)},
		.start = record_integer(record, self->count.window_start),
		.end = record_integer(record, self->count.window_end),
	};
	if (number < 0)
		return fail(err, SKIP, "the dimension \"%.*s\" is not known", bytes_arguments(dimension));
	if (out->name.value.size > VALUE_SIZE_MAX)
		return fail(err, SKIP, "value has %zu bytes; at most %d", out->name.value.size, VALUE_SIZE_MAX);
	if (out->start < -EVENT_TIME_MAX_MS || out->end > EVENT_TIME_MAX_MS || out->end <= out->start)
		return fail(err, SKIP, "from %lld to %lld is no window", (long long)out->start, (long long)out->end);
	return 0;
}

static int
read_sketch(const struct rollup *self, const struct record *record, struct field field, struct sketch *into,
	    struct error *err)
{
	const union slot *item = record->slots[field.slot].array.items;

	for (size_t i = 0; i < record->slots[field.slot].array.count; i++, item += self->count.bucket_width) {
		int64_t bucket = item[self->count.bucket.slot].integer;

		if (bucket < 0 || bucket >= SKETCH_BUCKETS)
			return fail(err, SKIP, "a sketch has bucket %lld; there are %d", (long long)bucket,
				    SKETCH_BUCKETS);
		sketch_add(into, (int)bucket, item[self->count.bucket_count.slot].integer);
	}
	return 0;
}

static int
read_series(const struct rollup *self, const struct record *record, struct series *into, struct error *err)
{
	for (int i = 0; i < TALLY_COUNTERS; i++)
		into->counts[i] = record_integer(record, self->count.counts[i]);
	for (int i = 0; i < LATENCIES; i++)
		if (read_sketch(self, record, self->count.latencies[i], &into->latencies[i], err) < 0)
			return -1;
	return 0;
}

static unsigned
read_silent(const struct rollup *self, const struct record *record)
{
	const union slot *slot = &record->slots[self->count.silent.slot];
	unsigned silent = 0;

	for (size_t i = 0; i < slot->array.count; i++) {
		int log = series_log_find(slot->array.items[i].bytes);

		silent |= log >= 0 ? 1u << log : 0;
	}
	return silent;
}

/* ---- the newest window of a series: rules look back from there ---- */

/* As it is stored. */
struct newest {
	int64_t start, end;
};

static struct key
newest_key(const struct series_name *name, struct context *context)
{
	size_t size = 1 + name->value.size;
	uint8_t *key = context_take(context, size);

	key[0] = (uint8_t)name->dimension;
	if (size > 1)
		memcpy(key + 1, name->value.data, size - 1);
	return key_of(bytes_of(key, size));
}

static struct newest
newest_of(const struct entry *entry)
{
	struct newest newest;

	memcpy(&newest, entry_value(entry).data, sizeof(newest));
	return newest;
}

/* A window was told: it is the newest, or another one is. */
static int
note_newest(const struct rollup *self, const struct place *place, struct place *out, struct context *context,
	    struct error *err)
{
	struct store *store = context_store(context, NEWEST);
	struct newest newest = {place->start, place->end}, known;
	struct entry *entry;
	bool is_new;

	if (store_add(store, newest_key(&place->name, context), sizeof(newest), &entry, &is_new, err) < 0)
		return -1;
	known = newest_of(entry);
	*out = *place;
	if (!is_new && known.start >= newest.start) {
		out->start = known.start;
		out->end = known.end;
		return 0;
	}
	memcpy(entry_edit(store, &entry, sizeof(newest)), &newest, sizeof(newest));
	entry_set_timer(store, entry, place->end + self->keep);
	return 0;
}

/* Windows of the series were revised: once they have been told, it is judged again. */
static int
judge_at_commit(const struct place *place, struct context *context, struct error *err)
{
	struct entry *entry;

	if (store_find(context_store(context, NEWEST), newest_key(&place->name, context), &entry, err) < 0)
		return -1;
	if (entry)
		context_at_commit(context, NEWEST, entry);
	return 0;
}

/* For a rescale: behind the dimension stands the value, by which counts come to tasks. */
static void
newest_share(const struct share_part *entry, struct share *share)
{
	share_whole(share, share_task_of(share, bytes_of(entry->key.data + 1, entry->key.size - 1)));
}

/* ---- what comes in, what goes out ---- */

static int
rollup_process(const void *opened, int input, const struct record *record, struct context *context, struct error *err)
{
	const struct rollup *self = opened;
	struct series *series = series_blank(context);
	struct place place;
	bool revised;

	(void)input;
	if (read_place(self, record, &place, err) < 0 || read_series(self, record, series, err) < 0)
		return -1;
	if (place.end + self->keep <= context_watermark(context)) {
		context_count(context, COUNT_LATE, 1);
		return 0;
	}
	if (rollup_window_add(self, &place, series, read_silent(self, record), &revised, context, err) < 0)
		return -1;
	return revised ? judge_at_commit(&place, context, err) : 0;
}

/* A window is told anew. Where it is not the newest, which is judged in any case, it is judged too. */
static int
revise(const struct rollup *self, struct entry *entry, struct context *context, struct error *err)
{
	struct place place, newest;

	if (rollup_window_revise(self, entry, &place, context, err) < 0 ||
	    store_find(context_store(context, NEWEST), newest_key(&place.name, context), &entry, err) < 0)
		return -1;
	if (!entry || newest_of(entry).start <= place.start)
		return 0;
	newest = (struct place){place.name, newest_of(entry).start, newest_of(entry).end};
	return rollup_judge(self, &place, &newest, context, err);
}

static int
rollup_on_commit(const void *opened, struct entry *entry, struct context *context, struct error *err)
{
	const struct rollup *self = opened;
	struct bytes key = entry_key(entry);
	struct place newest;
	uint8_t *copy;

	if (entry_store(entry) == TOTALS)
		return revise(self, entry, context, err);
	copy = context_take(context, key.size);
	memcpy(copy, key.data, key.size);
	newest = (struct place){.name = {(enum dimension)copy[0], bytes_of(copy + 1, key.size - 1)},
				.start = newest_of(entry).start,
				.end = newest_of(entry).end};
	return rollup_judge(self, &newest, &newest, context, err);
}

/* ---- time ---- */

static void
newest_on_timer(const struct rollup *self, struct entry *entry, struct context *context)
{
	struct store *store = context_store(context, NEWEST);

	if (context_watermark(context) == TIME_MAX)
		entry_set_timer(store, entry, newest_of(entry).end + self->keep);
	else
		entry_remove(store, entry);
}

static int
rollup_on_timer(const void *opened, struct entry *entry, struct context *context, struct error *err)
{
	const struct rollup *self = opened;
	struct place place, newest;
	bool told;

	if (entry_store(entry) == RAISED)
		return rollup_alert_on_timer(self, entry, context, err);
	if (entry_store(entry) == NEWEST) {
		newest_on_timer(self, entry, context);
		return 0;
	}
	if (rollup_window_on_timer(self, entry, &place, &told, context, err) < 0)
		return -1;
	if (!told || !(self->looks_at & 1u << place.name.dimension))
		return 0;
	if (note_newest(self, &place, &newest, context, err) < 0 ||
	    (newest.start > place.start && rollup_judge(self, &place, &newest, context, err) < 0))
		return -1;
	return rollup_judge(self, &newest, &newest, context, err);
}

/* ---- its manual page ---- */

static void
rollup_show(const struct entry *entry, struct buffer *out)
{
	if (entry_store(entry) == TOTALS)
		rollup_window_show(entry, out);
	else if (entry_store(entry) == RAISED)
		rollup_alert_show(entry, out);
	else
		buffer_print(out, "{\"window_start\": %lld}", (long long)newest_of(entry).start);
}

#define DAY_MS (24 * 3600 * 1000.0)

static const struct option options[] = {
	{"keep", OPTION_DURATION, offsetof(struct rollup, keep), "3h", 1, 60 * DAY_MS, NULL, "ms",
	 "how long after its end a window may be revised; at least twice reconcile's correction_horizon"},
	{"settle", OPTION_DURATION, offsetof(struct rollup, settle), "0", 0, DAY_MS, NULL, "ms",
	 "how long after its end a window is told: as reconcile's; 0: a window's length"},
	{"quiet_after", OPTION_DURATION, offsetof(struct rollup, quiet_after), "15min", 0, 30 * DAY_MS, NULL, "ms",
	 "an alert that fires is resolved when its series has had no window at all for so long, with its last value; "
	 "longer than reconcile's max_hold; 0: never"},
	{"firing_max", OPTION_INTEGER, offsetof(struct rollup, firing_max), "100", 1, 1000000, NULL, "alerts",
	 "alerts of a task that fire at the same time; more are held back, which is an alert of its own"},
	{"rules", OPTION_GROUPS, offsetof(struct rollup, configured), "", 0, RULES_MAX, NULL, NULL,
	 "when to raise an alert; the name of a rule is the name of its alerts", &alert_rule_group},
	OPTION_END,
};

static const struct port inputs[] = {
	{"counts", "integrity_count", "value", true, "what each task of reconcile counted; its topic is internal"},
	{.name = NULL},
};

static const struct port outputs[] = {
	[INTEGRITY_WINDOWS] = {"windows", "integrity_window", "value", true,
			       "each window of each series; the last revision is the truth"},
	[ALERTS] = {"alerts", "alert", "alert_id", false, "alerts that fire and are resolved; its topic is compacted"},
	{.name = NULL},
};

static const struct store_spec stores[] = {
	[TOTALS] = {.name = "windows",
		    .help = "one entry per window and series: the sum of the counts",
		    .share = rollup_window_share,
		    .layout = SERIES_LAYOUT},
	[NEWEST] = {.name = "newest",
		    .help = "one entry per series that a rule looks at: its newest window",
		    .share = newest_share},
	[RAISED] = {.name = "alerts",
		    .help = "one entry per alert that fires, or has fired in the last 30 days",
		    .share = rollup_alert_share,
		    .merge = rollup_alert_merge},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[COUNT_TOLD] = {"told", "windows that were told"},
	[COUNT_REVISED] = {"revised", "rows that revise a window"},
	[COUNT_LATE] = {"too_late", "counts of windows that had been forgotten"},
	[COUNT_FIRED] = {"fired", "alerts that fired"},
	[COUNT_RESOLVED] = {"resolved", "alerts that were resolved"},
	[COUNT_HELD_BACK] = {"held_back", "times that an alert was held back since too many fire"},
	{.name = NULL},
};

const struct operator_type integrity_rollup_type = {
	.name = "integrity_rollup",
	.help = "Adds up what reconcile counted, window by window, and raises alerts about it.",
	.manual = "Revision 1 of a window's row comes when all tasks of reconcile have closed the window; what "
		  "comes later revises it, until keep after its end. Rules judge a series whenever a window of it is "
		  "told or revised. An alert is a row when it fires and one when it is resolved, with the same "
		  "alert_id.\n"
		  "A rule compares metric (divided by per, or by its mean over baseline windows before) with above "
		  "or below; it fires after `for` windows in a row in breach, and is resolved after resolve_for "
		  "windows in a row that are not beyond resolve. starts_at is the start of the first window of that "
		  "row, value that of the newest window that said something (window_start).\n"
		  "A window says nothing where nothing was counted, where it has fewer than min_count, where its "
		  "baseline is not there, and where a log was silent in it or next to it whose silence alone would "
		  "make the value what it is (duplicated and altered: as low as it is). Such a window neither fires "
		  "nor resolves an alert; more than gap_max of them end a row.\n"
		  "An old window that a revision puts in breach fires with those around it; where the newest windows "
		  "are calm the alert is resolved in the same commit. What lies before the window in which an alert "
		  "was resolved does not fire it again, even where it is revised.\n"
		  "Where a series has no windows any more an alert that fires is resolved after quiet_after; so is "
		  "one whose rule was taken out of the topology. An alert that was resolved is remembered for 30 "
		  "days; after that its revision begins at 1 again.\n"
		  "A log that is silent in a whole window is one alert, by a rule with metric: silent.\n"
		  "Limits. firing_max alerts of a task fire at the same time; further ones are held back (held_back), "
		  "which is an alert of its own (alerts_held_back), and fire when there is room. Counts that come "
		  "later than keep after the end of their window are dropped (too_late). A value of a dimension that "
		  "is longer than 1,000 bytes is a dead letter; reconcile writes none. Quantiles of latencies are "
		  "within 2 % of a time that was measured.\n",
	.options = options,
	.inputs = inputs,
	.outputs = outputs,
	.stores = stores,
	.counters = counters,
	.self_size = sizeof(struct rollup),
	.open = rollup_open,
	.process = rollup_process,
	.on_timer = rollup_on_timer,
	.on_commit = rollup_on_commit,
	.close = rollup_close,
	.show = rollup_show,
};
