/* The rows of embedding_update. */
#include "operators/caused_at.h"
#include "operators/embedding_update.h"

struct bytes
embedding_copy(struct context *context, struct bytes bytes)
{
	uint8_t *copy = context_take(context, bytes.size);

	if (bytes.size)
		memcpy(copy, bytes.data, bytes.size);
	return bytes_of(copy, bytes.size);
}

static void
set_vector(const struct update *update, struct record *row, struct bytes value, struct context *context)
{
	size_t count = embedding_head_of(value).dimensions;
	float *vector = context_take(context, count * sizeof(*vector));
	union slot *items = context_take(context, count * sizeof(*items));

	embedding_vector(value, vector);
	for (size_t i = 0; i < count; i++)
		items[i].real = (double)vector[i];
	row->slots[update->row.vector.slot].array.items = items;
	row->slots[update->row.vector.slot].array.count = count;
}

/* `caused_ms`: TIME_MIN: no engagement caused the row. */
static int
emit(const struct update *update, const struct entry *entry, int64_t caused_ms, bool forgotten, struct context *context,
     struct error *err)
{
	struct record *row = context_row(context, EMBEDDINGS);
	struct bytes value = entry_value(entry);
	struct embedding_head head = embedding_head_of(value);

	row->time_ms = head.newest_ms;
	record_set_bytes(row, update->row.user, entry_key(entry));
	record_set_integer(row, update->row.updated_at, head.newest_ms);
	record_set_integer(row, update->row.revision, head.revision);
	record_set_bytes(row, update->row.space, embedding_space(value));
	caused_at_set(row, update->row.caused_at, caused_ms);
	if (!forgotten) {
		set_vector(update, row, value, context);
		record_set_real(row, update->row.weight, embedding_weight(value, update->half_life));
		record_set_integer(row, update->row.actions, head.actions);
	}
	return context_emit(context, EMBEDDINGS, entry_key(entry), row, err);
}

int
embedding_row(const struct update *update, struct entry *entry, struct context *context, struct error *err)
{
	struct embedding_head head = embedding_head_of(entry_value(entry));
	int64_t caused_ms = head.caused_ms;

	head.revision++;
	head.caused_ms = TIME_MIN;
	memcpy(entry_edit(context_store(context, USERS), &entry, entry_value(entry).size), &head, sizeof(head));
	context_count(context, CHANGED, 1);
	return emit(update, entry, caused_ms, false, context, err);
}

int
embedding_last_row(const struct update *update, struct entry *entry, struct context *context, struct error *err)
{
	struct store *store = context_store(context, USERS);
	struct embedding_head head = embedding_head_of(entry_value(entry));

	head.revision++;
	memcpy(entry_edit(store, &entry, entry_value(entry).size), &head, sizeof(head));
	context_count(context, EXPIRED, 1);
	if (emit(update, entry, TIME_MIN, true, context, err) < 0)
		return -1;
	entry_remove(store, entry);
	return 0;
}
