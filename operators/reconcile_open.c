/* Opening reconcile: fields become indexes, and schemas that do not fit are refused. */
#include "operators/reconcile.h"

#include "operators/operators.h"

static const char *const stage_names[STAGES] = {"returned", "delivered", "received", "exposed"};
static const char *const kind_names[MISMATCH_KINDS] = {"lost", "duplicated", "phantom", "altered", "late"};
static const char *const hop_names[MISMATCH_HOPS] = {"engine_server", "server_client", "engine", "server", "client"};
static const char *const marker_names[MARKER_TEXTS] = {"experiment_group", "strategy_id", "model_version", "platform"};

struct wanted {
	const char *name;
	enum schema_type type;
	struct field *field;
};

static int
resolve(const struct schema *schema, const struct wanted *wanted, struct error *err)
{
	for (; wanted->name; wanted++)
		if (record_field(schema, wanted->name, wanted->type, wanted->field, err) < 0)
			return -1;
	return 0;
}

static int
resolve_all(const struct schema *schema, const char *const *names, int count, enum schema_type type,
	    struct field *fields, struct error *err)
{
	for (int i = 0; i < count; i++)
		if (record_field(schema, names[i], type, &fields[i], err) < 0)
			return -1;
	return 0;
}

/* The schema's symbols of the names that are written. */
static int
find_symbols(const struct schema *enumeration, const char *const *names, int count, int *symbols, struct error *err)
{
	for (int i = 0; i < count; i++) {
		symbols[i] = schema_symbol_find(enumeration, names[i]);
		if (symbols[i] < 0)
			return fail(err, FATAL, "the enum %s has no symbol %s, which reconcile writes",
				    schema_short_name(enumeration), names[i]);
	}
	return 0;
}

static int
open_log(struct reconcile *self, enum reconcile_log log, const struct schema *schema, struct error *err)
{
	int *stages = self->delivery[log].stages;
	int most = (int)(sizeof(self->delivery[log].stages) / sizeof(*stages));
	struct field stage;
	const struct wanted wanted[] = {
		{"impression_id", SCHEMA_STRING, &self->delivery[log].id},
		{"stage", SCHEMA_ENUM, &stage},
		{"item_id", SCHEMA_STRING, &self->delivery[log].item},
		{"position", SCHEMA_INT, &self->delivery[log].position},
		{"logged_at", SCHEMA_LONG, &self->delivery[log].logged_at},
		{NULL, SCHEMA_NULL, NULL},
	};

	if (resolve(schema, wanted, err) < 0 ||
	    resolve_all(schema, marker_names, MARKER_TEXTS, SCHEMA_STRING, self->delivery[log].marker, err) < 0)
		return -1;
	self->delivery[log].stage = stage;
	if (stage.schema->symbol_count > most)
		return fail(err, FATAL, "the enum stage has %d symbols; at most %d", stage.schema->symbol_count, most);
	for (int i = 0; i < stage.schema->symbol_count; i++) {
		int known = 0;

		while (known < STAGES && strcmp(stage_names[known], stage.schema->symbols[i]) != 0)
			known++;
		if (known == STAGES)
			return fail(err, FATAL, "the enum stage has the symbol %s, which reconcile does not know",
				    stage.schema->symbols[i]);
		stages[i] = known;
	}
	return 0;
}

static int
open_mismatches(struct reconcile *self, const struct schema *schema, struct error *err)
{
	const struct wanted wanted[] = {
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
		{NULL, SCHEMA_NULL, NULL},
	};

	if (resolve(schema, wanted, err) < 0 ||
	    resolve_all(schema, marker_names, MARKER_TEXTS, SCHEMA_STRING, self->mismatch.marker, err) < 0 ||
	    find_symbols(self->mismatch.kind.schema, kind_names, MISMATCH_KINDS, self->mismatch.kinds, err) < 0)
		return -1;
	return find_symbols(self->mismatch.hop.schema, hop_names, MISMATCH_HOPS, self->mismatch.hops, err);
}

static int
open_counts(struct reconcile *self, const struct schema *schema, struct error *err)
{
	const struct wanted wanted[] = {
		{"dimension", SCHEMA_STRING, &self->row.dimension},
		{"value", SCHEMA_STRING, &self->row.value},
		{"window_start", SCHEMA_LONG, &self->row.window_start},
		{"window_end", SCHEMA_LONG, &self->row.window_end},
		{"silent", SCHEMA_ARRAY, &self->row.silent},
		{"held", SCHEMA_BOOLEAN, &self->row.held},
		{"task", SCHEMA_INT, &self->row.task},
		{NULL, SCHEMA_NULL, NULL},
	};
	const struct wanted in_bucket[] = {
		{"bucket", SCHEMA_INT, &self->row.bucket},
		{"count", SCHEMA_LONG, &self->row.bucket_count},
		{NULL, SCHEMA_NULL, NULL},
	};
	const struct schema *items;

	if (!schema)
		return 0;
	if (resolve(schema, wanted, err) < 0 ||
	    resolve_all(schema, series_counts, TALLY_COUNTERS, SCHEMA_LONG, self->row.counts, err) < 0 ||
	    resolve_all(schema, series_latencies, LATENCIES, SCHEMA_ARRAY, self->row.latencies, err) < 0)
		return -1;
	items = self->row.latencies[0].schema->items;
	self->row.bucket_width = items->width;
	return resolve(items, in_bucket, err);
}

int
reconcile_open(void *opened, struct context *context, struct error *err)
{
	struct reconcile *self = opened;
	int64_t needed = 2 * self->window + self->max_hold;

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
	return open_counts(self, context_output_schema(context, COUNTS), err);
}
