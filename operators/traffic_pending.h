/*
 * Events that have not arrived yet, in a store, by the stretch of time in which they will.
 *
 * A bucket is `bucket_ms` of feed time. Its events stand in chunks of TRAFFIC_CHUNK_EVENTS, an entry each, so that what
 * a commit writes to the journal is the last chunk of each bucket that grew, not all that is pending. The first chunk
 * begins with the number of events in the bucket. Key: bucket, then chunk, both big-endian.
 */
#ifndef OPERATORS_TRAFFIC_PENDING_H
#define OPERATORS_TRAFFIC_PENDING_H

#include "operators/traffic_request.h"
#include "state/store.h"

#define TRAFFIC_CHUNK_EVENTS 32

int traffic_pending_add(struct store *store, int64_t bucket, const struct traffic_event *event, struct error *err);

/* How many events the bucket has, and then, into room for so many, the events in the order they were added. They are
 * removed from the store. */
int traffic_pending_count(struct store *store, int64_t bucket, uint64_t *count, struct error *err);
int traffic_pending_take(struct store *store, int64_t bucket, uint64_t count, struct traffic_event *events,
			 struct error *err);

#endif
