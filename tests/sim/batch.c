#include "tests/sim/batch.h"

static bool
is_inside(const struct feed *feed, const struct feed_engagement *engagement)
{
	int64_t after = engagement->occurred_at - feed->impressions[engagement->impression].shown_at;

	return after >= -FEED_BEFORE_MS && after <= FEED_WINDOW_MS;
}

bool
batch_is_late(const struct feed *feed, int index)
{
	const struct feed_engagement *engagement = &feed->engagements[index];

	return feed->impressions[engagement->impression].sent && !is_inside(feed, engagement);
}

bool
batch_is_orphan(const struct feed *feed, int engagement)
{
	return !feed->impressions[feed->engagements[engagement].impression].sent;
}

bool
batch_is_hindsight(const struct feed *feed, int index)
{
	const struct feed_score *score = &feed->scores[index];
	const struct feed_impression *impression = &feed->impressions[score->impression];

	return impression->sent && score->scored_at > impression->shown_at + FEED_TOLERANCE_MS;
}

/* The latest watch counts; at equal times the one with the greater id, as text. */
static bool
is_later(const struct feed_engagement *a, const struct feed_engagement *b)
{
	if (!b || a->occurred_at != b->occurred_at)
		return !b || a->occurred_at > b->occurred_at;
	return strcmp(a->id, b->id) > 0;
}

/* By itself: a skip is no engagement, nor is a view or a watch that was over at once. */
static bool
engages(const struct feed_engagement *engagement)
{
	bool brief = engagement->has_watched && engagement->watched < 1;

	return engagement->action != FEED_SKIP &&
	       !(brief && (engagement->action == FEED_VIEW || engagement->action == FEED_WATCH));
}

static void
judge_watch(const struct feed_impression *impression, const struct feed_engagement *watch, struct batch_outcome *out)
{
	double duration = impression->has_duration ? impression->duration : watch->duration;

	out->watched = watch->watched;
	out->skipped |= watch->watched < 1;
	if (impression->has_duration || watch->has_duration)
		out->completed = duration > 0 && watch->watched >= 0.95 * duration;
}

void
batch_outcome(const struct feed *feed, int index, struct batch_outcome *out)
{
	const struct feed_engagement *watch = NULL;

	*out = (struct batch_outcome){.first_at = TIME_MAX, .last_at = TIME_MIN};
	for (int i = 0; i < feed->engagement_count; i++) {
		const struct feed_engagement *engagement = &feed->engagements[i];

		if (engagement->impression != index || !is_inside(feed, engagement))
			continue;
		out->engagements++;
		out->actions |= 1u << engagement->action;
		out->engaged |= engages(engagement);
		if (engagement->occurred_at < out->first_at)
			out->first_at = engagement->occurred_at;
		if (engagement->occurred_at > out->last_at)
			out->last_at = engagement->occurred_at;
		if (engagement->has_watched && is_later(engagement, watch))
			watch = engagement;
	}
	out->skipped = (out->actions & 1u << FEED_SKIP) != 0;
	if (watch)
		judge_watch(&feed->impressions[index], watch, out);
	for (int i = 0; i < feed->score_count; i++)
		if (feed->scores[i].impression == index && !batch_is_hindsight(feed, i))
			out->scores[out->score_count++] = &feed->scores[i];
}

int
batch_history(const struct feed *feed, int user, const struct feed_engagement **out, int most)
{
	const struct feed_engagement *last = NULL;
	int count = 0;

	for (; count < most; count++) {
		const struct feed_engagement *next = NULL;

		for (int i = 0; i < feed->engagement_count; i++) {
			const struct feed_engagement *engagement = &feed->engagements[i];

			if (engagement->user == user && engagement->action != FEED_SKIP &&
			    (!last || is_later(last, engagement)) && is_later(engagement, next))
				next = engagement;
		}
		if (!next)
			break;
		out[count] = last = next;
	}
	return count;
}
