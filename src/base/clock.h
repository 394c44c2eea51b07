/*
 * Time from outside. Event time is in the records. A clock has two readings:
 *
 *     clock_now_ms      wall time: what stands in a message, an alert or a log line, and what an event time is held
 *                       against. It may be set, back or ahead, at any moment.
 *     clock_steady_ms   only goes forward, at the speed of time, from an unknown start: every duration (commit
 *                       interval, idleness, outage, retries, waits) is a difference of two of these. Means nothing to
 *                       another process or after a restart: never stored.
 *
 * Everything that needs one is handed a `struct clock *`, so that a test can hold time still. Thread-safe.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define TIME_MIN INT64_MIN /* before all times: "no watermark yet" */
#define TIME_MAX INT64_MAX /* after all times: "the end" */

/* No event time is further from 1970 (35,000 years): sums and differences of event times and durations do not overflow,
 * and neither TIME_MIN nor TIME_MAX is one. Records beyond it do not get through (dataflow/topic_record.h). */
#define EVENT_TIME_MAX_MS (INT64_C(1) << 50)

struct clock {
	int64_t (*now_ms)(struct clock *);    /* wall time: milliseconds since 1970-01-01 UTC */
	int64_t (*steady_ms)(struct clock *); /* milliseconds since some moment */
};

extern struct clock clock_system;

static inline int64_t
clock_now_ms(struct clock *clock)
{
	return clock->now_ms(clock);
}

static inline int64_t
clock_steady_ms(struct clock *clock)
{
	return clock->steady_ms(clock);
}

/* A clock that stands still until it is moved: for tests and simulations. */
struct clock_manual {
	struct clock clock; /* first: a pointer to it is a pointer to this */
	_Atomic int64_t now_ms;
	_Atomic int64_t steady_ms; /* begins at CLOCK_MANUAL_STEADY_MS, whatever the wall time */
};

#define CLOCK_MANUAL_STEADY_MS 1000000

void clock_manual_init(struct clock_manual *manual, int64_t now_ms);
void clock_manual_pass(struct clock_manual *manual, int64_t ms); /* time goes on: both readings; ms >= 0 */
void clock_manual_jump(struct clock_manual *manual, int64_t ms); /* the wall clock is set: that reading alone */

/* Microseconds of a clock that only goes forward, for measuring durations. */
int64_t clock_monotonic_us(void);

/* CPU microseconds this thread / this process has used. */
int64_t clock_thread_cpu_us(void);
int64_t clock_process_cpu_us(void);

/* a + b without overflow: stays at TIME_MIN or TIME_MAX. TIME_MIN and TIME_MAX themselves do not move. */
static inline int64_t
time_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (a == TIME_MIN || a == TIME_MAX)
		return a;
	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? TIME_MIN : TIME_MAX;
	return sum;
}

#endif
