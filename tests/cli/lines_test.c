#include "cli/lines.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/test.h"

static struct error err;
static struct lines lines;

static void
open_with(const char *text, size_t size)
{
	char *path = memory_format("%s/lines", test_directory());
	FILE *file = fopen(path, "w");

	fwrite(text, 1, size, file);
	fclose(file);
	check_ok(lines_open(&lines, path, &err));
	memory_free(&path);
}

static void
next_is(const char *wanted)
{
	enum lines_result result;
	struct bytes line;

	check_ok(lines_next(&lines, 0, &result, &line, &err));
	check_int(result, wanted ? LINES_LINE : LINES_END);
	if (wanted)
		check_bytes(line, bytes_of_text(wanted));
}

TEST(lines_come_without_their_ends)
{
	open_with("one\ntwo\r\n\nlast", 14);
	next_is("one");
	next_is("two");
	next_is("");
	next_is("last");
	check_int(lines.number, 4);
	next_is(NULL);
	next_is(NULL);
	lines_close(&lines);
}

TEST(a_byte_order_mark_belongs_to_no_line)
{
	open_with("\xef\xbb\xbfone\n\xef\xbb\xbftwo", 13);
	next_is("one");
	next_is("\xef\xbb\xbftwo");
	next_is(NULL);
	lines_close(&lines);
}

TEST(a_line_end_at_the_end_adds_no_line)
{
	open_with("one\n", 4);
	next_is("one");
	next_is(NULL);
	lines_close(&lines);
}

TEST(a_line_longer_than_a_read_is_whole)
{
	size_t size = 1000000;
	char *text = memory_new(2 * size + 2);
	enum lines_result result;
	struct bytes line;

	memset(text, 'a', size);
	text[size] = '\n';
	memset(text + size + 1, 'b', size);
	open_with(text, 2 * size + 1);
	check_ok(lines_next(&lines, 0, &result, &line, &err));
	check_int((int64_t)line.size, (int64_t)size);
	check_int(line.data[size - 1], 'a');
	check_ok(lines_next(&lines, 0, &result, &line, &err));
	check_int((int64_t)line.size, (int64_t)size);
	check_int(line.data[0], 'b');
	next_is(NULL);
	lines_close(&lines);
	memory_free(&text);
}

TEST(a_line_that_comes_bit_by_bit_is_waited_for_no_longer_and_refused_when_it_never_ends)
{
	enum lines_result result = LINES_LINE;
	struct bytes line;

	lines = (struct lines){.fd = open("/dev/zero", O_RDONLY)};
	check_ok(lines_next(&lines, 0, &result, &line, &err));
	check_int(result, LINES_WAITING);
	check_fails(lines_next(&lines, 600000, &result, &line, &err), "line 1 is longer than 8388608 bytes");
	lines_close(&lines);
}

TEST(a_pipe_that_pauses_says_so_and_goes_on)
{
	enum lines_result result;
	struct bytes line;
	int ends[2];

	check(pipe(ends) == 0);
	lines = (struct lines){.fd = ends[0]};
	check(write(ends[1], "one\ntw", 6) == 6);
	next_is("one");
	check_ok(lines_next(&lines, 0, &result, &line, &err));
	check_int(result, LINES_WAITING);
	check(write(ends[1], "o\n", 2) == 2);
	next_is("two");
	close(ends[1]);
	next_is(NULL);
	lines_close(&lines);
}

TEST(a_file_that_is_not_there_is_named)
{
	check_fails(lines_open(&lines, "no/such/file", &err), "no/such/file cannot be read: No such file");
}
