#include "log/segment_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/memory.h"

int
segment_error(const struct segments *segments, const char *path, const char *what, struct error *err)
{
	const char *where = path ? path : segments->directory ? segments->directory : "memory";

	return fail_file(err, errno, "the log: %s: %s", where, what);
}

char *
segment_path(const struct segments *segments, int topic, uint64_t number)
{
	return memory_format("%s/%d-%llu", segments->directory ? segments->directory : "memory", topic,
			     (unsigned long long)number);
}

/* ---- the list ---- */

static struct segment *
find(struct segment_stream *stream, uint64_t number)
{
	for (size_t i = stream->count; i-- > 0 && stream->items[i].number >= number;)
		if (stream->items[i].number == number)
			return &stream->items[i];
	return NULL;
}

static struct segment *
add(struct segment_stream *stream, uint64_t number, int fd)
{
	size_t at = stream->count;

	if (stream->count == stream->capacity) {
		stream->capacity = stream->capacity * 2 + 4;
		stream->items = memory_resize_array(stream->items, stream->capacity, sizeof(*stream->items));
	}
	for (; at > 0 && stream->items[at - 1].number > number; at--)
		stream->items[at] = stream->items[at - 1];
	stream->items[at] = (struct segment){.number = number, .fd = fd};
	stream->count++;
	return &stream->items[at];
}

static void
close_file(struct segments *segments, struct segment *segment)
{
	if (segment->fd < 0)
		return;
	close(segment->fd);
	segment->fd = -1;
	segments->open_count--;
}

static void
forget(struct segments *segments, struct segment_stream *stream, struct segment *segment)
{
	size_t behind = (size_t)(stream->items + stream->count - (segment + 1));

	close_file(segments, segment);
	memmove(segment, segment + 1, behind * sizeof(*segment));
	stream->count--;
}

/* ---- descriptors, under the lock ---- */

/* In memory a file is gone once it is closed. */
static bool
may_close(const struct segments *segments, const struct segment *segment)
{
	return segments->directory && segment->fd >= 0 && segment->users == 0 && !segment->dirty;
}

/* Closes the file that was used longest ago. */
static bool
close_one(struct segments *segments)
{
	struct segment *oldest = NULL;

	for (int topic = 0; topic < SEGMENT_TOPICS_MAX; topic++) {
		struct segment_stream *stream = &segments->streams[topic];

		for (size_t i = 0; i < stream->count; i++) {
			struct segment *segment = &stream->items[i];

			if (may_close(segments, segment) && (!oldest || segment->used < oldest->used))
				oldest = segment;
		}
	}
	if (oldest)
		close_file(segments, oldest);
	return oldest != NULL;
}

static int
open_file(struct segments *segments, const char *path, int flags)
{
	int fd;

	if (!segments->directory)
		return memfd_create("isotope-segment", MFD_CLOEXEC);
	if (segments->open_count >= segments->open_max)
		close_one(segments);
	while ((fd = open(path, flags | O_CLOEXEC, 0666)) < 0 && (errno == EMFILE || errno == ENFILE)) {
		int failure = errno;

		if (!close_one(segments)) {
			errno = failure;
			break;
		}
	}
	return fd;
}

/* The files of this process are written to, those of earlier ones are not. */
static int
open_known(struct segments *segments, int topic, uint64_t number, struct segment **out, struct error *err)
{
	struct segment_stream *stream = &segments->streams[topic];
	bool ours = stream->writing && number == stream->number;
	char *path = segment_path(segments, topic, number);
	int fd = segments->directory ? open_file(segments, path, ours ? O_RDWR : O_RDONLY) : -1;
	int result = 0;

	if (fd >= 0) {
		segments->open_count++;
		if (!*out)
			*out = add(stream, number, fd);
		(*out)->fd = fd;
	} else if (!segments->directory || errno == ENOENT) {
		result = 1;
	} else {
		result = segment_error(segments, path, "it cannot be opened", err);
	}
	memory_free(&path);
	return result;
}

int
segment_take(struct segments *segments, int topic, uint64_t number, int *fd, struct error *err)
{
	struct segment *segment;
	int result = 0;

	pthread_mutex_lock(&segments->lock);
	segment = find(&segments->streams[topic], number);
	if (segment && segment->dead)
		result = 1;
	else if (!segment || segment->fd < 0)
		result = open_known(segments, topic, number, &segment, err);
	if (result == 0) {
		segment->users++;
		segment->used = ++segments->uses;
		*fd = segment->fd;
	}
	pthread_mutex_unlock(&segments->lock);
	return result;
}

void
segment_put(struct segments *segments, int topic, uint64_t number)
{
	struct segment_stream *stream = &segments->streams[topic];
	struct segment *segment;

	pthread_mutex_lock(&segments->lock);
	segment = find(stream, number);
	insist(segment && segment->users > 0);
	if (--segment->users == 0 && segment->dead)
		forget(segments, stream, segment);
	pthread_mutex_unlock(&segments->lock);
}

