/*
 * embedding_update: what each user likes, as one vector in the space of the items.
 *
 * An engagement brings the vector that its item had when it happened, from a global table, and the user's vector is the
 * mean of all of them, weighted by action and by age (a weight halves with every half_life). The order in which
 * engagements come does not matter, but for rounding; operators/embedding.h has the formula and what is kept for it.
 *
 * - A repeated engagement_id changes nothing: ids are remembered until they are `remember` behind the watermark. What
 *   comes later than that goes to `late`.
 * - Vectors of different embedding spaces are never mixed: a newer space starts a new vector.
 * - Where the item has no vector yet, the engagement waits for it: until the watermark has passed occurred_at +
 *   vector_wait; then it goes to `unmatched`. It is tried again vector_retry after it came, then after as long again as
 *   it has waited, so that one that waits in vain costs a few look-ups. No more than waiting_max of a user wait; with
 *   some 200 bytes each, what waits in all is bounded by the rate of engagements with unknown items times vector_wait.
 * - What has not `dimensions` finite numbers is no item vector: a dead letter, and the item keeps the one before, as
 *   long as the topic has it (compaction knows no better than that the wrong one is newer).
 *
 * A user whose vector has changed gives one row a commit, however many engagements there were. A user without
 * engagements for `ttl` gives a last row, with an empty vector, and is forgotten.
 *
 *     embedding:
 *       type: embedding_update
 *       inputs: {engagements: engagements_by_user}
 *       tables: {item_vectors: item_vectors}
 *       outputs: {embeddings: user_embeddings}
 *       dimensions: 64
 *       half_life: 7d
 *       weights: "click: 1, like: 2, purchase: 5"
 */
#include "operators/embedding.h"
#include "operators/embedding_update.h"
#include "operators/operators.h"

#define FORGET_EVERY 16 /* engagements of a user: so often the ids that may go are looked for */

enum update_counter {
	CHANGED,
	COUNTED,
	REPEATED,
	TOO_LATE,
	OLD_SPACE,
	NEW_SPACE,
	WAITED,
	GIVEN_UP,
	NO_ROOM,
	EXPIRED,
	NOT_COUNTED,
};

/* ---- item vectors: what the table holds is `dimensions` floats, and behind them the name of the space ---- */

static int
update_hold(const void *self, int table, const struct record *record, struct buffer *out, struct error *err)
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
	return 0;
}

static void
look_up(const struct update *update, const struct context *context, struct bytes item, struct embedding_event *event)
{
	size_t size = (size_t)update->dimensions * sizeof(float);
	struct table_row row;

	if (!context_lookup(context, ITEM_VECTORS, item, event->occurred_at, &row))
		return;
	event->vector = (const float *)(const void *)row.value.data;
	event->dimensions = (size_t)update->dimensions;
	event->space = bytes_of(row.value.data + size, row.value.size - size);
	event->made_at = row.time_ms;
}

/* ---- an engagement that has its vector ---- */

static int
add(const struct update *update, struct key user, struct entry *entry, const struct embedding_event *event,
    enum embedding_verdict verdict, int64_t until, struct context *context, struct error *err)
{
	struct store *users = context_store(context, USERS);
	struct embedding_head head;
	size_t size;
	bool added;

	if (!entry && store_add(users, user, 0, &entry, &added, err) < 0)
		return -1;
	size = entry_value(entry).size;
	head = embedding_head_of(entry_value(entry));
	if (verdict == EMBEDDING_COUNTS && head.id_count % FORGET_EVERY == 0)
		size = embedding_forget(entry_edit(users, &entry, size), size, until);
	size = embedding_size_with(bytes_of(entry_value(entry).data, size), event, verdict);
	embedding_apply(entry_edit(users, &entry, size), event, verdict, update->half_life);
	if (verdict == EMBEDDING_STARTS && head.actions > 0)
		context_count(context, NEW_SPACE, 1);
	head = embedding_head_of(entry_value(entry));
	entry_set_timer(users, entry, time_add(head.newest_ms, update->ttl));
	context_at_commit(context, USERS, entry);
	return 0;
}

/* Looks the vector up and counts the event, if the verdict is that it counts. */
static int
take(const struct update *update, struct key user, const struct waiting_event *event, int64_t until,
     struct context *context, enum embedding_verdict *verdict, struct error *err)
{
	struct embedding_event full = {
		.id = event->id,
		.occurred_at = event->occurred_at,
		.weight = update->weight_of[event->action],
	};
	struct entry *entry;

