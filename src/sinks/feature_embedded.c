/*
 * The feature store of one process: a RocksDB in a directory of its own, a row per view and entity, written with its
 * WAL and synced once a batch. A lock makes comparing and writing one step.
 *
 *     key      view | 0 | entity key as in Feast, with the project
 *     value    i64 time | i64 revision | u64 expires at (ms, 0: never) | features as JSON
 *
 * and a row "\0format", whose value is "1": a directory of another format is refused. 0.1.0 wrote none, and meant 1.
 */
#include <errno.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "sinks/feature_backend.h"

#define CACHE_BYTES (8 << 20)
#define HEAD_SIZE 24
#define FORMAT_KEY "\0format"
#define FORMAT_KEY_SIZE (sizeof(FORMAT_KEY) - 1)
#define FORMAT "1"

struct store {
	char *directory;
	rocksdb_t *rocksdb;
	rocksdb_options_t *options;
	rocksdb_writeoptions_t *write_options;
	rocksdb_readoptions_t *read_options;
	rocksdb_env_t *env;   /* in memory only */
	pthread_mutex_t lock; /* from a row's comparison to its writing */
};

struct writer {
	struct store *store;
	struct buffer rows; /* u32 size of the key, u32 size of the value (0: a deletion), key, value */
};

static int
failed(const struct store *store, char *text, struct error *err)
{
	fail(err, FATAL, "the features in %s: %s", store->directory, text);
	rocksdb_free(text);
	return -1;
}

/* ---- the store ---- */

static void
store_close(void *self)
{
	struct store *store = self;

	if (store->rocksdb)
		rocksdb_close(store->rocksdb);
	rocksdb_options_destroy(store->options);
	rocksdb_writeoptions_destroy(store->write_options);
	rocksdb_readoptions_destroy(store->read_options);
	if (store->env)
		rocksdb_env_destroy(store->env);
	pthread_mutex_destroy(&store->lock);
	memory_free(&store->directory);
	memory_free(&store);
}

static void
set_options(struct store *store, bool in_memory)
{
	rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
	rocksdb_cache_t *cache = rocksdb_cache_create_lru(CACHE_BYTES);

	store->options = rocksdb_options_create();
	store->write_options = rocksdb_writeoptions_create();
	store->read_options = rocksdb_readoptions_create();
	rocksdb_block_based_options_set_block_cache(table, cache);
	rocksdb_options_set_block_based_table_factory(store->options, table);
	rocksdb_block_based_options_destroy(table);
	rocksdb_cache_destroy(cache); /* the options hold it */
	rocksdb_options_set_create_if_missing(store->options, 1);
	rocksdb_options_set_compression(store->options, rocksdb_lz4_compression);
	rocksdb_options_set_keep_log_file_num(store->options, 1);
	if (in_memory) {
		store->env = rocksdb_create_mem_env();
		rocksdb_options_set_env(store->options, store->env);
	}
}

static int
check_format(struct store *store, struct error *err)
{
	size_t size = 0;
	char *text = NULL;
	char *format = rocksdb_get(store->rocksdb, store->read_options, FORMAT_KEY, FORMAT_KEY_SIZE, &size, &text);
	int result = 0;

	if (!text && !format)
		rocksdb_put(store->rocksdb, store->write_options, FORMAT_KEY, FORMAT_KEY_SIZE, FORMAT, strlen(FORMAT),
			    &text);
	if (text)
		return failed(store, text, err);
	if (format && (size != strlen(FORMAT) || memcmp(format, FORMAT, size) != 0))
		result = fail(err, FATAL,
			      "the features in %s have format %.*s, this version reads %s; use the version that wrote "
			      "them",
			      store->directory, (int)size, format, FORMAT);
	rocksdb_free(format);
	return result;
}

static int
store_open(const struct feature_store_config *config, void **out, struct error *err)
{
	struct store *store = memory_new(sizeof(*store));
	char *text = NULL;

	store->directory = memory_text(config->directory ? config->directory : "/memory");
	pthread_mutex_init(&store->lock, NULL);
	set_options(store, !config->directory);
	if (config->directory && mkdir(config->directory, 0777) < 0 && errno != EEXIST) {
		fail(err, FATAL, "cannot make %s: %s", config->directory, strerror(errno));
		store_close(store);
		return -1;
	}
	store->rocksdb = rocksdb_open(store->options, store->directory, &text);
	if (text) {
		failed(store, text, err);
		store_close(store);
		return -1;
	}
	if (check_format(store, err) < 0) {
		store_close(store);
		return -1;
	}
	*out = store;
	return 0;
}

static void
put_key(const struct feature_view *view, const struct feature_value *keys, struct buffer *out)
{
	buffer_put(out, view->spec.name, strlen(view->spec.name) + 1);
	feature_view_key(view, keys, out);
}

/* The row that stands there; *out NULL: none, or it has expired. The caller frees it (rocksdb_free). */
static int
get(struct store *store, struct bytes key, char **out, size_t *size, struct error *err)
{
	char *text = NULL;
	uint64_t expires;

	*out = rocksdb_get(store->rocksdb, store->read_options, (const char *)key.data, key.size, size, &text);
	if (text)
		return failed(store, text, err);
	if (*out && *size < HEAD_SIZE)
		return fail(err, FATAL, "the features in %s: a row is damaged", store->directory);
	expires = *out ? load_u64(*out + 16) : 0;
	if (expires != 0 && expires <= (uint64_t)clock_now_ms(&clock_system)) {
		rocksdb_free(*out);
		*out = NULL;
	}
	return 0;
}

