/*
 * Crash points: the named moments of the commit protocol at which tests let a process or a worker die. Named once,
 * here, and passed by the runtime and by every implementation of the log; the simulation and the kill tests choose
 * among them.
 *
 * Without a hook a crash point is one load and one branch. With ISOTOPE_CRASH="block:3" in its environment a program
 * ends by SIGKILL at the third time that it passes `block`. The hook is installed before other threads run; it may be
 * called by all.
 */
#ifndef BASE_CRASH_POINT_H
#define BASE_CRASH_POINT_H

#include <stddef.h>

#include "base/error.h"

enum crash_point {
	CRASH_RESTORING, /* "restoring": a part of the journal has been applied, the rest has not */
	CRASH_STARTED,	 /* "started": a task is restored, its inputs are being fetched */
	CRASH_PROCESSED, /* "processed": records were processed, nothing of their commit has begun */
	CRASH_BLOCK,	 /* "block": the journal blocks are appended to the transaction */
	CRASH_SENT,	 /* "sent": the log has been given all records of the transaction, but not the positions */
	CRASH_POSITIONS, /* "positions": the positions are in the transaction too, it is not committed */
	CRASH_COMMITTED, /* "committed": it is committed, the worker has not been told */
	CRASH_WRITTEN,	 /* "written": the state knows of the commit, the journal is not trimmed */
	CRASH_TRIMMED,	 /* "trimmed": it is */
	CRASH_REVOKED,	 /* "revoked": a task is committed in order to be given up, and still held */
	CRASH_RELEASED,	 /* "released": it is given up */
	CRASH_SPLIT,	 /* "split": a rescale has committed blocks of the new journal, or the switch to it */
	CRASH_COUNTED,	 /* "counted": all that is in the new journal has been counted */
	CRASH_SWITCHED,	 /* "switched": the new journal counts, what the old one takes is not given back */
	CRASH_POINTS
};

typedef int crash_hook(void *argument, enum crash_point point, struct error *err);

extern crash_hook *crash_hook_installed;
extern void *crash_hook_argument;

/* NULL: none. The hook returns 0 to go on, or fails with an action of its own. */
void crash_install(crash_hook *hook, void *argument);
/* "NAME:COUNT", COUNT from 1: the process is killed there. Fails (FATAL) on any other text. */
int crash_install_text(const char *text, struct error *err);

const char *crash_point_name(enum crash_point point);

static inline int
crash_here(enum crash_point point, struct error *err)
{
	return crash_hook_installed ? crash_hook_installed(crash_hook_argument, point, err) : 0;
}

#endif
