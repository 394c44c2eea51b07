/*
 * A series of reconcile: what was counted in one window for one value of a dimension, how it is stored, and its row.
 */
#ifndef OPERATORS_RECONCILE_SERIES_H
#define OPERATORS_RECONCILE_SERIES_H

#include "operators/reconcile.h"

enum dimension { ALL, BY_GROUP, BY_STRATEGY, BY_MODEL, BY_PLATFORM, DIMENSIONS };

struct series_name {
	enum dimension dimension;
	struct bytes value;
};

struct series {
	int64_t counts[TALLY_COUNTERS];
	struct sketch latencies[LATENCIES];
};

/* A row about a series. `silent`: bits of logs; `held`: it says only that the window waits for them. */
struct series_row {
	int64_t window_start;
	struct series_name name;
	const struct series *series;
	unsigned silent;
	bool held;
};

extern const char *const series_all; /* the one value of dimension ALL */

struct series *series_blank(struct context *context); /* the context's: gone when the hook returns */
void series_clear(struct series *series);
bool series_is_blank(const struct series *series);
void series_add(struct series *series, const struct tally *tally);

struct key series_key(int64_t window_start, const struct series_name *name, struct context *context);
void series_read(struct bytes value, struct series *into); /* of an entry that is new: nothing */
void series_write(struct entry *entry, const struct series *series, struct context *context);

int series_emit(const struct reconcile *self, const struct series_row *row, struct context *context, struct error *err);

/* Adds the names of the logs whose bits are set to a list in JSON. */
void series_show_logs(unsigned logs, struct buffer *out);

#endif
