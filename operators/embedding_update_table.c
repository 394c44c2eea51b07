/*
 * The item vectors of embedding_update, as the global table holds them: `dimensions` floats, and behind them the name
 * of the space.
 *
 * An engagement takes the vector that its item had when it happened: the newest one made until then. Where the item had
 * none, it takes the first one made within vector_wait. So a live run, which does not wait where there is a vector, and
 * a run over the same input later take the same one. Where an item has vectors of several spaces, that of the newest
 * space holds.
 */
#include "operators/embedding_update.h"
#include "record/json.h"

/* Of the one entry of its store. */
static struct key
spaces_key(void)
{
	return key_of(bytes_of_text("spaces"));
}

int
embedding_hold(const void *self, int table, const struct record *record, struct buffer *out, struct bytes *space,
	       struct error *err)
{
	const struct update *update = self;
	const union slot *slots = record->slots + update->item.vector.slot;
	float vector[EMBEDDING_DIMENSIONS_MAX];
	struct embedding_event event = {
		.occurred_at = record->time_ms,
		.weight = 1,
		.vector = vector,
		.dimensions = slots->array.count,
		.space = record_bytes(record, update->item.space),
	};

	(void)table;
	for (size_t i = 0; i < slots->array.count && i < (size_t)update->dimensions; i++)
		vector[i] = (float)slots->array.items[i].real;
	if (embedding_check(&event, (size_t)update->dimensions, err) < 0)
		return -1;
	buffer_put(out, vector, event.dimensions * sizeof(*vector));
	buffer_put_bytes(out, event.space);
	*space = event.space.data ? event.space : bytes_of_text("");
	return 0;
}

/* ---- spaces ---- */

static int
keep_spaces(const struct spaces *spaces, struct context *context, struct error *err)
{
	struct store *store = context_store(context, SPACES);
	struct buffer value = {0};
	struct entry *entry;
	bool added;
	int result;

	spaces_write(spaces, &value);
	result = store_add(store, spaces_key(), 0, &entry, &added, err);
	if (result == 0)
		memcpy(entry_edit(store, &entry, value.size), value.data, value.size);
	buffer_fini(&value);
	return result;
}

int
embedding_spaces(const struct update *update, struct context *context, struct spaces *out, struct error *err)
{
	struct table_series series;
	struct entry *entry;
	bool changed = false;

	*out = (struct spaces){0};
	if (update->space[0])
		out->named = bytes_of_text(update->space);
	if (store_find(context_store(context, SPACES), spaces_key(), &entry, err) < 0)
		return -1;
	if (entry)
		spaces_read(out, embedding_copy(context, entry_value(entry)));
	for (int i = 0; context_series(context, ITEM_VECTORS, i, &series); i++)
		changed |= spaces_note(out, &series);
	return changed ? keep_spaces(out, context, err) : 0;
}

/* For a rescale: each task knows what any of them has known. */
void
embedding_spaces_share(const struct share_part *entry, struct share *share)
{
	struct share_part part = *entry;

	for (part.task = 0; part.task < share_tasks(share); part.task++)
		share_add(share, SPACES, &part);
}

int64_t
embedding_spaces_merge(const struct share_part *a, const struct share_part *b, struct buffer *value)
{
	struct spaces spaces = {0};

	spaces_read(&spaces, a->value);
	spaces_read(&spaces, b->value);
	spaces_write(&spaces, value);
	return TIME_MAX;
}

void
embedding_spaces_show(struct bytes value, struct buffer *out)
{
	struct spaces spaces = {0};

	spaces_read(&spaces, value);
	buffer_print(out, "{\"spaces\": [");
	for (size_t i = 0; i < spaces.count; i++) {
		buffer_print(out, "%s{\"space\": ", i ? ", " : "");
		json_write_text(spaces.list[i].name, out);
		buffer_print(out, ", \"first_updated_at\": %lld}", (long long)spaces.list[i].began_ms);
	}
	buffer_print(out, "]}");
}

/* ---- look-ups ---- */

static struct bytes
space_of(const struct update *update, const struct table_row *row)
{
	size_t size = (size_t)update->dimensions * sizeof(float);

	return bytes_of(row->value.data + size, row->value.size - size);
}

/* Of this version and those before it the newest one of the newest space. */
static int
choose(const struct update *update, struct context *context, struct table_row *row, struct error *err)
{
	struct table_series second;
	struct table_row other = *row;
	struct spaces spaces;

	if (!context_series(context, ITEM_VECTORS, 1, &second)) /* there is but one space */
		return 0;
	if (embedding_spaces(update, context, &spaces, err) < 0)
		return -1;
	while (context_lookup_before(&other) == TABLE_ROW)
		if (spaces_newer(&spaces, space_of(update, &other), space_of(update, row)))
			*row = other;
	return 0;
}

int
embedding_look_up(const struct update *update, struct context *context, struct bytes item,
		  struct embedding_event *event, enum table_answer *answer, struct error *err)
{
	int64_t latest = time_add(event->occurred_at, update->vector_wait);
	struct table_row row, held = {0};

	*answer = context_lookup(context, ITEM_VECTORS, item, latest, &row);
	for (; *answer == TABLE_ROW && row.time_ms > event->occurred_at; *answer = context_lookup_before(&row))
		held = row;
	if (*answer == TABLE_ROW) {
		held = row;
		if (choose(update, context, &held, err) < 0)
			return -1;
	} else if (*answer == TABLE_GONE || !held.value.data) {
		return 0;
	}
	*answer = TABLE_ROW;
	event->vector = (const float *)(const void *)held.value.data;
	event->dimensions = (size_t)update->dimensions;
	event->space = space_of(update, &held);
	return 0;
}
