/* What becomes of the entries of windows: layouts of before, rescales, and how they are shown. */
#include "operators/reconcile_window.h"

/* Layout 0 had this alone; in layout 1 the other kinds' counts are behind it, and WIDE says so. */
struct narrow {
	int32_t held;
	uint32_t listed; /* LOST; in layout 0 all kinds */
	uint16_t series_count;
	uint8_t silent, flags;
};

#define WIDE (1 << 7)

_Static_assert(sizeof(struct narrow) + (LISTED_KINDS - 1) * sizeof(uint32_t) == WINDOW_SIZE, "windows are stored");

struct window
window_of_value(struct bytes value, struct bytes *list)
{
	struct narrow narrow;
	struct window window;
	size_t size;

	insist(value.size >= sizeof(narrow));
	memcpy(&narrow, value.data, sizeof(narrow));
	window = (struct window){.held = narrow.held,
				 .series_count = narrow.series_count,
				 .silent = narrow.silent,
				 .flags = narrow.flags & (CLOSED | TOLD_HELD),
				 .listed = {[LOST] = narrow.listed}};
	size = narrow.flags & WIDE ? WINDOW_SIZE : sizeof(narrow);
	insist(value.size >= size);
	memcpy(&window.listed[LOST + 1], value.data + sizeof(narrow), size - sizeof(narrow));
	*list = bytes_of(value.data + size, value.size - size);
	return window;
}

void
window_put(const struct window *window, uint8_t to[WINDOW_SIZE])
{
	struct narrow narrow = {.held = window->held,
				.listed = window->listed[LOST],
				.series_count = window->series_count,
				.silent = window->silent,
				.flags = window->flags | WIDE};

	memcpy(to, &narrow, sizeof(narrow));
	memcpy(to + sizeof(narrow), &window->listed[LOST + 1], WINDOW_SIZE - sizeof(narrow));
}

bool
window_next_series(struct cursor *cursor, struct series_name *out)
{
	if (cursor_left(cursor) == 0)
		return false;
	out->dimension = (enum dimension)cursor_u8(cursor);
	out->value = cursor_bytes(cursor, cursor_u8(cursor));
	insist(!cursor->bad);
	return true;
}

bool
window_lists(struct bytes list, const struct series_name *name)
{
	struct cursor cursor = cursor_of(list);
	struct series_name other;

	while (window_next_series(&cursor, &other))
		if (other.dimension == name->dimension && bytes_equal(other.value, name->value))
			return true;
	return false;
}

/* ---- for a rescale ---- */

void
window_share(const struct share_part *entry, struct share *share)
{
	struct bytes list;
	struct window window = window_of_value(entry->value, &list);
	struct window elsewhere = {.silent = window.silent, .flags = window.flags};
	struct share_part part = *entry;
	struct buffer value = {0};
	uint8_t head[WINDOW_SIZE], other[WINDOW_SIZE];

	window.held = 0; /* the responses bring that along */
	window_put(&window, head);
	window_put(&elsewhere, other);
	buffer_put(&value, head, sizeof(head));
	buffer_put_bytes(&value, list);
	for (part.task = 0; part.task < share_tasks(share); part.task++) {
		bool counts = part.task == entry->task % share_tasks(share);

		part.value = counts ? buffer_bytes(&value) : bytes_of(other, sizeof(other));
		share_add(share, WINDOWS, &part);
	}
	buffer_fini(&value);
}

/* With the flags that change nothing, whatever the window's own are. */
void
window_share_held(int64_t window_start, const struct share_part *response, int task, struct share *share)
{
	struct window window = {.held = 1, .flags = CLOSED | TOLD_HELD};
	uint8_t key[8], value[WINDOW_SIZE];

	store_be64(key, (uint64_t)window_start);
	window_put(&window, value);
	share_add(share, WINDOWS,
		  &(struct share_part){task, bytes_of(key, sizeof(key)), bytes_of(value, sizeof(value)),
				       response->fire_at});
}

/* Where one of them has not closed the window, it is open: what the other one goes on to count is told with it. */
int64_t
window_merge(const struct share_part *a, const struct share_part *b, struct buffer *value)
{
	struct bytes first, second;
	struct window one = window_of_value(a->value, &first), other = window_of_value(b->value, &second), sum = one;
	struct cursor cursor = cursor_of(second);
	struct series_name name;
	size_t at = value->size;

	sum.held += other.held;
	for (int kind = 0; kind < LISTED_KINDS; kind++)
		sum.listed[kind] += other.listed[kind];
	sum.silent = (uint8_t)(one.silent | other.silent);
	sum.flags = (uint8_t)(one.flags & other.flags);
	buffer_reserve(value, WINDOW_SIZE);
	value->size += WINDOW_SIZE;
	buffer_put_bytes(value, first);
	while (window_next_series(&cursor, &name)) {
		if (window_lists(first, &name))
			continue;
		buffer_put_u8(value, (uint8_t)name.dimension);
		buffer_put_u8(value, (uint8_t)name.value.size);
		buffer_put_bytes(value, name.value);
		sum.series_count++;
	}
	window_put(&sum, value->data + at);
	if ((one.flags ^ other.flags) & CLOSED)
		return one.flags & CLOSED ? b->fire_at : a->fire_at;
	return a->fire_at < b->fire_at ? a->fire_at : b->fire_at;
}

void
window_show(const struct entry *entry, struct buffer *out)
{
	struct bytes list;
	struct window window = window_of_value(entry_value(entry), &list);
	uint64_t listed = 0;

	for (int kind = 0; kind < LISTED_KINDS; kind++)
		listed += window.listed[kind];
	buffer_print(out,
		     "{\"window_start\": %lld, \"closed\": %s, \"held\": %d, \"listed\": %llu, \"series\": %u, "
		     "\"silent\": [",
		     (long long)load_be64(entry_key(entry).data), window.flags & CLOSED ? "true" : "false", window.held,
		     (unsigned long long)listed, window.series_count);
	series_show_logs(window.silent, out);
	buffer_print(out, "]}");
}
