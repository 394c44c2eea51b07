/* Lines of a file or of standard input, without waiting longer than told for more of them. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/buffer.h"
#include "base/error.h"

#define LINES_SIZE_MAX 8388608 /* bytes of one line */

struct lines {
	int fd;
	int64_t number; /* of the line handed out last, from 1 */
	int64_t bytes_read;
	int64_t bytes_total; /* of a regular file; else 0 */
	struct buffer buffer;
	size_t at;	 /* where the next line begins */
	size_t searched; /* no line end before that */
	bool ended;
};

enum lines_result { LINES_LINE, LINES_WAITING, LINES_END };

/* `path` NULL or "-": standard input. */
int lines_open(struct lines *lines, const char *path, struct error *err);
void lines_close(struct lines *lines);

/* The next line, without its line end and, the first one, without a byte order mark; also the last one where it has no
 * line end. Borrowed until the next call. LINES_WAITING: no whole line within wait_ms. */
int lines_next(struct lines *lines, int wait_ms, enum lines_result *result, struct bytes *line, struct error *err);

#endif
