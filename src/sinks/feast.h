/*
 * Feast's layout of the online store in Redis (entity_key_serialization_version 3): bytes of keys, fields and values,
 * so that a stock Feast client reads what we write. Pure functions; the caller checks types and ranges.
 *
 *     HASH  key(entity, project)     field murmur3("view:feature") = feast.types.Value
 *                                    field "_ts:view"              = google.protobuf.Timestamp
 */
#ifndef SINKS_FEAST_H
#define SINKS_FEAST_H

#include "base/buffer.h"
#include "sinks/feature_store.h"

#define FEAST_FIELD_SIZE 4

/* MurmurHash3_x86_32 with seed 0. */
uint32_t feast_murmur3(struct bytes bytes);

/* `order`: indexes of the keys, sorted by the bytes of their names. */
void feast_key(const struct feature_column *columns, const struct feature_value *values, const int *order, int count,
	       const char *project, struct buffer *out);
void feast_field(const char *view, const char *feature, uint8_t field[FEAST_FIELD_SIZE]);
/* A null is no bytes. */
void feast_value(const struct feature_column *column, const struct feature_value *value, struct buffer *out);
void feast_timestamp(int64_t seconds, int32_t nanos, struct buffer *out);

#endif
