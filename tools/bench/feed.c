#include "tools/bench/feed.h"

#include "base/memory.h"

#define COMMIT_BYTES 8000000 /* of one transaction */

int
feed_open(const struct topology *topology, struct log *log, struct feed *out, struct error *err)
{
	*out = (struct feed){.topology = topology, .log = log, .random = 0x9e3779b97f4a7c16u};
	return log_transaction_open(log, "bench", &out->transaction, err);
}

void
feed_close(struct feed *feed)
{
	if (feed->transaction)
		transaction_close(&feed->transaction);
}

int
feed_topic_open(struct feed *feed, const char *name, struct feed_topic *out, struct error *err)
{
	int index = topology_topic_find(feed->topology, name);

	*out = (struct feed_topic){0};
	if (index < 0)
		return fail(err, FATAL, "%s has no topic %s", feed->topology->file, name);
	out->spec = &feed->topology->topics[index];
	record_init(&out->record, out->spec->schema->root);
	if (decoder_defaults(out->spec->schema->root, &out->record, &out->arena, err) < 0)
		return -1;
	return log_topic(feed->log, name, &out->number, err);
}

void
feed_topic_close(struct feed_topic *topic)
{
	record_fini(&topic->record);
	arena_fini(&topic->arena);
}

/* ---- random numbers ---- */

uint64_t
feed_draw(struct feed *feed)
{
	feed->random ^= feed->random >> 12;
	feed->random ^= feed->random << 25;
	feed->random ^= feed->random >> 27;
	return feed->random * 0x2545f4914f6cdd1du;
}

double
feed_draw_unit(struct feed *feed)
{
	return (double)(feed_draw(feed) >> 11) * 0x1p-53;
}

void
feed_draw_id(struct feed *feed, char id[FEED_ID_SIZE])
{
	for (int i = 0; i < FEED_ID_SIZE; i += 16) {
		uint64_t bits = feed_draw(feed);

		for (int k = 0; k < 16; k++, bits >>= 4)
			id[i + k] = "0123456789abcdef"[bits & 15];
	}
}

/* ---- records ---- */

static union slot *
slot_of(struct feed_topic *topic, const char *name)
{
	return &topic->record.slots[schema_field_find(topic->record.schema, name)->slot];
}

void
feed_set_bytes(struct feed_topic *topic, const char *name, struct bytes value)
{
	slot_of(topic, name)->bytes = value;
}

void
feed_set_text(struct feed_topic *topic, const char *name, const char *value)
{
	slot_of(topic, name)->bytes = bytes_of_text(value);
}

void
feed_set_integer(struct feed_topic *topic, const char *name, int64_t value)
{
	slot_of(topic, name)->integer = value;
}

void
feed_set_real(struct feed_topic *topic, const char *name, double value)
{
	struct field field;
	struct error err;

	insist(record_field(topic->record.schema, name, SCHEMA_DOUBLE, &field, &err) == 0);
	record_set_real(&topic->record, field, value);
}

void
feed_set_null(struct feed_topic *topic, const char *name)
{
	struct field field;
	struct error err;

	insist(record_field(topic->record.schema, name, SCHEMA_DOUBLE, &field, &err) == 0);
	record_set_null(&topic->record, field);
}

int
feed_append(struct feed *feed, struct feed_topic *topic, struct bytes key, struct error *err)
{
	struct buffer *buffer = transaction_append_begin(feed->transaction, topic->number,
							 log_partition_of(key, (int)topic->spec->partitions), key,
							 clock_now_ms(&clock_system));

	if (codec_encode(topic->spec->codec, &topic->record, buffer, err) < 0 ||
	    transaction_append_end(feed->transaction, err) < 0)
		return -1;
	transaction_keep(feed->transaction);
	feed->events++;
	return transaction_bytes(feed->transaction) < COMMIT_BYTES ? 0 : feed_commit(feed, err);
}

int
feed_commit(struct feed *feed, struct error *err)
{
	feed->bytes += (int64_t)transaction_bytes(feed->transaction);
	return transaction_commit(feed->transaction, err);
}
