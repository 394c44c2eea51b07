/*
 * Watermarks: how far event time has come. Pure: facts in, a time out.
 *
 * An input's own watermark is the highest event time taken from it less its out-of-orderness. A task's watermark W is
 * the least over its inputs and never goes back. What takes an input out of that minimum:
 *
 *     idle    live runs: it is caught up (its end was just confirmed) and silent for `idle_after`. Blocked is not idle.
 *     ended   bounded runs: its last record has been taken.
 *
 * When all inputs are idle, W goes on from where it stood at the speed of time (clock_steady_ms, never the wall clock,
 * which may be set), by no more than what passed between two looks: so the last window before a quiet night still
 * closes. When all have ended the run drains; W itself stays at its last finite value,
 * so that the next run is not late.
 */
#ifndef DATAFLOW_WATERMARK_H
#define DATAFLOW_WATERMARK_H

#include <stdbool.h>

#include "base/clock.h"

struct watermark_input {
	int64_t time_max; /* highest event time taken, ms; TIME_MIN: none yet */
	int64_t out_of_orderness_ms;
	int64_t idle_after_ms;
	int64_t quiet_since_ms; /* steady time since when it is caught up and silent; TIME_MAX: it is not */
	bool ended;
};

struct watermark {
	int64_t at;	   /* W, ms; TIME_MIN: none yet */
	int64_t idle_from; /* steady time since when all inputs are idle, or W was last carried on; TIME_MAX: not so */
	int64_t looked_ms; /* steady time of the last watermark_advance; TIME_MIN: none yet */
};

void watermark_init(struct watermark *watermark, int64_t at);

/* After a record was taken: W by event times alone. Inputs that were found idle by the last watermark_tick stay out. */
void watermark_advance(struct watermark *watermark, const struct watermark_input *inputs, int count, int64_t now_ms);

bool watermark_input_idle(const struct watermark_input *input, int64_t now_ms);

#endif
