#include "operators/feature_sink_views.h"

#include "operators/caused_at.h"

#define NOT_WATCHED (-1.0) /* lists have no nulls */

const struct feature_column sink_keys[] = {{"user_id_token", FEATURE_STRING, false}, {.name = NULL}};

static int
open_row(struct sink_fields *fields, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"user_id_token", SCHEMA_STRING, &fields->user},
		{"updated_at", SCHEMA_LONG, &fields->updated_at},
		{"revision", SCHEMA_LONG, &fields->revision},
		WANTED_END,
	};

	return record_fields(schema, wanted, err) < 0 ? -1 : caused_at_field(schema, &fields->caused_at, err);
}

/* ---- histories: lists with an item for each action ---- */

enum { ENGAGEMENT_IDS, ITEM_IDS, ACTIONS, WATCHED_SECONDS, OCCURRED_AT };

static const struct feature_column history_features[] = {
	[ENGAGEMENT_IDS] = {"engagement_ids", FEATURE_STRING, true},
	[ITEM_IDS] = {"item_ids", FEATURE_STRING, true},
	[ACTIONS] = {"actions", FEATURE_STRING, true},
	[WATCHED_SECONDS] = {"watched_seconds", FEATURE_DOUBLE, true},
	[OCCURRED_AT] = {"occurred_at", FEATURE_UNIX_TIME, true},
	{.name = NULL},
};

static int
open_history(struct sink_fields *fields, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"engagement_id", SCHEMA_STRING, &fields->history.engagement},
		{"item_id", SCHEMA_STRING, &fields->history.item},
		{"action", SCHEMA_ENUM, &fields->history.action},
		{"watched_seconds", SCHEMA_DOUBLE, &fields->history.watched},
		{"occurred_at", SCHEMA_LONG, &fields->history.occurred_at},
		WANTED_END,
	};
	const struct schema *item;

	if (open_row(fields, schema, err) < 0 ||
	    record_field(schema, "actions", SCHEMA_ARRAY, &fields->history.actions, err) < 0)
		return -1;
	item = fields->history.actions.schema->items;
	if (item->type != SCHEMA_RECORD || item->by_reference)
		return fail(err, FATAL, "the items of the field actions of %s have to be plain records", schema->name);
	fields->history.width = (size_t)item->width;
	return record_fields(item, wanted, err);
}

static void
read_history(const struct sink_fields *fields, const struct record *record, struct context *context,
	     struct feature_value *features)
{
	const union slot *slots = record->slots + fields->history.actions.slot;
	const char *const *symbols = fields->history.action.schema->symbols;
	size_t count = slots->array.count;
	struct bytes *engagements = context_take(context, count * sizeof(*engagements));
	struct bytes *items = context_take(context, count * sizeof(*items));
	struct bytes *actions = context_take(context, count * sizeof(*actions));
	double *watched = context_take(context, count * sizeof(*watched));
	int64_t *occurred_at = context_take(context, count * sizeof(*occurred_at));
	struct record item = {.slots = slots->array.items};

	for (size_t i = 0; i < count; i++, item.slots += fields->history.width) {
		engagements[i] = record_bytes(&item, fields->history.engagement);
		items[i] = record_bytes(&item, fields->history.item);
		actions[i] = bytes_of_text(symbols[record_integer(&item, fields->history.action)]);
		watched[i] = record_is_null(&item, fields->history.watched)
				     ? NOT_WATCHED
				     : record_real(&item, fields->history.watched);
		occurred_at[i] = record_integer(&item, fields->history.occurred_at) / 1000;
	}
	features[ENGAGEMENT_IDS] = (struct feature_value){.items = engagements, .count = count};
	features[ITEM_IDS] = (struct feature_value){.items = items, .count = count};
	features[ACTIONS] = (struct feature_value){.items = actions, .count = count};
	features[WATCHED_SECONDS] = (struct feature_value){.items = watched, .count = count};
	features[OCCURRED_AT] = (struct feature_value){.items = occurred_at, .count = count};
}

/* ---- embeddings ---- */

enum { EMBEDDING, WEIGHT, N_ACTIONS, SPACE };

static const struct feature_column embedding_features[] = {
	[EMBEDDING] = {"embedding", FEATURE_FLOAT, true},
	[WEIGHT] = {"weight", FEATURE_DOUBLE, false},
	[N_ACTIONS] = {"n_actions", FEATURE_INT64, false},
	[SPACE] = {"space", FEATURE_STRING, false},
	{.name = NULL},
};

static int
open_embedding(struct sink_fields *fields, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"vector", SCHEMA_ARRAY, &fields->embedding.vector},
		{"weight", SCHEMA_DOUBLE, &fields->embedding.weight},
		{"n_actions", SCHEMA_LONG, &fields->embedding.actions},
		{"space", SCHEMA_STRING, &fields->embedding.space},
		WANTED_END,
	};

	if (open_row(fields, schema, err) < 0 || record_fields(schema, wanted, err) < 0)
		return -1;
	if (fields->embedding.vector.schema->items->type != SCHEMA_FLOAT)
		return fail(err, FATAL, "the items of the field vector of %s have to be floats", schema->name);
	return 0;
}

static void
read_embedding(const struct sink_fields *fields, const struct record *record, struct context *context,
	       struct feature_value *features)
{
	const union slot *slots = record->slots + fields->embedding.vector.slot;
	float *vector = context_take(context, slots->array.count * sizeof(*vector));

	for (size_t i = 0; i < slots->array.count; i++)
		vector[i] = (float)slots->array.items[i].real;
	features[EMBEDDING] = (struct feature_value){.items = vector, .count = slots->array.count};
	features[WEIGHT] = (struct feature_value){.real = record_real(record, fields->embedding.weight)};
	features[N_ACTIONS] = (struct feature_value){.integer = record_integer(record, fields->embedding.actions)};
	features[SPACE] = (struct feature_value){.bytes = record_bytes(record, fields->embedding.space)};
}

const struct sink_kind sink_kinds[SINK_INPUTS] = {
	[SINK_HISTORIES] = {history_features, NULL, open_history, read_history},
	[SINK_EMBEDDINGS] = {embedding_features, "embedding", open_embedding, read_embedding},
};