	look_up(update, context, event->item, &full);
	if (store_find(context_store(context, USERS), user, &entry, err) < 0)
		return -1;
	*verdict = embedding_judge(entry ? entry_value(entry) : bytes_of(NULL, 0), &full, until);
	return *verdict <= EMBEDDING_COUNTS ? add(update, user, entry, &full, *verdict, until, context, err) : 0;
}

/* What is over for this event. */
static int
settle(const struct update *update, struct key user, const struct waiting_event *event, enum embedding_verdict verdict,
       struct context *context, struct error *err)
{
	static const enum update_counter counters[] = {
		[EMBEDDING_STARTS] = COUNTED,	[EMBEDDING_COUNTS] = COUNTED,	   [EMBEDDING_REPEATED] = REPEATED,
		[EMBEDDING_TOO_OLD] = TOO_LATE, [EMBEDDING_OLD_SPACE] = OLD_SPACE, [EMBEDDING_LACKS_VECTOR] = GIVEN_UP,
	};

	context_count(context, (int)counters[verdict], 1);
	if (verdict == EMBEDDING_TOO_OLD)
		return embedding_pass_on(update, LATE, user.bytes, event, context, err);
	if (verdict == EMBEDDING_LACKS_VECTOR)
		return embedding_pass_on(update, UNMATCHED, user.bytes, event, context, err);
	return 0;
}

/* ---- one whose item has no vector yet ---- */

static int64_t
next_try(const struct update *update, const struct waiting_event *event, int64_t watermark)
{
	int64_t deadline = time_add(event->occurred_at, update->vector_wait);
	int64_t from = watermark > event->occurred_at ? watermark : event->occurred_at;
	int64_t step = from - event->occurred_at;
	int64_t next = time_add(from, step > update->vector_retry ? step : update->vector_retry);

	return next < deadline ? next : deadline;
}

static int
wait(const struct update *update, struct key user, const struct waiting_event *event, struct context *context,
     struct error *err)
{
	struct store *store = context_store(context, WAITING);
	int64_t next = next_try(update, event, context_watermark(context));
	struct entry *entry;
	struct bytes list;
	bool added;

	if (store_add(store, user, 0, &entry, &added, err) < 0)
		return -1;
	list = entry_value(entry);
	if (waiting_has(list, event->id)) {
		context_count(context, REPEATED, 1);
		return 0;
	}
	if (waiting_count(list) >= update->waiting_max || list.size + waiting_size(event) > WAITING_SIZE_MAX) {
		if (added)
			entry_remove(store, entry);
		context_count(context, NO_ROOM, 1);
		return settle(update, user, event, EMBEDDING_LACKS_VECTOR, context, err);
	}
	waiting_put(entry_edit(store, &entry, list.size + waiting_size(event)) + list.size, event);
	if (next < entry_timer(entry))
		entry_set_timer(store, entry, next);
	context_count(context, WAITED, 1);
	return 0;
}

/* Those of a user that wait: some have their vector now, the time of some is over. The end of a bounded run is the end
 * of all waiting. */
static int
try_again(const struct update *update, struct key user, struct bytes list, struct context *context, struct error *err)
{
	struct store *store = context_store(context, WAITING);
	int64_t watermark = context_watermark(context), next = TIME_MAX;
	uint8_t *kept = context_take(context, list.size);
	struct cursor cursor = cursor_of(list);
	enum embedding_verdict verdict;
	struct waiting_event event;
	struct entry *entry;
	size_t size = 0;

	while (waiting_next(&cursor, &event)) {
		int64_t deadline = time_add(event.occurred_at, update->vector_wait);
		int64_t now = watermark < deadline ? watermark : deadline;

		if (take(update, user, &event, time_add(now, -update->remember), context, &verdict, err) < 0)
			return -1;
		if (verdict == EMBEDDING_LACKS_VECTOR && watermark <= deadline) {
			int64_t again = next_try(update, &event, watermark);

			waiting_put(kept + size, &event);
			size += waiting_size(&event);
			next = again < next ? again : next;
		} else if (settle(update, user, &event, verdict, context, err) < 0) {
			return -1;
		}
	}
	if (store_find(store, user, &entry, err) < 0)
		return -1;
	insist(entry != NULL);
	if (size == 0) {
		entry_remove(store, entry);
		return 0;
	}
	if (size < list.size)
		memcpy(entry_edit(store, &entry, size), kept, size);
	entry_set_timer(store, entry, next);
	return 0;
}

/* ---- engagements ---- */

