/*
 * user_history: the latest actions of each user.
 *
 * Per user_id_token the newest `actions_kept` engagements by event time whose action is one of `actions`. What is older
 * than `ttl` behind the watermark leaves. An engagement that comes late takes its place among the others, or changes
 * nothing where as many are newer; a repeated engagement_id changes nothing. So the list depends on what came, not on
 * the order in which it did. An engagement that the list cannot hold, since its ids are too long, goes to `overflow`.
 *
 * A user whose list has changed gives one row a commit, however many engagements there were. When the last action has
 * left, a row without actions is written, and the user is forgotten.
 *
 *     history:
 *       type: user_history
 *       inputs: {engagements: engagements_by_user}
 *       outputs: {histories: user_histories}
 *       actions: click, like, share
 */
#include "operators/actions.h"
#include "operators/caused_at.h"
#include "operators/operators.h"
#include "operators/pass_on.h"
#include "operators/user_history_entry.h"
#include "record/json.h"
#include "record/symbols.h"

enum { HISTORIES, OVERFLOW };
enum history_counter { CHANGED, REPEATED, TOO_OLD, EXPIRED, NOT_COUNTED, TOO_LONG };

struct history {
	int64_t kept, ttl;
	char *actions;
	unsigned counted; /* `actions` as a set: 1 << number in operators/actions.h */
	struct {
		struct field id, item, action, watched, occurred_at;
		struct symbol_map actions;
	} engagement;
	struct {
		struct field user, actions, updated_at, revision;
		struct field caused_at;				     /* slot -1: the schema has none */
		struct field id, item, action, watched, occurred_at; /* of an item of `actions` */
		size_t width;
		struct symbol_map map;
	} row;
};

/* ---- opening ---- */

static int
open_engagements(struct history *history, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"engagement_id", SCHEMA_STRING, &history->engagement.id},
		{"item_id", SCHEMA_STRING, &history->engagement.item},
		{"action", SCHEMA_ENUM, &history->engagement.action},
		{"watched_seconds", SCHEMA_DOUBLE, &history->engagement.watched},
		{"occurred_at", SCHEMA_LONG, &history->engagement.occurred_at},
		WANTED_END,
	};

	if (record_fields(schema, wanted, err) < 0)
		return -1;
	return symbol_map_init(&history->engagement.actions, history->engagement.action.schema, actions_names,
			       ACTIONS_COUNT, err);
}

static int
open_rows(struct history *history, const struct schema *schema, struct error *err)
{
	const struct wanted_field wanted[] = {
		{"user_id_token", SCHEMA_STRING, &history->row.user},
		{"actions", SCHEMA_ARRAY, &history->row.actions},
		{"updated_at", SCHEMA_LONG, &history->row.updated_at},
		{"revision", SCHEMA_LONG, &history->row.revision},
		WANTED_END,
	};
	const struct wanted_field in_action[] = {
		{"engagement_id", SCHEMA_STRING, &history->row.id},
		{"item_id", SCHEMA_STRING, &history->row.item},
		{"action", SCHEMA_ENUM, &history->row.action},
		{"watched_seconds", SCHEMA_DOUBLE, &history->row.watched},
		{"occurred_at", SCHEMA_LONG, &history->row.occurred_at},
		WANTED_END,
	};
	const struct schema *item;

	if (record_fields(schema, wanted, err) < 0 || caused_at_field(schema, &history->row.caused_at, err) < 0)
		return -1;
	item = history->row.actions.schema->items;
	if (item->type != SCHEMA_RECORD || item->by_reference)
		return fail(err, FATAL, "the items of the field actions of %s have to be plain records", schema->name);
	if (record_fields(item, in_action, err) < 0)
		return -1;
	if (history->row.watched.branch_slot < 0)
		return fail(err, FATAL, "the field watched_seconds of %s has to be nullable", item->name);
	history->row.width = (size_t)item->width;
	return symbol_map_init(&history->row.map, history->row.action.schema, actions_names, ACTIONS_COUNT, err);
}

static int
history_open(void *self, struct context *context, struct error *err)
{
	struct history *history = self;

	if (actions_parse(history->actions, &history->counted, err) < 0)
		return fail_in(err, "actions");
	if (open_engagements(history, context_input_schema(context, 0), err) < 0 ||
	    open_rows(history, context_output_schema(context, HISTORIES), err) < 0 ||
	    pass_on_check(context, 0, OVERFLOW, "engagements", "overflow", err) < 0)
		return -1;
	for (int action = 0; action < ACTIONS_COUNT; action++)
		if ((history->counted & 1u << action) && history->row.map.to_symbol[action] < 0)
			return fail(err, FATAL, "the schema of output histories has no action %s, which is to be kept",
				    actions_names[action]);
	return 0;
}

