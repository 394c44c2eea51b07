/*
 * Wall time for what cannot be taken back, when the clock is set by a person, by an NTP server or by a battery that is
 * flat. Two things are such: deleting what is old, which a clock that was set ahead would do to everything, and
 * refusing what is from the future, which one that was set back would do to everything. Pure: readings in, a time out.
 *
 * What is trusted is the distance of the wall clock from the steady one. A distance that has changed by more than
 * WALL_GUARD_JUMP_MS in the harmful direction counts only after it has held for WALL_GUARD_HOLD_MS (a machine that
 * slept, and a clock that was wrong before, are right then); until then time goes on from what was trusted. A change in
 * the other direction counts at once. Where a process starts, the newest time that it finds in what it kept stands in
 * for what was trusted (wall_guard_know); where it kept nothing, the first reading is.
 */
#ifndef BASE_WALL_GUARD_H
#define BASE_WALL_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define WALL_GUARD_JUMP_MS (5 * 60 * 1000)  /* a clock that is corrected goes no further at once */
#define WALL_GUARD_HOLD_MS (60 * 60 * 1000) /* steady time */

#define WALL_GUARD_REST_MS (48 * 60 * 60 * 1000) /* who has rested for longer is asked whether the clock is right */

/* All zero: nothing was read yet. */
struct wall_guard {
	bool back; /* what is doubted is a clock that was set back; else one that was set ahead */
	bool any;
	int64_t now_ms;		       /* the wall time that may be acted on, as of the last look */
	int64_t trusted_ms;	       /* wall time less steady time */
	bool doubted;		       /* the clock is away from what is trusted: */
	int64_t ahead_ms;	       /* by how much; negative: it is behind */
	int64_t distance_ms, since_ms; /* the distance that must hold, and since when (steady time) it does */
};

/*
 * It was `known_ms` at least, as something durable says that was written by a clock: what is trusted from here on,
 * unless a clock that is less harmful is already.
 */
void wall_guard_know(struct wall_guard *guard, int64_t known_ms, int64_t steady_ms);

/* Sets now_ms, and returns it. */
int64_t wall_guard_look(struct wall_guard *guard, int64_t wall_ms, int64_t steady_ms);

#endif
