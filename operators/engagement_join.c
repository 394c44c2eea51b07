/*
 * engagement_join: what became of each impression.
 *
 * A left outer join of impressions with their engagements and frozen ranker scores, by impression_id; either side may
 * come first. When the watermark W has passed shown_at + window + grace, one row per impression: the absence of
 * engagement is a row too. What comes later but belongs is a corrected row with the next revision, until shown_at +
 * correction_horizon; the last revision of a key is the truth.
 *
 *     an impression      the first wins; one whose horizon W has passed, and that is not known, goes to
 *                        `late_impressions` and gives no row
 *     an engagement      with its impression: folded if shown_at - before <= occurred_at <= shown_at + window, else to
 *                        `late`. Without: to `late` if its impression may be gone already (occurred_at - window +
 *                        correction_horizon <= W), else it waits until occurred_at + orphan_wait and goes to `orphans`
 *     a score            frozen, first per model version; one made after shown_at + score_tolerance knew what it should
 *                        have predicted and goes to `hindsight`. Without an impression it waits, then is dropped
 *
 * The fold does not depend on the order of arrival: flags are OR-ed, times are least and greatest, watched_seconds is
 * that of the latest event that has one by (occurred_at, engagement_id). Each entry has one timer, for whatever is due
 * first: its final row, its end, or what waits in it.
 */
#include "operators/engagement_join.h"

#include "operators/operators.h"

/* ---- what has changed ---- */

/* The outcome has changed: a correction if its final row is out, a provisional row where those are asked for. */
static int
emit_change(const struct join *join, struct store *store, struct entry *entry, struct context *context,
	    struct error *err)
{
	struct join_parts parts = join_parts_of(entry);

	if ((parts.head.flags & JOIN_FINAL) && join->emit != EMIT_UPDATES) {
		parts.head.revision++;
		join_head_store(store, &entry, &parts.head);
		context_count(context, CORRECTIONS, 1);
		return join_emit_outcome(join, entry_key(entry), &parts, true, context, err);
	}
	if (join->emit == EMIT_FINAL)
		return 0;
	return join_emit_outcome(join, entry_key(entry), &parts, false, context, err);
}

/* Nothing that comes from outside may make an entry larger than a store takes. `more`: bytes of what is to be added. */
static int
check_room(struct key key, const struct entry *entry, size_t more, struct error *err)
{
	size_t size = (entry ? entry_value(entry).size : 0) + more + JOIN_OVERHEAD_SIZE_MAX;

	if (size <= STORE_VALUE_SIZE_MAX)
		return 0;
	return fail(err, SKIP,
		    "impression %.*s would take %zu bytes of state with this record; at most %d are kept for one "
		    "impression and what belongs to it",
		    bytes_arguments(key.bytes), size, STORE_VALUE_SIZE_MAX);
}

/* ---- engagements ---- */

/* Whether watched_seconds of the outcome is from now on this engagement's. */
static bool
is_latest_watch(const struct join_parts *parts, const struct join_engagement *engagement)
{
	if (!engagement->has_watched)
		return false;
	if (!(parts->head.flags & JOIN_WATCHED))
		return true;
	if (engagement->occurred_at != parts->head.watched_at)
		return engagement->occurred_at > parts->head.watched_at;
	return bytes_compare(engagement->id, join_id_at(parts, parts->head.watched_id)) > 0;
}

/* A skip is none, and neither is a view or a watch that was over at once. */
static bool
is_engaged(const struct join_engagement *engagement)
{
	if (engagement->action == ACTION_SKIP)
		return false;
	return (engagement->action != VIEW && engagement->action != WATCH) || !engagement->has_watched ||
	       engagement->watched >= JOIN_SKIPPED_SECONDS;
}

static void
fold(struct store *store, struct entry **entry, const struct join_parts *parts,
     const struct join_engagement *engagement)
{
	struct join_head head = parts->head;

	head.flags |= JOIN_FOLDED;
	head.flags |= engagement->action == ACTION_SKIP ? JOIN_SKIPPED : is_engaged(engagement) ? JOIN_ENGAGED : 0;
	head.actions = (uint16_t)(head.actions | 1u << engagement->action);
	if (head.engagement_count == 0 || engagement->occurred_at < head.first_at)
		head.first_at = engagement->occurred_at;
	if (head.engagement_count == 0 || engagement->occurred_at > head.last_at)
		head.last_at = engagement->occurred_at;
	head.engagement_count++;
	if (is_latest_watch(parts, engagement)) {
		head.flags |= JOIN_WATCHED | JOIN_WATCHED_DURATION;
		head.flags ^= engagement->has_duration ? 0 : JOIN_WATCHED_DURATION;
		head.watched_at = engagement->occurred_at;
		head.watched = engagement->watched;
		head.watched_duration = engagement->duration;
		head.watched_id = head.ids_size; /* it is the next to be added */
	}
	join_add_id(store, entry, &head, engagement->id);
}

