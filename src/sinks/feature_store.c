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

static const char *const type_choices[] = {"embedded", "redis", NULL};

const struct option feature_store_options[] = {
	{"type", OPTION_CHOICE, offsetof(struct feature_store_config, type), "embedded", 0, 0, type_choices, NULL,
	 "embedded: a directory of this process; redis: a Redis server, in Feast's layout"},
	{"address", OPTION_TEXT, offsetof(struct feature_store_config, address), "127.0.0.1:6379", 0, 0, NULL, NULL,
	 "redis: host:port, or unix:/path of a socket"},
	{"user", OPTION_TEXT, offsetof(struct feature_store_config, user), "", 0, 0, NULL, NULL,
	 "redis: user to authenticate as, where there are users"},
	{"password", OPTION_TEXT, offsetof(struct feature_store_config, password), "", 0, 0, NULL, NULL,
	 "redis: the password; better kept out of the topology: password_file"},
	{"password_file", OPTION_TEXT, offsetof(struct feature_store_config, password_file), "", 0, 0, NULL, NULL,
	 "redis: a file whose first line is the password; read again with every connection"},
	{"database", OPTION_INTEGER, offsetof(struct feature_store_config, database), "0", 0, 65535, NULL, NULL,
	 "redis: number of the database"},
	{"timeout", OPTION_DURATION, offsetof(struct feature_store_config, timeout_ms), "5s", 1, 600000, NULL, "ms",
	 "redis: a server that is silent for so long is out of reach"},
	{"tls", OPTION_BOOLEAN, offsetof(struct feature_store_config, tls), "false", 0, 0, NULL, NULL,
	 "redis: whether to speak TLS"},
	{"tls_ca", OPTION_TEXT, offsetof(struct feature_store_config, tls_ca), "", 0, 0, NULL, NULL,
	 "redis: file of the certificates that are trusted; empty: those of the system"},
	{"tls_certificate", OPTION_TEXT, offsetof(struct feature_store_config, tls_certificate), "", 0, 0, NULL, NULL,
	 "redis: file of our certificate, for servers that ask for one"},
	{"tls_key", OPTION_TEXT, offsetof(struct feature_store_config, tls_key), "", 0, 0, NULL, NULL,
	 "redis: file of its key"},
	{"tls_name", OPTION_TEXT, offsetof(struct feature_store_config, tls_name), "", 0, 0, NULL, NULL,
	 "redis: name that the server's certificate must have; empty: the host of the address"},
	OPTION_END,
};

int
feature_store_open(const struct feature_store_config *config, struct feature_store **out, struct error *err)
{
	struct feature_store *store = memory_new(sizeof(*store));

	store->backend = config->type == FEATURE_STORE_REDIS ? &feature_redis : &feature_embedded;
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

int
feature_writer_put(struct feature_writer *writer, const struct feature_view *view, const struct feature_row *row,
		   uint64_t tag, struct error *err)
{
	if (feature_view_check_row(view, row, err) < 0)
		return -1;
	if (writer->count == writer->capacity) {
		writer->capacity = writer->capacity ? 2 * writer->capacity : 64;
		writer->results = memory_resize_array(writer->results, writer->capacity, sizeof(*writer->results));
	}
	writer->backend->put(writer->self, view, row);
	writer->results[writer->count++] = (struct feature_result){.tag = tag, .view = view, .time_ms = row->time_ms};
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
