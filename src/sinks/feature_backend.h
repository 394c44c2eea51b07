/*
 * What stands behind feature_store.h: a view made ready for writing, and the hooks of a kind of store. A store's hooks
 * may be called by many threads at once, a writer's by its own.
 */
#ifndef SINKS_FEATURE_BACKEND_H
#define SINKS_FEATURE_BACKEND_H

#include "base/buffer.h"
#include "sinks/feast.h"
#include "sinks/feature_store.h"

struct feature_view {
	struct feature_view_spec spec; /* everything it points to is the view's own */
	int key_count, feature_count;
	int order[FEATURE_KEYS_MAX]; /* the join keys, sorted by name */
	int vector;		     /* index of the feature; -1: none */
	char *time_field, *revision_field, *tombstones;
	uint8_t fields[FEATURE_COLUMNS_MAX][FEAST_FIELD_SIZE];
};

/* SKIP: the row is no row of the view. */
int feature_view_check_row(const struct feature_view *view, const struct feature_row *row, struct error *err);
int feature_view_check_keys(const struct feature_view *view, const struct feature_value *keys, struct error *err);
/* Feast's entity key. */
void feature_view_key(const struct feature_view *view, const struct feature_value *keys, struct buffer *out);
/* The key of the raw vector. */
void feature_view_vector_key(const struct feature_view *view, const struct feature_value *keys, struct buffer *out);
/* {"name": value, ...} */
void feature_view_json(const struct feature_view *view, const struct feature_value *features, struct buffer *out);

struct feature_backend {
	int (*check)(const struct feature_store_config *config, struct error *err); /* NULL: nothing to check */
	int (*open)(const struct feature_store_config *config, void **self, struct error *err);
	void (*close)(void *self);
	int (*read)(void *self, const struct feature_view *view, const struct feature_value *keys, struct buffer *out,
		    struct error *err);
	void *(*writer_open)(void *self);
	void (*writer_close)(void *writer);
	/* Appends one row, or the deletion of one (features NULL), to the batch: that of results[i] for the i-th call
	 * since the last clear. */
	void (*put)(void *writer, const struct feature_view *view, const struct feature_row *row);
	size_t (*bytes)(const void *writer);
	/* Settles results that are pending. A reason is from memory_text; the caller frees it. */
	int (*flush)(void *writer, struct feature_result *results, size_t count, struct error *err);
	void (*clear)(void *writer);
};

extern const struct feature_backend feature_redis, feature_embedded;

#endif