static bool
belongs(const struct join *join, const struct join_head *head, int64_t occurred_at)
{
	return occurred_at >= time_add(head->shown_at, -join->before) &&
	       occurred_at <= time_add(head->shown_at, join->window);
}

/* An engagement and its impression are both here. *changed: the outcome is another one now. */
static int
judge(const struct join *join, struct store *store, struct entry **entry, const struct join_engagement *engagement,
      bool *changed, struct context *context, struct error *err)
{
	struct join_parts parts = join_parts_of(*entry);

	if (belongs(join, &parts.head, engagement->occurred_at)) {
		fold(store, entry, &parts, engagement);
		*changed = true;
		return 0;
	}
	join_add_id(store, entry, &parts.head, engagement->id); /* a repeat of it changes nothing either */
	context_count(context, LATE_ENGAGEMENTS, 1);
	return join_pass_on(context, LATE, entry_key(*entry), engagement->body, join->engagement.field_count, err);
}

static int
read_engagement(const struct join *join, const struct record *record, struct context *context,
		struct join_engagement *out, struct error *err)
{
	*out = (struct join_engagement){
		.id = record_bytes(record, join->engagement.id),
		.occurred_at = record_integer(record, join->engagement.occurred_at),
		.action = join->engagement.actions.to_number[record_integer(record, join->engagement.action)],
		.has_watched = !record_is_null(record, join->engagement.watched),
		.has_duration = !record_is_null(record, join->engagement.duration),
	};
	if (out->has_watched)
		out->watched = record_real(record, join->engagement.watched);
	if (out->has_duration)
		out->duration = record_real(record, join->engagement.duration);
	if (out->id.size > JOIN_TEXT_SIZE_MAX)
		return fail(err, SKIP, "engagement_id has %zu bytes; at most %d", out->id.size, JOIN_TEXT_SIZE_MAX);
	return context_body(context, ENGAGEMENTS, record, &out->body, err);
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The earliest time at which something that waits in the entry is given up. */
static int64_t
waiting_deadline(const struct join *join, const struct join_parts *parts)
{
	struct cursor engagements = cursor_of(parts->waiting), scores = cursor_of(parts->waiting_scores);
	struct join_engagement engagement;
	struct join_score score;
	int64_t deadline = TIME_MAX;

	while (join_next_waiting(&engagements, &engagement))
		deadline = least(deadline, time_add(engagement.occurred_at, join->orphan_wait));
	while (join_next_waiting_score(&scores, &score))
		deadline = least(deadline, time_add(score.scored_at, join->orphan_wait));
	return deadline;
}

static int
wait_for_impression(const struct join *join, struct key key, struct entry *entry,
		    const struct join_engagement *engagement, struct context *context, struct error *err)
{
	struct store *store = context_store(context, 0);
	int64_t gone_at = time_add(time_add(engagement->occurred_at, -join->window), join->correction_horizon);
	bool added;

	if (gone_at <= context_watermark(context)) {
		context_count(context, LATE_ENGAGEMENTS, 1);
		return join_pass_on(context, LATE, key.bytes, engagement->body, join->engagement.field_count, err);
	}
	if (check_room(key, entry, engagement->id.size + engagement->body.size, err) < 0)
		return -1;
	if (!entry && store_add(store, key, JOIN_HEAD_SIZE_MIN, &entry, &added, err) < 0)
		return -1;
	join_add_waiting(store, &entry, engagement);
	entry_set_timer(store, entry, least(entry_timer(entry), time_add(engagement->occurred_at, join->orphan_wait)));
	return 0;
}

static int
process_engagement(const struct join *join, const struct record *record, struct context *context, struct error *err)
{
	struct store *store = context_store(context, 0);
	struct join_engagement engagement;
	struct join_parts parts;
	struct entry *entry;
	bool changed = false;

	if (read_engagement(join, record, context, &engagement, err) < 0 ||
	    store_find(store, record->key, &entry, err) < 0)
		return -1;
	if (!entry)
		return wait_for_impression(join, record->key, NULL, &engagement, context, err);
	parts = join_parts_of(entry);
	if (join_knows(&parts, engagement.id)) {
		context_count(context, REPEATED_ENGAGEMENTS, 1);
		return 0;
	}
	if (parts.head.id_count + parts.head.waiting_count >= JOIN_ENGAGEMENTS_MAX)
		return fail(err, SKIP, "impression %.*s has %d engagements already, which is the limit",
			    bytes_arguments(record->key.bytes), JOIN_ENGAGEMENTS_MAX);
	if (!(parts.head.flags & JOIN_HAS_IMPRESSION))
		return wait_for_impression(join, record->key, entry, &engagement, context, err);
	if (check_room(record->key, entry, engagement.id.size, err) < 0 ||
	    judge(join, store, &entry, &engagement, &changed, context, err) < 0)
		return -1;
	return changed ? emit_change(join, store, entry, context, err) : 0;
}

/* ---- scores ---- */

/* A score and its impression are both here. */
static int
freeze(const struct join *join, struct store *store, struct entry **entry, const struct join_score *score,
       bool *changed, struct context *context, struct error *err)
{
	struct join_parts parts = join_parts_of(*entry);

	if (score->scored_at > time_add(parts.head.shown_at, join->score_tolerance)) {
		context_count(context, HINDSIGHT_SCORES, 1);
		return join_pass_on(context, HINDSIGHT, entry_key(*entry), score->body, join->score.field_count, err);
	}
	if (join_has_score(&parts, score->model_version)) {
		context_count(context, REPEATED_SCORES, 1);
		return 0;
	}
	join_add_score(store, entry, score);
	*changed = true;
	return 0;
}

static int
read_score(const struct join *join, const struct record *record, struct context *context, struct join_score *out,
	   struct error *err)
{
	*out = (struct join_score){
		.model_version = record_bytes(record, join->score.model_version),
		.watch_seconds = record_real(record, join->score.watch),
		.engage_probability = record_real(record, join->score.probability),
		.shadow = record_integer(record, join->score.shadow),
		.scored_at = record_integer(record, join->score.scored_at),
	};
	if (out->model_version.size > JOIN_TEXT_SIZE_MAX)
		return fail(err, SKIP, "model_version has %zu bytes; at most %d", out->model_version.size,
			    JOIN_TEXT_SIZE_MAX);
	return context_body(context, SCORES, record, &out->body, err);
}

static int
process_score(const struct join *join, const struct record *record, struct context *context, struct error *err)
{
	struct store *store = context_store(context, 0);
	struct join_score score;
	struct join_head head;
	struct entry *entry;
	bool added, changed = false;

	if (read_score(join, record, context, &score, err) < 0 ||
	    store_add(store, record->key, JOIN_HEAD_SIZE_MIN, &entry, &added, err) < 0)
		return -1;
	head = join_head_of(entry);
	if (head.score_count + head.waiting_score_count >= JOIN_SCORES_MAX)
		return fail(err, SKIP, "impression %.*s has %d scores already, which is the limit",
			    bytes_arguments(record->key.bytes), JOIN_SCORES_MAX);
	if (check_room(record->key, entry, score.model_version.size + score.body.size, err) < 0)
		return -1;
	if (!(head.flags & JOIN_HAS_IMPRESSION)) {
		join_add_waiting_score(store, &entry, &score);
		entry_set_timer(store, entry, least(entry_timer(entry), time_add(score.scored_at, join->orphan_wait)));
		return 0;
	}
	if (freeze(join, store, &entry, &score, &changed, context, err) < 0)
		return -1;
	return changed ? emit_change(join, store, entry, context, err) : 0;
}

/* ---- impressions ---- */

static void
set_impression(const struct join *join, const struct record *record, struct join_head *head)
{
	head->flags |= JOIN_HAS_IMPRESSION;
	head->shown_at = record_integer(record, join->impression.shown_at);
	if (!record_is_null(record, join->impression.duration)) {
		head->flags |= JOIN_HAS_DURATION;
		head->duration = record_real(record, join->impression.duration);
	}
	if (record_integer(record, join->impression.source) == join->impression.exploration)
		head->flags |= JOIN_EXPLORATION;
}

/* What came before the impression is judged now, in the order in which it came. */
static int
judge_waiting(const struct join *join, struct store *store, struct entry **entry, struct context *context,
	      struct error *err)
{
	struct join_parts parts = join_parts_of(*entry);
	struct bytes held[2] = {parts.waiting, parts.waiting_scores};
	struct cursor engagements, scores;
	struct join_engagement engagement;
	struct join_score score;
	bool changed;

