/*
 * engagement_join: what became of each impression.
 *
 * A left outer join of impressions with their engagements and frozen ranker scores, by impression_id; either side may
 * come first. When the watermark W has passed shown_at + window + grace, one row per impression: the absence of
 * engagement is a row too. What comes later but belongs is a corrected row with the next revision, until shown_at +
 * correction_horizon; the last revision of a key is the truth.
 *
 *     an impression      the first wins, for `remember`; one whose horizon W has passed, and that is not known, goes
 *                        to `late_impressions` and gives no row
 *     an engagement      with its impression: folded if shown_at - before <= occurred_at <= shown_at + window, else to
 *                        `late`. Without: to `late` if its impression may be gone already (occurred_at - window +
 *                        correction_horizon <= W), else it waits until occurred_at + orphan_wait and goes to `orphans`
 *     a score            frozen, first per model version; one made after shown_at + score_tolerance knew what it should
 *                        have predicted and goes to `hindsight`. Without an impression it waits, then is dropped
 *     beyond a limit     to `overflow` or `overflow_scores`; whichever came first are in the row
 *
 * The fold does not depend on the order of arrival: flags are OR-ed, times are least and greatest, watched_seconds is
 * that of the latest event that has one by (occurred_at, engagement_id). Each entry has one timer, for whatever is due
 * first: its final row, its end, or what waits in it.
 */
#include "operators/engagement_join.h"

#include "operators/operators.h"

/* ---- the case of an impression_id ---- */

int
join_again(struct join_case *of, struct error *err)
{
	if (store_find(of->store, of->key, &of->entry, err) < 0)
		return -1;
	insist(of->entry);
	return 0;
}

/* One that is forgotten is not there any more. */
static int
find_remembered(struct join_case *of, struct error *err)
{
	struct join_head head = join_head_of(of->entry);
	struct join_case gone = *of;

	if (!join_is_forgotten(of->join, &head, of->context))
		return 0;
	of->entry = NULL;
	return join_forget(&gone, err);
}

int
join_find(const struct join *join, struct key key, struct context *context, struct join_case *out, struct error *err)
{
	*out = (struct join_case){.join = join, .context = context, .store = context_store(context, CASES), .key = key};
	if (key.bytes.size > JOIN_KEY_SIZE_MAX)
		return fail(err, SKIP, "impression_id has %zu bytes; at most %d", key.bytes.size, JOIN_KEY_SIZE_MAX);
	if (store_find(out->store, key, &out->entry, err) < 0)
		return -1;
	if (!out->entry || !(join_flags_of(out->entry) & JOIN_REMEMBERED))
		return 0;
	return find_remembered(out, err);
}

bool
join_remove_empty(struct join_case *of)
{
	struct join_head head = join_head_of(of->entry);
	bool empty = !(head.flags & (JOIN_HAS_IMPRESSION | JOIN_WAIT_APART | JOIN_REMEMBERED)) &&
		     head.waiting_count + head.waiting_score_count == 0;

	if (empty)
		entry_remove(of->store, of->entry);
	return empty;
}

struct bytes
join_hold(const struct join_case *of, struct bytes bytes)
{
	if (bytes.size == 0)
		return (struct bytes){0};
	return bytes_of(memcpy(context_take(of->context, bytes.size), bytes.data, bytes.size), bytes.size);
}

