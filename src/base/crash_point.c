#include "base/crash_point.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[CRASH_POINTS] = {
	[CRASH_RESTORING] = "restoring", [CRASH_STARTED] = "started",	[CRASH_PROCESSED] = "processed",
	[CRASH_BLOCK] = "block",	 [CRASH_SENT] = "sent",		[CRASH_POSITIONS] = "positions",
	[CRASH_COMMITTED] = "committed", [CRASH_WRITTEN] = "written",	[CRASH_TRIMMED] = "trimmed",
	[CRASH_REVOKED] = "revoked",	 [CRASH_RELEASED] = "released", [CRASH_SPLIT] = "split",
	[CRASH_COUNTED] = "counted",	 [CRASH_SWITCHED] = "switched",
};

crash_hook *crash_hook_installed;
void *crash_hook_argument;

static struct {
	enum crash_point point;
	_Atomic long left; /* passes before it dies */
} planned;

void
crash_install(crash_hook *hook, void *argument)
{
	crash_hook_argument = argument;
	crash_hook_installed = hook;
}

static int
die_as_planned(void *argument, enum crash_point point, struct error *err)
{
	(void)argument;
	(void)err;
	if (point == planned.point && atomic_fetch_sub(&planned.left, 1) == 1)
		kill(getpid(), SIGKILL);
	return 0;
}

static int
expected(const char *text, struct error *err)
{
	char all[256] = "";

	for (int i = 0; i < CRASH_POINTS; i++) {
		strncat(all, i ? ", " : "", sizeof(all) - strlen(all) - 1);
		strncat(all, names[i], sizeof(all) - strlen(all) - 1);
	}
	return fail(err, FATAL, "crash point \"%s\": expected NAME:COUNT, COUNT from 1, NAME one of %s", text, all);
}

int
crash_install_text(const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');
	char *end;
	long count;

	if (!colon)
		return expected(text, err);
	errno = 0;
	count = strtol(colon + 1, &end, 10);
	if (errno || end == colon + 1 || *end || count < 1)
		return expected(text, err);
	for (int i = 0; i < CRASH_POINTS; i++) {
		if (strlen(names[i]) != (size_t)(colon - text) || strncmp(names[i], text, (size_t)(colon - text)) != 0)
			continue;
		planned.point = (enum crash_point)i;
		atomic_init(&planned.left, count);
		crash_install(die_as_planned, NULL);
		return 0;
	}
	return expected(text, err);
}

const char *
crash_point_name(enum crash_point point)
{
	return names[point];
}
