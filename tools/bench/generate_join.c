#include "tools/bench/generate_join.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tools/bench/feed.h"

#define DELAY_MS_MIN 200
#define ID_SIZE FEED_ID_SIZE

struct pending { /* an engagement on its way */
	int64_t arrives_ms, occurred_ms;
	char impression[ID_SIZE], id[ID_SIZE];
	int action;
	double watched;
};

struct generator {
	struct feed feed;
	struct feed_topic impressions, engagements;
	struct pending *heap; /* by arrival */
	size_t heap_count, heap_capacity;
	struct generator_config config;
	int64_t count;
};

static int64_t
draw_jitter(struct generator *generator)
{
	return (int64_t)(feed_draw(&generator->feed) % (uint64_t)(2 * generator->config.jitter_ms + 1)) -
	       generator->config.jitter_ms;
}

/* ---- the heap of engagements on their way ---- */

static void
heap_push(struct generator *generator, const struct pending *item)
{
	size_t at = generator->heap_count++;

	if (at == generator->heap_capacity) {
		generator->heap_capacity = generator->heap_capacity ? 2 * generator->heap_capacity : 1024;
		generator->heap = memory_resize_array(generator->heap, generator->heap_capacity, sizeof(*item));
	}
	for (; at > 0 && generator->heap[(at - 1) / 2].arrives_ms > item->arrives_ms; at = (at - 1) / 2)
		generator->heap[at] = generator->heap[(at - 1) / 2];
	generator->heap[at] = *item;
}

static struct pending
heap_pop(struct generator *generator)
{
	struct pending top = generator->heap[0], last = generator->heap[--generator->heap_count];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= generator->heap_count)
			break;
		if (child + 1 < generator->heap_count &&
		    generator->heap[child + 1].arrives_ms < generator->heap[child].arrives_ms)
			child++;
		if (generator->heap[child].arrives_ms >= last.arrives_ms)
			break;
		generator->heap[at] = generator->heap[child];
		at = child;
	}
	if (generator->heap_count > 0)
		generator->heap[at] = last;
	return top;
}

/* ---- records ---- */

static int
append_engagement(struct generator *generator, const struct pending *from, struct error *err)
{
	struct feed_topic *topic = &generator->engagements;

	feed_set_bytes(topic, "engagement_id", bytes_of(from->id, ID_SIZE));
	feed_set_bytes(topic, "impression_id", bytes_of(from->impression, ID_SIZE));
	feed_set_bytes(topic, "user_id_token", bytes_of(from->impression, 24));
	feed_set_text(topic, "item_id", "item-12345");
	feed_set_integer(topic, "action", from->action);
	feed_set_integer(topic, "occurred_at", from->occurred_ms);
	if (from->watched < 0)
		feed_set_null(topic, "watched_seconds");
	else
		feed_set_real(topic, "watched_seconds", from->watched);
	return feed_append(&generator->feed, topic, bytes_of(from->impression, ID_SIZE), err);
}

static void
engage(struct generator *generator, const char impression[ID_SIZE], int64_t shown_ms)
{
	struct feed *feed = &generator->feed;
	double share = feed_draw_unit(feed);
	int count = share < 0.62 ? 1 : share < 0.88 ? 2 : 3;

	for (int i = 0; i < count; i++) {
		struct pending item = {.action = (int)(feed_draw(feed) % 9), .watched = -1};
		int64_t delay_ms;

		do
			delay_ms = DELAY_MS_MIN +
				   (int64_t)(-(double)generator->config.delay_mean_ms * log(1 - feed_draw_unit(feed)));
		while (delay_ms > generator->config.delay_ms_max);
		if (item.action == 0 || item.action == 7)
			item.watched = (double)(feed_draw(feed) % 120000) / 1000;
		memcpy(item.impression, impression, ID_SIZE);
		feed_draw_id(feed, item.id);
		item.occurred_ms = shown_ms + delay_ms;
		item.arrives_ms = item.occurred_ms + draw_jitter(generator);
		heap_push(generator, &item);
		if (feed_draw(feed) % 100 == 0) {
			item.arrives_ms += 500;
			heap_push(generator, &item);
		}
		if (feed_draw(feed) % 100 == 0) {
			feed_draw_id(feed, item.impression);
			feed_draw_id(feed, item.id);
			heap_push(generator, &item);
		}
	}
}