	for (int i = 0; i < 2; i++) /* the entry is about to change under them */
		held[i].data = memcpy(context_take(context, held[i].size), held[i].data, held[i].size);
	join_clear_waiting(store, entry);
	engagements = cursor_of(held[0]);
	while (join_next_waiting(&engagements, &engagement))
		if (judge(join, store, entry, &engagement, &changed, context, err) < 0)
			return -1;
	scores = cursor_of(held[1]);
	while (join_next_waiting_score(&scores, &score))
		if (freeze(join, store, entry, &score, &changed, context, err) < 0)
			return -1;
	return 0;
}

static int
process_impression(const struct join *join, const struct record *record, struct context *context, struct error *err)
{
	struct store *store = context_store(context, 0);
	int64_t shown_at = record_integer(record, join->impression.shown_at);
	struct join_head head = {0};
	struct entry *entry;
	struct bytes body;

	if (context_body(context, IMPRESSIONS, record, &body, err) < 0 ||
	    store_find(store, record->key, &entry, err) < 0)
		return -1;
	if (entry)
		head = join_head_of(entry);
	if (head.flags & JOIN_HAS_IMPRESSION) {
		context_count(context, REPEATED_IMPRESSIONS, 1);
		return 0;
	}
	if (time_add(shown_at, join->correction_horizon) <= context_watermark(context)) {
		context_count(context, IMPRESSIONS_LATE, 1);
		return join_pass_on(context, LATE_IMPRESSIONS, record->key.bytes, body, join->impression.field_count,
				    err);
	}
	if (check_room(record->key, entry, body.size, err) < 0)
		return -1;
	set_impression(join, record, &head);
	if (!entry && join_start(store, record->key, &head, body, &entry, err) < 0)
		return -1;
	if (head.waiting_count + head.waiting_score_count != 0) {
		join_head_store(store, &entry, &head);
		join_put_body(store, &entry, body);
		if (judge_waiting(join, store, &entry, context, err) < 0)
			return -1;
	}
	entry_set_timer(store, entry, time_add(shown_at, join->window + join->grace));
	return emit_change(join, store, entry, context, err);
}

/* ---- time ---- */

/* The window has closed. */
static int
close_window(const struct join *join, struct entry *entry, struct join_parts *parts, struct context *context,
	     struct error *err)
{
	struct store *store = context_store(context, 0);
	struct join_head *head = &parts->head;

