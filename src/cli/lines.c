#include "cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define READ_BYTES 262144

int
lines_open(struct lines *lines, const char *path, struct error *err)
{
	bool standard = !path || strcmp(path, "-") == 0;
	struct stat info;

	*lines = (struct lines){.fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
	if (lines->fd < 0)
		return fail(err, FATAL, "%s cannot be read: %s", path, strerror(errno));
	if (fstat(lines->fd, &info) == 0 && S_ISREG(info.st_mode))
		lines->bytes_total = info.st_size;
	return 0;
}

void
lines_close(struct lines *lines)
{
	if (lines->fd != STDIN_FILENO)
		close(lines->fd);
	buffer_fini(&lines->buffer);
}

static struct bytes
cut_line(struct lines *lines, size_t end)
{
	size_t start = lines->at;

	struct bytes line;

	lines->number++;
	lines->at = lines->searched = end + 1 < lines->buffer.size ? end + 1 : lines->buffer.size;
	if (end > start && lines->buffer.data[end - 1] == '\r')
		end--;
	line = bytes_of(lines->buffer.data + start, end - start);
	return lines->number == 1 ? bytes_without_mark(line) : line;
}

/* Reads more behind what is left. */
static int
fill(struct lines *lines, int wait_ms, bool *waited, struct error *err)
{
	struct buffer *buffer = &lines->buffer;
	struct pollfd input = {.fd = lines->fd, .events = POLLIN};
	ssize_t got;

	if (buffer->size - lines->at > LINES_SIZE_MAX)
		return fail(err, FATAL, "line %lld is longer than %d bytes", (long long)lines->number + 1,
			    LINES_SIZE_MAX);
	if (poll(&input, 1, wait_ms) <= 0) {
		*waited = true;
		return 0;
	}
	if (lines->at > 0) {
		memmove(buffer->data, buffer->data + lines->at, buffer->size - lines->at);
		buffer->size -= lines->at;
		lines->searched -= lines->at;
		lines->at = 0;
	}
	do
		got = read(lines->fd, buffer_reserve(buffer, READ_BYTES), READ_BYTES);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return fail(err, FATAL, "the input cannot be read: %s", strerror(errno));
	buffer->size += (size_t)got;
	lines->bytes_read += got;
	lines->ended = got == 0;
	return 0;
}

int
lines_next(struct lines *lines, int wait_ms, enum lines_result *result, struct bytes *line, struct error *err)
{
	int64_t until_us = 0; /* not looked yet: nearly always there is a line */

	for (;;) {
		struct buffer *buffer = &lines->buffer;
		size_t left = buffer->size - lines->searched;
		const uint8_t *end = left ? memchr(buffer->data + lines->searched, '\n', left) : NULL;
		bool waited = false;

		*result = LINES_LINE;
		if (end) {
			*line = cut_line(lines, (size_t)(end - buffer->data));
			return 0;
		}
		lines->searched = buffer->size;
		if (lines->ended && lines->at < buffer->size) {
			*line = cut_line(lines, buffer->size);
			return 0;
		}
		*result = lines->ended ? LINES_END : LINES_WAITING;
		if (lines->ended)
			return 0;
		if (until_us == 0)
			until_us = clock_monotonic_us() + (int64_t)wait_ms * 1000;
		else if (!lines->bytes_total && clock_monotonic_us() >= until_us)
			return 0;
		if (fill(lines, wait_ms, &waited, err) < 0)
			return -1;
		if (waited)
			return 0;
	}
}
