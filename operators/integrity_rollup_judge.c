/*
 * Holds the windows of a series against the rules: alerts fire and are resolved. How many fire in the task is kept in
 * an entry of its own.
 */
#include <stdio.h>

#include "operators/integrity_rollup_alert.h"

#define REMEMBERED_MS (30 * 24 * 3600 * (int64_t)1000)
#define HELD_BACK "alerts_held_back"

/* ---- how many fire ---- */

static int
count_firing(int by, int64_t *out, struct context *context, struct error *err)
{
	struct store *store = context_store(context, RAISED);
	struct entry *entry;
	bool is_new;

	if (store_add(store, key_of(bytes_of_text(FIRING_KEY)), sizeof(*out), &entry, &is_new, err) < 0)
		return -1;
	memcpy(out, entry_value(entry).data, sizeof(*out));
	*out += by;
	memcpy(entry_edit(store, &entry, sizeof(*out)), out, sizeof(*out));
	return 0;
}

/* That alerts are held back since too many fire is an alert of its own, which begins or ends. */
static int
tell_held_back(const struct rollup *self, struct alert *alert, struct bytes id, bool held_back, int64_t window_start,
	       struct context *context, struct error *err)
{
	alert->head.value = alert->head.threshold = (double)self->firing_max;
	alert->head.severity = 0;
	alert->head.firing = held_back;
	alert->head.window_start = window_start;
	if (held_back)
		alert->head.starts_at = window_start;
	alert->head.breach_end = window_start;
	alert->head.act_at = TIME_MAX;
	return alert_emit(self, alert, id, context, err);
}

static int
say_held_back(const struct rollup *self, bool held_back, int64_t window_start, struct context *context,
	      struct error *err)
{
	char *task = context_take(context, 16);
	struct alert alert = {.head = {.resolved_for = TIME_MIN}, .texts = {[NAME] = bytes_of_text(HELD_BACK)}};
	struct bytes id;
	bool found;

	snprintf(task, 16, "%d", context_task(context));
	alert.texts[TASK] = bytes_of_text(task);
	id = alert_id(&alert, context);
	if (alert_find(id, &alert, &found, context, err) < 0)
		return -1;
	if (held_back == (bool)alert.head.firing)
		return 0;
	return tell_held_back(self, &alert, id, held_back, window_start, context, err);
}

/* ---- firing and resolving ---- */

/* What is judged: windows of a series, the newest first. */
struct judging {
	const struct rollup *self;
	struct place newest; /* windows[0] */
	const struct facts *windows;
	struct judgement *judgements;
	int count;
	int at; /* the window because of which it is done */
};

static int64_t
window_start(const struct judging *judging, int at)
{
	return judging->newest.start - at * (judging->newest.end - judging->newest.start);
}

/* How many of the windows came after the alert was resolved. */
static int
fresh_windows(const struct judging *judging, const struct alert *alert)
{
	int fresh = 0;

	while (fresh < judging->count && window_start(judging, fresh) > alert->head.resolved_for)
		fresh++;
	return fresh;
}

static int
fire(const struct judging *judging, struct alert *alert, struct bytes id, int first, struct context *context,
     struct error *err)
{
	const struct rollup *self = judging->self;
	int64_t firing;

	if (count_firing(0, &firing, context, err) < 0)
		return -1;
	if (firing >= self->firing_max) {
		context_count(context, COUNT_HELD_BACK, 1);
		return say_held_back(self, true, judging->newest.start, context, err);
	}
	alert->head.firing = 1;
	alert->head.starts_at = window_start(judging, first);
	if (count_firing(1, &firing, context, err) < 0)
		return -1;
	return alert_emit(self, alert, id, context, err);
}

static int
resolve(const struct rollup *self, struct alert *alert, struct bytes id, struct context *context, struct error *err)
{
	int64_t firing, from = alert->head.act_at;

	alert->head.firing = 0;
	alert->head.resolved_for = alert->head.window_start;
	alert->head.act_at = time_add(from == TIME_MAX ? alert->head.window_start : from, REMEMBERED_MS);
	if (count_firing(-1, &firing, context, err) < 0 || alert_emit(self, alert, id, context, err) < 0)
		return -1;
	return firing < self->firing_max ? say_held_back(self, false, alert->head.window_start, context, err) : 0;
}

static struct alert
alert_of(const struct alert_rule *rule, int log, const struct series_name *name)
{
	const char *hop = alert_rule_hop(rule);
	struct alert alert = {.head = {.resolved_for = TIME_MIN},
			      .texts = {
				      [NAME] = bytes_of_text(rule->name),
				      [DIMENSION] = bytes_of_text(series_dimensions[name->dimension]),
				      [VALUE] = name->value,
			      }};

	if (hop)
		alert.texts[HOP] = bytes_of_text(hop);
	if (rule->metric == METRIC_SILENT)
		alert.texts[LOG] = bytes_of_text(series_logs[log]);
	return alert;
}