	head->flags |= JOIN_FINAL;
	head->revision = 1;
	context_count(context, head->engagement_count != 0 ? JOINED : SWIPE_AWAYS, 1);
	if (join->emit != EMIT_UPDATES && join_emit_outcome(join, entry_key(entry), parts, true, context, err) < 0)
		return -1;
	if (join->correction_horizon <= join->window + join->grace && context_watermark(context) != TIME_MAX) {
		entry_remove(store, entry);
		return 0;
	}
	join_head_store(store, &entry, head);
	entry_set_timer(store, entry, time_add(head->shown_at, join->correction_horizon));
	return 0;
}

/* No impression came: what has waited until `until` is given up, in the order in which it came. */
static int
give_up(const struct join *join, struct entry *entry, int64_t until, struct context *context, struct error *err)
{
	struct store *store = context_store(context, 0);
	struct join_parts parts = join_parts_of(entry);
	struct bytes held[2] = {parts.waiting, parts.waiting_scores};
	struct cursor engagements, scores;
	struct join_engagement engagement;
	struct join_score score;

	for (int i = 0; i < 2; i++)
		held[i].data = memcpy(context_take(context, held[i].size), held[i].data, held[i].size);
	join_clear_waiting(store, &entry);
	engagements = cursor_of(held[0]);
	while (join_next_waiting(&engagements, &engagement)) {
		if (time_add(engagement.occurred_at, join->orphan_wait) > until) {
			join_add_waiting(store, &entry, &engagement);
			continue;
		}
		context_count(context, ORPHAN_ENGAGEMENTS, 1);
		if (join_pass_on(context, ORPHANS, entry_key(entry), engagement.body, join->engagement.field_count,
				 err) < 0)
			return -1;
	}
	scores = cursor_of(held[1]);
	while (join_next_waiting_score(&scores, &score)) {
		if (time_add(score.scored_at, join->orphan_wait) > until)
			join_add_waiting_score(store, &entry, &score);
		else
			context_count(context, DROPPED_SCORES, 1);
	}
	parts = join_parts_of(entry);
	if (parts.head.waiting_count + parts.head.waiting_score_count == 0)
		entry_remove(store, entry);
	else
		entry_set_timer(store, entry, waiting_deadline(join, &parts));
	return 0;
}

/*
 * When the entry is due by today's options. Its timer was set by those of then: where it is too early now, it is set
 * again.
 */
static int64_t
due_at(const struct join *join, const struct join_parts *parts)
{
	if (!(parts->head.flags & JOIN_HAS_IMPRESSION))
		return waiting_deadline(join, parts);
	if (!(parts->head.flags & JOIN_FINAL))
		return time_add(parts->head.shown_at, join->window + join->grace);
	return time_add(parts->head.shown_at, join->correction_horizon);
}

static int
join_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	const struct join *join = self;
	struct store *store = context_store(context, 0);
	struct join_parts parts = join_parts_of(entry);
	bool end = context_watermark(context) == TIME_MAX; /* a bounded run closes all windows */
	int64_t due = due_at(join, &parts);

