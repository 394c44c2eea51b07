/*
 * Scores: frozen, the first of each model version. Without their impression they wait in its entry, each
 * (model_version, scored_at) once, until scored_at + orphan_wait. What is beyond `scores_max` goes to
 * `overflow_scores`.
 */
#include "operators/engagement_join.h"

static int
overflow(struct join_case *of, const struct join_score *score, struct error *err)
{
	return join_pass_on(of, OVERFLOW_SCORES, SCORES_OVER, score->body, err);
}

/* As many as may be, waiting ones included, or so many bytes. */
static bool
is_full(const struct join_case *of, const struct join_score *score)
{
	struct join_head head = join_head_of(of->entry);
	size_t size = join_score_size(score);

	return head.score_count + head.waiting_score_count >= of->join->scores_max ||
	       head.scores_size + head.waiting_scores_size + size > JOIN_SCORES_SIZE_MAX ||
	       !join_has_room(of->entry, size);
}

static bool
is_hindsight(const struct join_case *of, const struct join_score *score)
{
	return score->scored_at > time_add(join_head_of(of->entry).shown_at, of->join->score_tolerance);
}

int
join_freeze(struct join_case *of, const struct join_score *score, struct error *err)
{
	struct join_parts parts = join_parts_of(of->entry);

	if (is_hindsight(of, score))
		return join_pass_on(of, HINDSIGHT, HINDSIGHT_SCORES, score->body, err);
	if (join_has_score(&parts, score->model_version)) {
		context_count(of->context, REPEATED_SCORES, 1);
		return 0;
	}
	if (is_full(of, score))
		return overflow(of, score, err);
	join_add_score(of->store, &of->entry, score);
	of->changed = true;
	return 0;
}

/* The same score once more, before its impression. Another scored_at may be hindsight where this one is not. */
static bool
waits_already(const struct join_case *of, const struct join_score *score)
{
	struct cursor waiting = cursor_of(join_parts_of(of->entry).waiting_scores);
	struct join_score other;

	while (join_next_waiting_score(&waiting, &other))
		if (other.scored_at == score->scored_at && bytes_equal(other.model_version, score->model_version))
			return true;
	return false;
}

static int
wait_for_impression(struct join_case *of, const struct join_score *score, struct error *err)
{
	int64_t deadline = time_add(score->scored_at, of->join->orphan_wait);
	bool added;

	if (!of->entry && store_add(of->store, of->key, JOIN_HEAD_SIZE_MIN, &of->entry, &added, err) < 0)
		return -1;
	if (waits_already(of, score)) {
		context_count(of->context, REPEATED_SCORES, 1);
		return 0;
	}
	if (is_full(of, score)) {
		join_remove_empty(of);
		return overflow(of, score, err);
	}
	join_add_waiting_score(of->store, &of->entry, score);
	if (deadline < entry_timer(of->entry))
		entry_set_timer(of->store, of->entry, deadline);
	return 0;
}

/* Its impression is known, and its horizon has passed. */
static int
drop(struct join_case *of, const struct join_score *score, struct error *err)
{
	if (is_hindsight(of, score))
		return join_pass_on(of, HINDSIGHT, HINDSIGHT_SCORES, score->body, err);
	context_count(of->context, DROPPED_SCORES, 1);
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

int
join_process_score(const struct join *join, const struct record *record, struct context *context, struct error *err)
{
	struct join_case of;
	struct join_score score;
	unsigned flags;

	if (read_score(join, record, context, &score, err) < 0 || join_find(join, record->key, context, &of, err) < 0)
		return -1;
	flags = of.entry ? join_flags_of(of.entry) : 0;
	if (flags & JOIN_REMEMBERED)
		return drop(&of, &score, err);
	if (!(flags & JOIN_HAS_IMPRESSION))
		return wait_for_impression(&of, &score, err);
	if (join_freeze(&of, &score, err) < 0)
		return -1;
	return of.changed ? join_emit_change(&of, err) : 0;
}