int
join_emit_change(struct join_case *of, struct error *err)
{
	struct join_parts parts = join_parts_of(of->entry);
	const struct join *join = of->join;

	if ((parts.head.flags & JOIN_FINAL) && join->emit != EMIT_UPDATES) {
		parts.head.revision++;
		join_head_store(of->store, &of->entry, &parts.head);
		context_count(of->context, CORRECTIONS, 1);
		return join_emit_outcome(join, of->key.bytes, &parts, true, of->context, err);
	}
	if (join->emit == EMIT_FINAL)
		return 0;
	return join_emit_outcome(join, of->key.bytes, &parts, false, of->context, err);
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

/* What came before the impression: in the order in which it came. */
struct before {
	struct bytes inside, apart; /* engagements */
	struct bytes scores;
};

/* Taken out of the entry, which is about to become that of the impression. */
static int
take_waiting(struct join_case *of, struct before *out, struct error *err)
{
	struct join_parts parts = join_parts_of(of->entry);

	*out = (struct before){.inside = join_hold(of, parts.waiting), .scores = join_hold(of, parts.waiting_scores)};
	if (!(parts.head.flags & JOIN_WAIT_APART))
		return 0;
	return join_take_apart(of, &out->apart, err) < 0 ? -1 : join_unhash_all(of, err);
}

static int
judge_waiting(struct join_case *of, const struct before *before, struct error *err)
{
	const struct bytes lists[] = {before->inside, before->apart};
	struct cursor scores = cursor_of(before->scores);
	struct join_engagement engagement;
	struct join_score score;

	for (int i = 0; i < 2; i++) {
		struct cursor engagements = cursor_of(lists[i]);

		while (join_next_waiting(&engagements, &engagement))
			if (join_judge(of, &engagement, err) < 0)
				return -1;
	}
	while (join_next_waiting_score(&scores, &score))
		if (join_freeze(of, &score, err) < 0)
			return -1;
	return 0;
}

static int
begin(struct join_case *of, const struct record *record, struct bytes body, struct error *err)
{
	const struct join *join = of->join;
	struct before before = {.inside = {0}};
	struct join_head head = {0};

	if (JOIN_HEAD_SIZE_MIN + body.size + JOIN_RESERVE_SIZE > STORE_VALUE_SIZE_MAX)
		return fail(err, SKIP,
			    "impression %.*s would take %zu bytes of state; at most %zu are kept for an impression",
			    bytes_arguments(of->key.bytes), body.size,
			    STORE_VALUE_SIZE_MAX - JOIN_HEAD_SIZE_MIN - JOIN_RESERVE_SIZE);
	set_impression(join, record, &head);
	if ((of->entry && take_waiting(of, &before, err) < 0) ||
	    join_begin(of->store, of->key, &head, body, &of->entry, err) < 0)
		return -1;
	entry_set_timer(of->store, of->entry, time_add(head.shown_at, join->window + join->grace));
	return judge_waiting(of, &before, err) < 0 ? -1 : join_emit_change(of, err);
}

static int
process_impression(const struct join *join, const struct record *record, struct context *context, struct error *err)
{
	int64_t shown_at = record_integer(record, join->impression.shown_at);
	struct join_case of;
	struct bytes body;

	if (context_body(context, IMPRESSIONS, record, &body, err) < 0 ||
	    join_find(join, record->key, context, &of, err) < 0)
		return -1;
	if (of.entry && join_flags_of(of.entry) & (JOIN_HAS_IMPRESSION | JOIN_REMEMBERED)) {
		context_count(context, REPEATED_IMPRESSIONS, 1);
		return 0;
	}
	if (time_add(shown_at, join->correction_horizon) <= context_watermark(context))
		return join_pass_on(&of, LATE_IMPRESSIONS, IMPRESSIONS_LATE, body, err);
	return begin(&of, record, body, err);
}

static int
join_process(const void *self, int input, const struct record *record, struct context *context, struct error *err)
{
	switch ((enum join_input)input) {
	case IMPRESSIONS:
		return process_impression(self, record, context, err);
	case ENGAGEMENTS:
		return join_process_engagement(self, record, context, err);
	case SCORES:
		return join_process_score(self, record, context, err);
	}
	return fail(err, FATAL, "engagement_join has no input %d", input);
}

/* ---- its manual page ---- */

static const char *const emit_choices[] = {"final", "updates", "both", NULL};

#define WEEK_MS (7 * 24 * 3600 * 1000.0)
#define ENGAGEMENTS_MAX 1000000
#define WAITING_BYTES_MAX (256 << 20)

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
	{"remember", OPTION_DURATION, offsetof(struct join, remember), "1d", 1, 5 * WEEK_MS, NULL, "ms",
	 "how long after shown_at an impression that is sent again is told from a new one; after the horizon only its "
	 "id is kept for that, so correction_horizon is the least there is"},
	{"engagements_max", OPTION_INTEGER, offsetof(struct join, engagements_max), "100000", 1, ENGAGEMENTS_MAX, NULL,
	 NULL,
	 "engagements of one impression, late and waiting ones included; further ones go to overflow. 100 of their "
	 "engagement_ids are kept whole, further ones as hashes of 8 bytes"},
	{"waiting_max", OPTION_SIZE, offsetof(struct join, waiting_max), "16MiB", 1, WAITING_BYTES_MAX, NULL, "bytes",
	 "of engagements that wait for one impression, beyond the first 100; further ones go to overflow"},
	{"scores_max", OPTION_INTEGER, offsetof(struct join, scores_max), "1000", 1, 10000, NULL, NULL,
	 "scores of one impression, waiting ones included, and 256 KiB of them; further ones go to overflow_scores"},
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
	{"overflow", "engagement", "impression_id", false,
	 "engagements beyond engagements_max or waiting_max of their impression; they are in no row"},
	{"overflow_scores", "ranker_score", "impression_id", false,
	 "scores beyond scores_max of their impression; they are in no row"},
	{.name = NULL},
};

static const struct store_spec stores[] = {
	[CASES] =
		{
			.name = "impressions",
			.help = "one entry per impression_id: the impression, its fold and scores, or what waits for "
				"it; after the horizon the id alone",
			.keyed_like_input = true,
			.share = join_case_share,
			.bodies = 1u << IMPRESSIONS | 1u << ENGAGEMENTS | 1u << SCORES,
			.rewrite = join_rewrite,
		},
	[IDS] =
		{
			.name = "engagement_ids",
			.help = "hashes of the engagement_ids of impressions that have more than 100",
			.share = join_ids_share,
		},
	[WAITING] =
		{
			.name = "waiting",
			.help = "engagements that wait for an impression, beyond 100",
			.bodies = 1u << ENGAGEMENTS,
			.share = join_waiting_share,
			.rewrite = join_waiting_rewrite,
		},
	[REMEMBERED] =
		{
			.name = "remembered",
			.help = "one entry: the impression_ids behind their horizon that were remembered last",
			.share = join_filling_share,
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
	[ENGAGEMENTS_OVER] = {"overflow", "engagements beyond engagements_max or waiting_max"},
	[SCORES_OVER] = {"overflow_scores", "scores beyond scores_max"},
	[OTHER_USER] = {"other_user", "engagements that were folded though their user is not the impression's"},
	[OTHER_ITEM] = {"other_item", "engagements that were folded though their item is not the impression's"},
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
		  "to orphans. Repeated engagement_ids and impressions change nothing; an impression_id is known "
		  "until the watermark has passed shown_at + remember. One by another user, or with another item, "
		  "than was shown is joined all the same, and counted.\n"
		  "A score is frozen: the first of each model version holds. One made after shown_at + "
		  "score_tolerance knew what it should have predicted, and goes to hindsight.\n"
		  "What one impression has beyond engagements_max, waiting_max or scores_max goes to overflow and "
		  "overflow_scores, and is in no row; those that came first are. Repeats are found among all that "
		  "came before: the first 100 engagement_ids by themselves, others by a hash of 64 bits. Dead letters "
		  "are an engagement_id or a model_version over 4096 bytes, an impression_id over 4092, and an "
		  "impression that with all its fields takes more than 890 kB.\n",
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
