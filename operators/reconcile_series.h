/*
 * A series of reconcile: what was counted in one window for one value of a dimension, how it is stored, and its row.
 */
#ifndef OPERATORS_RECONCILE_SERIES_H
#define OPERATORS_RECONCILE_SERIES_H

#include "operators/reconcile.h"

/* A row about a series. `silent`: bits of logs; `held`: it says only that the window waits for them. */
struct series_row {
	int64_t window_start;
	struct series_name name;
	const struct series *series;
	unsigned silent;
	bool held;
};

void series_add(struct series *series, const struct tally *tally);

struct key series_key(int64_t window_start, const struct series_name *name, struct context *context);
void series_write(struct entry *entry, const struct series *series, struct context *context);

int series_emit(const struct reconcile *self, const struct series_row *row, struct context *context, struct error *err);

#endif
