/* Opening engagement_join: fields become indexes, and schemas that do not fit together are refused. */
#include "operators/actions.h"
#include "operators/engagement_join.h"
#include "operators/operators.h"
#include "record/text_field.h"

/* Fields of the outcome that are 1 where the action came: the same order as the actions. */
static const char *const flag_names[JOIN_FLAGS] = {"viewed",	"clicked",  "liked",	"shared",
						   "commented", "followed", "purchased"};

/* Whom and what a record is about is compared where both schemas have it as plain texts. */
static void
open_owner(struct join_owner *owner, const struct schema *schema)
{
	static const char *const names[JOIN_OWNERS] = {[JOIN_USER] = "user_id_token", [JOIN_ITEM] = "item_id"};
	struct error none;

	owner->schema = schema;
	for (int i = 0; i < JOIN_OWNERS; i++) {
		owner->fields[i] = text_field_find(schema, names[i]);
		if (record_field(schema, names[i], SCHEMA_STRING, &owner->of[i], &none) < 0)
			owner->fields[i] = -1;
	}
}

static int
open_impressions(struct join *join, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"shown_at", SCHEMA_LONG, &join->impression.shown_at},
		{"duration_seconds", SCHEMA_DOUBLE, &join->impression.duration},
		{"source", SCHEMA_ENUM, &join->impression.source},
		WANTED_END,
	};

	join->impression.field_count = schema->field_count;
	open_owner(&join->impression.owner, schema);
	if (record_fields(schema, wanted, err) < 0)
		return -1;
	join->impression.exploration = schema_symbol_find(join->impression.source.schema, "exploration");
	return 0;
}

static int
open_engagements(struct join *join, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"engagement_id", SCHEMA_STRING, &join->engagement.id},
		{"action", SCHEMA_ENUM, &join->engagement.action},
		{"watched_seconds", SCHEMA_DOUBLE, &join->engagement.watched},
		{"duration_seconds", SCHEMA_DOUBLE, &join->engagement.duration},
		{"occurred_at", SCHEMA_LONG, &join->engagement.occurred_at},
		WANTED_END,
	};

	join->engagement.field_count = schema->field_count;
	open_owner(&join->engagement.owner, schema);
	if (record_fields(schema, wanted, err) < 0)
		return -1;
	return symbol_map_init(&join->engagement.actions, join->engagement.action.schema, actions_names, ACTIONS, err);
}

static int
open_scores(struct join *join, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"model_version", SCHEMA_STRING, &join->score.model_version},
		{"predicted_watch_seconds", SCHEMA_DOUBLE, &join->score.watch},
		{"predicted_engage_prob", SCHEMA_DOUBLE, &join->score.probability},
		{"is_shadow", SCHEMA_BOOLEAN, &join->score.shadow},
		{"scored_at", SCHEMA_LONG, &join->score.scored_at},
		WANTED_END,
	};

	if (!schema)
		return 0;
	join->score.field_count = schema->field_count;
	return record_fields(schema, wanted, err);
}

static int
open_outcomes(struct join *join, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"engaged", SCHEMA_BOOLEAN, &join->outcome.engaged},
		{"watched_seconds", SCHEMA_DOUBLE, &join->outcome.watched},
		{"completed", SCHEMA_BOOLEAN, &join->outcome.completed},
		{"skipped", SCHEMA_BOOLEAN, &join->outcome.skipped},
		{"n_engagements", SCHEMA_INT, &join->outcome.count},
		{"first_engaged_at", SCHEMA_LONG, &join->outcome.first_at},
		{"last_engaged_at", SCHEMA_LONG, &join->outcome.last_at},
		{"scores", SCHEMA_ARRAY, &join->outcome.scores},
		{"revision", SCHEMA_INT, &join->outcome.revision},
		{"final", SCHEMA_BOOLEAN, &join->outcome.final},
		WANTED_END,
	};
	const struct wanted_field in_score[] = {
		{"model_version", SCHEMA_STRING, &join->outcome.score_model},
		{"predicted_watch_seconds", SCHEMA_DOUBLE, &join->outcome.score_watch},
		{"predicted_engage_prob", SCHEMA_DOUBLE, &join->outcome.score_probability},
		{"is_shadow", SCHEMA_BOOLEAN, &join->outcome.score_shadow},
		{"scored_at", SCHEMA_LONG, &join->outcome.score_at},
		WANTED_END,
	};
	const struct schema *items;

	for (size_t i = 0; i < JOIN_FLAGS; i++)
		if (record_field(schema, flag_names[i], SCHEMA_BOOLEAN, &join->outcome.flags[i], err) < 0)
			return -1;
	if (record_fields(schema, wanted, err) < 0)
		return -1;
	items = join->outcome.scores.schema->items;
	join->outcome.score_width = items->width;
	return record_fields(items, in_score, err);
}

