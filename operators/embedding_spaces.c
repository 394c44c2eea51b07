#include "operators/embedding_spaces.h"

#include "base/packed.h"

/* Its place in the list, or -1. */
static int
find(const struct spaces *spaces, struct bytes name)
{
	for (size_t i = 0; i < spaces->count; i++)
		if (bytes_equal(spaces->list[i].name, name))
			return (int)i;
	return -1;
}

/* Where a new one goes: behind the others, or in the place of the one that began first. NULL: that is itself. */
static struct table_series *
room_for(struct spaces *spaces, const struct table_series *series)
{
	struct table_series *first = &spaces->list[0];

	if (spaces->count < SPACES_MAX)
		return &spaces->list[spaces->count++];
	for (size_t i = 1; i < spaces->count; i++)
		if (spaces->list[i].began_ms < first->began_ms)
			first = &spaces->list[i];
	return first->began_ms < series->began_ms ? first : NULL;
}

bool
spaces_note(struct spaces *spaces, const struct table_series *series)
{
	int found = find(spaces, series->name);
	struct table_series *place = found >= 0 ? &spaces->list[found] : NULL;

	if (place && place->began_ms <= series->began_ms)
		return false;
	if (!place)
		place = room_for(spaces, series);
	if (place)
		*place = *series;
	return place != NULL;
}

static int64_t
began(const struct spaces *spaces, struct bytes name)
{
	int found = find(spaces, name);

	if (spaces->named.data && bytes_equal(spaces->named, name))
		return TIME_MAX;
	return found >= 0 ? spaces->list[found].began_ms : TIME_MIN;
}

bool
spaces_newer(const struct spaces *spaces, struct bytes a, struct bytes b)
{
	int64_t of_a = began(spaces, a), of_b = began(spaces, b);

	return of_a != of_b ? of_a > of_b : bytes_compare(a, b) > 0;
}

void
spaces_read(struct spaces *spaces, struct bytes value)
{
	struct cursor cursor = cursor_of(value);

	while (cursor_left(&cursor) > 0) {
		struct table_series series = {.began_ms = (int64_t)cursor_u64(&cursor)};

		series.name = cursor_text(&cursor);
		insist(!cursor.bad);
		spaces_note(spaces, &series);
	}
}

void
spaces_write(const struct spaces *spaces, struct buffer *out)
{
	for (size_t i = 0; i < spaces->count; i++) {
		buffer_put_u64(out, (uint64_t)spaces->list[i].began_ms);
		buffer_put_text(out, spaces->list[i].name);
	}
}
