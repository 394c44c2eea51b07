#include "tests/sim/batch.h"

/* What the logs say about an item of a response. */
struct said {
	int stages[FEED_STAGES];	   /* how often */
	bool received;			   /* any item of the response was */
	int deepest;			   /* that was delivered and exposed; -1: none */
	const struct feed_delivery *first; /* of the earliest log */
	bool server_departs, client_departs;
};

enum place { ENGINE, SERVER, CLIENT };

static enum place
place_of(const struct feed_delivery *delivery)
{
	return delivery->stage == FEED_RETURNED ? ENGINE : delivery->stage == FEED_DELIVERED ? SERVER : CLIENT;
}

/* Whether `a` is what others are held against, not `b`: the first entry of the earliest log. */
static bool
comes_first(const struct feed_delivery *a, const struct feed_delivery *b)
{
	if (!b || place_of(a) != place_of(b))
		return !b || place_of(a) < place_of(b);
	if (a->logged_at != b->logged_at || a->stage != b->stage)
		return a->logged_at < b->logged_at || (a->logged_at == b->logged_at && a->stage < b->stage);
	return !a->altered && b->altered;
}

static bool
was_delivered(const struct feed *feed, int request, int position)
{
	for (int i = 0; i < feed->delivery_count; i++) {
		const struct feed_delivery *delivery = &feed->deliveries[i];

		if (delivery->request == request && delivery->position == position && delivery->stage == FEED_DELIVERED)
			return true;
	}
	return false;
}

static struct said
gather(const struct feed *feed, int request, int position)
{
	struct said said = {.deepest = -1};

	for (int i = 0; i < feed->delivery_count; i++) {
		const struct feed_delivery *delivery = &feed->deliveries[i];

		if (delivery->request != request)
			continue;
		said.received |= delivery->stage == FEED_RECEIVED;
		if (delivery->stage == FEED_EXPOSED && delivery->position > said.deepest &&
		    was_delivered(feed, request, delivery->position))
			said.deepest = delivery->position;
		if (delivery->position != position)
			continue;
		said.stages[delivery->stage]++;
		if (comes_first(delivery, said.first))
			said.first = delivery;
	}
	for (int i = 0; i < feed->delivery_count && said.first; i++) {
		const struct feed_delivery *delivery = &feed->deliveries[i];

		if (delivery->request != request || delivery->position != position ||
		    place_of(delivery) == place_of(said.first) || delivery->altered == said.first->altered)
			continue;
		said.server_departs |= place_of(delivery) == SERVER;
		said.client_departs |= place_of(delivery) == CLIENT;
	}
	return said;
}

static void
find(struct batch_mismatch *out, enum batch_kind kind, int count)
{
	*out = (struct batch_mismatch){.kind = kind, .count = count};
}

void
batch_mismatches(const struct feed *feed, int request, int position, struct batch_mismatch *out)
{
	struct said said = gather(feed, request, position);
	const int *stages = said.stages;
	int most = stages[FEED_RECEIVED] > stages[FEED_EXPOSED] ? stages[FEED_RECEIVED] : stages[FEED_EXPOSED];

	for (int i = 0; i < BATCH_MISMATCHES; i++)
		out[i] = (struct batch_mismatch){.kind = -1};
	if (!said.first)
		return;
	if (stages[FEED_RETURNED] == 0)
		find(&out[stages[FEED_DELIVERED] ? BATCH_ENGINE_SERVER : BATCH_SERVER_CLIENT], BATCH_PHANTOM, 1);
	else if (stages[FEED_DELIVERED] == 0)
		find(&out[BATCH_ENGINE_SERVER], BATCH_LOST, 1);
	if (stages[FEED_DELIVERED] > 0 && most == 0 && (said.received || said.deepest > position))
		find(&out[BATCH_SERVER_CLIENT], BATCH_LOST, 1);
	if (stages[FEED_RETURNED] > 1)
		find(&out[BATCH_ENGINE], BATCH_DUPLICATED, stages[FEED_RETURNED]);
	if (stages[FEED_DELIVERED] > 1)
		find(&out[BATCH_SERVER], BATCH_DUPLICATED, stages[FEED_DELIVERED]);
	if (most > 1)
		find(&out[BATCH_CLIENT], BATCH_DUPLICATED, most);
	if (said.server_departs)
		find(&out[BATCH_HOPS + BATCH_ENGINE_SERVER], BATCH_ALTERED, 1);
	else if (said.client_departs)
		find(&out[BATCH_HOPS + BATCH_SERVER_CLIENT], BATCH_ALTERED, 1);
}