static int
append_impression(struct generator *generator, int64_t clock_ms, struct error *err)
{
	struct feed *feed = &generator->feed;
	static const char *const strategies[] = {"two-tower", "trending", "followed-artists", "cold-start-explore"};
	struct feed_topic *topic = &generator->impressions;
	int64_t shown_ms = clock_ms + draw_jitter(generator);
	char id[ID_SIZE], other[ID_SIZE], item[32];

	feed_draw_id(feed, id);
	feed_draw_id(feed, other);
	feed_set_bytes(topic, "impression_id", bytes_of(id, ID_SIZE));
	feed_set_bytes(topic, "request_id", bytes_of(other, 18));
	feed_set_bytes(topic, "user_id_token", bytes_of(id, 24));
	feed_set_bytes(topic, "item_id",
		       bytes_of(item, (size_t)sprintf(item, "item-%d", (int)(feed_draw(feed) % 50000))));
	feed_set_text(topic, "surface", "home");
	feed_set_integer(topic, "position", (int64_t)(feed_draw(feed) % 20));
	feed_set_integer(topic, "shown_at", shown_ms);
	feed_set_integer(topic, "source", feed_draw(feed) % 20 == 0);
	feed_set_text(topic, "model_version", "ranker-2026.11.3");
	feed_set_text(topic, "experiment_group", "treatment-a");
	feed_set_text(topic, "strategy_id", strategies[feed_draw(feed) % 4]);
	feed_set_text(topic, "item_cluster", "c117");
	feed_set_text(topic, "creator_id", "creator-4711");
	feed_set_text(topic, "platform", "android");
	feed_set_real(topic, "duration_seconds", 5 + (double)(feed_draw(feed) % 115));
	feed_set_real(topic, "propensity", feed_draw_unit(feed));
	if (feed_draw(feed) % 10 < 3)
		engage(generator, id, shown_ms);
	generator->count++;
	return feed_append(feed, topic, bytes_of(id, ID_SIZE), err);
}

/* ---- the way through time ---- */

static int
append_arrived(struct generator *generator, int64_t until_ms, struct error *err)
{
	while (generator->heap_count > 0 && generator->heap[0].arrives_ms <= until_ms) {
		struct pending item = heap_pop(generator);

		if (append_engagement(generator, &item, err) < 0)
			return -1;
	}
	return 0;
}

int
generator_append(struct generator *generator, int64_t until_ms, int64_t impressions, struct error *err)
{
	while (generator->count < impressions) {
		int64_t clock_ms = generator->config.start_ms +
				   (int64_t)((double)generator->count * generator->config.step_us / 1000);

		if (clock_ms >= until_ms)
			break;
		if (append_arrived(generator, clock_ms, err) < 0 || append_impression(generator, clock_ms, err) < 0)
			return -1;
	}
	return feed_commit(&generator->feed, err);
}

int
generator_finish(struct generator *generator, struct error *err)
{
	if (append_arrived(generator, TIME_MAX, err) < 0)
		return -1;
	return feed_commit(&generator->feed, err);
}

int64_t
generator_events(const struct generator *generator)
{
	return generator->feed.events;
}

int
generator_new(const struct topology *topology, struct log *log, const struct generator_config *config,
	      struct generator **out, struct error *err)
{
	struct generator *generator = memory_new(sizeof(*generator));

	generator->config = *config;
	*out = generator;
	if (feed_open(topology, log, &generator->feed, err) == 0 &&
	    feed_topic_open(&generator->feed, "impressions", &generator->impressions, err) == 0 &&
	    feed_topic_open(&generator->feed, "engagements", &generator->engagements, err) == 0)
		return 0;
	generator_free(out);
	return -1;
}

void
generator_free(struct generator **pointer)
{
	struct generator *generator = *pointer;

	feed_topic_close(&generator->impressions);
	feed_topic_close(&generator->engagements);
	feed_close(&generator->feed);
	memory_free(&generator->heap);
	memory_free(pointer);
}
