#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/logger.h"

#define INTERVAL_US 200000

void
progress_init(struct progress *progress)
{
	*progress = (struct progress){.terminal = isatty(STDERR_FILENO) && !logger_is_json(),
				      .last_us = clock_monotonic_us()};
}

bool
progress_due(const struct progress *progress)
{
	return progress->terminal && clock_monotonic_us() - progress->last_us >= INTERVAL_US;
}

void
progress_show(struct progress *progress, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "\r%s\033[K", text);
	progress->shown = true;
	progress->last_us = clock_monotonic_us();
}

void
progress_clear(struct progress *progress)
{
	if (progress->shown)
		fprintf(stderr, "\r\033[K");
	progress->shown = false;
}
