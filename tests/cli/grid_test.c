#include "cli/grid.h"

#include "tests/test.h"

static const char *const columns[] = {"NAME", ">COUNT", "REASON", NULL};

static const char *
written(struct grid *grid, struct buffer *out)
{
	grid_write(grid, out);
	grid_fini(grid);
	buffer_put_u8(out, 0);
	return (const char *)out->data;
}

TEST(columns_are_as_wide_as_their_widest_cell)
{
	struct buffer out = {0};
	struct grid grid;

	grid_init(&grid, columns);
	grid_put(&grid, "a");
	grid_put(&grid, "%d", 1234567);
	grid_put(&grid, "none");
	grid_put(&grid, "a longer name");
	grid_put(&grid, "%d", 5);
	grid_put(&grid, "x");
	check_text(written(&grid, &out), "NAME             COUNT  REASON\n"
					 "a              1234567  none\n"
					 "a longer name        5  x\n");
	buffer_fini(&out);
}

TEST(a_letter_is_one_column_whatever_its_bytes)
{
	struct buffer out = {0};
	struct grid grid;

	grid_init(&grid, columns);
	grid_put(&grid, "gr\xc3\xbc\xc3\x9f"
			"e");
	grid_put(&grid, "1");
	grid_put(&grid, "x");
	check_text(written(&grid, &out), "NAME   COUNT  REASON\ngr\xc3\xbc\xc3\x9f"
					 "e      1  x\n");
	buffer_fini(&out);
}

TEST(a_control_byte_does_not_break_a_row)
{
	struct buffer out = {0};
	struct grid grid;

	grid_init(&grid, columns);
	grid_put(&grid, "a\nb");
	grid_put(&grid, "1");
	grid_put(&grid, "\033[2J");
	check_text(written(&grid, &out), "NAME  COUNT  REASON\na?b       1  ?[2J\n");
	buffer_fini(&out);
}
