/* What stands in segments behind the last row. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "log/batch.h"
#include "log/segment_files.h"

/* What the file holds from `position` on; a file that is not there holds nothing. */
static int
read_rest(struct segments *segments, int topic, uint64_t number, uint64_t position, struct buffer *out,
	  struct error *err)
{
	int fd, result = segment_take(segments, topic, number, &fd, err);
	struct stat status;
	ssize_t got = 1;

	buffer_clear(out);
	if (result != 0)
		return result < 0 ? -1 : 0;
	result = fstat(fd, &status);
	while (result == 0 && got > 0 && position + out->size < (uint64_t)status.st_size) {
		size_t left = (size_t)((uint64_t)status.st_size - position) - out->size;

		got = pread(fd, buffer_reserve(out, left), left, (off_t)(position + out->size));
		if (got > 0)
			out->size += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			result = -1;
	}
	if (result < 0) {
		char *path = segment_path(segments, topic, number);

		segment_error(segments, path, "it cannot be read", err);
		memory_free(&path);
	}
	segment_put(segments, topic, number);
	return result;
}

/* The number of the first file from `number` on, or UINT64_MAX. */
static uint64_t
first_from(struct segments *segments, int topic, uint64_t number)
{
	const struct segment_stream *stream = &segments->streams[topic];
	uint64_t found = UINT64_MAX;

	pthread_mutex_lock(&segments->lock);
	for (size_t i = stream->count; i-- > 0 && stream->items[i].number >= number;)
		found = stream->items[i].number;
	pthread_mutex_unlock(&segments->lock);
	return found;
}

int
segments_scan(struct segments *segments, int topic, uint64_t number, uint64_t position, segments_visit *visit,
	      void *argument, struct error *err)
{
	uint64_t at = first_from(segments, topic, number);
	struct buffer rest = {0};
	int result = 0;

	for (; result == 0 && at != UINT64_MAX; at = first_from(segments, topic, at + 1)) {
		uint64_t from = at == number ? position : 0;
		size_t used = 0, size;
		uint32_t stamp;

		result = read_rest(segments, topic, at, from, &rest, err);
		while (result == 0 && (size = batch_find(bytes_of(rest.data + used, rest.size - used), &stamp)) != 0) {
			visit(argument, at, from + used, size, stamp);
			used += size;
		}
	}
	buffer_fini(&rest);
	return result;
}

uint64_t
segments_last(struct segments *segments, int topic)
{
	const struct segment_stream *stream = &segments->streams[topic];
	uint64_t number;

	pthread_mutex_lock(&segments->lock);
	number = stream->count != 0 ? stream->items[stream->count - 1].number : UINT64_MAX;
	pthread_mutex_unlock(&segments->lock);
	return number;
}

bool
segments_oldest(struct segments *segments, int topic, uint64_t *number, int64_t *written_ms)
{
	const struct segment_stream *stream = &segments->streams[topic];
	struct stat status = {0};
	bool found = false;
	size_t i = 0;

	pthread_mutex_lock(&segments->lock);
	while (i < stream->count && stream->items[i].dead)
		i++;
	if (i + 1 < stream->count && (!stream->writing || stream->items[i].number < stream->first_unindexed)) {
		*number = stream->items[i].number;
		found = true;
	}
	pthread_mutex_unlock(&segments->lock);
	if (found && segments->directory) {
		char *path = segment_path(segments, topic, *number);

		found = stat(path, &status) == 0;
		memory_free(&path);
	}
	*written_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
	return found;
}

void
segments_reserve(struct segments *segments, int topic, uint64_t number)
{
	struct segment_stream *stream = &segments->streams[topic];

	pthread_mutex_lock(&segments->lock);
	if (stream->next_number < number)
		stream->next_number = number;
	pthread_mutex_unlock(&segments->lock);
}