/* Rows begin with an input record's own bytes: the output's schema has to begin with (or be) the input's. */
static int
check_copy(const struct context *context, enum join_output output, enum join_input input, bool whole, struct error *err)
{
	const struct schema *from = context_input_schema(context, (int)input);
	const struct schema *to = context_output_schema(context, (int)output);

	if (!from || !to)
		return 0;
	if (schema_starts_with(to, from, err) < 0)
		return fail_in(err, "the schema of output %s must %s that of input %s",
			       engagement_join_type.outputs[output].name, whole ? "be" : "begin with",
			       engagement_join_type.inputs[input].name);
	if (whole && to->field_count != from->field_count)
		return fail(err, FATAL, "the schema of output %s must be that of input %s, without further fields",
			    engagement_join_type.outputs[output].name, engagement_join_type.inputs[input].name);
	return 0;
}

/* The fields of a row are resolved once, for both outputs that it goes to. */
static int
check_explorations(const struct context *context, struct error *err)
{
	const struct schema *outcomes = context_output_schema(context, OUTCOMES);
	const struct schema *explorations = context_output_schema(context, EXPLORATIONS);

	if (!explorations)
		return 0;
	if (schema_starts_with(explorations, outcomes, err) < 0)
		return fail_in(err, "the schema of output explorations must be that of output outcomes");
	if (explorations->field_count != outcomes->field_count)
		return fail(
			err, FATAL,
			"the schema of output explorations must be that of output outcomes, without further fields");
	return 0;
}

static int
check_schemas(const struct context *context, struct error *err)
{
	if (check_copy(context, OUTCOMES, IMPRESSIONS, false, err) < 0 || check_explorations(context, err) < 0 ||
	    check_copy(context, LATE, ENGAGEMENTS, true, err) < 0 ||
	    check_copy(context, ORPHANS, ENGAGEMENTS, true, err) < 0 ||
	    check_copy(context, HINDSIGHT, SCORES, true, err) < 0 ||
	    check_copy(context, LATE_IMPRESSIONS, IMPRESSIONS, true, err) < 0 ||
	    check_copy(context, OVERFLOW_ENGAGEMENTS, ENGAGEMENTS, true, err) < 0 ||
	    check_copy(context, OVERFLOW_SCORES, SCORES, true, err) < 0)
		return -1;
	return 0;
}

int
join_open(void *self, struct context *context, struct error *err)
{
	struct join *join = self;

	if (join->correction_horizon < join->window + join->grace)
		return fail(err, FATAL,
			    "correction_horizon is %lld ms, which is shorter than window + grace (%lld ms): an "
			    "impression would be gone before its row is due; raise correction_horizon",
			    (long long)join->correction_horizon, (long long)(join->window + join->grace));
	if (join->remember < join->correction_horizon)
		join->remember = join->correction_horizon;
	if (open_impressions(join, context_input_schema(context, IMPRESSIONS), err) < 0 ||
	    open_engagements(join, context_input_schema(context, ENGAGEMENTS), err) < 0 ||
	    open_scores(join, context_input_schema(context, SCORES), err) < 0 ||
	    open_outcomes(join, context_output_schema(context, OUTCOMES), err) < 0)
		return -1;
	return check_schemas(context, err);
}