/* As the rule has it now, and as the decision found it. */
static void
update(const struct judging *judging, const struct alert_rule *rule, const struct alert_decision *decision,
       struct alert *alert)
{
	int64_t length = judging->newest.end - judging->newest.start, quiet = judging->self->quiet_after;

	alert->texts[RUNBOOK] = bytes_of_text(rule->runbook);
	alert->head.severity = (uint8_t)rule->severity;
	alert->head.threshold = rule->threshold;
	if (decision->judged >= 0) {
		alert->head.value = judging->judgements[decision->judged].value;
		alert->head.window_start = window_start(judging, decision->judged);
	}
	if (decision->last >= 0)
		alert->head.breach_end = window_start(judging, decision->last) + length;
	alert->head.act_at = quiet != 0 ? judging->newest.end + length + quiet : TIME_MAX;
}

/* Holds the windows against one rule. */
static int
judge(const struct judging *judging, const struct alert_rule *rule, int log, bool *fired, struct context *context,
      struct error *err)
{
	struct alert alert = alert_of(rule, log, &judging->newest.name);
	struct bytes id = alert_id(&alert, context);
	struct alert_decision decision;
	bool found;

	if (alert_find(id, &alert, &found, context, err) < 0)
		return -1;
	if (alert.head.firing && judging->at != 0) /* what the newest windows say of it counts */
		return 0;
	alert_rule_judge(rule, log, judging->windows, judging->count, judging->judgements);
	decision = alert_rule_decide(rule, alert.head.firing, judging->judgements, judging->count,
				     fresh_windows(judging, &alert), judging->at);
	if (!alert.head.firing && !decision.fires)
		return 0;
	update(judging, rule, &decision, &alert);
	*fired |= decision.fires;
	if (decision.fires)
		return fire(judging, &alert, id, decision.first, context, err);
	return decision.resolves ? resolve(judging->self, &alert, id, context, err)
				 : alert_write(&alert, id, context, err);
}

/* The windows back from `newest`, because of the one at `at`. */
static int
judge_from(const struct rollup *self, const struct place *newest, int at, bool *fired, struct context *context,
	   struct error *err)
{
	struct judging judging = {.self = self, .newest = *newest, .count = self->reach + at, .at = at};

	judging.judgements = context_take(context, (size_t)judging.count * sizeof(*judging.judgements));
	if (rollup_window_facts(newest, judging.count, &judging.windows, context, err) < 0)
		return -1;
	for (int i = 0; i < self->rule_count; i++) {
		const struct alert_rule *rule = &self->rules[i];
		int logs = rule->metric == METRIC_SILENT ? LOGS : 1;

		for (int log = 0; log < logs && (rule->looks_at & 1u << newest->name.dimension); log++)
			if (judge(&judging, rule, log, fired, context, err) < 0)
				return -1;
	}
	return 0;
}

int
rollup_judge(const struct rollup *self, const struct place *place, const struct place *newest, struct context *context,
	     struct error *err)
{
	int64_t length = newest->end - newest->start, behind = (newest->start - place->start) / length;
	int64_t at = behind < self->row ? behind : self->row;
	struct place from = *newest;
	bool fired = false;

	if (behind == 0)
		return judge_from(self, newest, 0, &fired, context, err);
	from.start = place->start + at * length;
	from.end = from.start + length;
	if (judge_from(self, &from, (int)at, &fired, context, err) < 0)
		return -1;
	return fired ? judge_from(self, newest, 0, &fired, context, err) : 0;
}

int
rollup_alert_on_timer(const struct rollup *self, struct entry *entry, struct context *context, struct error *err)
{
	struct store *store = context_store(context, RAISED);
	struct bytes key = entry_key(entry), id;
	uint8_t *copy = context_take(context, key.size);
	struct alert alert;
	bool found;

	if (context_watermark(context) == TIME_MAX) { /* the end of a bounded run is no silence */
		alert_read(entry_value(entry), &alert);
		entry_set_timer(store, entry, alert.head.act_at);
		return 0;
	}
	memcpy(copy, key.data, key.size);
	id = bytes_of(copy, key.size);
	if (alert_find(id, &alert, &found, context, err) < 0)
		return -1;
	insist(found);
	if (alert.texts[TASK].data) /* after a rescale; where it holds alerts back all the same, it will say so again */
		return tell_held_back(self, &alert, id, false, alert.head.window_start, context, err);
	if (alert.head.firing)
		return resolve(self, &alert, id, context, err);
	if (store_find(store, key_of(id), &entry, err) < 0)
		return -1;
	entry_remove(store, entry);
	return 0;
}
