/* Engagements of hot and cold users, and the vectors of the items that they are about. */
#include <stdio.h>

#include "base/memory.h"
#include "tools/bench/generate.h"

#define ITEMS 50000
#define ENGAGEMENTS_PER_USER 5
#define JITTER_MS 2000
#define TEXT_SIZE 32

static struct bytes
print_item(char text[TEXT_SIZE], uint64_t number)
{
	return bytes_of(text, (size_t)snprintf(text, TEXT_SIZE, "item-%llu", (unsigned long long)number));
}

static struct bytes
print_user(char text[TEXT_SIZE], uint64_t number)
{
	return bytes_of(text, (size_t)snprintf(text, TEXT_SIZE, "user-%019llu", (unsigned long long)number));
}

/* Number n of N is drawn with a chance that falls with n: the first x of all, of 1, are drawn x^(1/3) of the time. */
static uint64_t
draw_skewed(struct feed *feed, uint64_t count)
{
	double unit = feed_draw_unit(feed);

	return (uint64_t)((double)count * unit * unit * unit);
}

static int
append_engagement(struct feed *feed, struct feed_topic *topic, int64_t users, int64_t clock_ms, struct error *err)
{
	char id[FEED_ID_SIZE], impression[FEED_ID_SIZE], user[TEXT_SIZE], item[TEXT_SIZE];
	int64_t action = (int64_t)(feed_draw(feed) % 9);
	int times = feed_draw(feed) % 50 == 0 ? 2 : 1;

	feed_draw_id(feed, id);
	feed_draw_id(feed, impression);
	feed_set_bytes(topic, "engagement_id", bytes_of(id, FEED_ID_SIZE));
	feed_set_bytes(topic, "impression_id", bytes_of(impression, FEED_ID_SIZE));
	feed_set_bytes(topic, "user_id_token", print_user(user, draw_skewed(feed, (uint64_t)users)));
	feed_set_bytes(topic, "item_id", print_item(item, draw_skewed(feed, ITEMS)));
	feed_set_integer(topic, "action", action);
	feed_set_integer(topic, "occurred_at", clock_ms + (int64_t)(feed_draw(feed) % JITTER_MS));
	if (action == 0 || action == 7)
		feed_set_real(topic, "watched_seconds", (double)(feed_draw(feed) % 120000) / 1000);
	else
		feed_set_null(topic, "watched_seconds");
	for (int i = 0; i < times; i++)
		if (feed_append(feed, topic, bytes_of(impression, FEED_ID_SIZE), err) < 0)
			return -1;
	return 0;
}

int
generate_engagements(struct feed *feed, int64_t count, struct error *err)
{
	struct feed_topic topic;
	int result = feed_topic_open(feed, "engagements", &topic, err);

	while (result == 0 && feed->events < count) {
		double share = (double)feed->events / (double)count;

		result = append_engagement(feed, &topic, count / ENGAGEMENTS_PER_USER,
					   GENERATE_START_MS + (int64_t)(share * GENERATE_HOUR_US / 1000), err);
	}
	feed_topic_close(&topic);
	return result;
}

int
generate_vectors(struct feed *feed, int64_t dimensions, struct error *err)
{
	union slot *vector = memory_new_array((size_t)dimensions, sizeof(*vector));
	struct feed_topic topic;
	int result = feed_topic_open(feed, "item_vectors", &topic, err);

	for (uint64_t item = 0; item < ITEMS && result == 0; item++) {
		char text[TEXT_SIZE];
		struct bytes id = print_item(text, item);
		union slot *slot = &topic.record.slots[schema_field_find(topic.record.schema, "vector")->slot];

		for (int64_t i = 0; i < dimensions; i++)
			vector[i].real = (float)(feed_draw_unit(feed) - 0.5);
		slot->array.items = vector;
		slot->array.count = (size_t)dimensions;
		feed_set_bytes(&topic, "item_id", id);
		feed_set_text(&topic, "space", "two-tower-2026.11");
		feed_set_integer(&topic, "updated_at", GENERATE_START_MS - 3600 * 1000);
		result = feed_append(feed, &topic, id, err);
	}
	feed_topic_close(&topic);
	memory_free(&vector);
	return result;
}
