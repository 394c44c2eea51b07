#include "base/memory.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MMAP_BYTES_MIN (32 << 20)  /* the largest that glibc takes */
#define TRIM_BYTES_MIN (256 << 20) /* free memory at the end of the heap that is kept */

static _Noreturn void
out_of_memory(size_t size)
{
	fprintf(stderr, "isotope: out of memory: %zu bytes could not be had; lower `memory:` in the topology\n", size);
	abort();
}

static size_t
array_size(size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		out_of_memory(SIZE_MAX);
	return count * size;
}

void *
memory_new(size_t size)
{
	void *got = calloc(1, size ? size : 1);

	if (!got)
		out_of_memory(size);
	return got;
}

void *
memory_new_array(size_t count, size_t size)
{
	return memory_new(array_size(count, size));
}

void *
memory_resize(void *old, size_t size)
{
	void *got = realloc(old, size ? size : 1);

	if (!got)
		out_of_memory(size);
	return got;
}

void *
memory_resize_array(void *old, size_t count, size_t size)
{
	return memory_resize(old, array_size(count, size));
}

char *
memory_text(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(memory_new(size), text, size);
}

char *
memory_format(const char *format, ...)
{
	va_list args;
	int size;
	char *text;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (size < 0)
		out_of_memory(0);
	text = memory_new((size_t)size + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)size + 1, format, args);
	va_end(args);
	return text;
}

void
memory_free(void *pointer)
{
	void *old;

	memcpy(&old, pointer, sizeof(old));
	free(old);
	memset(pointer, 0, sizeof(old));
}

void
memory_keep_freed(void)
{
	mallopt(M_MMAP_THRESHOLD, MMAP_BYTES_MIN);
	mallopt(M_TRIM_THRESHOLD, TRIM_BYTES_MIN);
}
