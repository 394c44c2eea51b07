/*
 * Watermarks: how far event time has come. Pure: facts in, a time out.
 *
 * An input's own watermark is the highest event time taken from it less its out-of-orderness. A task's watermark W is
 * the least over its inputs and never goes back. What takes an input out of that minimum:
 *
 *     idle    live runs: it is caught up (its end was just confirmed) and silent for `idle_after`. Blocked is not idle.
 *     ended   bounded runs: its last record has been taken. Not where the run is told to keep open (--keep-open): there
 *             the task does not say so, and the input holds W where it stands, if it never had a record at nothing.
 *
 * When all inputs are idle, W goes on from where it stood at the speed of time (clock_steady_ms, never the wall clock,
 * which may be set), by no more than what passed between two looks: so the last window before a quiet night still
 * closes. When all have ended the run drains, and W itself stays.
 *
 * The next run begins with less (watermark_stored): an input that ended early holds it where that input stood, so that
 * what comes on it next is not late.
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
	int64_t from;	   /* ... when the run began */
	int64_t idle_from; /* steady time since when all inputs are idle, or W was last carried on; TIME_MAX: not so */
	int64_t looked_ms; /* steady time of the last watermark_advance; TIME_MIN: none yet */
};

void watermark_init(struct watermark *watermark, int64_t at);

/* After a record was taken: W by event times alone. Inputs that were found idle by the last watermark_tick stay out. */
void watermark_advance(struct watermark *watermark, const struct watermark_input *inputs, int count, int64_t now_ms);

/*
 * After a bounded run, or within it: what the next run begins with. `stands`: by input, the highest event time less its
 * out-of-orderness, TIME_MIN where it never had a record; `ended`: all have. W, but no further than any of those inputs
 * has come, and not behind where this run began. Where all have ended W does not count: it lacks the last record.
 */
int64_t watermark_stored(const struct watermark *watermark, const int64_t *stands, int count, bool ended);

bool watermark_input_idle(const struct watermark_input *input, int64_t now_ms);

#endif
