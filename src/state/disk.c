#include "state/disk.h"

#include "base/memory.h"

#define TAG_SIZE 5	  /* bytes before the key: tag and partition */
#define TIMER_TAG_SIZE 13 /* the same and fire_at */
#define SEQ_BITS 48	  /* of a row's first number; above them its form (0 in the rows of 0.1.0) */
#define POSITION_FORMAT 1
#define POSITION_SIZE 25

int
disk_open(struct disk *disk, const struct state_config *config, const char *const *names, int store_count,
	  struct error *err)
{
	*disk = (struct disk){.rocksdb = database_rocksdb(config->database),
			      .partition = (uint32_t)config->partition,
			      .stores = memory_new_array((size_t)store_count, sizeof(struct disk_store)),
			      .store_count = store_count,
			      .read = rocksdb_readoptions_create(),
			      .scan = rocksdb_readoptions_create(),
			      .write = rocksdb_writeoptions_create(),
			      .batch = rocksdb_writebatch_create()};
	rocksdb_writeoptions_disable_WAL(disk->write, 1);
	rocksdb_readoptions_set_fill_cache(disk->scan, 0);
	for (int i = 0; i < store_count; i++) {
		char *name = memory_format("%s/%s", config->operator_name, names[i]);
		int result = database_family(config->database, name, &disk->stores[i].family, err);

		memory_free(&name);
		disk->stores[i].timer_at = TIME_MAX;
		if (result < 0)
			return -1;
	}
	return 0;
}

static void
unpin(struct disk *disk)
{
	if (disk->pinned)
		rocksdb_pinnableslice_destroy(disk->pinned);
	disk->pinned = NULL;
}

void
disk_close(struct disk *disk)
{
	unpin(disk);
	for (int i = 0; i < disk->store_count; i++)
		buffer_fini(&disk->stores[i].timer_key);
	memory_free(&disk->stores);
	rocksdb_readoptions_destroy(disk->read);
	rocksdb_readoptions_destroy(disk->scan);
	rocksdb_writeoptions_destroy(disk->write);
	rocksdb_writebatch_destroy(disk->batch);
	buffer_fini(&disk->key);
	buffer_fini(&disk->index_key);
	buffer_fini(&disk->value);
}

static int
disk_failed(char *text, struct error *err)
{
	fail(err, ABORT, "the stores' database: %s", text);
	rocksdb_free(text);
	return -1;
}

/* ---- keys ---- */

static void
make_key(const struct disk *disk, struct buffer *to, char tag, struct bytes key)
{
	uint8_t partition[4];

	buffer_clear(to);
	store_be32(partition, disk->partition);
	buffer_put_u8(to, (uint8_t)tag);
	buffer_put(to, partition, sizeof(partition));
	buffer_put_bytes(to, key);
}

static void
make_timer_key(const struct disk *disk, struct buffer *to, int64_t fire_at, struct bytes key)
{
	uint8_t time[8];

	store_be64(time, (uint64_t)fire_at ^ (1ul << 63));
	make_key(disk, to, 't', bytes_of(time, sizeof(time)));
	buffer_put_bytes(to, key);
}

/* ---- writing ---- */

static void
batch_put(struct disk *disk, int store, const struct buffer *key, const struct buffer *value)
{
	rocksdb_writebatch_put_cf(disk->batch, disk->stores[store].family, (const char *)key->data, key->size,
				  value ? (const char *)value->data : "", value ? value->size : 0);
	disk->batch_bytes += (int64_t)(key->size + (value ? value->size : 0));
}

static void
batch_delete(struct disk *disk, int store, const struct buffer *key)
{
	rocksdb_writebatch_delete_cf(disk->batch, disk->stores[store].family, (const char *)key->data, key->size);
	disk->batch_bytes += (int64_t)key->size;
}

void
disk_put(struct disk *disk, const struct entry *entry)
{
	struct bytes key = bytes_of(entry->key, entry->key_size);
	struct buffer *value = &disk->value;

	buffer_clear(value);
	buffer_put_u64(value, entry->seq | (uint64_t)entry->form << SEQ_BITS);
	buffer_put_u64(value, (uint64_t)entry->fire_at);
	buffer_put_u8(value, entry->drain);
	buffer_put(value, (const uint8_t *)entry + entry_value_offset(entry->key_size), entry->value_size);
	make_key(disk, &disk->key, 'e', key);
	batch_put(disk, entry->store, &disk->key, value);
	if (entry->fire_at != TIME_MAX) {
		make_timer_key(disk, &disk->index_key, entry->fire_at, key);
		batch_put(disk, entry->store, &disk->index_key, NULL);
	}
}

