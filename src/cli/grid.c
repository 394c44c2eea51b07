#include "cli/grid.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"

#define COLUMN_GAP 2

void
grid_init(struct grid *grid, const char *const *columns)
{
	*grid = (struct grid){.columns = columns};
	while (columns[grid->column_count])
		grid->column_count++;
}

void
grid_fini(struct grid *grid)
{
	for (size_t i = 0; i < grid->count; i++)
		memory_free(&grid->cells[i]);
	memory_free(&grid->cells);
}

void
grid_put(struct grid *grid, const char *format, ...)
{
	char cell[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(cell, sizeof(cell), format, args);
	va_end(args);
	for (char *at = cell; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	if (grid->count == grid->capacity) {
		grid->capacity = grid->capacity ? grid->capacity * 2 : 64;
		grid->cells = memory_resize_array(grid->cells, grid->capacity, sizeof(*grid->cells));
	}
	grid->cells[grid->count++] = memory_text(cell);
}

/* Characters, not bytes: names may be in any script. */
static int
width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void
put_cell(struct buffer *out, const char *text, int width, bool right, bool last)
{
	int pad = width - width_of(text);

	if (right)
		buffer_print(out, "%*s", pad, "");
	buffer_put_bytes(out, bytes_of_text(text));
	if (!last)
		buffer_print(out, "%*s", COLUMN_GAP + (right ? 0 : pad), "");
}

void
grid_write(const struct grid *grid, struct buffer *out)
{
	int columns = grid->column_count;
	int *widths = memory_new_array((size_t)columns, sizeof(*widths));

	insist(grid->count % (size_t)columns == 0);
	for (int i = 0; i < columns; i++)
		widths[i] = width_of(grid->columns[i]) - (*grid->columns[i] == '>');
	for (size_t i = 0; i < grid->count; i++) {
		int *width = &widths[i % (size_t)columns];
		int own = width_of(grid->cells[i]);

		*width = own > *width ? own : *width;
	}
	for (int i = 0; i < columns; i++) {
		bool right = *grid->columns[i] == '>';

		put_cell(out, grid->columns[i] + right, widths[i], right, i + 1 == columns);
	}
	buffer_put_u8(out, '\n');
	for (size_t i = 0; i < grid->count; i++) {
		int column = (int)(i % (size_t)columns);

		put_cell(out, grid->cells[i], widths[column], *grid->columns[column] == '>', column + 1 == columns);
		if (column + 1 == columns)
			buffer_put_u8(out, '\n');
	}
	memory_free(&widths);
}