	if (!end && due >= context_watermark(context)) {
		entry_set_timer(store, entry, due);
		return 0;
	}
	if (!(parts.head.flags & JOIN_HAS_IMPRESSION))
		return give_up(join, entry, end ? TIME_MAX : waiting_deadline(join, &parts), context, err);
	if (!(parts.head.flags & JOIN_FINAL))
		return close_window(join, entry, &parts, context, err);
	if (end) /* the next run may still bring corrections */
		entry_set_timer(store, entry, time_add(parts.head.shown_at, join->correction_horizon));
	else
		entry_remove(store, entry);
	return 0;
}

static int
join_process(const void *self, int input, const struct record *record, struct context *context, struct error *err)
{
	switch ((enum join_input)input) {
	case IMPRESSIONS:
		return process_impression(self, record, context, err);
	case ENGAGEMENTS:
		return process_engagement(self, record, context, err);
	case SCORES:
		return process_score(self, record, context, err);
	}
	return fail(err, FATAL, "engagement_join has no input %d", input);
}

/* ---- its manual page ---- */

static void
join_show(const struct entry *entry, struct buffer *out)
{
	struct join_head head = join_head_of(entry);
	bool shown = head.flags & JOIN_HAS_IMPRESSION;

	buffer_print(out, "{\"impression\": %s", shown ? "true" : "false");
	if (shown)
		buffer_print(out,
			     ", \"shown_at\": %lld, \"final\": %s, \"revision\": %d, \"engaged\": %s, "
			     "\"n_engagements\": %u",
			     (long long)head.shown_at, head.flags & JOIN_FINAL ? "true" : "false", head.revision,
			     head.flags & JOIN_ENGAGED ? "true" : "false", head.engagement_count);
	buffer_print(out, ", \"scores\": %d, \"waiting_engagements\": %d, \"waiting_scores\": %d}", head.score_count,
		     head.waiting_count, head.waiting_score_count);
}

static const char *const emit_choices[] = {"final", "updates", "both", NULL};

#define WEEK_MS (7 * 24 * 3600 * 1000.0)

