/*
 * The entry of a window of reconcile in the store `windows`.
 */
#ifndef OPERATORS_RECONCILE_WINDOW_H
#define OPERATORS_RECONCILE_WINDOW_H

#include "operators/reconcile_series.h"

enum window_flag { CLOSED = 1 << 0, TOLD_HELD = 1 << 1 };

#define LISTED_KINDS LATE /* what is first told is lost, duplicated, phantom or altered */

/* A window's entry: this, and then its series as (dimension, size, text). */
struct window {
	int32_t held; /* responses that are not judged, since a log is silent */
	uint16_t series_count;
	uint8_t silent; /* bits of the logs */
	uint8_t flags;
	uint32_t listed[LISTED_KINDS]; /* mismatches named by id */
};

#define WINDOW_SIZE 24 /* bytes that it takes in an entry */

/* Of an entry's value; *list: the series behind it. Layout 0 did not say which kinds were listed: they are taken for
 * lost ones, as most are where there are too many. */
struct window window_of_value(struct bytes value, struct bytes *list);
void window_put(const struct window *window, uint8_t to[WINDOW_SIZE]);
bool window_lists(struct bytes list, const struct series_name *name);
/* The next of the series that stand behind a window in its entry; false: there are no more. */
bool window_next_series(struct cursor *cursor, struct series_name *out);

/* Finds or begins the window; its entry is of today's layout. */
int window_take(const struct reconcile *self, int64_t window_start, struct context *context, struct entry **out,
		struct error *err);
struct window window_read(const struct entry *entry);
struct bytes window_list(const struct entry *entry, struct context *context); /* the series behind it: the context's */
bool window_is_full(const struct reconcile *self, int series_count);	      /* it can have no more series */
bool window_draining(const struct context *context);

#endif
