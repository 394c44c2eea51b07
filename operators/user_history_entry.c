#include "operators/user_history_entry.h"

#include "base/packed.h"

#define ACTION_SIZE_MAX (2 * (HISTORY_TEXT_SIZE_MAX + BUFFER_VARINT_SIZE_MAX) + 2 + 2 * sizeof(int64_t))

_Static_assert(sizeof(struct history_head) + HISTORY_ACTIONS_MAX * ACTION_SIZE_MAX < STORE_VALUE_SIZE_MAX,
	       "a list that is allowed fits into an entry");

/* ---- reading ---- */

struct history_head
history_head_of(const struct entry *entry)
{
	struct history_head head = {.updated_at = TIME_MIN, .oldest_at = TIME_MAX, .caused_at = TIME_MIN};

	if (entry_value(entry).size)
		memcpy(&head, entry_value(entry).data, sizeof(head));
	return head;
}

struct cursor
history_cursor(const struct entry *entry)
{
	struct bytes value = entry_value(entry);

	if (value.size == 0)
		return cursor_of(value);
	return cursor_of(bytes_of(value.data + sizeof(struct history_head), value.size - sizeof(struct history_head)));
}

bool
history_next(struct cursor *cursor, struct history_action *out)
{
	uint64_t watched;

	if (cursor_left(cursor) == 0)
		return false;
	*out = (struct history_action){.occurred_at = (int64_t)cursor_u64(cursor)};
	out->action = cursor_u8(cursor);
	out->has_watched = cursor_u8(cursor) != 0;
	if (out->has_watched) {
		watched = cursor_u64(cursor);
		memcpy(&out->watched, &watched, sizeof(out->watched));
	}
	out->engagement_id = cursor_text(cursor);
	out->item_id = cursor_text(cursor);
	insist(!cursor->bad);
	return true;
}

static bool
is_newer(const struct history_action *a, const struct history_action *b)
{
	if (a->occurred_at != b->occurred_at)
		return a->occurred_at > b->occurred_at;
	return bytes_compare(a->engagement_id, b->engagement_id) > 0;
}

/* ---- writing ---- */

void
history_head_store(struct store *store, struct entry **entry, const struct history_head *head)
{
	memcpy(entry_edit(store, entry, entry_value(*entry).size), head, sizeof(*head));
}

static size_t
put_action(uint8_t *to, const struct history_action *action)
{
	uint8_t *at = to;

	store_u64(at, (uint64_t)action->occurred_at);
	at += 8;
	*at++ = action->action;
	*at++ = action->has_watched;
	if (action->has_watched) {
		memcpy(at, &action->watched, sizeof(action->watched));
		at += sizeof(action->watched);
	}
	at = store_text(at, action->engagement_id);
	at = store_text(at, action->item_id);
	return (size_t)(at - to);
}

/* Keeps the first `count` actions: where they end, and the time of the last of them. */
static void
keep_first(struct store *store, struct entry **entry, int64_t count)
{
	struct history_head head = history_head_of(*entry);
	struct cursor cursor = history_cursor(*entry);
	struct history_action action;

	head.count = count;
	head.oldest_at = TIME_MAX;
	for (int64_t i = 0; i < count; i++) {
		insist(history_next(&cursor, &action));
		head.oldest_at = action.occurred_at;
	}
	entry_edit(store, entry, (size_t)(cursor.at - entry_value(*entry).data));
	history_head_store(store, entry, &head);
}

/* The first `kept` bytes of the actions stay; the new one goes to `place` among them. One change of size, not two. */
static void
insert(struct store *store, struct entry **entry, size_t place, size_t kept, const struct history_action *action,
       const struct history_head *head)
{
	uint8_t encoded[ACTION_SIZE_MAX];
	size_t size = put_action(encoded, action);
	uint8_t *value = entry_edit(store, entry, sizeof(*head) + kept + size);
	uint8_t *actions = value + sizeof(*head);

	memmove(actions + place + size, actions + place, kept - place);
	memcpy(actions + place, encoded, size);
	memcpy(value, head, sizeof(*head));
}

enum history_change
history_add(struct store *store, struct entry **entry, const struct history_action *action, int64_t limit)
{
	struct history_head head = history_head_of(*entry);
	struct cursor cursor = history_cursor(*entry);
	const uint8_t *start = cursor.at;
	size_t place = 0, kept = 0; /* bytes: of the actions that are newer, and of those that stay */
	int64_t newer = 0;
	struct history_action other;

	head.count = 1;
	head.oldest_at = action->occurred_at;
	while (history_next(&cursor, &other)) {
		if (bytes_equal(other.engagement_id, action->engagement_id))
			return HISTORY_REPEATED;
		if (is_newer(&other, action)) {
			newer++;
			place = (size_t)(cursor.at - start);
		}
		if (head.count == limit)
			continue;
		head.count++;
		kept = (size_t)(cursor.at - start);
		if (other.occurred_at < head.oldest_at)
			head.oldest_at = other.occurred_at;
	}
	if (newer >= limit)
		return HISTORY_TOO_OLD;
	if (action->occurred_at > head.updated_at)
		head.updated_at = action->occurred_at;
	if (action->occurred_at > head.caused_at)
		head.caused_at = action->occurred_at;
	insert(store, entry, place, kept, action, &head);
	return HISTORY_ADDED;
}

void
history_expire(struct store *store, struct entry **entry, int64_t from)
{
	struct cursor cursor = history_cursor(*entry);
	struct history_action action;
	int64_t count = 0;

	while (history_next(&cursor, &action) && action.occurred_at >= from)
		count++;
	keep_first(store, entry, count);
}

int
history_rewrite(struct bytes value, struct stored *stored, struct buffer *out, struct error *err)
{
	struct history_head head = {.caused_at = TIME_MIN};
	size_t size = stored_layout(stored) == 0 ? offsetof(struct history_head, caused_at) : sizeof(head);

	(void)err;
	if (value.size < size) /* nothing has been added to it yet */
		return 0;
	memcpy(&head, value.data, size);
	buffer_put(out, &head, sizeof(head));
	buffer_put(out, value.data + size, value.size - size);
	return 0;
}
