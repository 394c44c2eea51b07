#include "cli/output.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/test.h"

static struct error err;

/* Puts `fd` where standard output is; returns what was there. */
static int
redirect(int fd)
{
	int kept = dup(STDOUT_FILENO);

	check(fd >= 0);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	return kept;
}

TEST(a_reader_that_went_away_is_no_error)
{
	struct output output = {0};
	int ends[2];
	int kept, before, after;

	signal(SIGPIPE, SIG_IGN);
	check(pipe(ends) == 0);
	kept = redirect(ends[1]);
	before = output_gone(&output);
	close(ends[0]);
	after = output_gone(&output);
	output.gone = false;
	buffer_print(&output.buffer, "a line");
	check_ok(output_line(&output, &err));
	check_ok(output_flush(&output, &err));
	dup2(kept, STDOUT_FILENO);
	check(!before);
	check(after);
	check(output.gone);
	output_fini(&output);
}

TEST(a_full_disk_is_an_error)
{
	struct output output = {0};
	int kept = redirect(open("/dev/full", O_WRONLY));
	int result;

	buffer_print(&output.buffer, "a line");
	result = output_line(&output, &err);
	if (result == 0)
		result = output_flush(&output, &err);
	dup2(kept, STDOUT_FILENO);
	check_fails(result, "standard output cannot be written: No space left");
	output_fini(&output);
}

TEST(much_output_is_written_without_a_flush)
{
	struct output output = {0};
	int null = open("/dev/null", O_WRONLY);
	int kept = redirect(null);

	for (int i = 0; i < 10000; i++) {
		buffer_print(&output.buffer, "line %d of many", i);
		check_ok(output_line(&output, &err));
	}
	dup2(kept, STDOUT_FILENO);
	check(output.buffer.size < 70000);
	output_fini(&output);
}

static struct buffer text;

static const char *
as_text(void)
{
	buffer_put_u8(&text, 0);
	text.size = 0;
	return (const char *)text.data;
}

TEST(a_json_text_is_escaped)
{
	output_json_text(&text, bytes_of("a\"b\\c\n\x01\x7f", 8));
	check_text(as_text(), "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\"");
	buffer_fini(&text);
}

TEST(a_member_that_is_not_utf8_comes_in_base64)
{
	output_json_member(&text, "key", bytes_of_text("gr\xc3\xbc\xc3\x9f"));
	check_text(as_text(), ",\"key\":\"gr\xc3\xbc\xc3\x9f\"");
	output_json_member(&text, "key", bytes_of("\xff\xfe", 2));
	check_text(as_text(), ",\"key\":null,\"key_base64\":\"//4=\"");
	output_json_member(&text, "key", (struct bytes){0});
	check_text(as_text(), ",\"key\":null");
	buffer_fini(&text);
}

TEST(numbers_are_printed_for_people)
{
	char to[OUTPUT_NUMBER_SIZE];

	check_text(output_count(to, 0), "0");
	check_text(output_count(to, 999), "999");
	check_text(output_count(to, 1000), "1,000");
	check_text(output_count(to, -1234567), "-1,234,567");
	check_text(output_count(to, INT64_MIN), "-9,223,372,036,854,775,808");
	check_text(output_short_count(to, 999999), "999,999");
	check_text(output_short_count(to, 1000000), "1.00M");
	check_text(output_short_count(to, 45678901), "45.7M");
	check_text(output_short_count(to, 999499999), "999M");
	check_text(output_short_count(to, 999500000), "1.00G");
	check_text(output_short_count(to, INT64_MAX), "9.22E");
	check_text(output_bytes(to, 1023), "1023 B");
	check_text(output_bytes(to, 1536), "1.5 KiB");
	check_text(output_bytes(to, 3LL << 40), "3.0 TiB");
	check_text(output_duration(to, 1200), "1.2s");
	check_text(output_duration(to, -1200), "-1.2s");
	check_text(output_duration(to, 65000), "1m 5s");
	check_text(output_duration(to, 3720000), "1h 2m");
	check_text(output_duration(to, 3 * 86400000LL), "3 days");
	check_text(output_time(to, 0), "1970-01-01T00:00:00.000Z");
	check_text(output_time(to, TIME_MIN), "-");
}
