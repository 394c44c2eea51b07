/* Opening integrity_rollup: fields become indexes, and schemas and rules that do not fit are refused. */
#include "operators/integrity_rollup.h"

#include <stdio.h>

#include "base/memory.h"

static int
open_counts(struct rollup *self, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"dimension", SCHEMA_STRING, &self->count.dimension},
		{"value", SCHEMA_STRING, &self->count.value},
		{"window_start", SCHEMA_LONG, &self->count.window_start},
		{"window_end", SCHEMA_LONG, &self->count.window_end},
		{"silent", SCHEMA_ARRAY, &self->count.silent},
		WANTED_END,
	};
	const struct wanted_field in_bucket[] = {
		{"bucket", SCHEMA_INT, &self->count.bucket},
		{"count", SCHEMA_LONG, &self->count.bucket_count},
		WANTED_END,
	};
	const struct schema *items;

	if (record_fields(schema, wanted, err) < 0 ||
	    record_fields_named(schema, series_counts, TALLY_COUNTERS, SCHEMA_LONG, self->count.counts, err) < 0 ||
	    record_fields_named(schema, series_latencies, LATENCIES, SCHEMA_ARRAY, self->count.latencies, err) < 0)
		return -1;
	items = self->count.latencies[0].schema->items;
	self->count.bucket_width = items->width;
	return record_fields(items, in_bucket, err);
}

static int
open_windows(struct rollup *self, const struct schema *schema, struct error *err)
{
	static const char *const quantiles[QUANTILES] = {[P50] = "p50", [P95] = "p95", [P99] = "p99"};
	const struct wanted_field wanted[] = {
		{"dimension", SCHEMA_STRING, &self->window.dimension},
		{"value", SCHEMA_STRING, &self->window.value},
		{"window_start", SCHEMA_LONG, &self->window.window_start},
		{"window_end", SCHEMA_LONG, &self->window.window_end},
		{"silent", SCHEMA_ARRAY, &self->window.silent},
		{"revision", SCHEMA_INT, &self->window.revision},
		WANTED_END,
	};
	char name[64];

	if (record_fields(schema, wanted, err) < 0 ||
	    record_fields_named(schema, series_counts, TALLY_COUNTERS, SCHEMA_LONG, self->window.counts, err) < 0)
		return -1;
	for (int i = 0; i < LATENCIES; i++)
		for (int q = 0; q < QUANTILES; q++) {
			snprintf(name, sizeof(name), "%s_%s_ms", series_latencies[i], quantiles[q]);
			if (record_field(schema, name, SCHEMA_DOUBLE, &self->window.latencies[i][q], err) < 0)
				return -1;
			if (self->window.latencies[i][q].branch_slot < 0)
				return fail(err, FATAL, "the field %s of %s has to be nullable", name, schema->name);
		}
	return 0;
}

static int
open_alerts(struct rollup *self, const struct schema *schema, struct error *err)
{
	static const char *const states[2] = {"resolved", "firing"};
	const struct wanted_field wanted[] = {
		{"name", SCHEMA_STRING, &self->alert.name},
		{"labels", SCHEMA_MAP, &self->alert.labels},
		{"state", SCHEMA_ENUM, &self->alert.state},
		{"severity", SCHEMA_STRING, &self->alert.severity},
		{"value", SCHEMA_DOUBLE, &self->alert.value},
		{"threshold", SCHEMA_DOUBLE, &self->alert.threshold},
		{"window_start", SCHEMA_LONG, &self->alert.window_start},
		{"starts_at", SCHEMA_LONG, &self->alert.starts_at},
		{"ends_at", SCHEMA_LONG, &self->alert.ends_at},
		{"runbook", SCHEMA_STRING, &self->alert.runbook},
		{"revision", SCHEMA_INT, &self->alert.revision},
		{"alert_id", SCHEMA_STRING, &self->alert.id},
		WANTED_END,
	};

	if (!schema)
		return 0;
	if (record_fields(schema, wanted, err) < 0)
		return -1;
	if (self->alert.labels.schema->items->type != SCHEMA_STRING || self->alert.ends_at.branch_slot < 0)
		return fail(err, FATAL, "%s needs labels of strings and an ends_at that may be null", schema->name);
	for (int i = 0; i < 2; i++) {
		self->alert.states[i] = schema_symbol_find(self->alert.state.schema, states[i]);
		if (self->alert.states[i] < 0)
			return fail(err, FATAL, "the enum state has no symbol %s", states[i]);
	}
	return 0;
}

