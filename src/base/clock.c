#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

#include "base/error.h"

static int64_t
read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t
system_now_ms(struct clock *clock)
{
	(void)clock;
	return read_us(CLOCK_REALTIME) / 1000;
}

static int64_t
system_steady_ms(struct clock *clock)
{
	(void)clock;
	return read_us(CLOCK_MONOTONIC) / 1000;
}

struct clock clock_system = {.now_ms = system_now_ms, .steady_ms = system_steady_ms};

static int64_t
manual_now_ms(struct clock *clock)
{
	return atomic_load(&((struct clock_manual *)clock)->now_ms);
}

static int64_t
manual_steady_ms(struct clock *clock)
{
	return atomic_load(&((struct clock_manual *)clock)->steady_ms);
}

void
clock_manual_init(struct clock_manual *manual, int64_t now_ms)
{
	manual->clock = (struct clock){.now_ms = manual_now_ms, .steady_ms = manual_steady_ms};
	atomic_init(&manual->now_ms, now_ms);
	atomic_init(&manual->steady_ms, CLOCK_MANUAL_STEADY_MS);
}

void
clock_manual_pass(struct clock_manual *manual, int64_t ms)
{
	insist(ms >= 0);
	atomic_fetch_add(&manual->now_ms, ms);
	atomic_fetch_add(&manual->steady_ms, ms);
}

void
clock_manual_jump(struct clock_manual *manual, int64_t ms)
{
	atomic_fetch_add(&manual->now_ms, ms);
}

int64_t
clock_monotonic_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t
clock_thread_cpu_us(void)
{
	return read_us(CLOCK_THREAD_CPUTIME_ID);
}

int64_t
clock_process_cpu_us(void)
{
	return read_us(CLOCK_PROCESS_CPUTIME_ID);
}
