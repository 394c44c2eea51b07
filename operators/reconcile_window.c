/*
 * The windows of reconcile and what is counted in them.
 *
 * A response belongs to the window (a stretch of event time) in which it was made. A window of this task is one entry
 * of the store `windows`; what is counted in it for each value of each dimension is an entry of the store `series`. It
 * closes `settle` after its end: by then all of its responses have been judged, but for those that are held
 * since a log is silent; for these it waits, and says so once. When it closes, each series goes out as a row and is
 * removed. What changes later is gathered in new series, and goes out when the next window begins: such a row holds
 * differences, so that the sum of all rows of a (window, dimension, value) is exact at any time.
 *
 * In a drain, the end of a bounded run, no timer that is set fires any more: what changes in a closed window goes out
 * at once.
 */
#include "operators/reconcile_window.h"

bool
window_draining(const struct context *context)
{
	return context_watermark(context) == TIME_MAX;
}

int64_t
window_of(const struct reconcile *self, int64_t at)
{
	int64_t into = at % self->window;

	return at - (into < 0 ? into + self->window : into);
}

int64_t
window_next(const struct reconcile *self, int64_t otherwise, struct context *context)
{
	int64_t watermark = context_watermark(context);

	return watermark == TIME_MIN || watermark == TIME_MAX ? otherwise : window_of(self, watermark) + self->window;
}

/* ---- the window's entry ---- */

struct window
window_read(const struct entry *entry)
{
	struct bytes list;

	return window_of_value(entry_value(entry), &list);
}

/* Of an entry that window_take or window_on_timer gave, which is of today's layout. */
static void
window_write(struct entry *entry, const struct window *window, struct context *context)
{
	window_put(window, entry_edit(context_store(context, WINDOWS), &entry, entry_value(entry).size));
}

/* The series behind it: the context's. */
struct bytes
window_list(const struct entry *entry, struct context *context)
{
	struct bytes list;
	uint8_t *copy;

	window_of_value(entry_value(entry), &list);
	copy = context_take(context, list.size);
	if (list.size != 0)
		memcpy(copy, list.data, list.size);
	return bytes_of(copy, list.size);
}

/* Of one that may be of an earlier layout. */
static void
window_of_today(struct entry **entry, struct context *context)
{
	struct bytes value = entry_value(*entry), list;
	struct window window = window_of_value(value, &list);
	uint8_t *to;

	if (value.size - list.size == WINDOW_SIZE)
		return;
	list = window_list(*entry, context);
	to = entry_edit(context_store(context, WINDOWS), entry, WINDOW_SIZE + list.size);
	window_put(&window, to);
	if (list.size != 0)
		memcpy(to + WINDOW_SIZE, list.data, list.size);
}

