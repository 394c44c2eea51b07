#include "base/stop.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

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
	struct sigaction action = {.sa_handler = on_signal};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool
stop_requested(void)
{
	return atomic_load(&signals) > 0;
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