static int
update_process(const void *self, int input, const struct record *record, struct context *context, struct error *err)
{
	const struct update *update = self;
	int64_t action = record_integer(record, update->engagement.action);
	struct waiting_event event = {
		.id = record_bytes(record, update->engagement.id),
		.item = record_bytes(record, update->engagement.item),
		.occurred_at = record_integer(record, update->engagement.occurred_at),
		.action = (uint8_t)update->engagement.actions.to_number[action],
	};
	int64_t until = time_add(context_watermark(context), -update->remember);
	enum embedding_verdict verdict;

	if (update->weight_of[event.action] == 0) {
		context_count(context, NOT_COUNTED, 1);
		return 0;
	}
	if (event.occurred_at < -EMBEDDING_TIME_MAX || event.occurred_at > EMBEDDING_TIME_MAX)
		return fail(err, SKIP, "the time %lld is no sane time", (long long)event.occurred_at);
	if (take(update, record->key, &event, until, context, &verdict, err) < 0)
		return -1;
	if ((verdict == EMBEDDING_LACKS_VECTOR || verdict == EMBEDDING_TOO_OLD) && update->keeps_bodies &&
	    context_body(context, input, record, &event.body, err) < 0)
		return -1;
	if (verdict == EMBEDDING_LACKS_VECTOR)
		return wait(update, record->key, &event, context, err);
	return settle(update, record->key, &event, verdict, context, err);
}

/* ---- rows ---- */

static void
next_revision(struct store *store, struct entry **entry)
{
	struct embedding_head head = embedding_head_of(entry_value(*entry));

	head.revision++;
	memcpy(entry_edit(store, entry, entry_value(*entry).size), &head, sizeof(head));
}

static int
update_on_commit(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	next_revision(context_store(context, USERS), &entry);
	context_count(context, CHANGED, 1);
	return embedding_emit(self, entry, false, context, err);
}

/* Nothing of this user for `ttl`. The end of a bounded run makes nobody older. */
static int
expire(const struct update *update, struct entry *entry, struct context *context, struct error *err)
{
	struct store *store = context_store(context, USERS);

	if (context_watermark(context) == TIME_MAX) {
		entry_set_timer(store, entry, time_add(embedding_head_of(entry_value(entry)).newest_ms, update->ttl));
		return 0;
	}
	next_revision(store, &entry);
	context_count(context, EXPIRED, 1);
	if (embedding_emit(update, entry, true, context, err) < 0)
		return -1;
	entry_remove(store, entry);
	return 0;
}

static struct bytes
copy_of(struct context *context, struct bytes bytes)
{
	uint8_t *copy = context_take(context, bytes.size);

	if (bytes.size)
		memcpy(copy, bytes.data, bytes.size);
	return bytes_of(copy, bytes.size);
}

static int
update_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	if (entry_store(entry) == USERS)
		return expire(self, entry, context, err);
	return try_again(self, key_of(copy_of(context, entry_key(entry))), copy_of(context, entry_value(entry)),
			 context, err);
}

/* ---- its manual page ---- */

static void
show_waiting(struct bytes list, struct buffer *out)
{
	struct cursor cursor = cursor_of(list);
	struct waiting_event event;
	const char *separator = "";

	buffer_print(out, "{\"waiting\": [");
	for (; waiting_next(&cursor, &event); separator = ", ")
		buffer_print(out, "%s{\"action\": \"%s\", \"occurred_at\": %lld}", separator,
			     actions_names[event.action], (long long)event.occurred_at);
	buffer_print(out, "]}");
}

static void
update_show(const struct entry *entry, struct buffer *out)
{
	struct embedding_head head;

	if (entry_store(entry) == WAITING) {
		show_waiting(entry_value(entry), out);
		return;
	}
	head = embedding_head_of(entry_value(entry));
	buffer_print(out,
		     "{\"updated_at\": %lld, \"revision\": %lld, \"n_actions\": %lld, \"dimensions\": %u, "
		     "\"ids_remembered\": %u}",
		     (long long)head.newest_ms, (long long)head.revision, (long long)head.actions, head.dimensions,
		     head.id_count);
}

#define HOUR_MS (3600 * 1000.0)
#define YEAR_MS (366 * 24 * HOUR_MS)

