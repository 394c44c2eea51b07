/*
 * Structured logging to standard error, a line an event:
 *
 *     2026-11-21T05:00:00.123Z info restored operator=join partition=2 bytes=1048576 ms=12
 *
 * or, after logger_set_json(true), the same as one JSON object. An event has a short fixed name and `key=value` pairs;
 * a value with spaces or quotes is written by logger_quote. Secrets never come here. Thread-safe; a line is one write.
 */
#ifndef BASE_LOGGER_H
#define BASE_LOGGER_H

#include <stdbool.h>

enum logger_level { LOGGER_DEBUG, LOGGER_INFO, LOGGER_WARN, LOGGER_ERROR };

#define LOGGER_LINE_SIZE 4096 /* bytes; a longer line is cut */

void logger_set_level(enum logger_level least); /* default LOGGER_INFO */
void logger_set_json(bool json);		/* default false */
bool logger_is_json(void);
int logger_parse_level(const char *name, enum logger_level *level); /* "debug", "info", "warn", "error"; 0 or -1 */

/* `format` gives the pairs: "operator=%s partition=%d"; may be "". */
void logger_write(enum logger_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same whatever the least level is: what a command has to say to whoever called it. */
void logger_tell(enum logger_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define logger_debug(...) logger_write(LOGGER_DEBUG, __VA_ARGS__)
#define logger_info(...) logger_write(LOGGER_INFO, __VA_ARGS__)
#define logger_warn(...) logger_write(LOGGER_WARN, __VA_ARGS__)
#define logger_error(...) logger_write(LOGGER_ERROR, __VA_ARGS__)

/* Quotes `text` for use as a value: "..." with \" \\ \n escaped. Returns `to`, cut to `size`. */
const char *logger_quote(char *to, int size, const char *text);

#endif
