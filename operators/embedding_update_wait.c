/* Engagements of embedding_update whose items have no vector yet. */
#include "operators/embedding_update.h"

static int64_t
next_try(const struct update *update, const struct waiting_event *event, int64_t watermark)
{
	int64_t deadline = time_add(event->occurred_at, update->vector_wait);
	int64_t from = watermark > event->occurred_at ? watermark : event->occurred_at;
	int64_t step = from - event->occurred_at;
	int64_t next = time_add(from, step > update->vector_retry ? step : update->vector_retry);

	return next < deadline ? next : deadline;
}

int
embedding_wait(const struct update *update, struct key user, const struct waiting_event *event, struct context *context,
	       struct error *err)
{
	struct store *store = context_store(context, WAITING);
	int64_t next = next_try(update, event, context_watermark(context));
	struct entry *entry;
	struct bytes list;
	bool added;

	if (store_add(store, user, 0, &entry, &added, err) < 0)
		return -1;
	list = entry_value(entry);
	if (waiting_has(list, event->id)) {
		context_count(context, REPEATED, 1);
		return 0;
	}
	if (waiting_count(list) >= update->waiting_max || list.size + waiting_size(event) > WAITING_SIZE_MAX) {
		if (added)
			entry_remove(store, entry);
		context_count(context, NO_ROOM, 1);
		return embedding_settle(user, event, EMBEDDING_LACKS_VECTOR, context, err);
	}
	waiting_put(entry_edit(store, &entry, list.size + waiting_size(event)) + list.size, event);
	if (next < entry_timer(entry))
		entry_set_timer(store, entry, next);
	context_count(context, WAITED, 1);
	return 0;
}

/* Those of a user that wait: some have their vector now, the time of some is over. The end of a bounded run is the end
 * of all waiting. */
int
embedding_try_again(const struct update *update, const struct entry *fired, struct context *context, struct error *err)
{
	struct key user = key_of(embedding_copy(context, entry_key(fired)));
	struct bytes list = embedding_copy(context, entry_value(fired));
	struct store *store = context_store(context, WAITING);
	int64_t watermark = context_watermark(context), next = TIME_MAX;
	uint8_t *kept = context_take(context, list.size);
	struct cursor cursor = cursor_of(list);
	enum embedding_verdict verdict;
	struct waiting_event event;
	struct entry *entry;
	size_t size = 0;

	while (waiting_next(&cursor, &event)) {
		int64_t deadline = time_add(event.occurred_at, update->vector_wait);
		int64_t now = watermark < deadline ? watermark : deadline;

		if (embedding_take(update, user, &event, time_add(now, -update->remember), context, &verdict, err) < 0)
			return -1;
		if (verdict == EMBEDDING_LACKS_VECTOR && watermark <= deadline) {
			int64_t again = next_try(update, &event, watermark);

			waiting_put(kept + size, &event);
			size += waiting_size(&event);
			next = again < next ? again : next;
		} else if (embedding_settle(user, &event, verdict, context, err) < 0) {
			return -1;
		}
	}
	if (store_find(store, user, &entry, err) < 0)
		return -1;
	insist(entry != NULL);
	if (size == 0) {
		entry_remove(store, entry);
		return 0;
	}
	if (size < list.size)
		memcpy(entry_edit(store, &entry, size), kept, size);
	entry_set_timer(store, entry, next);
	return 0;
}
