#include "tools/bench/generate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define DELAY_MS_MIN 200
#define COMMIT_BYTES 8000000 /* of one transaction */
#define ID_SIZE 32

struct pending { /* an engagement on its way */
	int64_t arrives_ms, occurred_ms;
	char impression[ID_SIZE], id[ID_SIZE];
	int action;
	double watched;
};

struct generator {
	const struct topology *topology;
	const struct topology_topic *impressions, *engagements;
	int impressions_topic, engagements_topic;
	struct transaction *transaction;
	struct record impression, engagement;
	struct pending *heap; /* by arrival */
	size_t heap_count, heap_capacity;
	struct generator_config config;
	uint64_t random;
	int64_t count, events, bytes;
};

static uint64_t
draw(struct generator *generator)
{
	generator->random ^= generator->random >> 12;
	generator->random ^= generator->random << 25;
	generator->random ^= generator->random >> 27;
	return generator->random * 0x2545f4914f6cdd1du;
}

static double
draw_unit(struct generator *generator)
{
	return (double)(draw(generator) >> 11) * 0x1p-53;
}

static int64_t
draw_jitter(struct generator *generator)
{
	return (int64_t)(draw(generator) % (uint64_t)(2 * generator->config.jitter_ms + 1)) -
	       generator->config.jitter_ms;
}

