/* A table for people: columns as wide as their widest cell, texts left and numbers right. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "base/buffer.h"

struct grid {
	const char *const *columns; /* names, NULL-terminated; one that begins with '>' is aligned right */
	int column_count;
	char **cells; /* row by row */
	size_t count, capacity;
};

void grid_init(struct grid *grid, const char *const *columns);
void grid_fini(struct grid *grid);
/* The next cell, left to right, row by row. A control byte in it becomes '?': a reason must not break the table. */
void grid_put(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));
void grid_write(const struct grid *grid, struct buffer *out);

#endif
