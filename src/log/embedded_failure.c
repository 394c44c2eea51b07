/* What a log that cannot be written to does: it fails once and for all, or waits for space. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/logger.h"
#include "log/embedded_log.h"

#define MIB (1 << 20)

int
embedded_check(struct embedded *log, struct error *err)
{
	if (!atomic_load_explicit(&log->failed, memory_order_acquire))
		return 0;
	pthread_mutex_lock(&log->failing);
	fail(err, FATAL, "the log cannot be written to since: %s", log->failure);
	pthread_mutex_unlock(&log->failing);
	return -1;
}

int
embedded_fail_for_good(struct embedded *log, struct error *err)
{
	char reason[2 * ERROR_TEXT_SIZE];

	err->action = FATAL;
	pthread_mutex_lock(&log->failing);
	if (!log->failed) {
		logger_error("log_failed", "reason=%s", logger_quote(reason, sizeof(reason), err->text));
		snprintf(log->failure, sizeof(log->failure), "%s", err->text);
		atomic_store_explicit(&log->failed, true, memory_order_release);
	}
	pthread_mutex_unlock(&log->failing);
	return -1;
}

/* Room for so many bytes, beside one part of what is kept free. */
static int
look_for_room(struct embedded *log, int64_t bytes, int64_t parts, struct error *err)
{
	int64_t left, kept = EMBEDDED_ROOM_BYTES;
	struct statvfs disk;

	if (!log->directory)
		return 0;
	if (statvfs(log->directory, &disk) < 0)
		return fail_file(err, errno, "the log in %s: the disk does not say how full it is", log->directory);
	if (kept > (int64_t)(disk.f_blocks / 100 * disk.f_frsize) * EMBEDDED_ROOM_PERCENT)
		kept = (int64_t)(disk.f_blocks / 100 * disk.f_frsize) * EMBEDDED_ROOM_PERCENT;
	bytes += kept / parts;
	left = (int64_t)(disk.f_bavail * disk.f_frsize);
	if (left >= bytes)
		return 0;
	return fail(err, RETRY,
		    "the disk of the log in %s is full: %lld MiB are free, and %lld are needed; free some space",
		    log->directory, (long long)(left / MIB), (long long)(bytes / MIB + 1));
}

int
embedded_room(struct embedded *log, int64_t bytes, struct error *err)
{
	return look_for_room(log, bytes, 1, err);
}

int
embedded_room_to_open(struct embedded *log, struct error *err)
{
	return log->read_only ? 0 : look_for_room(log, 0, EMBEDDED_ROOM_OPEN_PARTS, err);
}
