/* The rows of engagement_join: what an entry says, in the fields of the outcome. */
#include "operators/engagement_join.h"

#define COMPLETED_SHARE 0.95 /* of the duration, watched: completed */

static bool
is_completed(const struct join_head *head)
{
	double duration = head->flags & JOIN_HAS_DURATION ? head->duration : head->watched_duration;

	if (!(head->flags & JOIN_WATCHED) || !(head->flags & (JOIN_HAS_DURATION | JOIN_WATCHED_DURATION)))
		return false;
	return duration > 0 && head->watched >= COMPLETED_SHARE * duration;
}

static bool
is_skipped(const struct join_head *head)
{
	return (head->flags & JOIN_SKIPPED) || ((head->flags & JOIN_WATCHED) && head->watched < JOIN_SKIPPED_SECONDS);
}

static void
set_scores(const struct join *join, struct record *row, const struct join_parts *parts, struct context *context)
{
	size_t width = (size_t)join->outcome.score_width;
	union slot *items = context_take(context, parts->head.score_count * width * sizeof(*items));
	struct cursor cursor = cursor_of(parts->scores);
	union slot *item = items;
	struct join_score score;

	for (; join_next_score(&cursor, &score); item += width) {
		item[join->outcome.score_model.slot].bytes = score.model_version;
		item[join->outcome.score_watch.slot].real = score.watch_seconds;
		item[join->outcome.score_probability.slot].real = score.engage_probability;
		item[join->outcome.score_shadow.slot].integer = score.shadow;
		item[join->outcome.score_at.slot].integer = score.scored_at;
	}
	row->slots[join->outcome.scores.slot].array.items = items;
	row->slots[join->outcome.scores.slot].array.count = parts->head.score_count;
}

static void
set_fold(const struct join *join, struct record *row, const struct join_head *head)
{
	record_set_integer(row, join->outcome.engaged, (head->flags & JOIN_ENGAGED) != 0);
	for (size_t i = 0; i < JOIN_FLAGS; i++)
		record_set_integer(row, join->outcome.flags[i], (head->actions >> i) & 1);
	record_set_real(row, join->outcome.watched, head->flags & JOIN_WATCHED ? head->watched : 0);
	record_set_integer(row, join->outcome.completed, is_completed(head));
	record_set_integer(row, join->outcome.skipped, is_skipped(head));
	record_set_integer(row, join->outcome.count, head->engagement_count);
	if (head->engagement_count == 0)
		return;
	record_set_integer(row, join->outcome.first_at, head->first_at);
	record_set_integer(row, join->outcome.last_at, head->last_at);
}

int
join_emit_outcome(const struct join *join, struct bytes key, const struct join_parts *parts, bool final,
		  struct context *context, struct error *err)
{
	struct record *row;

	for (int output = OUTCOMES; output <= EXPLORATIONS; output++) {
		if (output == EXPLORATIONS && !(parts->head.flags & JOIN_EXPLORATION))
			continue;
		row = context_row(context, output);
		if (!row)
			continue;
		row->prefix = parts->body;
		row->prefix_fields = join->impression.field_count;
		row->time_ms = parts->head.shown_at;
		set_fold(join, row, &parts->head);
		set_scores(join, row, parts, context);
		record_set_integer(row, join->outcome.revision, final ? parts->head.revision : 0);
		record_set_integer(row, join->outcome.final, final);
		if (context_emit(context, output, key, row, err) < 0)
			return -1;
	}
	return 0;
}

/* Fields of the records that go to an output as they came. */
static int
passed_fields(const struct join *join, enum join_output output)
{
	switch (output) {
	case LATE_IMPRESSIONS:
		return join->impression.field_count;
	case HINDSIGHT:
	case OVERFLOW_SCORES:
		return join->score.field_count;
	default:
		return join->engagement.field_count;
	}
}

int
join_pass_on(struct join_case *of, enum join_output output, enum join_counter counter, struct bytes body,
	     struct error *err)
{
	struct record *row = body.size != 0 ? context_row(of->context, (int)output) : NULL;

	context_count(of->context, (int)counter, 1);
	if (!row) /* not connected, or its input is not any more */
		return 0;
	row->prefix = body;
	row->prefix_fields = passed_fields(of->join, output);
	return context_emit(of->context, (int)output, of->key.bytes, row, err);
}
