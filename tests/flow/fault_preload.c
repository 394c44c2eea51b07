/*
 * Preloaded into a command by test_file_faults.py: lets a file call on paths below FAULT_DIRECTORY fail.
 *
 *     FAULT_ERRNO=EIO     or EMFILE (calls that open), ENOSPC (calls that may need space)
 *     FAULT_AT=7          the seventh of the calls that may fail so does, ...
 *     FAULT_FOR=3         ... and the two after it (default 1)
 *     FAULT_COUNT=FILE    how many such calls there were, written to FILE at the end
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 65536

static const char *directory;
static int failure;
static long first, length;
static atomic_long count;
static atomic_bool ours[FDS_MAX];

enum kind { OPENS, READS, WRITES, SYNCS, NAMES };

__attribute__((constructor)) static void
begin(void)
{
	const char *name = getenv("FAULT_ERRNO"), *at = getenv("FAULT_AT"), *many = getenv("FAULT_FOR");

	directory = getenv("FAULT_DIRECTORY");
	failure = !name ? EIO : strcmp(name, "EMFILE") == 0 ? EMFILE : strcmp(name, "ENOSPC") == 0 ? ENOSPC : EIO;
	first = at ? atol(at) : 0;
	length = many ? atol(many) : 1;
}

__attribute__((destructor)) static void
end(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fprintf(file, "%ld\n", atomic_load(&count));
	fclose(file);
}

static bool
below(const char *path)
{
	return directory && strncmp(path, directory, strlen(directory)) == 0;
}

/* `grows`: the call may need space. */
static bool
fails(enum kind kind, bool grows)
{
	long at;

	if ((failure == EMFILE && kind != OPENS) || (failure == ENOSPC && !grows))
		return false;
	at = atomic_fetch_add(&count, 1) + 1;
	if (first == 0 || at < first || at >= first + length)
		return false;
	errno = failure;
	return true;
}

static bool
is_ours(int fd)
{
	return fd >= 0 && fd < FDS_MAX && atomic_load(&ours[fd]);
}

#define NEXT(name) (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define OPEN(name, ...)                                                                                                \
	va_list rest;                                                                                                  \
	mode_t mode;                                                                                                   \
	int fd;                                                                                                        \
                                                                                                                       \
	va_start(rest, flags);                                                                                         \
	mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                                                             \
	va_end(rest);                                                                                                  \
	if (below(path) && fails(OPENS, flags & O_CREAT))                                                              \
		return -1;                                                                                             \
	fd = (NEXT(name))(__VA_ARGS__, flags, mode);                                                                   \
	if (fd >= 0 && fd < FDS_MAX)                                                                                   \
		atomic_store(&ours[fd], below(path));                                                                  \
	return fd

int
open(const char *path, int flags, ...)
{
	OPEN(open, path);
}

int
open64(const char *path, int flags, ...)
{
	OPEN(open64, path);
}

int
openat(int at, const char *path, int flags, ...)
{
	OPEN(openat, at, path);
}

#define FOPEN(name)                                                                                                    \
	FILE *name(const char *path, const char *mode)                                                                 \
	{                                                                                                              \
		return below(path) && fails(OPENS, *mode != 'r') ? NULL : (NEXT(name))(path, mode);                    \
	}

FOPEN(fopen)
FOPEN(fopen64)

DIR *
opendir(const char *path)
{
	DIR *stream = below(path) && fails(OPENS, false) ? NULL : (NEXT(opendir))(path);

	if (stream && dirfd(stream) < FDS_MAX)
		atomic_store(&ours[dirfd(stream)], below(path));
	return stream;
}

int
closedir(DIR *stream)
{
	if (dirfd(stream) < FDS_MAX)
		atomic_store(&ours[dirfd(stream)], false);
	return (NEXT(closedir))(stream);
}

int
close(int fd)
{
	if (fd >= 0 && fd < FDS_MAX)
		atomic_store(&ours[fd], false);
	return (NEXT(close))(fd);
}

#define ON_FD(type, name, kind, grows, parameters, ...)                                                                \
	type name parameters                                                                                           \
	{                                                                                                              \
		if (is_ours(fd) && fails(kind, grows))                                                                 \
			return -1;                                                                                     \
		return (NEXT(name))(__VA_ARGS__);                                                                      \
	}

ON_FD(ssize_t, read, READS, false, (int fd, void *to, size_t size), fd, to, size)
ON_FD(ssize_t, pread, READS, false, (int fd, void *to, size_t size, off_t at), fd, to, size, at)
ON_FD(ssize_t, pread64, READS, false, (int fd, void *to, size_t size, off64_t at), fd, to, size, at)
ON_FD(ssize_t, write, WRITES, true, (int fd, const void *from, size_t size), fd, from, size)
ON_FD(ssize_t, pwrite, WRITES, true, (int fd, const void *from, size_t size, off_t at), fd, from, size, at)
ON_FD(ssize_t, pwrite64, WRITES, true, (int fd, const void *from, size_t size, off64_t at), fd, from, size, at)
ON_FD(ssize_t, writev, WRITES, true, (int fd, const struct iovec *from, int parts), fd, from, parts)
ON_FD(ssize_t, pwritev, WRITES, true, (int fd, const struct iovec *from, int parts, off_t at), fd, from, parts, at)
ON_FD(ssize_t, pwritev64, WRITES, true, (int fd, const struct iovec *from, int parts, off64_t at), fd, from, parts, at)
ON_FD(int, fsync, SYNCS, true, (int fd), fd)
ON_FD(int, fdatasync, SYNCS, true, (int fd), fd)
ON_FD(int, fallocate, WRITES, true, (int fd, int mode, off_t at, off_t size), fd, mode, at, size)
ON_FD(int, fallocate64, WRITES, true, (int fd, int mode, off64_t at, off64_t size), fd, mode, at, size)
ON_FD(int, ftruncate, NAMES, true, (int fd, off_t size), fd, size)
ON_FD(int, ftruncate64, NAMES, true, (int fd, off64_t size), fd, size)

#define READDIR(name, entry)                                                                                           \
	struct entry *name(DIR *stream)                                                                                \
	{                                                                                                              \
		return is_ours(dirfd(stream)) && fails(READS, false) ? NULL : (NEXT(name))(stream);                    \
	}

READDIR(readdir, dirent)
READDIR(readdir64, dirent64)

#undef fread_unlocked
/* As RocksDB reads its WAL and its manifest. */
size_t
fread_unlocked(void *to, size_t size, size_t count, FILE *file)
{
	return is_ours(fileno(file)) && fails(READS, false) ? 0 : (NEXT(fread_unlocked))(to, size, count, file);
}

int
rename(const char *path, const char *to)
{
	return below(path) && fails(NAMES, true) ? -1 : (NEXT(rename))(path, to);
}

int
unlink(const char *path)
{
	return below(path) && fails(NAMES, false) ? -1 : (NEXT(unlink))(path);
}

int
mkdir(const char *path, mode_t mode)
{
	return below(path) && fails(NAMES, true) ? -1 : (NEXT(mkdir))(path, mode);
}
