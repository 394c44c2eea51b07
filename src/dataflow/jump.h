/*
 * A record that runs ahead of those before it in its partition: has time moved on, or is a clock wrong? Pure: facts in,
 * a decision out.
 *
 * The course of an input is the highest event time taken from it. A record whose event time is ahead of the course by
 * more than max_jump jumps. It goes its way as any other
 *
 *     if the timestamp of its message lies within max_jump of its event time: events of now, after a quiet weekend;
 *     or if the record behind it lies within max_jump of it: a weekend in a history that was written now;
 *     or if the record behind it lies even further on, and so does the one that was doubted before it: a history with
 *     gaps longer than max_jump. (One wrong clock does not make three records that go the same way.)
 *
 * It is refused, as a dead letter that moves no watermark, if the record behind it lies more than max_jump before it:
 * that one is back on course. In all other cases nobody can tell: no record comes behind it (the end of a bounded run;
 * live: for idle_after), the one that comes has no event time, or lies further on still. Then it is doubted: it is
 * processed and moves no watermark, nor does it wait in the merge for records of its time.
 *
 * The first record of a partition has no course to run ahead of, so that it is never refused: where the one behind it
 * lies more than max_jump before it, either clock may be the wrong one, and it is doubted. In all other cases it goes
 * its way, without a wait, since what follows can only be held against it.
 *
 * Until it is decided the record is not taken, so that positions and a restart know nothing of it; it holds up nobody:
 * neither the merge nor idleness (input.c).
 */
#ifndef DATAFLOW_JUMP_H
#define DATAFLOW_JUMP_H

#include <stdbool.h>

#include "base/clock.h"

enum jump_next {
	JUMP_NEXT_UNKNOWN, /* it has not been looked at, or has not come yet */
	JUMP_NEXT_KNOWN,   /* it has the event time next_ms */
	JUMP_NEXT_NONE,	   /* none will come, or it has no event time */
};

/* Times in ms. */
struct jump_facts {
	int64_t max_jump_ms;
	int64_t course_ms;  /* TIME_MIN: no record was taken yet */
	int64_t doubted_ms; /* event time of the last one doubted since a jump was confirmed; TIME_MIN: none */
	int64_t time_ms, timestamp_ms; /* of the record */
	enum jump_next next;
	int64_t next_ms;
};

enum jump_decision {
	JUMP_TAKE,   /* as any other record */
	JUMP_WAIT,   /* the next record decides */
	JUMP_REFUSE, /* a dead letter */
	JUMP_DOUBT,  /* processed at once, moves no watermark */
};

/* Whether the facts about the next record matter at all. */
bool jump_is_open(const struct jump_facts *facts);

enum jump_decision jump_decide(const struct jump_facts *facts);

#endif
