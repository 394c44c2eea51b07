#include "operators/embedding_waiting.h"

#include "base/error.h"

/* time | action | three times: size, bytes */
#define FIXED_SIZE (8 + 1 + 3 * 4)

size_t
waiting_size(const struct waiting_event *event)
{
	return FIXED_SIZE + event->id.size + event->item.size + event->body.size;
}

static uint8_t *
put_text(uint8_t *to, struct bytes text)
{
	store_u32(to, (uint32_t)text.size);
	if (text.size)
		memcpy(to + 4, text.data, text.size);
	return to + 4 + text.size;
}

static struct bytes
next_text(struct cursor *list)
{
	return cursor_bytes(list, cursor_u32(list));
}

void
waiting_put(uint8_t *to, const struct waiting_event *event)
{
	store_u64(to, (uint64_t)event->occurred_at);
	to[8] = event->action;
	put_text(put_text(put_text(to + 9, event->id), event->item), event->body);
}

bool
waiting_next(struct cursor *list, struct waiting_event *out)
{
	if (cursor_left(list) == 0)
		return false;
	out->occurred_at = (int64_t)cursor_u64(list);
	out->action = cursor_u8(list);
	out->id = next_text(list);
	out->item = next_text(list);
	out->body = next_text(list);
	insist(!list->bad);
	return true;
}

int64_t
waiting_count(struct bytes list)
{
	struct cursor cursor = cursor_of(list);
	struct waiting_event event;
	int64_t count = 0;

	while (waiting_next(&cursor, &event))
		count++;
	return count;
}

bool
waiting_has(struct bytes list, struct bytes id)
{
	struct cursor cursor = cursor_of(list);
	struct waiting_event event;

	while (waiting_next(&cursor, &event))
		if (bytes_equal(event.id, id))
			return true;
	return false;
}

int
waiting_rewrite(struct bytes list, struct stored *stored, struct buffer *out, struct error *err)
{
	struct cursor cursor = cursor_of(list);
	struct waiting_event event;

	while (waiting_next(&cursor, &event)) {
		size_t size;

		if (stored_body(stored, 0, event.body, &event.body, err) < 0)
			return -1;
		size = waiting_size(&event);
		waiting_put(buffer_reserve(out, size), &event);
		out->size += size;
	}
	return 0;
}