static const struct option options[] = {
	{"window", OPTION_DURATION, offsetof(struct join, window), "10min", 1, WEEK_MS, NULL, "ms",
	 "how long after shown_at an engagement belongs to its impression"},
	{"before", OPTION_DURATION, offsetof(struct join, before), "1min", 0, WEEK_MS, NULL, "ms",
	 "how long before shown_at an engagement may have happened: tolerated clock skew"},
	{"grace", OPTION_DURATION, offsetof(struct join, grace), "5s", 0, WEEK_MS, NULL, "ms",
	 "how long after the end of the window the final row waits for stragglers"},
	{"correction_horizon", OPTION_DURATION, offsetof(struct join, correction_horizon), "1h", 1, WEEK_MS, NULL, "ms",
	 "how long after shown_at a final row may still be corrected; at least window + grace"},
	{"orphan_wait", OPTION_DURATION, offsetof(struct join, orphan_wait), "10min", 0, WEEK_MS, NULL, "ms",
	 "how long an engagement or a score waits for its impression"},
	{"score_tolerance", OPTION_DURATION, offsetof(struct join, score_tolerance), "1s", 0, WEEK_MS, NULL, "ms",
	 "how long after shown_at a score may have been made and still count as a prediction"},
	{"emit", OPTION_CHOICE, offsetof(struct join, emit), "final", 0, 0, emit_choices, NULL,
	 "final: a row per closed window and correction; updates: a provisional row per change; both"},
	OPTION_END,
};

static const struct port inputs[] = {
	{"impressions", "impression", "impression_id", true, "what was shown"},
	{"engagements", "engagement", "impression_id", true, "what people did"},
	{"scores", "ranker_score", "impression_id", false, "what rankers predicted, live and shadow"},
	{.name = NULL},
};

static const struct port outputs[] = {
	{"outcomes", "outcome", "impression_id", true, "what became of each impression, revised by revision"},
	{"explorations", "outcome", "impression_id", false, "the same rows, of exploration impressions only"},
	{"late", "engagement", "impression_id", false, "engagements outside the window, or after the horizon"},
	{"orphans", "engagement", "impression_id", false, "engagements whose impression never came"},
	{"hindsight", "ranker_score", "impression_id", false, "scores made after the impression was shown"},
	{"late_impressions", "impression", "impression_id", false,
	 "impressions that came after their correction_horizon; they have no row"},
	{.name = NULL},
};

static const struct store_spec stores[] = {
	{
		.name = "impressions",
		.help = "one entry per impression_id: the impression, its fold and scores, or what waits for it",
		.keyed_like_input = true,
		.bodies = 1u << IMPRESSIONS | 1u << ENGAGEMENTS | 1u << SCORES,
		.rewrite = join_rewrite,
	},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[JOINED] = {"joined", "windows closed with engagements"},
	[SWIPE_AWAYS] = {"swipe_aways", "windows closed without any"},
	[CORRECTIONS] = {"corrections", "final rows revised"},
	[LATE_ENGAGEMENTS] = {"late", "engagements outside the window or after the horizon"},
	[ORPHAN_ENGAGEMENTS] = {"orphans", "engagements without an impression"},
	[REPEATED_ENGAGEMENTS] = {"repeated_engagements", "engagements that had come before"},
	[REPEATED_IMPRESSIONS] = {"repeated_impressions", "impressions that had come before"},
	[REPEATED_SCORES] = {"repeated_scores", "scores of a model version that had scored before"},
	[HINDSIGHT_SCORES] = {"hindsight", "scores made after the impression was shown"},
	[DROPPED_SCORES] = {"dropped_scores", "scores without an impression"},
	[IMPRESSIONS_LATE] = {"late_impressions", "impressions that came after their correction_horizon"},
	{.name = NULL},
};

const struct operator_type engagement_join_type = {
	.name = "engagement_join",
	.help = "Joins impressions with their engagements and frozen scores into one outcome per impression.",
	.manual = "A left outer join by impression_id; either side may come first. When the watermark has passed "
		  "shown_at + window + grace there is one row per impression, final: true: the absence of "
		  "engagement is a row too. What comes later but belongs is a corrected row with the next revision, "
		  "until shown_at + correction_horizon. The last revision of a key is the truth. An impression that "
		  "itself comes after its horizon goes to late_impressions, and has no row.\n"
		  "An engagement belongs where shown_at - before <= occurred_at <= shown_at + window; outside of "
		  "that it goes to late. One without an impression waits until occurred_at + orphan_wait and goes "
		  "to orphans. Repeated engagement_ids and impressions change nothing.\n"
		  "A score is frozen: the first of each model version holds. One made after shown_at + "
		  "score_tolerance knew what it should have predicted, and goes to hindsight.\n",
	.options = options,
	.inputs = inputs,
	.outputs = outputs,
	.stores = stores,
	.counters = counters,
	.self_size = sizeof(struct join),
	.open = join_open,
	.process = join_process,
	.on_timer = join_on_timer,
	.show = join_show,
};
