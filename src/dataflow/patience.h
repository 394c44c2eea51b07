/*
 * Something cannot be done now (RETRY) and is tried again: how often so far, since when, when next. It is logged after
 * a second, then every PATIENCE_SAY_MS, and given up after the topology's `outage`. Times are steady ones
 * (clock_steady_ms). One thread's.
 */
#ifndef DATAFLOW_PATIENCE_H
#define DATAFLOW_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

#define PATIENCE_FIRST_MS 1000 /* what passes sooner is not worth a line */
#define PATIENCE_SAY_MS 10000
#define PATIENCE_PAUSE_MS 50 /* who waits looks for a stop so often */

/* Zeroed: nothing is wrong. */
struct patience {
	int tries; /* in a row, all in vain */
	int64_t since_ms, said_ms, again_ms;
	bool said;
};

/* Whose it is, for people. */
struct patience_owner {
	const char *operator;
	int task; /* -1: a worker of it */
};

bool patience_ready(const struct patience *patience, int64_t now_ms); /* it may be tried again */
/* It was in vain. True where that is to be logged now. */
bool patience_wait(struct patience *patience, int64_t now_ms);
/* The same, logged (`retry`). FATAL (err's text, with how long) where `outage_ms` have passed; else 0. */
int patience_fail(struct patience *patience, const struct patience_owner *owner, int64_t now_ms, int64_t pause_ms,
		  int64_t outage_ms, struct error *err);
/* It has worked. */
void patience_end(struct patience *patience, const struct patience_owner *owner, int64_t now_ms);

/* Of a thread that has nothing else to do: as patience_fail; before it returns 0, a moment passes. -1 also where err is
 * not RETRY. */
int patience_again(struct patience *patience, const struct patience_owner *owner, struct clock *clock,
		   int64_t outage_ms, struct error *err);

#endif
