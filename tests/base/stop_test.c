#include "base/stop.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

static void
count(void *argument)
{
	++*(int *)argument;
}

/* As in a terminal, wherever the tests run. */
static void
install(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	stop_install();
}

TEST(the_first_signal_asks_to_stop)
{
	int calls = 0;

	install();
	stop_call(count, &calls);
	check(!stop_requested());
	check_int(calls, 0);
	raise(SIGTERM);
	check(stop_requested());
	check_int(calls, 1);
}

TEST(a_signal_that_came_before_is_not_lost)
{
	int calls = 0;

	install();
	raise(SIGINT);
	stop_call(count, &calls);
	check_int(calls, 1);
}

TEST(a_terminal_that_is_closed_asks_to_stop)
{
	install();
	raise(SIGHUP);
	check(stop_requested());
}

TEST(what_was_ignored_before_stays_so_but_for_sigterm)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	stop_install();
	raise(SIGINT);
	raise(SIGHUP);
	check(!stop_requested());
	raise(SIGTERM);
	check(stop_requested());
}

TEST(the_second_signal_ends_the_process_at_once)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		install();
		raise(SIGTERM);
		raise(SIGINT);
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child);
	check(WIFEXITED(status));
	check_int(WEXITSTATUS(status), 1);
}
