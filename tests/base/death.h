/* Whether a function ends the process by abort(), and what it said before: for errors that are not handed back. */
#ifndef TESTS_BASE_DEATH_H
#define TESTS_BASE_DEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `run` in a process of its own; `said` gets what it wrote to standard error. */
static inline bool
dies(void (*run)(void), char *said, size_t size)
{
	int pipe_ends[2], status;
	size_t used = 0;
	ssize_t got;
	pid_t child;

	if (pipe(pipe_ends) < 0)
		abort();
	child = fork();
	if (child == 0) {
		struct rlimit no_core = {0, 0};

		setrlimit(RLIMIT_CORE, &no_core);
		dup2(pipe_ends[1], STDERR_FILENO);
		run();
		_exit(0);
	}
	close(pipe_ends[1]);
	while (used + 1 < size && (got = read(pipe_ends[0], said + used, size - used - 1)) > 0)
		used += (size_t)got;
	said[used] = 0;
	close(pipe_ends[0]);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == 6;
}

#endif