/* ---- the file that is appended to ---- */

static int
begin(struct segments *segments, int topic, const char *path, struct error *err)
{
	struct segment_stream *stream = &segments->streams[topic];
	uint64_t number = stream->next_number;
	int fd = open_file(segments, path, O_RDWR | O_CREAT | O_EXCL);

	if (fd < 0)
		return segment_error(segments, path, "it cannot be made", err);
	segments->open_count++;
	add(stream, number, fd)->used = ++segments->uses;
	stream->number = number;
	stream->next_number = number + 1;
	stream->end = 0;
	if (!stream->writing)
		stream->first_unindexed = number;
	stream->writing = true;
	return 0;
}

int
segment_begin(struct segments *segments, int topic, struct error *err)
{
	char *path = segment_path(segments, topic, segments->streams[topic].next_number);
	int result;

	pthread_mutex_lock(&segments->lock);
	result = begin(segments, topic, path, err);
	pthread_mutex_unlock(&segments->lock);
	if (result == 0 && segments->directory && fsync(segments->directory_fd) < 0) {
		segment_error(segments, path, "its name cannot be made durable", err);
		err->action = FATAL;
		result = -1;
	}
	memory_free(&path);
	return result;
}

void
segment_mark(struct segments *segments, int topic, bool dirty)
{
	struct segment_stream *stream = &segments->streams[topic];
	struct segment *segment;

	pthread_mutex_lock(&segments->lock);
	segment = find(stream, stream->number);
	if (segment) /* not so where it was removed meanwhile: nothing refers to it */
		segment->dirty = dirty;
	pthread_mutex_unlock(&segments->lock);
}

bool
segment_is_dirty(struct segments *segments, int topic)
{
	struct segment_stream *stream = &segments->streams[topic];
	const struct segment *segment;
	bool dirty;

	pthread_mutex_lock(&segments->lock);
	segment = stream->writing ? find(stream, stream->number) : NULL;
	dirty = segment && segment->dirty;
	pthread_mutex_unlock(&segments->lock);
	return dirty;
}

int
segment_unlink(struct segments *segments, int topic, struct segment *segment)
{
	int result = 0;

	if (segments->directory) {
		char *path = segment_path(segments, topic, segment->number);
		int failure;

		result = unlink(path);
		failure = errno;
		memory_free(&path);
		errno = failure;
		if (result < 0 && failure != ENOENT)
			return -1;
	}
	segment->dead = true;
	if (segment->users == 0)
		forget(segments, &segments->streams[topic], segment);
	return 0;
}

/* ---- the directory ---- */

static int
load(struct segments *segments, struct error *err)
{
	DIR *directory = opendir(segments->directory);
	struct dirent *entry;
	int failure;

	if (!directory)
		return segment_error(segments, NULL, "its files cannot be listed", err);
	while (errno = 0, (entry = readdir(directory))) {
		struct segment_stream *stream;
		unsigned long long number;
		int topic, length = 0;

		if (sscanf(entry->d_name, "%d-%llu%n", &topic, &number, &length) != 2 || entry->d_name[length] != 0 ||
		    topic < 0 || topic >= SEGMENT_TOPICS_MAX)
			continue;
		stream = &segments->streams[topic];
		add(stream, number, -1);
		if (stream->next_number <= number)
			stream->next_number = number + 1;
	}
	failure = errno;
	closedir(directory);
	errno = failure;
	return failure ? segment_error(segments, NULL, "its files cannot be listed", err) : 0;
}

/* A quarter of what the process may have open: the databases need the rest. */
static size_t
files_open_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 4 >= SEGMENT_FILES_OPEN_MAX)
		return SEGMENT_FILES_OPEN_MAX;
	return limit.rlim_cur / 4 < SEGMENT_FILES_OPEN_MIN ? SEGMENT_FILES_OPEN_MIN : limit.rlim_cur / 4;
}

int
segment_files_open(struct segments *segments, struct error *err)
{
	segments->open_max = files_open_max();
	if (!segments->directory || segments->read_only)
		return 0;
	if (directory_make(segments->directory) < 0)
		return segment_error(segments, NULL, "it cannot be made", err);
	segments->directory_fd = open(segments->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (segments->directory_fd < 0)
		return segment_error(segments, NULL, "it cannot be opened", err);
	return load(segments, err);
}

void
segment_files_close(struct segments *segments)
{
	for (int topic = 0; topic < SEGMENT_TOPICS_MAX; topic++) {
		struct segment_stream *stream = &segments->streams[topic];

		for (size_t i = 0; i < stream->count; i++)
			close_file(segments, &stream->items[i]);
		memory_free(&stream->items);
	}
	if (segments->directory_fd >= 0)
		close(segments->directory_fd);
}