/* ---- engagements ---- */

static void
read_action(const struct history *history, const struct record *record, struct history_action *out)
{
	*out = (struct history_action){
		.engagement_id = record_bytes(record, history->engagement.id),
		.item_id = record_bytes(record, history->engagement.item),
		.occurred_at = record_integer(record, history->engagement.occurred_at),
		.has_watched = !record_is_null(record, history->engagement.watched),
		.action = (uint8_t)history->engagement.actions
				  .to_number[record_integer(record, history->engagement.action)],
	};
	if (out->has_watched)
		out->watched = record_real(record, history->engagement.watched);
}

/* Its ids are longer than a list holds. */
static int
pass_over(int input, const struct record *record, struct context *context, struct error *err)
{
	struct bytes body;

	context_count(context, TOO_LONG, 1);
	if (!context_connected(context, OVERFLOW))
		return 0;
	if (context_body(context, input, record, &body, err) < 0)
		return -1;
	return pass_on(context, OVERFLOW, record->key.bytes, body, record->time_ms, err);
}

/* The oldest action of the list is the first to leave. */
static void
set_timer(const struct history *history, struct store *store, struct entry *entry)
{
	entry_set_timer(store, entry, time_add(history_head_of(entry).oldest_at, history->ttl));
}

static int
history_process(const void *self, int input, const struct record *record, struct context *context, struct error *err)
{
	const struct history *history = self;
	struct store *store = context_store(context, 0);
	struct history_action action;
	enum history_change change;
	struct entry *entry;
	bool added;

	read_action(history, record, &action);
	if (!(history->counted & 1u << action.action)) {
		context_count(context, NOT_COUNTED, 1);
		return 0;
	}
	if (time_add(action.occurred_at, history->ttl) <= context_watermark(context)) {
		context_count(context, EXPIRED, 1);
		return 0;
	}
	if (action.engagement_id.size > HISTORY_TEXT_SIZE_MAX || action.item_id.size > HISTORY_TEXT_SIZE_MAX)
		return pass_over(input, record, context, err);
	if (store_add(store, record->key, 0, &entry, &added, err) < 0)
		return -1;
	change = history_add(store, &entry, &action, history->kept);
	if (change != HISTORY_ADDED) {
		context_count(context, change == HISTORY_REPEATED ? REPEATED : TOO_OLD, 1);
		return 0;
	}
	set_timer(history, store, entry);
	context_at_commit(context, 0, entry);
	return 0;
}

static int
history_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	const struct history *history = self;
	struct store *store = context_store(context, 0);

	(void)err;
	if (context_watermark(context) != TIME_MAX) { /* else: the end of a bounded run makes nothing older */
		history_expire(store, &entry, time_add(context_watermark(context), -history->ttl));
		context_at_commit(context, 0, entry);
	}
	set_timer(history, store, entry);
	return 0;
}

/* ---- rows ---- */

static void
set_actions(const struct history *history, struct record *row, const struct entry *entry, struct context *context)
{
	size_t count = (size_t)history_head_of(entry).count;
	union slot *items = context_take(context, count * history->row.width * sizeof(*items));
	struct cursor cursor = history_cursor(entry);
	struct record item = {.slots = items};
	struct history_action action;

	for (; history_next(&cursor, &action); item.slots += history->row.width) {
		record_set_bytes(&item, history->row.id, action.engagement_id);
		record_set_bytes(&item, history->row.item, action.item_id);
		record_set_integer(&item, history->row.action, history->row.map.to_symbol[action.action]);
		record_set_integer(&item, history->row.occurred_at, action.occurred_at);
		if (action.has_watched)
			record_set_real(&item, history->row.watched, action.watched);
		else
			record_set_null(&item, history->row.watched);
	}
	row->slots[history->row.actions.slot].array.items = items;
	row->slots[history->row.actions.slot].array.count = count;
}

static int
history_on_commit(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	const struct history *history = self;
	struct store *store = context_store(context, 0);
	struct record *row = context_row(context, HISTORIES);
	struct history_head head = history_head_of(entry);

	caused_at_set(row, history->row.caused_at, head.caused_at);
	head.caused_at = TIME_MIN;
	head.revision++;
	history_head_store(store, &entry, &head);
	row->time_ms = head.updated_at;
	record_set_bytes(row, history->row.user, entry_key(entry));
	record_set_integer(row, history->row.updated_at, head.updated_at);
	record_set_integer(row, history->row.revision, head.revision);
	set_actions(history, row, entry, context);
	context_count(context, CHANGED, 1);
	if (context_emit(context, HISTORIES, entry_key(entry), row, err) < 0)
		return -1;
	if (head.count == 0)
		entry_remove(store, entry);
	return 0;
}

