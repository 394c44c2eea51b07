#include "cli/tell.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

void
tell(enum logger_level level, const char *event, const char *format, ...)
{
	char text[2 * ERROR_TEXT_SIZE], quoted[LOGGER_LINE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (logger_is_json())
		logger_tell(level, event, "text=%s", logger_quote(quoted, sizeof(quoted), text));
	else
		fprintf(stderr, "%s\n", text);
}
