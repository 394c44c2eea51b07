#include "state/marks.h"

#include "base/memory.h"

void
marks_fini(struct marks *marks)
{
	memory_free(&marks->items);
	*marks = (struct marks){0};
}

void
marks_add(struct marks *marks, const struct block_mark *mark, uint64_t gap_bytes)
{
	if (marks->count > 0 && mark->bytes - marks->items[marks->first + marks->count - 1].bytes < gap_bytes)
		return;
	if (marks->first + marks->count == marks->capacity) {
		if (marks->first > marks->capacity / 2) {
			memmove(marks->items, marks->items + marks->first, marks->count * sizeof(*marks->items));
			marks->first = 0;
		} else {
			marks->capacity = marks->capacity ? marks->capacity * 2 : 64;
			marks->items = memory_resize_array(marks->items, marks->capacity, sizeof(*marks->items));
		}
	}
	marks->items[marks->first + marks->count++] = *mark;
}

/* How many marks have a number <= seq, or a place <= bytes. */
static size_t
count_to(const struct marks *marks, uint64_t seq, uint64_t bytes)
{
	size_t low = 0, high = marks->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct block_mark *mark = &marks->items[marks->first + middle];

		if (mark->seq <= seq && mark->bytes <= bytes)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
marks_forget_before(struct marks *marks, uint64_t seq)
{
	size_t keep_from = count_to(marks, seq, UINT64_MAX);

	if (keep_from > 1) {
		marks->first += keep_from - 1;
		marks->count -= keep_from - 1;
	}
}

struct block_mark
marks_find(const struct marks *marks, uint64_t seq)
{
	size_t count = count_to(marks, seq, UINT64_MAX);

	insist(marks->count > 0);
	return marks->items[marks->first + (count ? count - 1 : 0)];
}

uint64_t
marks_seq_at(const struct marks *marks, uint64_t bytes)
{
	size_t count = count_to(marks, UINT64_MAX, bytes);

	return count ? marks->items[marks->first + count - 1].seq : 0;
}
