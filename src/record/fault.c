#include "record/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
fault_set(struct fault *fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fault->why, sizeof(fault->why), format, args);
	va_end(args);
	fault->start = sizeof(fault->path) - 1;
	fault->path[fault->start] = 0;
	return -1;
}

int
fault_in(struct fault *fault, const char *format, ...)
{
	char part[FAULT_TEXT_SIZE];
	va_list args;
	size_t size;

	va_start(args, format);
	vsnprintf(part, sizeof(part), format, args);
	va_end(args);
	size = strlen(part);
	/* The innermost parts are the ones that help; outer ones that no longer fit are left out. */
	if (size > fault->start)
		return -1;
	fault->start -= size;
	memcpy(fault->path + fault->start, part, size);
	return -1;
}

int
fault_raise(const struct fault *fault, enum error_action action, const struct schema *record, struct error *err)
{
	return fail(err, action, "%s%s: %s", schema_short_name(record), fault->path + fault->start, fault->why);
}