/* What is configured is shared by all workers: each checks a copy. */
static int
open_rules(struct rollup *self, struct context *context, struct error *err)
{
	size_t count = (size_t)self->configured.count;

	if (count > 0 && !context_connected(context, ALERTS))
		return fail(err, FATAL, "rules has %zu rules, and the output alerts is not connected", count);
	self->rules = memory_new_array(count + 1, sizeof(*self->rules));
	if (count > 0)
		memcpy(self->rules, self->configured.items, count * sizeof(*self->rules));
	self->rule_count = (int)count;
	for (size_t i = 0; i < count; i++) {
		if (alert_rule_check(&self->rules[i], err) < 0)
			return fail_in(err, "rules.%s", self->rules[i].name);
		if (self->reach < alert_rule_reach(&self->rules[i]))
			self->reach = alert_rule_reach(&self->rules[i]);
		if (self->row < alert_rule_row(&self->rules[i]))
			self->row = alert_rule_row(&self->rules[i]);
		self->looks_at |= self->rules[i].looks_at;
	}
	return 0;
}

/* What reconcile does later than the rollup is ready for would be lost here, and stand in its mismatches alone. */
static int
check_reconcile(const struct rollup *self, const struct context *context, struct error *err)
{
	int64_t horizon, window, settle, max_hold;

	if (!context_writer_duration(context, 0, "reconcile", "correction_horizon", &horizon) ||
	    !context_writer_duration(context, 0, "reconcile", "window", &window) ||
	    !context_writer_duration(context, 0, "reconcile", "settle", &settle) ||
	    !context_writer_duration(context, 0, "reconcile", "max_hold", &max_hold))
		return 0;
	settle = settle ? settle : window;
	max_hold = max_hold ? max_hold : INTEGRITY_HOLD_WINDOWS * window;
	if (self->keep < 2 * horizon)
		return fail(
			err, FATAL,
			"keep is %lld ms, less than twice reconcile's correction_horizon (%lld ms): later revisions "
			"of a window would be lost; raise keep",
			(long long)self->keep, (long long)horizon);
	if (self->settle != 0 && self->settle < settle)
		return fail(err, FATAL,
			    "settle is %lld ms, shorter than reconcile's (%lld ms): windows would be reported before "
			    "they are judged; raise settle, or leave it out",
			    (long long)self->settle, (long long)settle);
	if (self->quiet_after != 0 && self->quiet_after <= max_hold)
		return fail(err, FATAL,
			    "quiet_after is %lld ms, not longer than reconcile's max_hold (%lld ms): alerts would be "
			    "resolved while windows are held back; raise quiet_after",
			    (long long)self->quiet_after, (long long)max_hold);
	return 0;
}

int
rollup_open(void *opened, struct context *context, struct error *err)
{
	struct rollup *self = opened;

	if (open_counts(self, context_input_schema(context, 0), err) < 0 ||
	    open_windows(self, context_output_schema(context, INTEGRITY_WINDOWS), err) < 0 ||
	    open_alerts(self, context_output_schema(context, ALERTS), err) < 0 || open_rules(self, context, err) < 0 ||
	    check_reconcile(self, context, err) < 0) {
		memory_free(&self->rules);
		return -1;
	}
	return 0;
}

void
rollup_close(void *opened)
{
	struct rollup *self = opened;

	memory_free(&self->rules);
}
