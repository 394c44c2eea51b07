#include "tests/sim/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define DELAY_MS 1500	    /* most events are sent so long after they happened at most */
#define LONG_DELAY_MS 20000 /* some are */
#define PER_IMPRESSION_MAX 5

const char *const feed_topics[FEED_TOPICS] = {"impressions", "engagements", "ranker_scores",
					      "engine_log",  "server_log",  "client_log"};
const char *const feed_actions[] = {"view", "click", "like", "share", "comment", "follow", "purchase", "watch", "skip"};

static const char *const stages[FEED_STAGES] = {"returned", "delivered", "received", "exposed"};

static int64_t
delay(struct sim_random *random)
{
	return sim_random_below(random, sim_random_chance(random, 80) ? LONG_DELAY_MS : DELAY_MS);
}

static void
add(struct feed *feed, struct sim_random *random, enum feed_kind kind, int index, int64_t time_ms)
{
	int times = sim_random_chance(random, 60) ? 2 : 1;

	for (int i = 0; i < times; i++) {
		insist(feed->event_count < feed->event_capacity);
		feed->events[feed->event_count++] = (struct feed_event){
			.send_ms = time_ms + delay(random), .kind = kind, .index = index};
	}
}

static void
make_engagement(struct feed *feed, struct sim_random *random, int impression)
{
	struct feed_engagement *engagement = &feed->engagements[feed->engagement_count];
	int64_t shown_at = feed->impressions[impression].shown_at;
	int64_t after = sim_random_below(random, FEED_WINDOW_MS + FEED_BEFORE_MS) - FEED_BEFORE_MS;

	if (sim_random_chance(random, 60)) /* outside the window */
		after = sim_random_chance(random, 500) ? FEED_WINDOW_MS + 1 + sim_random_below(random, 8000)
						       : -FEED_BEFORE_MS - 1 - sim_random_below(random, 2000);
	*engagement = (struct feed_engagement){
		.impression = impression,
		.user = (int)sim_random_below(random, FEED_USERS),
		.action = (int)sim_random_below(random, FEED_SKIP + 1),
		.occurred_at = shown_at + after,
		.has_watched = sim_random_chance(random, 600),
		.has_duration = sim_random_chance(random, 300),
		.watched = (double)sim_random_below(random, 80) / 4,
		.duration = (double)sim_random_below(random, 60) / 4,
	};
	snprintf(engagement->id, sizeof(engagement->id), "e%d", feed->engagement_count);
	add(feed, random, FEED_ENGAGEMENT, feed->engagement_count++, engagement->occurred_at);
}

static void
make_score(struct feed *feed, struct sim_random *random, int impression, int model)
{
	struct feed_score *score = &feed->scores[feed->score_count];
	bool hindsight = sim_random_chance(random, 150);

	*score = (struct feed_score){
		.impression = impression,
		.model = model,
		.scored_at = feed->impressions[impression].shown_at + (hindsight ? FEED_TOLERANCE_MS + 1 : -300) +
			     sim_random_below(random, 600),
		.watch = (double)sim_random_below(random, 100) / 8,
		.probability = (double)sim_random_below(random, 64) / 64,
		.shadow = sim_random_chance(random, 300),
	};
	feed->events[feed->event_count++] = (struct feed_event){
		.send_ms = score->scored_at + delay(random), .kind = FEED_SCORE, .index = feed->score_count++};
}

static void
make_impression(struct feed *feed, struct sim_random *random, int index, int64_t shown_at)
{
	struct feed_impression *impression = &feed->impressions[index];

	*impression = (struct feed_impression){
		.shown_at = shown_at,
		.sent = !sim_random_chance(random, 60),
		.exploration = sim_random_chance(random, 200),
		.has_duration = sim_random_chance(random, 500),
		.duration = (double)sim_random_below(random, 60) / 4,
	};
	snprintf(impression->id, sizeof(impression->id), "i%d", index);
	if (impression->sent)
		add(feed, random, FEED_IMPRESSION, index, shown_at);
	if (sim_random_chance(random, 600))
		for (int64_t i = sim_random_below(random, PER_IMPRESSION_MAX) + 1; i > 0; i--)
			make_engagement(feed, random, index);
	for (int model = 0; model < FEED_MODELS; model++)
		if (sim_random_chance(random, 150))
			make_score(feed, random, index, model);
	if (sim_random_chance(random, 5)) {
		feed->rubbish_count++;
		feed->events[feed->event_count++] = (struct feed_event){
			.send_ms = shown_at, .kind = FEED_RUBBISH, .index = index};
	}
}

