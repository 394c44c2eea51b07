#include "base/memory.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_PARTS 8		   /* of the budget: larger pieces are mapped by themselves, and given back at once */
#define PIECE_BYTES_MAX (32 << 20) /* the largest threshold that glibc takes */
#define KEPT_PARTS 2		   /* of the budget: free memory at the end of the heap that is kept */
#define KEPT_BYTES_MAX (256 << 20)

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
memory_keep_freed(int64_t budget_bytes)
{
	int64_t piece = budget_bytes / PIECE_PARTS, kept = budget_bytes / KEPT_PARTS;

	mallopt(M_MMAP_THRESHOLD, (int)(piece < PIECE_BYTES_MAX ? piece : PIECE_BYTES_MAX));
	mallopt(M_TRIM_THRESHOLD, (int)(kept < KEPT_BYTES_MAX ? kept : KEPT_BYTES_MAX));
}

static int64_t
kib_of(const char *line, const char *name)
{
	size_t size = strlen(name);

	return strncmp(line, name, size) == 0 ? strtoll(line + size, NULL, 10) : 0;
}

void
memory_resident(int64_t *now_bytes, int64_t *peak_bytes)
{
	FILE *file = fopen("/proc/self/status", "re");
	int64_t now_kib = 0, peak_kib = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		now_kib += kib_of(line, "VmRSS:");
		peak_kib += kib_of(line, "VmHWM:");
	}
	if (file)
		fclose(file);
	*now_bytes = now_kib * 1024;
	*peak_bytes = peak_kib * 1024;
}
