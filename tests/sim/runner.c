#include "tests/sim/runner.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

#define SHOWN_MAX 20 /* failures told as they come */

/* A child runs every jobs-th seed and writes a result for each; where it dies, the seed is the one after its last. */
struct child {
	pid_t pid;
	int from;
	uint64_t next, end;
	unsigned step;
};

struct tally {
	uint64_t done, failed, total;
	struct runner_result worst; /* of the lowest seed that failed */
	bool show;
};

static void
child_run(run_seed *run, uint64_t seed, uint64_t end, unsigned step, int to)
{
	for (; seed < end; seed += step) {
		struct runner_result result = {.seed = seed};

		run(seed, &result);
		if (write(to, &result, sizeof(result)) != sizeof(result))
			_exit(1);
	}
	_exit(0);
}

static void
child_start(struct child *child, run_seed *run)
{
	int ends[2];

	insist(pipe(ends) == 0);
	fflush(NULL);
	child->pid = fork();
	insist(child->pid >= 0);
	if (child->pid == 0) {
		close(ends[0]);
		child_run(run, child->next, child->end, child->step, ends[1]);
	}
	close(ends[1]);
	child->from = ends[0];
}

static void
take(struct tally *tally, const struct runner_result *result)
{
	tally->done++;
	if (result->failed && (tally->failed++ == 0 || result->seed < tally->worst.seed))
		tally->worst = *result;
	if (result->failed && tally->failed <= SHOWN_MAX)
		printf("%sseed %" PRIu64 ": %.200s\n", tally->show ? "\r" : "", result->seed, result->text);
	fflush(stdout);
	if (tally->show)
		fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " failed", tally->done, tally->total,
			tally->failed);
}

/* What the child has to say. It died: its seed has failed, and another child does the rest. */
static void
child_hear(struct child *child, run_seed *run, struct tally *tally)
{
	struct runner_result result;
	int status;

	if (read(child->from, &result, sizeof(result)) == sizeof(result)) {
		take(tally, &result);
		child->next = result.seed + child->step;
		return;
	}
	close(child->from);
	child->from = -1;
	insist(waitpid(child->pid, &status, 0) == child->pid);
	if (child->next >= child->end)
		return;
	result = (struct runner_result){.seed = child->next, .failed = true};
	snprintf(result.text, sizeof(result.text), "the program ended by signal %d, status %d",
		 WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 0);
	take(tally, &result);
	child->next += child->step;
	if (child->next < child->end)
		child_start(child, run);
}

static void
hear_all(struct child *children, int jobs, run_seed *run, struct tally *tally)
{
	struct pollfd fds[RUNNER_JOBS_MAX];
	int open;

	do {
		open = 0;
		for (int i = 0; i < jobs; i++) {
			fds[i] = (struct pollfd){.fd = children[i].from, .events = POLLIN};
			open += children[i].from >= 0;
		}
		if (open > 0 && poll(fds, (nfds_t)jobs, -1) < 0)
			continue;
		for (int i = 0; i < jobs && open > 0; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				child_hear(&children[i], run, tally);
	} while (open > 0);
}

uint64_t
runner_run(run_seed *run, uint64_t first, uint64_t count, int jobs, const char *again)
{
	struct child children[RUNNER_JOBS_MAX];
	struct tally tally = {.total = count, .show = isatty(STDERR_FILENO)};

	insist(jobs > 0 && jobs <= RUNNER_JOBS_MAX);
	for (int i = 0; i < jobs; i++) {
		children[i] = (struct child){
			.from = -1, .next = first + (unsigned)i, .end = first + count, .step = (unsigned)jobs};
		if (children[i].next < children[i].end)
			child_start(&children[i], run);
	}
	hear_all(children, jobs, run, &tally);
	if (tally.show)
		fprintf(stderr, "\n");
	printf("%" PRIu64 " seeds, %" PRIu64 " failed\n", tally.done, tally.failed);
	if (tally.failed > 0)
		printf("seed %" PRIu64 ": %s\nsee it again: %s --seed %" PRIu64 " --verbose\n", tally.worst.seed,
		       tally.worst.text, again, tally.worst.seed);
	return tally.failed;
}
