#include "base/usage.h"

#include "base/memory.h"

size_t
usage_end(struct usage *usage, size_t used_bytes, size_t held_bytes)
{
	size_t peak_bytes = usage->peak_bytes > used_bytes ? usage->peak_bytes : used_bytes;

	usage->peak_bytes = peak_bytes;
	if (held_bytes <= USAGE_BYTES_KEPT || held_bytes / 2 < peak_bytes) {
		*usage = (struct usage){0};
		return held_bytes;
	}
	if (++usage->count < USAGE_COUNT_MAX)
		return held_bytes;
	*usage = (struct usage){0};
	return peak_bytes > USAGE_BYTES_KEPT ? peak_bytes : USAGE_BYTES_KEPT;
}

void
usage_end_buffer(struct usage *usage, struct buffer *buffer)
{
	size_t capacity = usage_end(usage, buffer->size, buffer->capacity);

	if (capacity < buffer->capacity) {
		buffer->data = memory_resize(buffer->data, capacity);
		buffer->capacity = capacity;
	}
	buffer_clear(buffer);
}
