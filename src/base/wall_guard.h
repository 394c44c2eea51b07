/*
 * Wall time for what cannot be taken back, as deleting what is old: a clock that was set ahead, by a person, by an NTP
 * server or by a wrong battery clock, must not make everything old at once. Pure: readings in, a time out.
 *
 * What is trusted is the distance of the wall clock from the steady one. A distance that is greater by more than
 * WALL_GUARD_JUMP_MS counts only after it has held for WALL_GUARD_HOLD_MS (a machine that slept, and a clock that was
 * wrong before, are right then); until then time goes on from what was trusted. A smaller distance counts at once:
 * what is kept too long does no harm. The first reading is trusted: there is nothing to hold it against.
 */
#ifndef BASE_WALL_GUARD_H
#define BASE_WALL_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define WALL_GUARD_JUMP_MS (5 * 60 * 1000)  /* a clock that is corrected goes no further at once */
#define WALL_GUARD_HOLD_MS (60 * 60 * 1000) /* steady time */

/* All zero: nothing was read yet. */
struct wall_guard {
	bool any;
	int64_t now_ms;		       /* the wall time that may be acted on, as of the last look */
	int64_t trusted_ms;	       /* wall time less steady time */
	bool doubted;		       /* the clock is ahead of what is trusted: */
	int64_t ahead_ms;	       /* by how much */
	int64_t distance_ms, since_ms; /* the distance that must hold, and since when (steady time) it does */
};

/* Sets now_ms, and returns it. */
int64_t wall_guard_look(struct wall_guard *guard, int64_t wall_ms, int64_t steady_ms);

#endif
