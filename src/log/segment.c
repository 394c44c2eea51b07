#include "log/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/key.h"
#include "base/memory.h"

#define TOPICS_MAX 4096

struct segment {
	uint64_t number;
	int fd;	     /* -1: not open */
	int readers; /* that are in pread */
	bool dead;   /* removed: closed by the last reader */
};

/* The files of one topic, by number. */
struct stream {
	pthread_mutex_t appending; /* held while a batch is written or made durable; taken before `lock` */
	struct segment *segments;
	size_t count, capacity;
	bool writing; /* this process has begun a file; the last one is: */
	uint64_t number;
	int file;
	int64_t end;		  /* where the next batch goes */
	bool appended;		  /* something in the last one is not durable yet */
	uint64_t first_unindexed; /* files from here on may have batches without a row */
};

struct segments {
	char *directory;
	bool read_only;
	pthread_mutex_t lock;
	size_t open_count;
	struct stream streams[TOPICS_MAX];
};

void
segment_place_write(uint8_t to[SEGMENT_PLACE_SIZE], const struct segment_place *place)
{
	store_u64(to, place->number);
	store_u64(to + 8, place->position);
	store_u64(to + 16, place->size);
	store_u64(to + 24, place->checksum);
}

int
segment_place_read(struct bytes from, struct segment_place *place, struct error *err)
{
	if (from.size != SEGMENT_PLACE_SIZE)
		return fail(err, FATAL, "the log is damaged: the place of a batch has %zu bytes, expected %d",
			    from.size, SEGMENT_PLACE_SIZE);
	*place = (struct segment_place){
		.number = load_u64(from.data),
		.position = load_u64(from.data + 8),
		.size = load_u64(from.data + 16),
		.checksum = load_u64(from.data + 24),
	};
	return 0;
}

static uint64_t
checksum_of(struct bytes header, struct bytes records)
{
	return XXH3_64bits_withSeed(records.data, records.size, XXH3_64bits(header.data, header.size));
}

/* ---- files ---- */

static char *
path_of(const struct segments *segments, int topic, uint64_t number)
{
	return memory_format("%s/%d-%llu", segments->directory, topic, (unsigned long long)number);
}

static struct segment *
find(struct stream *stream, uint64_t number)
{
	for (size_t i = stream->count; i-- > 0;)
		if (stream->segments[i].number == number)
			return &stream->segments[i];
	return NULL;
}

static struct segment *
add(struct stream *stream, uint64_t number, int fd)
{
	if (stream->count == stream->capacity) {
		stream->capacity = stream->capacity * 2 + 4;
		stream->segments = memory_resize_array(stream->segments, stream->capacity, sizeof(*stream->segments));
	}
	stream->segments[stream->count] = (struct segment){.number = number, .fd = fd};
	return &stream->segments[stream->count++];
}

/* The last one stays the last one: it is what is appended to. */
static void
forget(struct segments *segments, struct stream *stream, struct segment *segment)
{
	size_t behind = (size_t)(stream->segments + stream->count - (segment + 1));

	if (segment->fd >= 0) {
		close(segment->fd);
		segments->open_count--;
	}
	memmove(segment, segment + 1, behind * sizeof(*segment));
	stream->count--;
}

/* A new name is durable once its directory is. */
static int
sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return result;
}

static int
failed(const struct segments *segments, const char *what, struct error *err)
{
	if (errno == ENOSPC)
		return fail(err, FATAL, "the disk of the log in %s is full: free some space and start again",
			    segments->directory);
	return fail(err, FATAL, "the log in %s: %s: %s", segments->directory ? segments->directory : "memory", what,
		    strerror(errno));
}

static uint64_t
next_number(const struct stream *stream)
{
	return stream->count != 0 ? stream->segments[stream->count - 1].number + 1 : 0;
}

/* Under the lock. */
static int
begin_file(struct segments *segments, int topic, struct error *err)
{
	struct stream *stream = &segments->streams[topic];
	uint64_t number = next_number(stream);
	int fd;

	if (stream->appended && segments->directory && fdatasync(stream->file) < 0)
		return failed(segments, "a segment cannot be made durable", err);
	if (segments->directory) {
		char *path = path_of(segments, topic, number);

		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		memory_free(&path);
	} else {
		fd = memfd_create("isotope-segment", MFD_CLOEXEC);
	}
	if (fd < 0 || (segments->directory && sync_directory(segments->directory) < 0))
		return failed(segments, "a segment cannot be made", err);
	segments->open_count++;
	add(stream, number, fd);
	stream->number = number;
	stream->file = fd;
	stream->end = 0;
	stream->appended = false;
	if (!stream->writing)
		stream->first_unindexed = number;
	stream->writing = true;
	return 0;
}

/* ---- appending ---- */

