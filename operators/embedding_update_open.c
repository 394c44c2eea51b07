/* What embedding_update checks and resolves when it opens. */
#include "operators/caused_at.h"
#include "operators/embedding_update.h"
#include "operators/pass_on.h"

static int
open_engagements(struct update *update, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"engagement_id", SCHEMA_STRING, &update->engagement.id},
		{"item_id", SCHEMA_STRING, &update->engagement.item},
		{"action", SCHEMA_ENUM, &update->engagement.action},
		{"occurred_at", SCHEMA_LONG, &update->engagement.occurred_at},
		WANTED_END,
	};

	if (record_fields(schema, wanted, err) < 0)
		return -1;
	return symbol_map_init(&update->engagement.actions, update->engagement.action.schema, actions_names,
			       ACTIONS_COUNT, err);
}

static int
open_vector(const struct schema *schema, struct field *out, struct error *err)
{
	if (record_field(schema, "vector", SCHEMA_ARRAY, out, err) < 0)
		return -1;
	if (out->schema->items->type != SCHEMA_FLOAT)
		return fail(err, FATAL, "the items of the field vector of %s have to be floats", schema->name);
	return 0;
}

static int
open_rows(struct update *update, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"user_id_token", SCHEMA_STRING, &update->row.user},
		{"weight", SCHEMA_DOUBLE, &update->row.weight},
		{"n_actions", SCHEMA_LONG, &update->row.actions},
		{"updated_at", SCHEMA_LONG, &update->row.updated_at},
		{"space", SCHEMA_STRING, &update->row.space},
		{"revision", SCHEMA_LONG, &update->row.revision},
		WANTED_END,
	};

	if (record_fields(schema, wanted, err) < 0 || open_vector(schema, &update->row.vector, err) < 0)
		return -1;
	return caused_at_field(schema, &update->row.caused_at, err);
}

static int
check_options(const struct update *update, struct error *err)
{
	if (update->vector_wait >= update->remember)
		return fail(err, FATAL,
			    "vector_wait has to be shorter than remember: what has waited might be a repeat");
	if (strlen(update->space) > EMBEDDING_SPACE_SIZE_MAX)
		return fail(err, FATAL, "space has %zu bytes; at most %d", strlen(update->space),
			    EMBEDDING_SPACE_SIZE_MAX);
	if (update->ttl < update->remember)
		return fail(err, FATAL,
			    "ttl has to be as long as remember: a user would be forgotten, and the ids too");
	return 0;
}

int
embedding_open(void *self, struct context *context, struct error *err)
{
	struct update *update = self;
	const struct schema *items = context_table_schema(context, ITEM_VECTORS);

	if (actions_parse_weights(update->weights, EMBEDDING_WEIGHT_MAX, update->weight_of, err) < 0)
		return fail_in(err, "weights");
	if (check_options(update, err) < 0 || open_engagements(update, context_input_schema(context, 0), err) < 0 ||
	    open_vector(items, &update->item.vector, err) < 0 ||
	    record_field(items, "space", SCHEMA_STRING, &update->item.space, err) < 0 ||
	    open_rows(update, context_output_schema(context, EMBEDDINGS), err) < 0 ||
	    pass_on_check(context, 0, UNMATCHED, "engagements", "unmatched", err) < 0 ||
	    pass_on_check(context, 0, LATE, "engagements", "late", err) < 0)
		return -1;
	update->keeps_bodies = context_connected(context, UNMATCHED) || context_connected(context, LATE);
	return 0;
}