/* Long enough after the window's end for its last response to be gone. */
static int64_t
forget_at(const struct reconcile *self, int64_t window_start)
{
	return window_start + self->window + self->correction_horizon + self->settle;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Finds or begins the window. One that begins behind the watermark waits as long as the responses that come with it. */
int
window_take(const struct reconcile *self, int64_t window_start, struct context *context, struct entry **out,
	    struct error *err)
{
	struct store *store = context_store(context, WINDOWS);
	int64_t watermark = context_watermark(context), from = window_start;
	struct window window = {0};
	uint8_t key[8];
	bool added;

	store_be64(key, (uint64_t)window_start);
	if (store_add(store, key_of(bytes_of(key, sizeof(key))), WINDOW_SIZE, out, &added, err) < 0)
		return -1;
	if (!added) {
		window_of_today(out, context);
		return 0;
	}
	if (window_draining(context)) {
		window.flags = CLOSED;
		window_write(*out, &window, context);
		entry_set_timer(store, *out, forget_at(self, window_start));
		return 0;
	}
	if (watermark != TIME_MIN)
		from = later(from, window_of(self, watermark));
	window_write(*out, &window, context);
	entry_set_timer(store, *out, from + self->window + self->settle);
	return 0;
}

int
window_open(const struct reconcile *self, int64_t window_start, struct context *context, struct error *err)
{
	struct entry *entry;

	return window_take(self, window_start, context, &entry, err);
}

int
window_hold(const struct reconcile *self, int64_t window_start, int by, unsigned silent, struct context *context,
	    struct error *err)
{
	struct window window;
	struct entry *entry;

	if (window_take(self, window_start, context, &entry, err) < 0)
		return -1;
	window = window_read(entry);
	window.held += by;
	window.silent = (uint8_t)(window.silent | silent);
	window_write(entry, &window, context);
	return 0;
}

int
window_list_id(const struct reconcile *self, int64_t window_start, enum mismatch_kind kind, bool *listed,
	       struct context *context, struct error *err)
{
	struct window window;
	struct entry *entry;

	if (window_take(self, window_start, context, &entry, err) < 0)
		return -1;
	window = window_read(entry);
	*listed = window.listed[kind] < self->listed_max;
	if (!*listed)
		return 0;
	window.listed[kind]++;
	window_write(entry, &window, context);
	return 0;
}

bool
window_is_full(const struct reconcile *self, int series_count)
{
	return series_count >= self->series_max;
}

/* ---- closing ---- */

/* All series of the window go out and are gone. */
static int
emit_all(const struct reconcile *self, int64_t window_start, struct bytes list, unsigned silent,
	 struct context *context, struct error *err)
{
	struct store *store = context_store(context, SERIES);
	struct cursor cursor = cursor_of(list);
	struct series *series = series_blank(context);
	bool said = silent == 0;
	struct series_name name;

	while (window_next_series(&cursor, &name)) {
		struct series_row row = {
			.window_start = window_start, .name = name, .series = series, .silent = silent};
		struct entry *entry;

		if (store_find(store, series_key(window_start, &name, context), &entry, err) < 0)
			return -1;
		if (!entry) /* of a full window that has closed: nothing has changed */
			continue;
		series_clear(series);
		series_unpack(entry_value(entry), series);
		entry_remove(store, entry);
		said |= name.dimension == ALL;
		if (((silent != 0 && name.dimension == ALL) || !series_is_blank(series)) &&
		    series_emit(self, &row, context, err) < 0)
			return -1;
	}
	if (said)
		return 0;
	series_clear(series);
	return series_emit(self,
			   &(struct series_row){.window_start = window_start,
						.name = {ALL, bytes_of_text(series_all)},
						.series = series,
						.silent = silent},
			   context, err);
}

/* Responses of the window are held: that is said once, since their counts may be long in coming. */
static int
wait_on(const struct reconcile *self, int64_t window_start, struct entry *entry, struct context *context,
	struct error *err)
{
	struct window window = window_read(entry);
	struct series_row row = {.window_start = window_start,
				 .name = {ALL, bytes_of_text(series_all)},
				 .series = series_blank(context),
				 .silent = window.silent,
				 .held = true};
	bool told = window.flags & TOLD_HELD;

	window.flags |= TOLD_HELD;
	window_write(entry, &window, context);
	entry_set_timer(context_store(context, WINDOWS), entry, window_next(self, window_start, context));
	return told ? 0 : series_emit(self, &row, context, err);
}

/* Time to close, to tell what has changed since, or to forget the window. */
int
window_on_timer(const struct reconcile *self, struct entry *entry, struct context *context, struct error *err)
{
	struct store *store = context_store(context, WINDOWS);
	int64_t window_start = (int64_t)load_be64(entry_key(entry).data);
	struct window window = window_read(entry);
	struct bytes list = window_list(entry, context);
	bool closes = !(window.flags & CLOSED);

	window_of_today(&entry, context);
	if (closes && window.held > 0 && !window_draining(context))
		return wait_on(self, window_start, entry, context, err);
	window.flags |= CLOSED;
	if (!window_is_full(
		    self,
		    window.series_count)) { /* a full one goes on to know which values are counted by themselves */
		window.series_count = 0;
		entry_edit(store, &entry, WINDOW_SIZE);
	}
	window_write(entry, &window, context);
	if (!window_draining(context) && !closes && context_watermark(context) > forget_at(self, window_start))
		entry_remove(store, entry);
	else
		entry_set_timer(store, entry, forget_at(self, window_start));
	return emit_all(self, window_start, list, closes ? window.silent : 0, context, err);
}
