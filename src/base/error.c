#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
fail(struct error *err, enum error_action action, const char *format, ...)
{
	va_list args;

	err->action = action;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return -1;
}

int
fail_in(struct error *err, const char *format, ...)
{
	char inner[ERROR_TEXT_SIZE];
	va_list args;
	int used;

	memcpy(inner, err->text, sizeof(inner));
	va_start(args, format);
	used = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (used < 0 || (size_t)used >= sizeof(err->text))
		return -1;
	snprintf(err->text + used, sizeof(err->text) - (size_t)used, ": %s", inner);
	return -1;
}

static bool
says(const char *reason, int first, int second)
{
	return strstr(reason, strerror(first)) || strstr(reason, strerror(second));
}

static int
fail_because(struct error *err, const char *reason, const char *format, va_list args)
{
	bool full = says(reason, ENOSPC, EDQUOT), files = says(reason, EMFILE, ENFILE);
	char text[ERROR_TEXT_SIZE];

	vsnprintf(text, sizeof(text), format, args);
	return fail(err, full || files ? RETRY : FATAL, "%s: %s%s", text, reason,
		    full    ? ": the disk is full, free some space"
		    : files ? ": raise the limit (ulimit -n)"
			    : "");
}

int
fail_reason(struct error *err, const char *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail_because(err, reason, format, args);
	va_end(args);
	return -1;
}

int
fail_file(struct error *err, int failure, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail_because(err, strerror(failure), format, args);
	va_end(args);
	return -1;
}

const char *
error_action_name(enum error_action action)
{
	static const char *const names[] = {
		[SKIP] = "skip", [RETRY] = "retry", [ABORT] = "abort", [FENCED] = "fenced", [FATAL] = "fatal",
	};

	return names[action];
}

void
insist_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "isotope: %s:%d: internal error: %s does not hold\n", file, line, condition);
	abort();
}
