/*
 * embedding_update: what each user likes, as one vector in the space of the items.
 *
 * An engagement brings the vector that its item had when it happened, from a global table, and the user's vector is the
 * mean of all of them, weighted by action and by age (a weight halves with every half_life). The order in which
 * engagements come does not matter, but for rounding; operators/embedding.h has the formula and what is kept for it.
 *
 * - A repeated engagement_id changes nothing: ids are remembered until they are `remember` behind the watermark, up to
 *   ids_max of a user. What comes later than that goes to `late`.
 * - The vector is the newest one that was made when the engagement happened, never one from the future: so a run over
 *   history gives what the live run gave. Where that version is no longer held the engagement goes to `unmatched`.
 * - Vectors of different embedding spaces are never mixed: a newer space starts a new vector, and nothing of an older
 *   space counts then. operators/embedding_spaces.h says which is the newer one.
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
#include "operators/embedding_update.h"
#include "operators/id_list.h"
#include "operators/operators.h"
#include "record/json.h"

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
	if (embedding_take(update, record->key, &event, until, context, &verdict, err) < 0)
		return -1;
	if (verdict >= EMBEDDING_TOO_OLD && verdict != EMBEDDING_OLD_SPACE && update->keeps_bodies &&
	    context_body(context, input, record, &event.body, err) < 0)
		return -1;
	if (verdict == EMBEDDING_LACKS_VECTOR)
		return embedding_wait(update, record->key, &event, context, err);
	return embedding_settle(record->key, &event, verdict, context, err);
}

static int
update_on_commit(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	return embedding_row(self, entry, context, err);
}

/* Nothing of this user for `ttl`. The end of a bounded run makes nobody older. */
static int
expire(const struct update *update, struct entry *entry, struct context *context, struct error *err)
{
	struct store *store = context_store(context, USERS);

	if (context_watermark(context) != TIME_MAX)
		return embedding_last_row(update, entry, context, err);
	entry_set_timer(store, entry, time_add(embedding_head_of(entry_value(entry)).newest_ms, update->ttl));
	return 0;
}

static int
update_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	switch (entry_store(entry)) {
	case USERS:
		return expire(self, entry, context, err);
	case WAITING:
		return embedding_try_again(self, entry, context, err);
	default:
		return embedding_page_timer(self, entry, context);
	}
}

/* ---- state of before ---- */

/* Layout 0 had another time in the place of caused_ms. */
static int
user_rewrite(struct bytes value, struct stored *stored, struct buffer *out, struct error *err)
{
	struct embedding_head head = embedding_head_of(value);

	(void)err;
	buffer_put_bytes(out, value);
	if (stored_layout(stored) > 0 || value.size == 0)
		return 0;
	head.caused_ms = TIME_MIN;
	memcpy(out->data + out->size - value.size, &head, sizeof(head));
	return 0;
}

/* ---- its manual page ---- */

static void
show_waiting(struct bytes list, struct buffer *out)
{
	struct cursor cursor = cursor_of(list);
	struct waiting_event event;
	const char *separator = "";

	buffer_print(out, "{\"waiting\": [");
	for (; waiting_next(&cursor, &event); separator = ", ") {
		buffer_print(out, "%s", separator);
		actions_show(event.id, event.item, event.action, event.occurred_at, out);
	}
	buffer_print(out, "]}");
}

static void
show_user(struct bytes value, struct buffer *out)
{
	struct embedding_head head = embedding_head_of(value);

	buffer_print(out, "{\"updated_at\": %lld, \"revision\": %lld, \"n_actions\": %lld, \"dimensions\": %u, ",
		     (long long)head.newest_ms, (long long)head.revision, (long long)head.actions, head.dimensions);
	buffer_print(out, "\"space\": ");
	json_write_text(embedding_space(value), out);
	buffer_print(out, ", \"ids_remembered\": %u, \"ids_in_pages\": %s}", head.id_count,
		     head.paged ? "true" : "false");
}

static void
update_show(const struct entry *entry, struct buffer *out)
{
	struct bytes value = entry_value(entry);

	switch (entry_store(entry)) {
	case USERS:
		show_user(value, out);
		break;
	case WAITING:
		show_waiting(value, out);
		break;
	case SPACES:
		embedding_spaces_show(value, out);
		break;
	default:
		buffer_print(out, "{\"ids_remembered\": %zu}", (value.size - sizeof(struct id_page_head)) / ID_SIZE);
	}
}

#define HOUR_MS (3600 * 1000.0)
/* So many for each page: what a page may hold is bounded by the size of an entry. */
#define IDS_MAX_LEAST (4 * ID_PAGE_COUNT)
#define IDS_MAX_MOST (65536 * ID_PAGE_COUNT)
_Static_assert(sizeof(struct id_page_head) + 65536 * ID_SIZE <= STORE_VALUE_SIZE_MAX, "a page fits into an entry");

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
	{"ids_max", OPTION_INTEGER, offsetof(struct update, ids_max), "1000000", IDS_MAX_LEAST, IDS_MAX_MOST, NULL,
	 "engagements", "of a user whose ids are remembered; of one with more in `remember` the older ones go to late"},
	{"vector_wait", OPTION_DURATION, offsetof(struct update, vector_wait), "1min", 0, 24 * HOUR_MS, NULL, "ms",
	 "so long after it happened an engagement waits for the vector of its item"},
	{"vector_retry", OPTION_DURATION, offsetof(struct update, vector_retry), "1s", 1, HOUR_MS, NULL, "ms",
	 "after so long it is tried for the first time again"},
	{"waiting_max", OPTION_INTEGER, offsetof(struct update, waiting_max), "100", 0, WAITING_COUNT_MAX, NULL,
	 "engagements", "of a user that may wait at a time; more are given up at once"},
	{"space", OPTION_TEXT, offsetof(struct update, space), "", 0, 0, NULL, NULL,
	 "the embedding space that is the newest; empty: the one whose earliest vector was made last"},
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
	[UNMATCHED] = {"unmatched", "engagement", "user_id_token", false,
		       "engagements whose item had no vector, or one that is no longer held"},
	[LATE] = {"late", "engagement", "user_id_token", false, "engagements that came when `remember` was over"},
	{.name = NULL},
};

