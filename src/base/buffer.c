#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Isotope's formats are read and written little-endian");

#define BUFFER_CAPACITY_MIN 256 /* bytes of the first allocation */

void
buffer_fini(struct buffer *buffer)
{
	memory_free(&buffer->data);
	*buffer = (struct buffer){0};
}

void
buffer_grow(struct buffer *buffer, size_t size)
{
	size_t capacity = buffer->capacity ? buffer->capacity : BUFFER_CAPACITY_MIN;

	insist(size <= SIZE_MAX / 4 && buffer->size <= SIZE_MAX / 4);
	while (capacity - buffer->size < size)
		capacity *= 2;
	buffer->data = memory_resize(buffer->data, capacity);
	buffer->capacity = capacity;
}

void
buffer_print(struct buffer *buffer, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	insist(size >= 0);
	buffer_reserve(buffer, (size_t)size + 1);
	va_start(args, format);
	vsnprintf((char *)buffer->data + buffer->size, (size_t)size + 1, format, args);
	va_end(args);
	buffer->size += (size_t)size;
}

uint64_t
cursor_varint_long(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint64_t part = cursor_u8(cursor);

		if (cursor->bad || (shift == 63 && part > 1))
			break;
		value |= (part & 0x7f) << shift;
		if (part < 0x80)
			return value;
	}
	cursor->bad = true;
	return 0;
}
