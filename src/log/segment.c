#include "log/segment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/key.h"
#include "base/memory.h"
#include "log/segment_files.h"

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

char *
segments_path(const struct segments *segments, int topic, uint64_t number)
{
	return segment_path(segments, topic, number);
}

/* ---- failing for good ---- */

int
segments_check(struct segments *segments, struct error *err)
{
	int result = 0;

	pthread_mutex_lock(&segments->lock);
	if (segments->failed)
		result = fail(err, FATAL, "the log cannot be written to since: %s", segments->failure);
	pthread_mutex_unlock(&segments->lock);
	return result;
}

/* The first reason is the one to be kept. */
static int
fail_for_good(struct segments *segments, struct error *err)
{
	err->action = FATAL;
	pthread_mutex_lock(&segments->lock);
	if (!segments->failed)
		snprintf(segments->failure, sizeof(segments->failure), "%s", err->text);
	segments->failed = true;
	pthread_mutex_unlock(&segments->lock);
	return -1;
}

/* ---- the last file of a topic, under `appending` ---- */

static int
take_last(struct segments *segments, int topic, int *fd, struct error *err)
{
	struct segment_stream *stream = &segments->streams[topic];
	int found = segment_take(segments, topic, stream->number, fd, err);
	char *path;

	if (found <= 0)
		return found;
	path = segment_path(segments, topic, stream->number);
	fail(err, FATAL, "the log: %s, which is being written, is not there any more", path);
	memory_free(&path);
	return fail_for_good(segments, err);
}

static int
fail_at(struct segments *segments, int topic, const char *what, struct error *err)
{
	char *path = segment_path(segments, topic, segments->streams[topic].number);

	segment_error(segments, path, what, err);
	memory_free(&path);
	return -1;
}

static int
make_durable(struct segments *segments, int topic, struct error *err)
{
	struct segment_stream *stream = &segments->streams[topic];
	int fd, result = 0;

	if (!segment_is_dirty(segments, topic))
		return 0;
	if (take_last(segments, topic, &fd, err) < 0)
		return -1;
	if (segments->directory && fdatasync(fd) < 0) {
		fail_at(segments, topic, "it cannot be made durable", err);
		result = fail_for_good(segments, err);
	} else {
		segment_mark(segments, topic, false);
	}
	segment_put(segments, topic, stream->number);
	return result;
}

