/*
 * The rows of a batch as commands for Redis: calls of a script that compares and writes in one step. A call takes
 * several rows of one view, since half of what a call costs the server is the same for one row as for many. While it
 * runs the server does nothing else, so there are few enough for 0.2 ms.
 *
 * A deletion is a call of its own, behind those that have the rows before it. Where a batch has one, calls are sent
 * again from the first that is pending on: a row that is sent again must not come behind the deletion that followed it.
 *
 * The reply to a call is a list with an item for each of its rows, in their order: 1: written, 0: one at least as new
 * is there, or the error of that row.
 */
#ifndef SINKS_REDIS_CALLS_H
#define SINKS_REDIS_CALLS_H

#include "sinks/feature_backend.h"

#define REDIS_CALL_ROWS_MAX 16

struct redis_call {
	size_t offset, size; /* in `commands` */
	size_t count;
	size_t rows[REDIS_CALL_ROWS_MAX]; /* numbers in the batch */
};

struct redis_calls_open; /* a call that is being gathered */

struct redis_calls {
	const char *hash; /* of the script; borrowed */
	struct buffer commands;
	struct redis_call *calls;
	size_t count, capacity;
	size_t rows;  /* in the batch */
	bool deletes; /* one of them is a deletion */
	struct redis_calls_open *open;
	size_t open_count; /* one for each view that there has been */
	struct buffer part;
};

extern const char redis_calls_script[];

void redis_calls_fini(struct redis_calls *calls);
void redis_calls_clear(struct redis_calls *calls);
void redis_calls_put(struct redis_calls *calls, const struct feature_view *view, const struct feature_row *row);
size_t redis_calls_bytes(const struct redis_calls *calls);
/* From here on all rows are in `calls`. */
void redis_calls_complete(struct redis_calls *calls);

#endif
