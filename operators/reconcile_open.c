/* Opening reconcile: fields become indexes, and schemas that do not fit are refused. */
#include "operators/reconcile.h"

#include "operators/operators.h"

static const char *const stage_names[STAGES] = {"returned", "delivered", "received", "exposed"};
static const char *const kind_names[MISMATCH_KINDS] = {"lost", "duplicated", "phantom", "altered", "late"};
static const char *const hop_names[MISMATCH_HOPS] = {"engine_server", "server_client", "engine", "server", "client"};
static const char *const marker_names[MARKER_TEXTS] = {"experiment_group", "strategy_id", "model_version", "platform",
						       "user_id_token"};

/* The enum is written: it must have all of the names. */
static int
open_symbols(struct symbol_map *map, const struct schema *enumeration, const char *const *names, int count,
	     struct error *err)
{
	if (symbol_map_init(map, enumeration, names, count, err) < 0)
		return -1;
	return symbol_map_complete(map, enumeration, names, count, err);
}

static int
open_log(struct reconcile *self, enum reconcile_log log, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"impression_id", SCHEMA_STRING, &self->delivery[log].id},
		{"stage", SCHEMA_ENUM, &self->delivery[log].stage},
		{"item_id", SCHEMA_STRING, &self->delivery[log].item},
		{"position", SCHEMA_INT, &self->delivery[log].position},
		{"logged_at", SCHEMA_LONG, &self->delivery[log].logged_at},
		WANTED_END,
	};

	if (record_fields(schema, wanted, err) < 0 ||
	    record_fields_named(schema, marker_names, MARKER_TEXTS, SCHEMA_STRING, self->delivery[log].marker, err) < 0)
		return -1;
	return symbol_map_init(&self->delivery[log].stages, self->delivery[log].stage.schema, stage_names, STAGES, err);
}

static int
open_mismatches(struct reconcile *self, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"impression_id", SCHEMA_STRING, &self->mismatch.id},
		{"request_id", SCHEMA_STRING, &self->mismatch.request},
		{"kind", SCHEMA_ENUM, &self->mismatch.kind},
		{"hop", SCHEMA_ENUM, &self->mismatch.hop},
		{"field", SCHEMA_STRING, &self->mismatch.field},
		{"expected", SCHEMA_STRING, &self->mismatch.expected},
		{"actual", SCHEMA_STRING, &self->mismatch.actual},
		{"count", SCHEMA_INT, &self->mismatch.count},
		{"window_start", SCHEMA_LONG, &self->mismatch.window_start},
		{"detected_at", SCHEMA_LONG, &self->mismatch.detected_at},
		{"revision", SCHEMA_INT, &self->mismatch.revision},
		WANTED_END,
	};

	if (record_fields(schema, wanted, err) < 0 ||
	    record_fields_named(schema, marker_names, ROW_TEXTS, SCHEMA_STRING, self->mismatch.marker, err) < 0 ||
	    open_symbols(&self->mismatch.kinds, self->mismatch.kind.schema, kind_names, MISMATCH_KINDS, err) < 0)
		return -1;
	return open_symbols(&self->mismatch.hops, self->mismatch.hop.schema, hop_names, MISMATCH_HOPS, err);
}

static int
open_counts(struct reconcile *self, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"dimension", SCHEMA_STRING, &self->row.dimension},
		{"value", SCHEMA_STRING, &self->row.value},
		{"window_start", SCHEMA_LONG, &self->row.window_start},
		{"window_end", SCHEMA_LONG, &self->row.window_end},
		{"silent", SCHEMA_ARRAY, &self->row.silent},
		{"held", SCHEMA_BOOLEAN, &self->row.held},
		{"task", SCHEMA_INT, &self->row.task},
		WANTED_END,
	};
	const struct wanted_field in_bucket[] = {
		{"bucket", SCHEMA_INT, &self->row.bucket},
		{"count", SCHEMA_LONG, &self->row.bucket_count},
		WANTED_END,
	};
	const struct schema *items;

	if (!schema)
		return 0;
	if (record_fields(schema, wanted, err) < 0 ||
	    record_fields_named(schema, series_counts, TALLY_COUNTERS, SCHEMA_LONG, self->row.counts, err) < 0 ||
	    record_fields_named(schema, series_latencies, LATENCIES, SCHEMA_ARRAY, self->row.latencies, err) < 0)
		return -1;
	items = self->row.latencies[0].schema->items;
	self->row.bucket_width = items->width;
	return record_fields(items, in_bucket, err);
}

/* What does not fit goes there as it is. */
static int
open_overflow(struct reconcile *self, struct context *context, struct error *err)
{
	const struct schema *overflow = context_output_schema(context, OVERFLOW);

	for (int log = 0; log < LOGS && overflow; log++) {
		const struct schema *from = context_input_schema(context, log);

		if (schema_starts_with(overflow, from, err) < 0 || from->field_count != overflow->field_count)
			return fail_in(err, "output overflow must have the schema of input %s",
				       reconcile_type.inputs[log].name);
		self->field_count[log] = from->field_count;
	}
	return 0;
}

int
reconcile_open(void *opened, struct context *context, struct error *err)
{
	struct reconcile *self = opened;
	int64_t needed;

	if (self->settle == 0)
		self->settle = self->window;
	if (self->settle > self->window)
		return fail(err, FATAL, "settle is %lld ms, longer than a window (%lld ms); expected at most that",
			    (long long)self->settle, (long long)self->window);
	if (self->max_hold == 0)
		self->max_hold = INTEGRITY_HOLD_WINDOWS * self->window;
	needed = 2 * self->window + self->max_hold;
	if (self->correction_horizon < needed)
		return fail(err, FATAL,
			    "correction_horizon is %lld ms, which is shorter than 2 x window + max_hold (%lld ms): a "
			    "response would be forgotten before its verdict; raise correction_horizon",
			    (long long)self->correction_horizon, (long long)needed);
	for (int log = ENGINE; log < LOGS; log++)
		if (open_log(self, (enum reconcile_log)log, context_input_schema(context, log), err) < 0)
			return fail_in(err, "input %s", reconcile_type.inputs[log].name);
	if (open_mismatches(self, context_output_schema(context, MISMATCHES), err) < 0)
		return -1;
	if (open_overflow(self, context, err) < 0)
		return -1;
	return open_counts(self, context_output_schema(context, COUNTS), err);
}