static int
compare_events(const void *a, const void *b)
{
	const struct feed_event *left = a, *right = b;

	if (left->send_ms != right->send_ms)
		return left->send_ms < right->send_ms ? -1 : 1;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	return left->index < right->index ? -1 : left->index > right->index;
}

void
feed_make(struct feed *feed, struct sim_random *random, int impressions, int64_t start_ms, int64_t span_ms)
{
	size_t most = (size_t)impressions;

	*feed = (struct feed){.impression_count = impressions};
	feed->event_capacity = impressions * (2 + 2 * PER_IMPRESSION_MAX + FEED_MODELS + 1);
	feed->impressions = memory_new_array(most, sizeof(*feed->impressions));
	feed->engagements = memory_new_array(most * PER_IMPRESSION_MAX, sizeof(*feed->engagements));
	feed->scores = memory_new_array(most * FEED_MODELS, sizeof(*feed->scores));
	feed->events = memory_new_array((size_t)feed->event_capacity, sizeof(*feed->events));
	for (int i = 0; i < impressions; i++)
		make_impression(feed, random, i, start_ms + sim_random_below(random, span_ms));
	qsort(feed->events, (size_t)feed->event_count, sizeof(*feed->events), compare_events);
}

/* Each log has its say, or has lost it, twice now and then. */
static void
make_delivery(struct feed *feed, struct sim_random *random, const struct feed_delivery *delivery)
{
	int times = sim_random_chance(random, 40) ? 2 : 1;

	for (int i = 0; i < times; i++) {
		feed->deliveries[feed->delivery_count] = *delivery;
		feed->deliveries[feed->delivery_count].logged_at += i; /* so that one of them is the first */
		feed->deliveries[feed->delivery_count].altered = sim_random_chance(random, 30);
		feed->events[feed->event_count++] = (struct feed_event){
			.send_ms = delivery->logged_at + delay(random),
			.kind = FEED_DELIVERY,
			.index = feed->delivery_count++,
		};
	}
}

static void
make_response(struct feed *feed, struct sim_random *random, int request, int64_t made_at)
{
	int64_t items = 1 + sim_random_below(random, FEED_PER_RESPONSE);
	int64_t seen = sim_random_below(random, items + 1);
	bool receipts = sim_random_chance(random, 500);

	for (int position = 0; position < items; position++)
		for (int stage = 0; stage < FEED_STAGES; stage++) {
			struct feed_delivery delivery = {
				.request = request,
				.position = position,
				.stage = (enum feed_stage)stage,
				.logged_at = made_at + stage * 100 + sim_random_below(random, 300),
			};

			if (sim_random_chance(random, 40) || (stage == FEED_RECEIVED && !receipts) ||
			    (stage == FEED_EXPOSED && position >= seen))
				continue;
			make_delivery(feed, random, &delivery);
		}
}

void
feed_make_deliveries(struct feed *feed, struct sim_random *random, int requests, int64_t start_ms, int64_t span_ms)
{
	size_t most = (size_t)requests * FEED_PER_RESPONSE * FEED_STAGES * 2;

	*feed = (struct feed){.request_count = requests};
	feed->deliveries = memory_new_array(most, sizeof(*feed->deliveries));
	feed->events = memory_new_array(most, sizeof(*feed->events));
	for (int i = 0; i < requests; i++)
		make_response(feed, random, i, start_ms + sim_random_below(random, span_ms));
	qsort(feed->events, (size_t)feed->event_count, sizeof(*feed->events), compare_events);
}

void
feed_keep(struct feed *feed, unsigned kinds)
{
	int kept = 0;

	for (int i = 0; i < feed->event_count; i++)
		if (kinds & 1u << feed->events[i].kind)
			feed->events[kept++] = feed->events[i];
	feed->event_count = kept;
}

void
feed_fini(struct feed *feed)
{
	memory_free(&feed->impressions);
	memory_free(&feed->engagements);
	memory_free(&feed->scores);
	memory_free(&feed->deliveries);
	memory_free(&feed->events);
}

