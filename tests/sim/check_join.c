#include "tests/sim/check.h"

#include <stdio.h>

#include "base/memory.h"
#include "tests/sim/batch.h"
#include "tests/sim/reading.h"

/* ---- outcomes ---- */

struct outcomes {
	const struct feed *feed;
	int *revisions; /* by impression: the last one seen */
	char **wrong;	/* ... was this and should have been something else; NULL: it was right */
	bool explorations;
};

static bool
times_match(const struct record *record, const struct batch_outcome *wanted)
{
	struct field first = field_of(record, "first_engaged_at", SCHEMA_LONG);
	struct field last = field_of(record, "last_engaged_at", SCHEMA_LONG);

	if (wanted->engagements == 0)
		return record_is_null(record, first) && record_is_null(record, last);
	return !record_is_null(record, first) && !record_is_null(record, last) &&
	       record_integer(record, first) == wanted->first_at && record_integer(record, last) == wanted->last_at;
}

static bool
flags_match(const struct record *record, const struct batch_outcome *wanted)
{
	static const char *const names[] = {"viewed",	 "clicked",  "liked",	 "shared",
					    "commented", "followed", "purchased"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (truth_of(record, names[i]) != ((wanted->actions & 1u << i) != 0))
			return false;
	return truth_of(record, "engaged") == wanted->engaged && truth_of(record, "skipped") == wanted->skipped &&
	       truth_of(record, "completed") == wanted->completed;
}

static bool
scores_match(const struct record *record, const struct batch_outcome *wanted)
{
	struct field scores = field_of(record, "scores", SCHEMA_ARRAY);
	const struct schema *item = scores.schema->items;
	union slot *items = record->slots[scores.slot].array.items;

	if (record->slots[scores.slot].array.count != (size_t)wanted->score_count)
		return false;
	for (int i = 0; i < wanted->score_count; i++) {
		struct record score = {.schema = item, .slots = items + i * item->width};
		const struct feed_score *want = wanted->scores[i];

		if (number_of(&score, "model_version", FEED_MODELS) != want->model ||
		    integer_of(&score, "scored_at") != want->scored_at ||
		    real_of(&score, "predicted_watch_seconds") != want->watch ||
		    real_of(&score, "predicted_engage_prob") != want->probability ||
		    truth_of(&score, "is_shadow") != want->shadow)
			return false;
	}
	return true;
}

static bool
outcome_matches(const struct feed *feed, int impression, const struct record *record)
{
	struct batch_outcome wanted;

	batch_outcome(feed, impression, &wanted);
	return integer_of(record, "shown_at") == feed->impressions[impression].shown_at &&
	       integer_of(record, "n_engagements") == wanted.engagements &&
	       real_of(record, "watched_seconds") == wanted.watched && flags_match(record, &wanted) &&
	       times_match(record, &wanted) && scores_match(record, &wanted);
}

/* Revisions of a key come one after the other: none twice, none missing. */
static int
take_outcome(void *argument, const struct record *record, struct error *err)
{
	struct outcomes *outcomes = argument;
	int impression = number_of(record, "impression_id", outcomes->feed->impression_count);
	int revision = (int)integer_of(record, "revision");

	if (impression < 0 || !outcomes->feed->impressions[impression].sent || !truth_of(record, "final"))
		return fail(err, FATAL, "a row of something that was never sent");
	if (revision != outcomes->revisions[impression] + 1)
		return fail(err, FATAL, "impression i%d has revision %d behind revision %d", impression, revision,
			    outcomes->revisions[impression]);
	outcomes->revisions[impression] = revision;
	memory_free(&outcomes->wrong[impression]);
	if (!outcome_matches(outcomes->feed, impression, record))
		outcomes->wrong[impression] = text_of(record);
	return 0;
}

static int
check_last(const struct outcomes *outcomes, struct error *err)
{
	for (int i = 0; i < outcomes->feed->impression_count; i++) {
		const struct feed_impression *impression = &outcomes->feed->impressions[i];

		if (!impression->sent || (outcomes->explorations && !impression->exploration))
			continue;
		if (outcomes->revisions[i] == 0)
			return fail(err, FATAL, "impression i%d has no row", i);
		if (outcomes->wrong[i])
			return fail(err, FATAL, "the last revision of impression i%d is not what it must be: %s", i,
				    outcomes->wrong[i]);
	}
	return 0;
}

static int
check_outcomes(struct world *world, const char *topic, bool explorations, struct error *err)
{
	size_t count = (size_t)world->feed.impression_count;
	struct outcomes outcomes = {
		.feed = &world->feed,
		.revisions = memory_new_array(count, sizeof(int)),
		.wrong = memory_new_array(count, sizeof(char *)),
		.explorations = explorations,
	};
	int result = read_topic(world, topic, take_outcome, &outcomes, err);

	if (result == 0)
		result = check_last(&outcomes, err);
	memory_free(&outcomes.revisions);
	for (size_t i = 0; i < count; i++)
		memory_free(&outcomes.wrong[i]);
	memory_free(&outcomes.wrong);
	return result < 0 ? fail_in(err, "%s", topic) : 0;
}

/* ---- what is passed on as it came ---- */

struct passed {
	const struct feed *feed;
	bool scores;
	int *seen; /* by engagement, or score */
};

static int
find_score(const struct feed *feed, const struct record *record)
{
	int impression = number_of(record, "impression_id", feed->impression_count);
	int model = number_of(record, "model_version", FEED_MODELS);

	for (int i = 0; i < feed->score_count; i++)
		if (feed->scores[i].impression == impression && feed->scores[i].model == model)
			return i;
	return -1;
}

static int
take_passed(void *argument, const struct record *record, struct error *err)
{
	struct passed *passed = argument;
	int index = passed->scores ? find_score(passed->feed, record)
				   : number_of(record, "engagement_id", passed->feed->engagement_count);

	if (index < 0)
		return fail(err, FATAL, "a row of something that was never sent");
	passed->seen[index]++;
	return 0;
}

/* Each of those that belong there is there once, and no other. */
static int
check_passed(struct world *world, const char *topic, bool (*belongs)(const struct feed *, int), bool scores,
	     struct error *err)
{
	int count = scores ? world->feed.score_count : world->feed.engagement_count;
	struct passed passed = {
		.feed = &world->feed, .scores = scores, .seen = memory_new_array((size_t)count, sizeof(int))};
	int result = read_topic(world, topic, take_passed, &passed, err);

	for (int i = 0; i < count && result == 0; i++)
		if (passed.seen[i] != belongs(&world->feed, i))
			result = fail(err, FATAL, "%s: %s %d is there %d times, not %d", topic,
				      scores ? "score" : "engagement", i, passed.seen[i], belongs(&world->feed, i));
	memory_free(&passed.seen);
	return result;
}

int
check_join(struct world *world, struct error *err)
{
	if (check_outcomes(world, "outcomes", false, err) < 0 ||
	    check_outcomes(world, "exploration_events", true, err) < 0 ||
	    check_passed(world, "late_engagements", batch_is_late, false, err) < 0 ||
	    check_passed(world, "orphan_engagements", batch_is_orphan, false, err) < 0)
		return -1;
	return check_passed(world, "hindsight_scores", batch_is_hindsight, true, err);
}

int
dump_join(struct world *world, struct error *err)
{
	printf("\"parameters\": {\"window\": %d, \"before\": %d, \"grace\": %d, \"score_tolerance\": %d}, ",
	       FEED_WINDOW_MS, FEED_BEFORE_MS, FEED_GRACE_MS, FEED_TOLERANCE_MS);
	for (int i = 0; i < FEED_JOIN_TOPICS; i++)
		dump_events(world, (enum feed_topic)i);
	return dump_rows(world, "outcomes", err);
}
