#include "base/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

int
directory_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd < 0 ? -1 : fsync(fd);
	int failure = errno;

	if (fd >= 0)
		close(fd);
	errno = failure;
	return result;
}

static int
sync_parent(char *path)
{
	char *slash = strrchr(path, '/');
	int result;

	if (!slash)
		return directory_sync(".");
	if (slash == path)
		return directory_sync("/");
	*slash = '\0';
	result = directory_sync(path);
	*slash = '/';
	return result;
}

int
directory_make(const char *path)
{
	char *copy = memory_text(path);
	int result = 0, failure = 0;

	for (char *at = copy + (*copy != 0); result == 0; at++) {
		char was = *at;

		if (was != '/' && was != '\0')
			continue;
		if (at[-1] != '/') { /* not the second of two slashes, nor one at the end */
			*at = '\0';
			if (mkdir(copy, 0777) == 0)
				result = sync_parent(copy);
			else if (errno != EEXIST)
				result = -1;
			failure = errno;
			*at = was;
		}
		if (was == '\0')
			break;
	}
	memory_free(&copy);
	errno = failure;
	return result;
}
