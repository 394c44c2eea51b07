#include "base/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int
lock_file_take(const char *path, int *out, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	char pid[24] = "";

	if (fd < 0)
		return fail_file(err, errno, "%s cannot be made", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t size = read(fd, pid, sizeof(pid) - 1);

		pid[size > 0 ? size : 0] = 0;
		pid[strcspn(pid, "\n")] = 0;
		fail(err, FATAL,
		     "%s is held by process %s: a directory is for one process at a time; stop that one first, or "
		     "choose another directory",
		     path, pid[0] ? pid : "(unknown)");
		close(fd);
		return -1;
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) != (ssize_t)strlen(pid)) {
		fail_file(err, errno, "%s cannot be written", path);
		close(fd);
		return -1;
	}
	*out = fd;
	return 0;
}