static int
store_read(void *self, const struct feature_view *view, const struct feature_value *keys, struct buffer *out,
	   struct error *err)
{
	struct buffer key = {0};
	char *row;
	size_t size;
	int result;

	put_key(view, keys, &key);
	result = get(self, buffer_bytes(&key), &row, &size, err);
	buffer_fini(&key);
	if (result < 0 || !row)
		return result;
	buffer_print(out, "{\"time\": %lld, \"revision\": %lld, \"features\": ", (long long)load_u64(row),
		     (long long)load_u64(row + 8));
	buffer_put(out, row + HEAD_SIZE, size - HEAD_SIZE);
	buffer_put_u8(out, '}');
	rocksdb_free(row);
	return 0;
}

/* ---- the batch ---- */

static void *
writer_open(void *self)
{
	struct writer *writer = memory_new(sizeof(*writer));

	writer->store = self;
	return writer;
}

static void
writer_close(void *self)
{
	struct writer *writer = self;

	buffer_fini(&writer->rows);
	memory_free(&writer);
}

static void
clear(void *self)
{
	buffer_clear(&((struct writer *)self)->rows);
}

static size_t
batch_bytes(const void *self)
{
	return ((const struct writer *)self)->rows.size;
}

static void
put(void *self, const struct feature_view *view, const struct feature_row *row)
{
	struct buffer *rows = &((struct writer *)self)->rows;
	size_t start = rows->size, key_end;
	int64_t expires = view->spec.ttl_ms ? clock_now_ms(&clock_system) + view->spec.ttl_ms : 0;

	buffer_reserve(rows, 8);
	rows->size += 8;
	put_key(view, row->keys, rows);
	key_end = rows->size;
	if (row->features) {
		buffer_put_u64(rows, (uint64_t)row->time_ms);
		buffer_put_u64(rows, (uint64_t)row->revision);
		buffer_put_u64(rows, (uint64_t)expires);
		feature_view_json(view, row->features, rows);
	}
	store_u32(rows->data + start, (uint32_t)(key_end - start - 8));
	store_u32(rows->data + start + 4, (uint32_t)(rows->size - key_end));
}

static bool
is_newer(struct bytes row, const char *old)
{
	int64_t time = (int64_t)load_u64(row.data), old_time = (int64_t)load_u64(old);

	if (time != old_time)
		return time > old_time;
	return (int64_t)load_u64(row.data + 8) > (int64_t)load_u64(old + 8);
}

/* A write of its own for each row, so that the next one of the same entity sees it; one sync behind the last. */
static int
write_row(struct store *store, struct bytes key, struct bytes value, struct feature_result *result, struct error *err)
{
	char *old, *text = NULL;
	size_t size;
	bool newer;

	if (get(store, key, &old, &size, err) < 0)
		return -1;
	newer = !old || is_newer(value, old);
	rocksdb_free(old);
	if (newer)
		rocksdb_put(store->rocksdb, store->write_options, (const char *)key.data, key.size,
			    (const char *)value.data, value.size, &text);
	if (text)
		return failed(store, text, err);
	result->outcome = newer ? FEATURE_WRITTEN : FEATURE_OLDER;
	return 0;
}

static int
remove_row(struct store *store, struct bytes key, struct feature_result *result, struct error *err)
{
	char *text = NULL;

	rocksdb_delete(store->rocksdb, store->write_options, (const char *)key.data, key.size, &text);
	if (text)
		return failed(store, text, err);
	result->outcome = FEATURE_WRITTEN;
	return 0;
}

static int
flush(void *self, struct feature_result *results, size_t count, struct error *err)
{
	struct writer *writer = self;
	struct cursor cursor = cursor_of(buffer_bytes(&writer->rows));
	char *text = NULL;
	int result = 0;

	pthread_mutex_lock(&writer->store->lock);
	for (size_t i = 0; i < count && result == 0; i++) {
		uint32_t key_size = cursor_u32(&cursor), value_size = cursor_u32(&cursor);
		struct bytes key = cursor_bytes(&cursor, key_size), value = cursor_bytes(&cursor, value_size);

		insist(!cursor.bad);
		if (results[i].outcome == FEATURE_PENDING)
			result = value.size ? write_row(writer->store, key, value, &results[i], err)
					    : remove_row(writer->store, key, &results[i], err);
	}
	pthread_mutex_unlock(&writer->store->lock);
	if (result < 0 || writer->store->env)
		return result;
	rocksdb_flush_wal(writer->store->rocksdb, 1, &text);
	return text ? failed(writer->store, text, err) : 0;
}

const struct feature_backend feature_embedded = {
	.open = store_open,
	.close = store_close,
	.read = store_read,
	.writer_open = writer_open,
	.writer_close = writer_close,
	.put = put,
	.bytes = batch_bytes,
	.flush = flush,
	.clear = clear,
};