/* ---- its manual page ---- */

static void
history_show(const struct entry *entry, struct buffer *out)
{
	struct history_head head = history_head_of(entry);
	struct cursor cursor = history_cursor(entry);
	struct history_action action;
	const char *separator = "";

	buffer_print(out, "{\"updated_at\": %lld, \"revision\": %lld, \"actions\": [", (long long)head.updated_at,
		     (long long)head.revision);
	for (; history_next(&cursor, &action); separator = ", ") {
		buffer_print(out, "%s", separator);
		actions_show(action.engagement_id, action.item_id, action.action, action.occurred_at, out);
	}
	buffer_print(out, "]}");
}

#define YEAR_MS (366 * 24 * 3600 * 1000.0)

static const struct option options[] = {
	{"actions_kept", OPTION_INTEGER, offsetof(struct history, kept), "10", 1, HISTORY_ACTIONS_MAX, NULL, "actions",
	 "how many of a user's actions are kept: the newest"},
	{"ttl", OPTION_DURATION, offsetof(struct history, ttl), "30d", 1, YEAR_MS, NULL, "ms",
	 "how long after it happened an action leaves the history"},
	{"actions", OPTION_TEXT, offsetof(struct history, actions),
	 "view, click, like, share, comment, follow, purchase, watch", 0, 0, NULL, NULL,
	 "which actions are kept, separated by commas"},
	OPTION_END,
};

static const struct port inputs[] = {
	{"engagements", "engagement", "user_id_token", true, "what people did, keyed by user"},
	{.name = NULL},
};

static const struct port outputs[] = {
	[HISTORIES] = {"histories", "user_history", "user_id_token", true,
		       "the latest actions of each user whose actions changed"},
	[OVERFLOW] = {"overflow", "engagement", "user_id_token", false,
		      "engagements whose ids are longer than a history holds"},
	{.name = NULL},
};

static const struct store_spec stores[] = {
	{.name = "users",
	 .help = "one entry per user_id_token: the latest actions",
	 .keyed_like_input = true,
	 .layout = HISTORY_LAYOUT,
	 .rewrite = history_rewrite},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[CHANGED] = {"changed", "rows: users whose history changed, once a commit"},
	[REPEATED] = {"repeated", "engagements that are in the history already"},
	[TOO_OLD] = {"too_old", "engagements that were older than all that is kept"},
	[EXPIRED] = {"expired", "engagements that came when their ttl was over"},
	[NOT_COUNTED] = {"not_counted", "engagements whose action is not kept"},
	[TOO_LONG] = {"too_long", "engagements whose engagement_id or item_id has more than 1,024 bytes: to overflow"},
	{.name = NULL},
};

const struct operator_type user_history_type = {
	.name = "user_history",
	.help = "Keeps the latest actions of each user.",
	.manual = "The newest actions_kept engagements of each user by event time whose action is one of actions. "
		  "What comes late takes its place, or changes nothing where as many are newer (too_old); a repeated "
		  "engagement_id changes nothing. What is older than ttl leaves, or is passed over (expired).\n"
		  "Repeats are told for ever, and no ids are kept for it, however many engagements a user has: what "
		  "is in the list is known by its engagement_id, and what was pushed out of it is older than all "
		  "that stays. An engagement_id that was pushed out and comes again with a later occurred_at is "
		  "another action.\n"
		  "An engagement whose engagement_id or item_id has more than 1,024 bytes is counted (too_long) and "
		  "goes to overflow.\n"
		  "A user whose list has changed gives one row a commit, however many engagements there were. When "
		  "the last action has left, a row without actions is written, and the user is forgotten. So rows "
		  "say what holds now, and nothing says what held when an impression was shown: a run over history "
		  "gives a row or a few for each user. Where training needs the history as it was served, log it "
		  "with the impression; a join of impressions with the features of their time is not among the "
		  "operators.\n",
	.options = options,
	.inputs = inputs,
	.outputs = outputs,
	.stores = stores,
	.counters = counters,
	.self_size = sizeof(struct history),
	.open = history_open,
	.process = history_process,
	.on_timer = history_on_timer,
	.on_commit = history_on_commit,
	.show = history_show,
};