static int
write_all(int fd, struct bytes header, struct bytes records, int64_t position)
{
	struct iovec parts[] = {
		{.iov_base = (void *)(uintptr_t)header.data, .iov_len = header.size},
		{.iov_base = (void *)(uintptr_t)records.data, .iov_len = records.size},
	};

	while (parts[0].iov_len + parts[1].iov_len != 0) {
		ssize_t wrote = pwritev(fd, parts, 2, position);
		size_t first = wrote < 0 ? 0 : (size_t)wrote < parts[0].iov_len ? (size_t)wrote : parts[0].iov_len;

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -1;
		position += wrote;
		parts[0].iov_base = (uint8_t *)parts[0].iov_base + first;
		parts[0].iov_len -= first;
		parts[1].iov_base = (uint8_t *)parts[1].iov_base + ((size_t)wrote - first);
		parts[1].iov_len -= (size_t)wrote - first;
	}
	return 0;
}

static int
append(struct segments *segments, struct stream *stream, struct bytes header, struct bytes records,
       struct segment_place *out, struct error *err)
{
	*out = (struct segment_place){
		.number = stream->number,
		.position = (uint64_t)stream->end,
		.size = header.size + records.size,
		.checksum = checksum_of(header, records),
	};
	if (write_all(stream->file, header, records, stream->end) < 0)
		return failed(segments, "a segment cannot be written", err);
	stream->end += (int64_t)out->size;
	stream->appended = true;
	return 0;
}

int
segments_append(struct segments *segments, int topic, struct bytes header, struct bytes records,
		struct segment_place *out, struct error *err)
{
	struct stream *stream = &segments->streams[topic];
	int result = 0;

	pthread_mutex_lock(&stream->appending);
	if (!stream->writing || stream->end >= SEGMENT_SIZE) {
		pthread_mutex_lock(&segments->lock);
		result = begin_file(segments, topic, err);
		pthread_mutex_unlock(&segments->lock);
	}
	if (result == 0)
		result = append(segments, stream, header, records, out, err);
	pthread_mutex_unlock(&stream->appending);
	return result;
}

int
segments_sync(struct segments *segments, int topic, struct error *err)
{
	struct stream *stream = &segments->streams[topic];
	int result = 0;

	pthread_mutex_lock(&stream->appending);
	if (stream->appended && segments->directory && fdatasync(stream->file) < 0)
		result = failed(segments, "a segment cannot be made durable", err);
	stream->appended = false;
	pthread_mutex_unlock(&stream->appending);
	return result;
}

void
segments_indexed(struct segments *segments, int topic)
{
	struct stream *stream = &segments->streams[topic];

	pthread_mutex_lock(&segments->lock);
	if (stream->writing)
		stream->first_unindexed = stream->number;
	pthread_mutex_unlock(&segments->lock);
}

/* ---- reading ---- */

/* Under the lock: closes some file that nobody reads and nothing is appended to. */
static void
close_one(struct segments *segments)
{
	for (int topic = 0; topic < TOPICS_MAX; topic++) {
		struct stream *stream = &segments->streams[topic];

		for (size_t i = 0; i + stream->writing < stream->count; i++) {
			struct segment *segment = &stream->segments[i];

			if (segment->fd < 0 || segment->readers != 0 ||
			    (stream->writing && segment->number >= stream->first_unindexed))
				continue;
			close(segment->fd);
			segment->fd = -1;
			segments->open_count--;
			return;
		}
	}
}