static void
draw_id(struct generator *generator, char id[ID_SIZE])
{
	for (int i = 0; i < ID_SIZE; i += 16) {
		uint64_t bits = draw(generator);

		for (int k = 0; k < 16; k++, bits >>= 4)
			id[i + k] = "0123456789abcdef"[bits & 15];
	}
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

static void
set_bytes(struct record *record, const char *name, struct bytes value)
{
	record->slots[schema_field_find(record->schema, name)->slot].bytes = value;
}

static void
set_integer(struct record *record, const char *name, int64_t value)
{
	record->slots[schema_field_find(record->schema, name)->slot].integer = value;
}

static void
set_nullable(struct record *record, const char *name, double value)
{
	struct field field;
	struct error err;

	if (record_field(record->schema, name, SCHEMA_DOUBLE, &field, &err) == 0)
		record_set_real(record, field, value);
}

static int
append(struct generator *generator, const struct topology_topic *topic, int number, struct bytes key,
       const struct record *record, struct error *err)
{
	struct buffer *buffer = transaction_append_begin(generator->transaction, number,
							 log_partition_of(key, (int)topic->partitions), key,
							 clock_now_ms(&clock_system));

	if (codec_encode(topic->codec, record, buffer, err) < 0 ||
	    transaction_append_end(generator->transaction, err) < 0)
		return -1;
	transaction_keep(generator->transaction);
	generator->events++;
	if (transaction_bytes(generator->transaction) < COMMIT_BYTES)
		return 0;
	generator->bytes += (int64_t)transaction_bytes(generator->transaction);
	return transaction_commit(generator->transaction, err);
}

static int
append_engagement(struct generator *generator, const struct pending *from, struct error *err)
{
	struct record *record = &generator->engagement;
	struct field watched;

	set_bytes(record, "engagement_id", bytes_of(from->id, ID_SIZE));
	set_bytes(record, "impression_id", bytes_of(from->impression, ID_SIZE));
	set_bytes(record, "user_id_token", bytes_of(from->impression, 24));
	set_bytes(record, "item_id", bytes_of_text("item-12345"));
	set_integer(record, "action", from->action);
	set_integer(record, "occurred_at", from->occurred_ms);
	if (record_field(record->schema, "watched_seconds", SCHEMA_DOUBLE, &watched, err) < 0)
		return -1;
	if (from->watched < 0)
		record_set_null(record, watched);
	else
		record_set_real(record, watched, from->watched);
	return append(generator, generator->engagements, generator->engagements_topic,
		      bytes_of(from->impression, ID_SIZE), record, err);
}

static void
engage(struct generator *generator, const char impression[ID_SIZE], int64_t shown_ms)
{
	double share = draw_unit(generator);
	int count = share < 0.62 ? 1 : share < 0.88 ? 2 : 3;

	for (int i = 0; i < count; i++) {
		struct pending item = {.action = (int)(draw(generator) % 9), .watched = -1};
		int64_t delay_ms;

		do
			delay_ms = DELAY_MS_MIN +
				   (int64_t)(-(double)generator->config.delay_mean_ms * log(1 - draw_unit(generator)));
		while (delay_ms > generator->config.delay_ms_max);
		if (item.action == 0 || item.action == 7)
			item.watched = (double)(draw(generator) % 120000) / 1000;
		memcpy(item.impression, impression, ID_SIZE);
		draw_id(generator, item.id);
		item.occurred_ms = shown_ms + delay_ms;
		item.arrives_ms = item.occurred_ms + draw_jitter(generator);
		heap_push(generator, &item);
		if (draw(generator) % 100 == 0) {
			item.arrives_ms += 500;
			heap_push(generator, &item);
		}
		if (draw(generator) % 100 == 0) {
			draw_id(generator, item.impression);
			draw_id(generator, item.id);
			heap_push(generator, &item);
		}
	}
}

static int
append_impression(struct generator *generator, int64_t clock_ms, struct error *err)
{
	static const char *const strategies[] = {"two-tower", "trending", "followed-artists", "cold-start-explore"};
	struct record *record = &generator->impression;
	int64_t shown_ms = clock_ms + draw_jitter(generator);
	char id[ID_SIZE], other[ID_SIZE], item[32];

	draw_id(generator, id);
	draw_id(generator, other);
	set_bytes(record, "impression_id", bytes_of(id, ID_SIZE));
	set_bytes(record, "request_id", bytes_of(other, 18));
	set_bytes(record, "user_id_token", bytes_of(id, 24));
	set_bytes(record, "item_id", bytes_of(item, (size_t)sprintf(item, "item-%d", (int)(draw(generator) % 50000))));
	set_bytes(record, "surface", bytes_of_text("home"));
	set_integer(record, "position", (int64_t)(draw(generator) % 20));
	set_integer(record, "shown_at", shown_ms);
	set_integer(record, "source", draw(generator) % 20 == 0);
	set_bytes(record, "model_version", bytes_of_text("ranker-2026.11.3"));
	set_bytes(record, "experiment_group", bytes_of_text("treatment-a"));
	set_bytes(record, "strategy_id", bytes_of_text(strategies[draw(generator) % 4]));
	set_bytes(record, "item_cluster", bytes_of_text("c117"));
	set_bytes(record, "creator_id", bytes_of_text("creator-4711"));
	set_bytes(record, "platform", bytes_of_text("android"));
	set_nullable(record, "duration_seconds", 5 + (double)(draw(generator) % 115));
	set_nullable(record, "propensity", draw_unit(generator));
	if (draw(generator) % 10 < 3)
		engage(generator, id, shown_ms);
	generator->count++;
	return append(generator, generator->impressions, generator->impressions_topic, bytes_of(id, ID_SIZE), record,
		      err);
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

static int
commit(struct generator *generator, struct error *err)
{
	generator->bytes += (int64_t)transaction_bytes(generator->transaction);
	return transaction_commit(generator->transaction, err);
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
	return commit(generator, err);
}

int
generator_finish(struct generator *generator, struct error *err)
{
	if (append_arrived(generator, TIME_MAX, err) < 0)
		return -1;
	return commit(generator, err);
}

int64_t
generator_impressions(const struct generator *generator)
{
	return generator->count;
}

int64_t
generator_events(const struct generator *generator)
{
	return generator->events;
}

int64_t
generator_bytes(const struct generator *generator)
{
	return generator->bytes;
}

static int
open_topics(struct generator *generator, const struct topology *topology, struct log *log, struct arena *arena,
	    struct error *err)
{
	int impressions = topology_topic_find(topology, "impressions");
	int engagements = topology_topic_find(topology, "engagements");

	if (impressions < 0 || engagements < 0)
		return fail(err, FATAL, "%s has no topics impressions and engagements", topology->file);
	generator->impressions = &topology->topics[impressions];
	generator->engagements = &topology->topics[engagements];
	record_init(&generator->impression, generator->impressions->schema->root);
	record_init(&generator->engagement, generator->engagements->schema->root);
	if (decoder_defaults(generator->impressions->schema->root, &generator->impression, arena, err) < 0 ||
	    decoder_defaults(generator->engagements->schema->root, &generator->engagement, arena, err) < 0 ||
	    log_topic(log, "impressions", &generator->impressions_topic, err) < 0 ||
	    log_topic(log, "engagements", &generator->engagements_topic, err) < 0)
		return -1;
	return log_transaction_open(log, "bench", &generator->transaction, err);
}

int
generator_new(const struct topology *topology, struct log *log, const struct generator_config *config,
	      struct generator **out, struct error *err)
{
	static struct arena arena; /* the defaults of two records, as long as the program */
	struct generator *generator = memory_new(sizeof(*generator));

	generator->topology = topology;
	generator->config = *config;
	generator->random = 0x9e3779b97f4a7c16u;
	*out = generator;
	if (open_topics(generator, topology, log, &arena, err) == 0)
		return 0;
	generator_free(out);
	return -1;
}

void
generator_free(struct generator **pointer)
{
	struct generator *generator = *pointer;

	if (generator->transaction)
		transaction_close(&generator->transaction);
	record_fini(&generator->impression);
	record_fini(&generator->engagement);
	memory_free(&generator->heap);
	memory_free(pointer);
}
