/*
 * From events to rows: the fields of every output, resolved once, and the texts that the rows are made of.
 */
#ifndef OPERATORS_TRAFFIC_ROWS_H
#define OPERATORS_TRAFFIC_ROWS_H

#include "dataflow/operator.h"
#include "operators/traffic_request.h"

#define TRAFFIC_COLUMNS_MAX 20 /* fields of one output's schema that are filled */
#define TRAFFIC_SYMBOLS_MAX 10

struct traffic_rows {
	struct field fields[TRAFFIC_OUTPUTS][TRAFFIC_COLUMNS_MAX];
	bool connected[TRAFFIC_OUTPUTS];
	int sources[TRAFFIC_SYMBOLS_MAX]; /* the schema's number of each symbol */
	int explore_kinds[TRAFFIC_SYMBOLS_MAX];
	int actions[TRAFFIC_SYMBOLS_MAX];
	int stages[TRAFFIC_OUTPUTS][TRAFFIC_SYMBOLS_MAX];
	int kinds[TRAFFIC_SYMBOLS_MAX];
	int hops[TRAFFIC_SYMBOLS_MAX];
};

int traffic_rows_open(struct traffic_rows *rows, const struct context *context, struct error *err);

/* `start_ms`: the event time when the feed began. */
int traffic_rows_emit(const struct traffic_rows *rows, const struct traffic_model *model,
		      const struct traffic_event *event, int64_t start_ms, struct context *context, struct error *err);
int traffic_rows_emit_item(const struct traffic_rows *rows, const struct traffic_model *model, uint32_t item,
			   int64_t start_ms, struct context *context, struct error *err);

#endif
