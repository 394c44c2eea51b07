#include "base/crash_point.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

TEST(no_hook_goes_on)
{
	struct error err;

	check_ok(crash_here(CRASH_BLOCK, &err));
}

static int
refuse(void *argument, enum crash_point point, struct error *err)
{
	*(enum crash_point *)argument = point;
	return fail(err, ABORT, "died at %s", crash_point_name(point));
}

TEST(a_hook_is_told_the_point_and_may_fail)
{
	enum crash_point seen = CRASH_POINTS;
	struct error err;

	crash_install(refuse, &seen);
	check_fails(crash_here(CRASH_SENT, &err), "died at sent");
	check(seen == CRASH_SENT && err.action == ABORT);
	crash_install(NULL, NULL);
	check_ok(crash_here(CRASH_SENT, &err));
}

TEST(a_text_that_names_no_point_is_refused)
{
	static const char *const wrong[] = {"",		"block",    "block:",	 "block:0",
					    "block:-1", "block:1x", "nowhere:1", "bloc:1"};
	struct error err;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_fails(crash_install_text(wrong[i], &err), "expected NAME:COUNT");
	check(!crash_hook_installed);
}

TEST(a_planned_crash_kills_at_the_named_pass)
{
	struct error err;
	int status, passes[2];
	pid_t child;
	char seen[16];

	check(pipe(passes) == 0);
	child = fork();
	if (child == 0) {
		check_ok(crash_install_text("written:3", &err));
		for (int i = 0; i < 5; i++) {
			check_ok(crash_here(CRASH_TRIMMED, &err));
			check(write(passes[1], "x", 1) == 1);
			check_ok(crash_here(CRASH_WRITTEN, &err));
		}
		_exit(0);
	}
	waitpid(child, &status, 0);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	check_int(read(passes[0], seen, sizeof(seen)), 3);
}
