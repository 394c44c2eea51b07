#include "operators/traffic_pending.h"

#include "base/buffer.h"

#define KEY_SIZE 12
#define COUNT_SIZE sizeof(uint64_t)

static struct key
chunk_key(int64_t bucket, uint64_t chunk, uint8_t bytes[KEY_SIZE])
{
	store_be64(bytes, (uint64_t)bucket);
	store_be32(bytes + sizeof(uint64_t), (uint32_t)chunk);
	return key_of(bytes_of(bytes, KEY_SIZE));
}

/* Of the first chunk the events come behind the count. */
static size_t
head_size(uint64_t chunk)
{
	return chunk == 0 ? COUNT_SIZE : 0;
}

int
traffic_pending_add(struct store *store, int64_t bucket, const struct traffic_event *event, struct error *err)
{
	uint8_t key[KEY_SIZE], *value;
	struct entry *entry;
	uint64_t count, chunk;
	size_t at;
	bool added;

	if (store_add(store, chunk_key(bucket, 0, key), COUNT_SIZE, &entry, &added, err) < 0)
		return -1;
	count = load_u64(entry_value(entry).data);
	chunk = count / TRAFFIC_CHUNK_EVENTS;
	store_u64(entry_edit(store, &entry, entry_value(entry).size), count + 1);
	if (chunk > 0 && store_add(store, chunk_key(bucket, chunk, key), 0, &entry, &added, err) < 0)
		return -1;
	at = head_size(chunk) + count % TRAFFIC_CHUNK_EVENTS * sizeof(*event);
	value = entry_edit(store, &entry, at + sizeof(*event));
	memcpy(value + at, event, sizeof(*event));
	return 0;
}

int
traffic_pending_count(struct store *store, int64_t bucket, uint64_t *count, struct error *err)
{
	uint8_t key[KEY_SIZE];
	struct entry *entry;

	if (store_find(store, chunk_key(bucket, 0, key), &entry, err) < 0)
		return -1;
	*count = entry ? load_u64(entry_value(entry).data) : 0;
	return 0;
}

int
traffic_pending_take(struct store *store, int64_t bucket, uint64_t count, struct traffic_event *events,
		     struct error *err)
{
	uint64_t taken = 0;

	for (uint64_t chunk = 0; taken < count; chunk++) {
		uint64_t here = count - taken < TRAFFIC_CHUNK_EVENTS ? count - taken : TRAFFIC_CHUNK_EVENTS;
		uint8_t key[KEY_SIZE];
		struct entry *entry;

		if (store_find(store, chunk_key(bucket, chunk, key), &entry, err) < 0)
			return -1;
		insist(entry && entry_value(entry).size == head_size(chunk) + here * sizeof(*events));
		memcpy(events + taken, entry_value(entry).data + head_size(chunk), here * sizeof(*events));
		entry_remove(store, entry);
		taken += here;
	}
	return 0;
}