void
disk_delete(struct disk *disk, int store, struct bytes key)
{
	make_key(disk, &disk->key, 'e', key);
	batch_delete(disk, store, &disk->key);
}

void
disk_delete_timer(struct disk *disk, int store, int64_t fire_at, struct bytes key)
{
	make_timer_key(disk, &disk->index_key, fire_at, key);
	batch_delete(disk, store, &disk->index_key);
}

void
disk_put_position(struct disk *disk, int store, const struct disk_position *position)
{
	struct buffer *value = &disk->value;

	buffer_clear(value);
	buffer_put_u8(value, POSITION_FORMAT);
	buffer_put_u64(value, position->journal);
	buffer_put_u64(value, position->seq);
	buffer_put_u64(value, (uint64_t)position->offset);
	make_key(disk, &disk->key, 'p', (struct bytes){0});
	batch_put(disk, store, &disk->key, value);
}

void
disk_wipe(struct disk *disk, int store)
{
	static const char tags[] = {'e', 't'};
	uint8_t end[TAG_SIZE];

	for (size_t i = 0; i < sizeof(tags); i++) {
		make_key(disk, &disk->key, tags[i], (struct bytes){0});
		end[0] = (uint8_t)tags[i];
		store_be32(end + 1, disk->partition + 1);
		rocksdb_writebatch_delete_range_cf(disk->batch, disk->stores[store].family,
						   (const char *)disk->key.data, disk->key.size, (const char *)end,
						   sizeof(end));
	}
	make_key(disk, &disk->key, 'p', (struct bytes){0});
	batch_delete(disk, store, &disk->key);
}

int
disk_write(struct disk *disk, struct error *err)
{
	char *text = NULL;

	if (rocksdb_writebatch_count(disk->batch) == 0)
		return 0;
	rocksdb_write(disk->rocksdb, disk->write, disk->batch, &text);
	rocksdb_writebatch_clear(disk->batch);
	disk->batch_bytes = 0;
	disk->written = true;
	return text ? disk_failed(text, err) : 0;
}

int
disk_flush(struct disk *disk, bool wait, struct error *err)
{
	rocksdb_flushoptions_t *options;
	char *text = NULL;

	if (!disk->written)
		return 0;
	disk->written = false;
	options = rocksdb_flushoptions_create();
	rocksdb_flushoptions_set_wait(options, wait);
	for (int i = 0; i < disk->store_count && !text; i++)
		rocksdb_flush_cf(disk->rocksdb, options, disk->stores[i].family, &text);
	rocksdb_flushoptions_destroy(options);
	return text ? disk_failed(text, err) : 0;
}

/* ---- reading ---- */

static int
read_row(struct bytes bytes, struct disk_row *out, struct error *err)
{
	struct cursor cursor = cursor_of(bytes);
	uint64_t seq;

	seq = cursor_u64(&cursor);
	out->seq = seq & ((1ul << SEQ_BITS) - 1);
	out->form = (uint16_t)(seq >> SEQ_BITS);
	out->fire_at = (int64_t)cursor_u64(&cursor);
	out->drain = cursor_u8(&cursor);
	out->value = cursor_bytes(&cursor, cursor_left(&cursor));
	if (cursor.bad || out->value.size > STORE_VALUE_SIZE_MAX)
		return fail(err, FATAL,
			    "the stores' database: a row is damaged; delete the directory, the journals restore it");
	return 0;
}

static int
get(struct disk *disk, int store, struct bytes *value, bool *found, struct error *err)
{
	char *text = NULL;
	size_t size = 0;

	unpin(disk);
	disk->pinned = rocksdb_get_pinned_cf(disk->rocksdb, disk->read, disk->stores[store].family,
					     (const char *)disk->key.data, disk->key.size, &text);
	if (text)
		return disk_failed(text, err);
	*found = disk->pinned != NULL;
	if (*found) {
		const char *data = rocksdb_pinnableslice_value(disk->pinned, &size);

		*value = bytes_of(data, size);
	}
	return 0;
}

