/*
 * What is counted in a window of reconcile: an entry of the store `series` for each value of each dimension, which the
 * window's entry lists.
 */
#include "operators/reconcile_window.h"

#define VALUE_SIZE_MAX 250 /* bytes of a dimension's value; longer ones are counted together */
#define OTHER "(other)"	   /* as this value */

/* What changes in a window that has closed is told when the next one begins. */
static void
tell_soon(const struct reconcile *self, int64_t window_start, struct entry *entry, struct context *context)
{
	int64_t next = window_next(self, window_start, context);

	if ((window_read(entry).flags & CLOSED) && next < entry_timer(entry))
		entry_set_timer(context_store(context, WINDOWS), entry, next);
}

/* The window has a series to tell; one that it did not know it goes on to know. */
static int
list_series(const struct reconcile *self, int64_t window_start, const struct series_name *name, bool known,
	    struct context *context, struct error *err)
{
	struct store *store = context_store(context, WINDOWS);
	struct window window;
	struct entry *entry;
	uint8_t *to;
	size_t size;

	if (window_take(self, window_start, context, &entry, err) < 0)
		return -1;
	if (!known) {
		window = window_read(entry);
		window.series_count++;
		size = entry_value(entry).size;
		to = entry_edit(store, &entry, size + 2 + name->value.size);
		window_put(&window, to);
		to[size] = (uint8_t)name->dimension;
		to[size + 1] = (uint8_t)name->value.size;
		if (name->value.size != 0)
			memcpy(to + size + 2, name->value.data, name->value.size);
	}
	tell_soon(self, window_start, entry, context);
	return 0;
}

/* ---- counting ---- */

/* What is being counted: into the series of a window, or, where `direct`, into rows that go out at once. */
struct counting {
	const struct reconcile *self;
	int64_t window_start;
	const struct response *response;
	const struct tally *tallies;
	size_t count;
	struct series *scratch;
	bool direct;
	int series_count;  /* of the window, so far */
	struct bytes list; /* of a window that can have no more of them */
};

static struct bytes
value_of(const struct counting *counting, const struct tally *tally, enum dimension dimension)
{
	struct bytes value;

	if (dimension == ALL)
		return bytes_of_text(series_all);
	value = counting->response->markers[tally->marker].texts[dimension - BY_GROUP];
	return value.size > VALUE_SIZE_MAX ? bytes_of_text(OTHER) : value;
}

static bool
same_value(const struct counting *counting, const struct tally *a, const struct tally *b, enum dimension dimension)
{
	return dimension == ALL || a->marker == b->marker ||
	       bytes_equal(value_of(counting, a, dimension), value_of(counting, b, dimension));
}

/* The series' entry; where the window can have no more of them, that of all other values. */
static int
take_series(struct counting *counting, struct series_name *name, struct context *context, struct entry **out,
	    struct error *err)
{
	struct store *store = context_store(context, SERIES);
	struct key key = series_key(counting->window_start, name, context);
	bool added, known;

	if (window_is_full(counting->self, counting->series_count) && !window_lists(counting->list, name)) {
		if (store_find(store, key, out, err) < 0)
			return -1;
		if (*out)
			return 0;
		name->value = bytes_of_text(OTHER);
		key = series_key(counting->window_start, name, context);
	}
	if (store_add(store, key, 0, out, &added, err) < 0)
		return -1;
	if (!added)
		return 0;
	known = window_lists(counting->list, name);
	counting->series_count += !known;
	if (list_series(counting->self, counting->window_start, name, known, context, err) < 0)
		return -1;
	return store_find(store, key, out, err);
}

/* Counts what has the same value as the tally at `from`, and stands behind it. */
static int
count_value(struct counting *counting, enum dimension dimension, size_t from, struct context *context,
	    struct error *err)
{
	const struct tally *tallies = counting->tallies;
	struct series_name name = {dimension, value_of(counting, &tallies[from], dimension)};
	struct series *series = counting->scratch;
	struct entry *entry = NULL;

	series_clear(series);
	if (!counting->direct) {
		if (take_series(counting, &name, context, &entry, err) < 0)
			return -1;
		series_unpack(entry_value(entry), series);
	}
	for (size_t i = from; i < counting->count; i++)
		if (same_value(counting, &tallies[from], &tallies[i], dimension))
			series_add(series, &tallies[i]);
	if (!counting->direct) {
		series_write(entry, series, context);
		return 0;
	}
	if (series_is_blank(series))
		return 0;
	if (window_is_full(counting->self, counting->series_count) && !window_lists(counting->list, &name))
		name.value = bytes_of_text(OTHER);
	return series_emit(counting->self,
			   &(struct series_row){.window_start = counting->window_start, .name = name, .series = series},
			   context, err);
}

static bool
counted_before(const struct counting *counting, enum dimension dimension, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (same_value(counting, &counting->tallies[i], &counting->tallies[at], dimension))
			return true;
	return false;
}

int
window_count(const struct reconcile *self, int64_t window_start, const struct response *response,
	     const struct tally *tallies, size_t count, struct context *context, struct error *err)
{
	struct counting counting = {.self = self,
				    .window_start = window_start,
				    .response = response,
				    .tallies = tallies,
				    .count = count,
				    .scratch = series_blank(context)};
	struct window window;
	struct entry *entry;

	if (!context_connected(context, COUNTS) || count == 0)
		return 0;
	if (window_take(self, window_start, context, &entry, err) < 0)
		return -1;
	window = window_read(entry);
	counting.direct = window_draining(context) && (window.flags & CLOSED);
	counting.series_count = window.series_count;
	if (window_is_full(self, window.series_count))
		counting.list = window_list(entry, context);
	for (int dimension = ALL; dimension < DIMENSIONS; dimension++)
		for (size_t i = 0; i < count; i++)
			if (!counted_before(&counting, (enum dimension)dimension, i) &&
			    count_value(&counting, (enum dimension)dimension, i, context, err) < 0)
				return -1;
	return 0;
}
