/*
 * What the engine, the server and the client say about responses. A response follows from its number alone: the
 * exposures of one are written so much later than the rest, and need nothing kept until then.
 */
#include <stdio.h>

#include "tools/bench/generate.h"

#define ITEMS 10
#define ID_SIZE 36
#define EXPOSED_AFTER_MS 3000

enum { RETURNED, DELIVERED, RECEIVED, EXPOSED };
enum fault { NONE, NOT_DELIVERED, NOT_RECEIVED, TWICE, MOVED };

struct logs {
	struct feed *feed;
	struct feed_topic engine, server, client;
	double step_ms; /* between two responses */
};

struct response {
	int64_t number, made_ms;
	char id[ID_SIZE + 1];
	int exposed; /* so many items from the top */
};

/* A number from the response, the same each time. */
static uint64_t
hash(int64_t response, int item)
{
	uint64_t value = (uint64_t)response * 64 + (uint64_t)item + 1;

	for (int i = 0; i < 3; i++) {
		value ^= value >> 31;
		value *= 0x9e3779b97f4a7c15u;
	}
	return value ^ value >> 29;
}

static void
print_id(char id[ID_SIZE + 1], int64_t response, int item)
{
	uint64_t a = hash(response, item), b = hash(response, item + 32);

	snprintf(id, ID_SIZE + 1, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xffff,
		 (unsigned)a & 0xfff, (unsigned)(b >> 52), (unsigned long long)b & 0xffffffffffff);
}

static struct response
response_of(const struct logs *logs, int64_t number)
{
	struct response response = {
		.number = number,
		.made_ms = GENERATE_START_MS + (int64_t)((double)number * logs->step_ms),
		.exposed = 1 + (int)(hash(number, 40) % 9),
	};

	print_id(response.id, number, 31);
	return response;
}

static enum fault
fault_of(const struct response *response, int item)
{
	return hash(response->number, item + 41) % 100 == 0
		       ? NOT_DELIVERED + (enum fault)(hash(response->number, item) % 4)
		       : NONE;
}

static int
append(struct logs *logs, struct feed_topic *topic, const struct response *response, int item, int stage, int64_t at_ms,
       struct error *err)
{
	static const char *const strategies[] = {"two-tower", "trending", "followed-artists", "cold-start-explore"};
	static const char *const platforms[] = {"android", "ios", "web"};
	char id[ID_SIZE + 1], item_id[24];
	bool moved = stage == DELIVERED && fault_of(response, item) == MOVED;

	print_id(id, response->number, item);
	snprintf(item_id, sizeof(item_id), "item-%d", (int)(hash(response->number, item) % 50000));
	feed_set_text(topic, "impression_id", id);
	feed_set_text(topic, "request_id", response->id);
	feed_set_integer(topic, "stage", stage);
	feed_set_text(topic, "user_id_token", "user-0000000000000004711");
	feed_set_text(topic, "item_id", item_id);
	feed_set_integer(topic, "position", moved ? item + ITEMS : item);
	feed_set_text(topic, "experiment_group", hash(response->number, 42) % 2 ? "treatment-a" : "control");
	feed_set_text(topic, "strategy_id", strategies[hash(response->number, item) % 4]);
	feed_set_text(topic, "model_version", "ranker-2026.11.3");
	feed_set_text(topic, "platform", platforms[hash(response->number, 43) % 3]);
	feed_set_integer(topic, "logged_at", at_ms);
	return feed_append(logs->feed, topic, bytes_of_text(response->id), err);
}

/* The items in the order in which a log has them: those of a response stand together. */
static int
append_stage(struct logs *logs, struct feed_topic *topic, const struct response *response, int stage, int64_t at_ms,
	     struct error *err)
{
	int items = stage == EXPOSED ? response->exposed : ITEMS;

	for (int item = 0; item < items; item++) {
		enum fault fault = fault_of(response, item);

		if ((stage != RETURNED && fault == NOT_DELIVERED) || (stage >= RECEIVED && fault == NOT_RECEIVED))
			continue;
		for (int i = stage == DELIVERED && fault == TWICE ? 2 : 1; i > 0; i--)
			if (append(logs, topic, response, item, stage, at_ms, err) < 0)
				return -1;
	}
	return 0;
}

static int
append_response(struct logs *logs, int64_t number, struct error *err)
{
	const struct response response = response_of(logs, number);

	if (append_stage(logs, &logs->engine, &response, RETURNED, response.made_ms, err) < 0 ||
	    append_stage(logs, &logs->server, &response, DELIVERED, response.made_ms + 20, err) < 0)
		return -1;
	return append_stage(logs, &logs->client, &response, RECEIVED, response.made_ms + 150, err);
}

static int
append_exposed(struct logs *logs, int64_t number, struct error *err)
{
	const struct response response = response_of(logs, number);

	return append_stage(logs, &logs->client, &response, EXPOSED, response.made_ms + EXPOSED_AFTER_MS, err);
}

static int
append_all(struct logs *logs, int64_t count, struct error *err)
{
	int64_t behind = (int64_t)(EXPOSED_AFTER_MS / logs->step_ms);

	for (int64_t number = 0; number < count + behind; number++) {
		if (number < count && append_response(logs, number, err) < 0)
			return -1;
		if (number >= behind && append_exposed(logs, number - behind, err) < 0)
			return -1;
	}
	return 0;
}

int
generate_deliveries(struct feed *feed, int64_t count, struct error *err)
{
	struct logs logs = {.feed = feed, .step_ms = GENERATE_HOUR_US / 1000 / (double)count};
	int result = -1;

	if (feed_topic_open(feed, "engine_log", &logs.engine, err) == 0 &&
	    feed_topic_open(feed, "server_log", &logs.server, err) == 0 &&
	    feed_topic_open(feed, "client_log", &logs.client, err) == 0)
		result = append_all(&logs, count, err);
	feed_topic_close(&logs.engine);
	feed_topic_close(&logs.server);
	feed_topic_close(&logs.client);
	return result;
}
