/* The directory of an embedded log: made, checked, and locked against a second writer. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/lock_file.h"
#include "base/memory.h"
#include "log/embedded_log.h"

#define FORMAT_VERSION 2 /* 2: batches in segments; 1 had them in the database */
#define FORMAT_TEXT "isotope log %d\n"
#define SECONDARY_NAME "isotope-reader-" /* and the pid: a reading process's own directory */

static int
lock(struct embedded *log, struct error *err)
{
	char *path = memory_format("%s/lock", log->directory);
	int result = lock_file_take(path, &log->lock_fd, err);

	memory_free(&path);
	return result;
}

static int
open_commits(struct embedded *log, struct error *err)
{
	char *path = memory_format("%s/commits", log->directory);

	log->commits_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (log->commits_fd < 0)
		fail_file(err, errno, "the log in %s cannot be opened: %s", log->directory, path);
	memory_free(&path);
	return log->commits_fd < 0 ? -1 : 0;
}

/* A new file appears whole or not at all. */
static int
write_format(const char *path, const char *directory, struct error *err)
{
	char *draft = memory_format("%s.new", path);
	char text[64];
	int size = snprintf(text, sizeof(text), FORMAT_TEXT, FORMAT_VERSION);
	int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = 0;

	if (fd < 0 || parent < 0 || write(fd, text, (size_t)size) != size || fsync(fd) < 0 || rename(draft, path) < 0 ||
	    fsync(parent) < 0)
		result = fail_file(err, errno, "file %s cannot be written", path);
	if (fd >= 0)
		close(fd);
	if (parent >= 0)
		close(parent);
	memory_free(&draft);
	return result;
}

static int
check_format(struct embedded *log, const char *path, struct error *err)
{
	bool has_database = access(log->path, F_OK) == 0 || errno != ENOENT;
	FILE *file = fopen(path, "re");
	int version = 0;

	if (!file && errno == ENOENT && log->read_only)
		return fail(err, FATAL, "there is no log in %s yet: nothing was written to it", log->directory);
	if (!file && errno == ENOENT && !has_database)
		return write_format(path, log->directory, err);
	if (!file)
		return fail_file(err, errno, "the log in %s cannot be opened: %s", log->directory, path);
	if (fscanf(file, FORMAT_TEXT, &version) != 1)
		version = 0;
	fclose(file);
	if (version > FORMAT_VERSION)
		return fail(err, FATAL,
			    "the log in %s has format version %d, written by a newer isotope; this one knows up to %d",
			    log->directory, version, FORMAT_VERSION);
	if (version == 1)
		return fail(
			err, FATAL,
			"the log in %s has format version 1, which this isotope does not read: consume its topics with "
			"the version that wrote it and produce them anew",
			log->directory);
	if (version < 1)
		return fail(err, FATAL, "the log in %s is damaged: %s does not say a format version", log->directory,
			    path);
	return 0;
}

/* Unless that is certain, it has. */
static bool
has_files(const char *path)
{
	DIR *directory = opendir(path);
	bool any = !directory && errno != ENOENT;

	for (struct dirent *entry; directory && !any && (entry = readdir(directory));)
		any = entry->d_name[0] != '.';
	if (directory)
		closedir(directory);
	return any;
}

/* RocksDB makes a database where it finds none; beside segments that would be one that has lost all of them. */
static int
check_database(struct embedded *log, struct error *err)
{
	char *current = memory_format("%s/CURRENT", log->path);
	char *segments = memory_format("%s/segments", log->directory);
	int result = 0;

	if (access(current, F_OK) < 0 && errno != ENOENT)
		result = fail_file(err, errno, "the log in %s cannot be opened: %s", log->directory, current);
	else if (access(current, F_OK) < 0 && has_files(segments))
		result = fail(err, FATAL,
			      "the log in %s is damaged: there are segments but no %s, which says what is in them; put "
			      "the directory back from a copy",
			      log->directory, current);
	memory_free(&current);
	memory_free(&segments);
	return result;
}

static void
remove_secondary(const char *path)
{
	DIR *directory = opendir(path);

	for (struct dirent *entry; directory && (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
	rmdir(path);
}

/* What readers that were killed have left behind: their names say which process they were. */
static void
remove_dead(const char *parent)
{
	DIR *directory = opendir(parent);

	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		long pid;
		char *path;

		if (sscanf(entry->d_name, SECONDARY_NAME "%ld-", &pid) != 1 || pid <= 0)
			continue;
		if (kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		path = memory_format("%s/%s", parent, entry->d_name);
		remove_secondary(path);
		memory_free(&path);
	}
	if (directory)
		closedir(directory);
}

static int
make_secondary(struct embedded *log, struct error *err)
{
	const char *parent = getenv("TMPDIR");

	if (!parent || !*parent)
		parent = "/tmp";
	remove_dead(parent);
	log->secondary = memory_format("%s/" SECONDARY_NAME "%ld-XXXXXX", parent, (long)getpid());
	if (mkdtemp(log->secondary))
		return 0;
	fail_file(err, errno, "a directory like %s cannot be made", log->secondary);
	memory_free(&log->secondary);
	return -1;
}

int
embedded_directory_open(struct embedded *log, struct error *err)
{
	char *path;
	int result;

	log->path = memory_format("%s/database", log->directory ? log->directory : "");
	if (!log->directory)
		return 0;
	if (!log->read_only && directory_make(log->directory) < 0)
		return fail_file(err, errno, "directory %s cannot be made", log->directory);
	if (!log->read_only && (lock(log, err) < 0 || open_commits(log, err) < 0))
		return -1;
	path = memory_format("%s/format", log->directory);
	result = check_format(log, path, err);
	memory_free(&path);
	if (result == 0)
		result = check_database(log, err);
	if (result == 0 && log->read_only)
		result = make_secondary(log, err);
	return result;
}

int
embedded_directory_sync(struct embedded *log, struct error *err)
{
	if (!log->directory || log->read_only || directory_sync(log->directory) == 0)
		return 0;
	return fail_file(err, errno, "directory %s cannot be made durable", log->directory);
}

void
embedded_directory_close(struct embedded *log)
{
	if (log->secondary)
		remove_secondary(log->secondary);
	if (log->commits_fd >= 0)
		close(log->commits_fd);
	if (log->lock_fd >= 0)
		close(log->lock_fd);
	memory_free(&log->secondary);
	memory_free(&log->path);
	memory_free(&log->directory);
}