int
disk_get(struct disk *disk, int store, struct bytes key, struct disk_row *out, bool *found, struct error *err)
{
	struct bytes value;

	make_key(disk, &disk->key, 'e', key);
	if (get(disk, store, &value, found, err) < 0)
		return -1;
	return *found ? read_row(value, out, err) : 0;
}

int
disk_get_position(struct disk *disk, int store, struct disk_position *out, bool *found, struct error *err)
{
	struct bytes value;
	struct cursor cursor;

	make_key(disk, &disk->key, 'p', (struct bytes){0});
	if (get(disk, store, &value, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	cursor = cursor_of(value);
	if (value.size != POSITION_SIZE || cursor_u8(&cursor) != POSITION_FORMAT)
		return fail(err, FATAL, "the stores' database: a position is not understood; delete the directory");
	out->journal = cursor_u64(&cursor);
	out->seq = cursor_u64(&cursor);
	out->offset = (int64_t)cursor_u64(&cursor);
	return 0;
}

/* ---- cursors ---- */

static void
open_cursor(struct disk_cursor *cursor, struct disk *disk, int store, const struct buffer *from)
{
	cursor->rows = rocksdb_create_iterator_cf(disk->rocksdb, disk->scan, disk->stores[store].family);
	rocksdb_iter_seek(cursor->rows, (const char *)from->data, from->size);
}

void
disk_rows_open(struct disk_cursor *cursor, struct disk *disk, int store, struct bytes prefix, struct bytes from)
{
	*cursor = (struct disk_cursor){0};
	make_key(disk, &cursor->prefix, 'e', prefix);
	make_key(disk, &disk->key, 'e', bytes_compare(from, prefix) > 0 ? from : prefix);
	open_cursor(cursor, disk, store, &disk->key);
}

void
disk_timers_open(struct disk_cursor *cursor, struct disk *disk, int store, int64_t fire_at, struct bytes from)
{
	*cursor = (struct disk_cursor){0};
	make_key(disk, &cursor->prefix, 't', (struct bytes){0});
	make_timer_key(disk, &disk->key, fire_at, from);
	open_cursor(cursor, disk, store, &disk->key);
}

/* The key at the cursor; *more false behind the last row with the prefix. */
static int
cursor_at(struct disk_cursor *cursor, struct bytes *key, bool *more, struct error *err)
{
	char *text = NULL;
	size_t size;
	const char *data;

	*more = rocksdb_iter_valid(cursor->rows);
	if (!*more) {
		rocksdb_iter_get_error(cursor->rows, &text);
		return text ? disk_failed(text, err) : 0;
	}
	data = rocksdb_iter_key(cursor->rows, &size);
	*key = bytes_of(data, size);
	*more = size >= cursor->prefix.size && memcmp(data, cursor->prefix.data, cursor->prefix.size) == 0;
	return 0;
}

int
disk_rows_at(struct disk_cursor *cursor, struct bytes *key, struct disk_row *row, bool *more, struct error *err)
{
	const char *value;
	size_t size;

	if (cursor_at(cursor, key, more, err) < 0)
		return -1;
	if (!*more)
		return 0;
	*key = bytes_of(key->data + TAG_SIZE, key->size - TAG_SIZE);
	value = rocksdb_iter_value(cursor->rows, &size);
	return read_row(bytes_of(value, size), row, err);
}

int
disk_timers_at(struct disk_cursor *cursor, int64_t *fire_at, struct bytes *key, bool *more, struct error *err)
{
	if (cursor_at(cursor, key, more, err) < 0)
		return -1;
	if (!*more)
		return 0;
	if (key->size < TIMER_TAG_SIZE)
		return fail(err, FATAL, "the stores' database: a timer is damaged; delete the directory");
	*fire_at = (int64_t)(load_be64(key->data + TAG_SIZE) ^ (1ul << 63));
	*key = bytes_of(key->data + TIMER_TAG_SIZE, key->size - TIMER_TAG_SIZE);
	return 0;
}

void
disk_cursor_next(struct disk_cursor *cursor)
{
	rocksdb_iter_next(cursor->rows);
}

void
disk_cursor_close(struct disk_cursor *cursor)
{
	if (cursor->rows)
		rocksdb_iter_destroy(cursor->rows);
	cursor->rows = NULL;
	buffer_fini(&cursor->prefix);
}
