#include "base/stop.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/clock.h"

static _Atomic int signals;
static _Atomic int calls; /* handlers that are between looking up the function and coming back from it */
static void *_Atomic call_argument;
static void (*_Atomic call_function)(void *);

static void
call(void)
{
	void (*function)(void *);

	atomic_fetch_add(&calls, 1);
	function = atomic_load(&call_function);
	if (function)
		function(atomic_load(&call_argument));
	atomic_fetch_sub(&calls, 1);
}

static void
on_signal(int number)
{
	(void)number;
	if (atomic_fetch_add(&signals, 1) > 0)
		_exit(1);
	call();
}

void
stop_install(void)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal}, before;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		sigaction(numbers[i], NULL, &before);
		if (numbers[i] == SIGTERM || before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

bool
stop_requested(void)
{
	return atomic_load(&signals) > 0;
}

int64_t
stop_until_us(int64_t until_us, int64_t *seen_us)
{
	int64_t end_us;

	if (*seen_us == 0 && stop_requested())
		*seen_us = clock_monotonic_us();
	end_us = *seen_us + (int64_t)STOP_WAIT_MS_MAX * 1000;
	return *seen_us != 0 && end_us < until_us ? end_us : until_us;
}

void
stop_call(void (*function)(void *argument), void *argument)
{
	atomic_store(&call_function, NULL);
	/* A handler on another thread may still be using the old argument, which its owner frees next. */
	while (atomic_load(&calls) > 0)
		sched_yield();
	atomic_store(&call_argument, argument);
	atomic_store(&call_function, function);
	if (stop_requested())
		call();
}