static const struct option options[] = {
	{"dimensions", OPTION_INTEGER, offsetof(struct update, dimensions), NULL, 1, EMBEDDING_DIMENSIONS_MAX, NULL,
	 NULL, "components of a vector; item vectors of another size are dead letters", .state = true},
	{"weights", OPTION_TEXT, offsetof(struct update, weights),
	 "view: 0.1, click: 1, like: 2, share: 3, comment: 3, follow: 3, purchase: 5, watch: 0.5", 0, 0, NULL, NULL,
	 "the weight of each action, \"action: number, ...\"; those that are not named do not count"},
	{"half_life", OPTION_DURATION, offsetof(struct update, half_life), "7d", 1000, 10 * YEAR_MS, NULL, "ms",
	 "after so long an engagement weighs half as much", .state = true},
	{"remember", OPTION_DURATION, offsetof(struct update, remember), "6h", 1, YEAR_MS, NULL, "ms",
	 "so long after it happened an engagement may come, and is told from a repeat"},
	{"vector_wait", OPTION_DURATION, offsetof(struct update, vector_wait), "1min", 0, 24 * HOUR_MS, NULL, "ms",
	 "so long after it happened an engagement waits for the vector of its item"},
	{"vector_retry", OPTION_DURATION, offsetof(struct update, vector_retry), "1s", 1, HOUR_MS, NULL, "ms",
	 "after so long it is tried for the first time again"},
	{"waiting_max", OPTION_INTEGER, offsetof(struct update, waiting_max), "100", 0, WAITING_COUNT_MAX, NULL,
	 "engagements", "of a user that may wait at a time; more are given up at once"},
	{"ttl", OPTION_DURATION, offsetof(struct update, ttl), "90d", 1, 10 * YEAR_MS, NULL, "ms",
	 "a user is forgotten so long after the newest engagement"},
	OPTION_END,
};

static const struct port inputs[] = {
	{"engagements", "engagement", "user_id_token", true, "what people did, keyed by user"},
	{.name = NULL},
};

static const struct port tables[] = {
	{"item_vectors", "item_vector", "item_id", true, "the vector of each item, and when it was made"},
	{.name = NULL},
};

static const struct port outputs[] = {
	[EMBEDDINGS] = {"embeddings", "user_embedding", "user_id_token", true,
			"the vector of each user whose vector changed"},
	[UNMATCHED] = {"unmatched", "engagement", "user_id_token", false, "engagements whose item had no vector"},
	[LATE] = {"late", "engagement", "user_id_token", false, "engagements that came when `remember` was over"},
	{.name = NULL},
};

static const struct store_spec stores[] = {
	[USERS] = {"users", "one entry per user_id_token: sum, weight, ids of engagements", true},
	[WAITING] = {.name = "waiting",
		     .help = "one entry per user_id_token with engagements that wait for vectors",
		     .share = share_by_key, /* which is not looked up ahead of time */
		     .bodies = 1u << 0,
		     .rewrite = waiting_rewrite},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[CHANGED] = {"changed", "rows: users whose vector changed, once a commit"},
	[COUNTED] = {"counted", "engagements that went into a vector"},
	[REPEATED] = {"repeated", "engagements that were there already"},
	[TOO_LATE] = {"late", "engagements that came when nobody could say any more whether they are repeats"},
	[OLD_SPACE] = {"old_space", "engagements whose item has a vector of an older space than the user"},
	[NEW_SPACE] = {"new_space", "users whose vector began anew in a newer space"},
	[WAITED] = {"waited", "engagements whose item had no vector when they came"},
	[GIVEN_UP] = {"unmatched", "engagements that were given up, since their item has no vector"},
	[NO_ROOM] = {"no_room", "of these: at once, since too many of the user were waiting"},
	[EXPIRED] = {"expired", "users that were forgotten, since nothing came for their ttl"},
	[NOT_COUNTED] = {"not_counted", "engagements whose action has no weight"},
	{.name = NULL},
};

const struct operator_type embedding_update_type = {
	.name = "embedding_update",
	.help = "Keeps a vector of each user: the mean of the vectors of what the user acted on, by action and age.",
	.manual = "An engagement brings the vector that its item had when it happened, from a global table. The "
		  "user's vector is the mean of them, weighted by action; a weight halves with every half_life. The "
		  "order in which engagements come does not matter. A repeated engagement_id changes nothing; what "
		  "comes later than remember goes to late.\n"
		  "Vectors of different embedding spaces are never mixed: a newer space starts a new vector. An "
		  "engagement whose item has no vector yet waits for it until occurred_at + vector_wait, then goes "
		  "to unmatched. A vector without dimensions finite numbers is a dead letter, and the item keeps "
		  "the one before.\n"
		  "A user whose vector has changed gives one row a commit. After ttl without engagements there is a "
		  "last row, with an empty vector, and the user is forgotten.\n",
	.options = options,
	.inputs = inputs,
	.outputs = outputs,
	.tables = tables,
	.stores = stores,
	.counters = counters,
	.self_size = sizeof(struct update),
	.open = embedding_open,
	.process = update_process,
	.on_timer = update_on_timer,
	.on_commit = update_on_commit,
	.hold = update_hold,
	.show = update_show,
};