static int
begin_file(struct segments *segments, int topic, struct error *err)
{
	if (make_durable(segments, topic, err) < 0)
		return -1;
	if (segment_begin(segments, topic, err) == 0)
		return 0;
	return err->action == RETRY ? -1 : fail_for_good(segments, err);
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

/* A full disk leaves bytes behind the end, which the next attempt writes over. */
static int
append(struct segments *segments, int topic, struct bytes header, struct bytes records, struct segment_place *out,
       struct error *err)
{
	struct segment_stream *stream = &segments->streams[topic];
	int fd, result = 0;

	*out = (struct segment_place){
		.number = stream->number,
		.position = (uint64_t)stream->end,
		.size = header.size + records.size,
		.checksum = checksum_of(header, records),
	};
	if (take_last(segments, topic, &fd, err) < 0)
		return -1;
	segment_mark(segments, topic, true);
	if (write_all(fd, header, records, stream->end) == 0) {
		stream->end += (int64_t)out->size;
	} else {
		result = fail_at(segments, topic, "it cannot be written", err);
		if (err->action != RETRY)
			fail_for_good(segments, err);
	}
	segment_put(segments, topic, out->number);
	return result;
}

int
segments_append(struct segments *segments, int topic, struct bytes header, struct bytes records,
		struct segment_place *out, struct error *err)
{
	struct segment_stream *stream = &segments->streams[topic];
	int result = segments_check(segments, err);

	if (result < 0)
		return -1;
	pthread_mutex_lock(&stream->appending);
	if (!stream->writing || stream->end >= segments->size)
		result = begin_file(segments, topic, err);
	if (result == 0)
		result = append(segments, topic, header, records, out, err);
	pthread_mutex_unlock(&stream->appending);
	return result;
}

int
segments_sync(struct segments *segments, int topic, struct error *err)
{
	struct segment_stream *stream = &segments->streams[topic];
	int result = segments_check(segments, err);

	if (result < 0)
		return -1;
	pthread_mutex_lock(&stream->appending);
	result = make_durable(segments, topic, err);
	pthread_mutex_unlock(&stream->appending);
	return result;
}

void
segments_indexed(struct segments *segments, int topic)
{
	struct segment_stream *stream = &segments->streams[topic];

	pthread_mutex_lock(&segments->lock);
	if (stream->writing)
		stream->first_unindexed = stream->number;
	pthread_mutex_unlock(&segments->lock);
}

/* ---- reading ---- */

/* 0; 1 where the file ends before; -1 with errno. */
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

static int
fail_damaged(const struct segments *segments, int topic, const struct segment_place *place, const char *why,
	     struct error *err)
{
	char *path = segment_path(segments, topic, place->number);

	fail(err, FATAL,
	     "the log is damaged: %s does not have at byte %llu the %llu bytes that were written there (%s); put the "
	     "file back from a copy",
	     path, (unsigned long long)place->position, (unsigned long long)place->size, why);
	memory_free(&path);
	return -1;
}

static int
read_batch(struct segments *segments, int topic, int fd, const struct segment_place *place, struct buffer *out,
	   struct error *err)
{
	const size_t header = 16;
	int result;

	if (place->size < header || place->size > SEGMENT_BATCH_SIZE_MAX)
		return fail_damaged(segments, topic, place, "its size cannot be right", err);
	buffer_clear(out);
	result = read_all(fd, buffer_reserve(out, place->size), place->size, (int64_t)place->position);
	if (result < 0) {
		char *path = segment_path(segments, topic, place->number);

		segment_error(segments, path, "it cannot be read", err);
		memory_free(&path);
		return -1;
	}
	if (result > 0)
		return fail_damaged(segments, topic, place, "the file ends before", err);
	if (checksum_of(bytes_of(out->data, header), bytes_of(out->data + header, place->size - header)) !=
	    place->checksum)
		return fail_damaged(segments, topic, place, "their checksum is another", err);
	out->size = place->size;
	return 0;
}

int
segments_read(struct segments *segments, int topic, const struct segment_place *place, struct buffer *out, bool *gone,
	      struct error *err)
{
	int fd, result = segment_take(segments, topic, place->number, &fd, err);

	*gone = result > 0;
	if (result != 0)
		return result < 0 ? -1 : 0;
	result = read_batch(segments, topic, fd, place, out, err);
	segment_put(segments, topic, place->number);
	return result;
}

/* ---- taking away ---- */

uint64_t
segments_first_unindexed(struct segments *segments, int topic)
{
	struct segment_stream *stream = &segments->streams[topic];
	uint64_t number;

	pthread_mutex_lock(&segments->lock);
	if (stream->writing)
		number = stream->first_unindexed;
	else /* the last one stays: its number is what the next one is counted from */
		number = stream->count != 0 ? stream->items[stream->count - 1].number : 0;
	pthread_mutex_unlock(&segments->lock);
	return number;
}

static bool
may_go(const struct segment *segment, uint64_t before, segments_referred *referred, void *argument)
{
	return segment->number < before && !segment->dead && !referred(argument, segment->number);
}

bool
segments_removable(struct segments *segments, int topic, uint64_t before, segments_referred *referred, void *argument)
{
	struct segment_stream *stream = &segments->streams[topic];
	bool any = false;

	pthread_mutex_lock(&segments->lock);
	for (size_t i = 0; i < stream->count && !any; i++)
		any = may_go(&stream->items[i], before, referred, argument);
	pthread_mutex_unlock(&segments->lock);
	return any;
}

int
segments_remove(struct segments *segments, int topic, uint64_t before, segments_referred *referred, void *argument,
		struct error *err)
{
	struct segment_stream *stream = &segments->streams[topic];
	int result = 0;

	pthread_mutex_lock(&segments->lock);
	for (size_t i = stream->count; i-- > 0 && result == 0;) {
		struct segment *segment = &stream->items[i];
		char *path;

		if (!may_go(segment, before, referred, argument))
			continue;
		path = segment_path(segments, topic, segment->number);
		if (segment_unlink(segments, topic, segment) < 0)
			result = segment_error(segments, path, "it cannot be removed", err);
		memory_free(&path);
	}
	pthread_mutex_unlock(&segments->lock);
	return result;
}

/* ---- opening ---- */

int
segments_open(const char *directory, bool read_only, struct segments **out, struct error *err)
{
	struct segments *segments = memory_new(sizeof(*segments));

	segments->directory = directory ? memory_format("%s/segments", directory) : NULL;
	segments->read_only = read_only;
	segments->size = SEGMENT_SIZE;
	segments->directory_fd = -1;
	pthread_mutex_init(&segments->lock, NULL);
	for (int topic = 0; topic < SEGMENT_TOPICS_MAX; topic++)
		pthread_mutex_init(&segments->streams[topic].appending, NULL);
	*out = segments;
	if (segment_files_open(segments, err) == 0)
		return 0;
	segments_close(out);
	return -1;
}

void
segments_set_size(struct segments *segments, int64_t bytes)
{
	segments->size = bytes < SEGMENT_SIZE_MIN ? SEGMENT_SIZE_MIN : bytes > SEGMENT_SIZE ? SEGMENT_SIZE : bytes;
}

void
segments_close(struct segments **pointer)
{
	struct segments *segments = *pointer;

	if (!segments)
		return;
	segment_files_close(segments);
	for (int topic = 0; topic < SEGMENT_TOPICS_MAX; topic++)
		pthread_mutex_destroy(&segments->streams[topic].appending);
	pthread_mutex_destroy(&segments->lock);
	memory_free(&segments->directory);
	memory_free(pointer);
}