static const struct store_spec stores[] = {
	[USERS] = {.name = "users",
		   .help = "one entry per user_id_token: sum, weight, ids of engagements",
		   .keyed_like_input = true,
		   .layout = 1,
		   .rewrite = user_rewrite},
	[WAITING] = {.name = "waiting",
		     .help = "one entry per user_id_token with engagements that wait for vectors",
		     .share = share_by_key, /* which is not looked up ahead of time */
		     .bodies = 1u << 0,
		     .rewrite = waiting_rewrite},
	[SPACES] = {.name = "spaces",
		    .help = "one entry: when the first vector of each embedding space was made",
		    .share = embedding_spaces_share,
		    .merge = embedding_spaces_merge},
	[IDS] = {.name = "ids",
		 .help = "ids of engagements of users with many of them, in up to 256 entries each",
		 .share = embedding_page_share},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[CHANGED] = {"changed", "rows: users whose vector changed, once a commit"},
	[COUNTED] = {"counted", "engagements that went into a vector"},
	[REPEATED] = {"repeated", "engagements that were there already"},
	[TOO_LATE] = {"late", "engagements that came when `remember` was over"},
	[FORGOTTEN] = {"forgotten",
		       "engagements that came within `remember`, of users with more than ids_max: to late"},
	[OLD_SPACE] = {"old_space", "engagements whose item has a vector of an older space than the user"},
	[NEW_SPACE] = {"new_space", "users whose vector began anew in a newer space"},
	[WAITED] = {"waited", "engagements whose item had no vector when they came"},
	[GIVEN_UP] = {"unmatched", "engagements that were given up, since their item had no vector"},
	[VERSION_GONE] = {"version_gone", "engagements whose item had a vector that is no longer held: to unmatched"},
	[NO_ROOM] = {"no_room", "of those that were given up: at once, since too many of the user were waiting"},
	[EXPIRED] = {"expired", "users that were forgotten, since nothing came for their ttl"},
	[NOT_COUNTED] = {"not_counted", "engagements whose action has no weight"},
	{.name = NULL},
};

const struct operator_type embedding_update_type = {
	.name = "embedding_update",
	.help = "Keeps a vector of each user: the mean of the vectors of what the user acted on, by action and age.",
	.manual = "An engagement brings the vector that its item had when it happened, from a global table: the "
		  "newest one whose updated_at is not after occurred_at; where the item had none yet, the first one "
		  "made within vector_wait. Never one that is younger than that: a run over history gives what the "
		  "live run gave. The user's vector is the mean of them, weighted by action; a weight halves with "
		  "every half_life. The order in which engagements come does not matter. A vector without dimensions "
		  "finite numbers, or with one beyond 1e12, is a dead letter, and the item keeps the one before.\n"
		  "Versions: the table holds the newest table_versions (16) of each item within table_size, both "
		  "options of the table's topic; each takes 32 bytes, 4 a dimension and the name of its space, so a "
		  "million items of 64 dimensions take 290 MB a version. The topic itself keeps what was replaced "
		  "for compaction_lag (7d): a run over older history needs more of both. An engagement whose version "
		  "is one of more than table_versions is counted (version_gone) and goes to unmatched. One whose "
		  "version is gone from the topic finds none, waits, and goes to unmatched.\n"
		  "An engagement whose item has no vector yet waits for it until occurred_at + vector_wait, then "
		  "goes to unmatched. Of a user that has more than waiting_max waiting, or 400,000 bytes of them, "
		  "further ones go there at once (no_room).\n"
		  "A repeated engagement_id changes nothing: ids are remembered until occurred_at is remember behind "
		  "the watermark, 12 bytes each, up to ids_max of a user. What comes later than remember goes to "
		  "late (late). A user with more engagements than ids_max in that time has the older half forgotten, "
		  "in 256 parts; what then comes and is as old as what was forgotten goes to late too (forgotten), "
		  "so that none counts twice. None of this is a dead letter, and no other user is worse off.\n"
		  "Vectors of different embedding spaces are never mixed. A newer space starts a new vector, and an "
		  "older one that is still published takes no user back: its engagements are counted (old_space). "
		  "Which one is newer is a fact of the table, whatever the order of events: the space that is named "
		  "by space, else the one whose earliest vector was made last. Of an item with vectors of both the "
		  "newer space's holds. The last 64 spaces are told apart; a name has at most 128 bytes.\n"
		  "A user whose vector has changed gives one row a commit. After ttl without engagements there is a "
		  "last row, with an empty vector, and the user is forgotten. So rows say what holds now, and "
		  "nothing says what held when an impression was shown: a run over history gives a row or a few for "
		  "each user. Where training needs the features as they were served, log them with the impression; a "
		  "join of impressions with the features of their time is not among the operators.\n",
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
	.hold = embedding_hold,
	.show = update_show,
};
