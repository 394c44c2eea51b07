/*
 * What a command says on standard error to a person, a line at a time. With --log-format json each line is a JSON
 * object like those of the log, {"time", "level", "event", "text"}: all of standard error is lines of one kind. It
 * comes whatever --log-level is.
 */
#ifndef CLI_TELL_H
#define CLI_TELL_H

#include "base/logger.h"

void tell(enum logger_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
