#include "log/batch.h"

#include "base/memory.h"

void
batch_summary_write(uint8_t to[BATCH_SUMMARY_SIZE], const struct batch_summary *summary)
{
	store_u32(to, summary->span);
	store_u32(to + 4, summary->count);
	store_u64(to + 8, (uint64_t)summary->size);
	store_u64(to + 16, (uint64_t)summary->min_time);
	store_u64(to + 24, (uint64_t)summary->max_time);
	store_u64(to + 32, (uint64_t)summary->high_time);
	store_u64(to + 40, (uint64_t)summary->records);
	store_u64(to + 48, (uint64_t)summary->bytes);
	store_u64(to + 56, 0);
}

int
batch_summary_read(struct bytes from, struct batch_summary *summary, struct error *err)
{
	if (from.size != BATCH_SUMMARY_SIZE)
		return fail(err, FATAL, "the log is damaged: a batch's summary has %zu bytes, expected %d", from.size,
			    BATCH_SUMMARY_SIZE);
	*summary = (struct batch_summary){
		.span = load_u32(from.data),
		.count = load_u32(from.data + 4),
		.size = (int64_t)load_u64(from.data + 8),
		.min_time = (int64_t)load_u64(from.data + 16),
		.max_time = (int64_t)load_u64(from.data + 24),
		.high_time = (int64_t)load_u64(from.data + 32),
		.records = (int64_t)load_u64(from.data + 40),
		.bytes = (int64_t)load_u64(from.data + 48),
	};
	return 0;
}

void
batch_header_write(uint8_t to[BATCH_HEADER_SIZE], uint32_t count, uint32_t span, uint32_t flags, uint32_t stamp)
{
	store_u32(to, count);
	store_u32(to + 4, span);
	store_u32(to + 8, flags);
	store_u32(to + 12, stamp);
}

static uint32_t
stored_size(struct bytes bytes)
{
	return bytes.data ? (uint32_t)bytes.size : BATCH_ABSENT;
}

void
batch_put_record(struct buffer *to, const struct log_record *record, int64_t distance)
{
	if (distance >= 0)
		buffer_put_u32(to, (uint32_t)distance);
	buffer_put_u32(to, stored_size(record->key));
	buffer_put_u32(to, stored_size(record->value));
	buffer_put_u64(to, (uint64_t)record->timestamp_ms);
	buffer_put_bytes(to, record->key);
	buffer_put_bytes(to, record->value);
}

/* Absent is a NULL pointer; present but empty is not. */
static struct bytes
take_bytes(struct cursor *cursor, uint32_t size)
{
	static const struct bytes absent = {0};

	return size == BATCH_ABSENT ? absent : cursor_bytes(cursor, size);
}

size_t
batch_find(struct bytes data, uint32_t *stamp)
{
	struct cursor cursor = cursor_of(data);
	uint32_t count = cursor_u32(&cursor);
	uint32_t span = cursor_u32(&cursor);
	uint32_t flags = cursor_u32(&cursor);

	*stamp = cursor_u32(&cursor);
	if (cursor.bad || span == 0 || count > span || (flags & ~BATCH_SPARSE) != 0)
		return 0;
	for (uint32_t i = 0; i < count && !cursor.bad; i++) {
		uint32_t distance = flags & BATCH_SPARSE ? cursor_u32(&cursor) : i;
		uint32_t key_size = cursor_u32(&cursor);
		uint32_t value_size = cursor_u32(&cursor);

		cursor_u64(&cursor);
		take_bytes(&cursor, key_size);
		take_bytes(&cursor, value_size);
		cursor.bad |= distance >= span;
	}
	return cursor.bad ? 0 : data.size - cursor_left(&cursor);
}

static void
make_room(struct batch_records *records, size_t count)
{
	if (records->capacity >= count)
		return;
	records->items = memory_resize_array(records->items, count, sizeof(*records->items));
	records->capacity = count;
}

int
batch_read(struct bytes data, int64_t base, int64_t from, struct batch_records *records, int64_t *next,
	   struct error *err)
{
	struct cursor cursor = cursor_of(data);
	uint32_t count = cursor_u32(&cursor);
	uint32_t span = cursor_u32(&cursor);
	bool sparse = cursor_u32(&cursor) & BATCH_SPARSE;

	cursor_u32(&cursor);
	records->count = 0;
	if (count > span || count > cursor_left(&cursor) / BATCH_RECORD_SIZE)
		cursor.bad = true;
	else
		make_room(records, count);
	for (uint32_t i = 0; i < count && !cursor.bad; i++) {
		struct log_record *record = &records->items[records->count];
		uint32_t distance = sparse ? cursor_u32(&cursor) : i;
		uint32_t key_size = cursor_u32(&cursor);
		uint32_t value_size = cursor_u32(&cursor);

		cursor.bad |= distance >= span;
		record->offset = base + distance;
		record->timestamp_ms = (int64_t)cursor_u64(&cursor);
		record->key = take_bytes(&cursor, key_size);
		record->value = take_bytes(&cursor, value_size);
		records->count += record->offset >= from;
	}
	if (cursor.bad || cursor_left(&cursor) != 0)
		return fail(err, FATAL, "the log is damaged: the batch at offset %lld cannot be read", (long long)base);
	*next = base + span;
	return 0;
}