/* Under the lock. The file opened for reading, NULL where there is none. */
static struct segment *
open_file(struct segments *segments, int topic, uint64_t number)
{
	struct stream *stream = &segments->streams[topic];
	struct segment *segment = find(stream, number);
	char *path;
	int fd;

	if (segment && (segment->fd >= 0 || segment->dead))
		return segment->dead ? NULL : segment;
	if (!segments->directory || (!segment && !segments->read_only))
		return NULL;
	if (segments->open_count >= SEGMENT_FILES_OPEN_MAX)
		close_one(segments);
	path = path_of(segments, topic, number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	memory_free(&path);
	if (fd < 0)
		return NULL;
	segments->open_count++;
	if (!segment)
		return add(stream, number, fd);
	segment->fd = fd;
	return segment;
}

static int
read_all(int fd, uint8_t *to, size_t size, int64_t position)
{
	while (size != 0) {
		ssize_t got = pread(fd, to, size, position);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -1 : 1;
		to += got;
		size -= (size_t)got;
		position += got;
	}
	return 0;
}

static void
end_reading(struct segments *segments, int topic, uint64_t number)
{
	struct stream *stream = &segments->streams[topic];
	struct segment *segment;

	pthread_mutex_lock(&segments->lock);
	segment = find(stream, number);
	if (--segment->readers == 0 && segment->dead)
		forget(segments, stream, segment);
	pthread_mutex_unlock(&segments->lock);
}

int
segments_read(struct segments *segments, int topic, const struct segment_place *place, struct buffer *out, bool *gone,
	      struct error *err)
{
	const size_t header = 16;
	struct segment *segment;
	int fd, result;

	pthread_mutex_lock(&segments->lock);
	segment = open_file(segments, topic, place->number);
	*gone = !segment;
	fd = segment ? segment->fd : -1;
	if (segment)
		segment->readers++;
	pthread_mutex_unlock(&segments->lock);
	if (*gone)
		return 0;
	buffer_clear(out);
	result = read_all(fd, buffer_reserve(out, place->size), place->size, (int64_t)place->position);
	end_reading(segments, topic, place->number);
	if (result < 0)
		return failed(segments, "a segment cannot be read", err);
	if (result > 0 || place->size < header ||
	    checksum_of(bytes_of(out->data, header), bytes_of(out->data + header, place->size - header)) !=
		    place->checksum)
		return fail(err, FATAL,
			    "the log is damaged: segment %d-%llu has not at position %llu what was written there "
			    "(%llu bytes)",
			    topic, (unsigned long long)place->number, (unsigned long long)place->position,
			    (unsigned long long)place->size);
	out->size = place->size;
	return 0;
}

/* ---- taking away ---- */

uint64_t
segments_first_unindexed(struct segments *segments, int topic)
{
	struct stream *stream = &segments->streams[topic];
	uint64_t number;

	pthread_mutex_lock(&segments->lock);
	if (stream->writing)
		number = stream->first_unindexed;
	else /* the last one stays: its number is what the next one is counted from */
		number = stream->count != 0 ? stream->segments[stream->count - 1].number : 0;
	pthread_mutex_unlock(&segments->lock);
	return number;
}

void
segments_remove(struct segments *segments, int topic, uint64_t before, segments_referred *referred, void *argument)
{
	struct stream *stream = &segments->streams[topic];

	pthread_mutex_lock(&segments->lock);
	for (size_t i = stream->count; i-- > 0;) {
		struct segment *segment = &stream->segments[i];

		if (segment->number >= before || segment->dead || referred(argument, segment->number))
			continue;
		if (segments->directory) {
			char *path = path_of(segments, topic, segment->number);

			unlink(path);
			memory_free(&path);
		}
		segment->dead = true;
		if (segment->readers == 0)
			forget(segments, stream, segment);
	}
	pthread_mutex_unlock(&segments->lock);
}

/* ---- opening ---- */

static int
compare_numbers(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int
load(struct segments *segments, struct error *err)
{
	DIR *directory = opendir(segments->directory);

	if (!directory)
		return failed(segments, "the segments cannot be listed", err);
	for (struct dirent *entry; (entry = readdir(directory));) {
		unsigned long long number;
		int topic, length = 0;

		if (sscanf(entry->d_name, "%d-%llu%n", &topic, &number, &length) == 2 && entry->d_name[length] == 0 &&
		    topic >= 0 && topic < TOPICS_MAX)
			add(&segments->streams[topic], number, -1);
	}
	closedir(directory);
	for (int topic = 0; topic < TOPICS_MAX; topic++)
		if (segments->streams[topic].count > 1)
			qsort(segments->streams[topic].segments, segments->streams[topic].count, sizeof(struct segment),
			      compare_numbers);
	return 0;
}

int
segments_open(const char *directory, bool read_only, struct segments **out, struct error *err)
{
	struct segments *segments = memory_new(sizeof(*segments));
	int result = 0;

	segments->directory = directory ? memory_format("%s/segments", directory) : NULL;
	segments->read_only = read_only;
	pthread_mutex_init(&segments->lock, NULL);
	for (int topic = 0; topic < TOPICS_MAX; topic++)
		pthread_mutex_init(&segments->streams[topic].appending, NULL);
	*out = segments;
	if (directory && !read_only) {
		if (mkdir(segments->directory, 0777) < 0 && errno != EEXIST)
			result = failed(segments, "the directory of segments cannot be made", err);
		else
			result = load(segments, err);
	}
	if (result < 0)
		segments_close(out);
	return result;
}

void
segments_close(struct segments **pointer)
{
	struct segments *segments = *pointer;

	if (!segments)
		return;
	for (int topic = 0; topic < TOPICS_MAX; topic++) {
		struct stream *stream = &segments->streams[topic];

		for (size_t i = 0; i < stream->count; i++)
			if (stream->segments[i].fd >= 0)
				close(stream->segments[i].fd);
		memory_free(&stream->segments);
		pthread_mutex_destroy(&stream->appending);
	}
	pthread_mutex_destroy(&segments->lock);
	memory_free(&segments->directory);
	memory_free(pointer);
}
