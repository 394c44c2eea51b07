/*
 * What is counted of how well the three logs agree: in one window, for one value of a dimension. reconcile counts, each
 * of its tasks for itself; integrity_rollup adds up.
 *
 * The numbers are part of what is stored; the names are those of the fields of integrity_count and integrity_window.
 */
#ifndef OPERATORS_INTEGRITY_SERIES_H
#define OPERATORS_INTEGRITY_SERIES_H

#include "dataflow/operator.h"
#include "operators/sketch.h"

#define INTEGRITY_HOLD_WINDOWS 4 /* reconcile's max_hold where it is not given */

enum reconcile_log { ENGINE, SERVER, CLIENT, LOGS };
enum dimension { ALL, BY_GROUP, BY_STRATEGY, BY_MODEL, BY_PLATFORM, DIMENSIONS };
enum tally_counter {
	TALLY_RETURNED, /* to TALLY_EXPOSED: as enum stage */
	TALLY_DELIVERED,
	TALLY_RECEIVED,
	TALLY_EXPOSED,
	TALLY_MATCHED,
	TALLY_NOT_REACHED,
	TALLY_LOST_ENGINE_SERVER,
	TALLY_LOST_SERVER_CLIENT,
	TALLY_DUPLICATED,
	TALLY_PHANTOM,
	TALLY_ALTERED,
	TALLY_LATE,
	TALLY_UNLISTED,
	TALLY_DIFFERING,
	TALLY_PHANTOM_REACHED,
	TALLY_NEGATIVE_LATENCIES,
	TALLY_COUNTERS,
};
/* Of the counters, in their order: columns of integrity_window and integrity_count, and metrics of rules. */
#define TALLY_NAMES                                                                                                    \
	"returned", "delivered", "received", "exposed", "matched", "not_reached", "lost_engine_server",                \
		"lost_server_client", "duplicated", "phantom", "altered", "late", "unlisted", "differing",             \
		"phantom_reached", "negative_latencies"
enum latency { LATENCY_ENGINE_SERVER, LATENCY_SERVER_CLIENT, LATENCY_EXPOSED, LATENCIES };

extern const char *const series_logs[LOGS];
extern const char *const series_dimensions[DIMENSIONS];
extern const char *const series_counts[TALLY_COUNTERS];
extern const char *const series_latencies[LATENCIES];
extern const char *const series_all; /* the one value of dimension ALL */

struct series_name {
	enum dimension dimension;
	struct bytes value;
};

struct series {
	int64_t counts[TALLY_COUNTERS];
	struct sketch latencies[LATENCIES];
};

struct series *series_blank(struct context *context); /* the context's: gone when the hook returns */
void series_clear(struct series *series);
bool series_is_blank(const struct series *series);

/* As it is stored, the context's: counts up to unlisted, sketches, further counts, which layout 0 did not have. */
struct bytes series_pack(const struct series *series, struct context *context);
/* Adds what was packed. */
void series_unpack(struct bytes packed, struct series *into);
/* Appends the sum of two that were packed. */
void series_pack_sum(struct bytes a, struct bytes b, struct buffer *out);

#define SERIES_LAYOUT 1 /* what layout 0 wrote is read as it is */

/* Numbers by their names; -1: there is none. */
int series_dimension_find(struct bytes name);
int series_log_find(struct bytes name);

/* Adds the names of the logs whose bits are set to a list in JSON. */
void series_show_logs(unsigned logs, struct buffer *out);

#endif
