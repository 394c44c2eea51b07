/* One line on standard error that is written over again and again. Nothing at all where that is no terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool terminal;
	bool shown;	 /* there is a line to be cleared */
	int64_t last_us; /* when it was written */
};

void progress_init(struct progress *progress);
bool progress_due(const struct progress *progress); /* the last line has stood long enough */
void progress_show(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_clear(struct progress *progress); /* before anything else is printed */

#endif