/* ---- events ---- */

enum feed_topic
feed_topic_of(const struct feed *feed, const struct feed_event *event)
{
	static const enum feed_topic logs[FEED_STAGES] = {FEED_ENGINE_LOG, FEED_SERVER_LOG, FEED_CLIENT_LOG,
							  FEED_CLIENT_LOG};

	if (event->kind == FEED_DELIVERY)
		return logs[feed->deliveries[event->index].stage];
	return event->kind == FEED_IMPRESSION ? FEED_IMPRESSIONS
					      : (event->kind == FEED_SCORE ? FEED_SCORES : FEED_ENGAGEMENTS);
}

const char *
feed_key_of(const struct feed *feed, const struct feed_event *event)
{
	static char request[FEED_ID_SIZE];
	int impression = event->index;

	if (event->kind == FEED_DELIVERY) {
		snprintf(request, sizeof(request), "r%d", feed->deliveries[event->index].request);
		return request;
	}
	if (event->kind == FEED_ENGAGEMENT)
		impression = feed->engagements[event->index].impression;
	else if (event->kind == FEED_SCORE)
		impression = feed->scores[event->index].impression;
	return feed->impressions[impression].id;
}

static char *
optional_number(bool has, double number)
{
	return has ? memory_format("%.9g", number) : memory_text("null");
}

static char *
impression_json(const struct feed_impression *impression)
{
	char *duration = optional_number(impression->has_duration, impression->duration);
	char *json = memory_format("{\"impression_id\": \"%s\", \"user_id_token\": \"u\", \"item_id\": \"item\", "
				   "\"position\": 3, \"shown_at\": %" PRId64 ", \"source\": \"%s\", "
				   "\"duration_seconds\": %s}",
				   impression->id, impression->shown_at,
				   impression->exploration ? "exploration" : "ranked", duration);

	memory_free(&duration);
	return json;
}

static char *
engagement_json(const struct feed *feed, const struct feed_engagement *engagement)
{
	char *watched = optional_number(engagement->has_watched, engagement->watched);
	char *duration = optional_number(engagement->has_duration, engagement->duration);
	char *json = memory_format("{\"engagement_id\": \"%s\", \"impression_id\": \"%s\", \"user_id_token\": \"u%d\", "
				   "\"item_id\": \"item\", \"action\": \"%s\", \"watched_seconds\": %s, "
				   "\"duration_seconds\": %s, \"occurred_at\": %" PRId64 "}",
				   engagement->id, feed->impressions[engagement->impression].id, engagement->user,
				   feed_actions[engagement->action], watched, duration, engagement->occurred_at);

	memory_free(&watched);
	memory_free(&duration);
	return json;
}

static char *
score_json(const struct feed *feed, const struct feed_score *score)
{
	return memory_format("{\"impression_id\": \"%s\", \"model_version\": \"m%d\", "
			     "\"predicted_watch_seconds\": %.9g, \"predicted_engage_prob\": %.9g, "
			     "\"is_shadow\": %s, \"scored_at\": %" PRId64 "}",
			     feed->impressions[score->impression].id, score->model, score->watch, score->probability,
			     score->shadow ? "true" : "false", score->scored_at);
}

static char *
delivery_json(const struct feed_delivery *delivery)
{
	return memory_format(
		"{\"impression_id\": \"d%d\", \"request_id\": \"r%d\", \"stage\": \"%s\", "
		"\"user_id_token\": \"u\", \"item_id\": \"%s\", \"position\": %d, \"logged_at\": %" PRId64 "}",
		delivery->request * FEED_PER_RESPONSE + delivery->position, delivery->request, stages[delivery->stage],
		delivery->altered ? "other" : "item", delivery->position, delivery->logged_at);
}

char *
feed_json(const struct feed *feed, const struct feed_event *event)
{
	insist(event->kind != FEED_RUBBISH);
	if (event->kind == FEED_IMPRESSION)
		return impression_json(&feed->impressions[event->index]);
	if (event->kind == FEED_DELIVERY)
		return delivery_json(&feed->deliveries[event->index]);
	if (event->kind == FEED_ENGAGEMENT)
		return engagement_json(feed, &feed->engagements[event->index]);
	return score_json(feed, &feed->scores[event->index]);
}
