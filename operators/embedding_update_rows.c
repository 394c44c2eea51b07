/* The rows of embedding_update. */
#include "operators/embedding.h"
#include "operators/embedding_update.h"

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

int
embedding_emit(const struct update *update, const struct entry *entry, bool forgotten, struct context *context,
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
	if (!forgotten) {
		set_vector(update, row, value, context);
		record_set_real(row, update->row.weight, embedding_weight(value, update->half_life));
		record_set_integer(row, update->row.actions, head.actions);
	}
	return context_emit(context, EMBEDDINGS, entry_key(entry), row, err);
}

int
embedding_pass_on(const struct update *update, int output, struct bytes user, const struct waiting_event *event,
		  struct context *context, struct error *err)
{
	struct record *row = context_connected(context, output) ? context_row(context, output) : NULL;

	if (!row || event->body.size == 0) /* it came when nobody read them */
		return 0;
	row->prefix = event->body;
	row->prefix_fields = update->engagement.field_count;
	row->time_ms = event->occurred_at;
	return context_emit(context, output, user, row, err);
}
