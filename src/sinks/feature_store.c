#include "sinks/feature_store.h"

#include "base/memory.h"
#include "sinks/feature_backend.h"

struct feature_store {
	const struct feature_backend *backend;
	void *self;
};

struct feature_writer {
	const struct feature_backend *backend;
	void *self;
	struct feature_result *results;
	size_t count, capacity;
};

const char *const feature_store_types[] = {"embedded", "redis", NULL};

const struct option feature_store_options[] = {FEATURE_STORE_OPTIONS(0), OPTION_END};

static const struct feature_backend *
backend_of(const struct feature_store_config *config)
{
	return config->type == FEATURE_STORE_REDIS ? &feature_redis : &feature_embedded;
}

int
feature_store_check(const struct feature_store_config *config, struct error *err)
{
	return backend_of(config)->check ? backend_of(config)->check(config, err) : 0;
}

int
feature_store_open(const struct feature_store_config *config, struct feature_store **out, struct error *err)
{
	struct feature_store *store = memory_new(sizeof(*store));

	store->backend = backend_of(config);
	if (store->backend->open(config, &store->self, err) < 0) {
		memory_free(&store);
		return -1;
	}
	*out = store;
	return 0;
}

void
feature_store_close(struct feature_store **pointer)
{
	if (!*pointer)
		return;
	(*pointer)->backend->close((*pointer)->self);
	memory_free(pointer);
}

int
feature_store_read(struct feature_store *store, const struct feature_view *view, const struct feature_value *keys,
		   struct buffer *out, struct error *err)
{
	if (feature_view_check_keys(view, keys, err) < 0)
		return -1;
	return store->backend->read(store->self, view, keys, out, err);
}

struct feature_writer *
feature_writer_open(struct feature_store *store)
{
	struct feature_writer *writer = memory_new(sizeof(*writer));

	writer->backend = store->backend;
	writer->self = store->backend->writer_open(store->self);
	return writer;
}

void
feature_writer_close(struct feature_writer **pointer)
{
	struct feature_writer *writer = *pointer;

	if (!writer)
		return;
	feature_writer_clear(writer);
	writer->backend->writer_close(writer->self);
	memory_free(&writer->results);
	memory_free(pointer);
}

static void
put(struct feature_writer *writer, const struct feature_view *view, const struct feature_row *row, uint64_t tag)
{
	if (writer->count == writer->capacity) {
		writer->capacity = writer->capacity ? 2 * writer->capacity : 64;
		writer->results = memory_resize_array(writer->results, writer->capacity, sizeof(*writer->results));
	}
	writer->backend->put(writer->self, view, row);
	writer->results[writer->count++] = (struct feature_result){.tag = tag, .view = view, .time_ms = row->time_ms};
}

int
feature_writer_put(struct feature_writer *writer, const struct feature_view *view, const struct feature_row *row,
		   uint64_t tag, struct error *err)
{
	if (feature_view_check_row(view, row, err) < 0)
		return -1;
	put(writer, view, row, tag);
	return 0;
}

int
feature_writer_remove(struct feature_writer *writer, const struct feature_view *view, const struct feature_value *keys,
		      int64_t offset, uint64_t tag, struct error *err)
{
	const struct feature_row row = {.keys = keys, .offset = offset};

	if (feature_view_check_keys(view, keys, err) < 0)
		return -1;
	put(writer, view, &row, tag);
	return 0;
}

size_t
feature_writer_bytes(const struct feature_writer *writer)
{
	return writer->backend->bytes(writer->self);
}

int
feature_writer_flush(struct feature_writer *writer, struct error *err)
{
	return writer->count ? writer->backend->flush(writer->self, writer->results, writer->count, err) : 0;
}

const struct feature_result *
feature_writer_results(const struct feature_writer *writer, size_t *count)
{
	*count = writer->count;
	return writer->results;
}

void
feature_writer_clear(struct feature_writer *writer)
{
	for (size_t i = 0; i < writer->count; i++)
		memory_free(&writer->results[i].reason);
	writer->count = 0;
	writer->backend->clear(writer->self);
}
