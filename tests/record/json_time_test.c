#include <time.h>

#include "tests/record/support.h"

static void
check_time(const char *text, int64_t wanted)
{
	struct error err;
	int64_t ms;

	check_ok(json_parse_time(text, &ms, &err));
	check_int(ms, wanted);
}

TEST(times_with_a_zone_are_read)
{
	check_time("1970-01-01T00:00:00Z", 0);
	check_time("2026-11-21T05:00:00.123Z", 1795237200123);
	check_time("2026-11-21T06:00:00.123+01:00", 1795237200123);
	check_time("2026-11-20T23:30:00.123-0530", 1795237200123);
	check_time("2026-11-21 05:00:00.1239999Z", 1795237200123);
	check_time("2026-11-21T05:00:00.1Z", 1795237200100);
	check_time("2000-02-29T00:00:00Z", 951782400000);
	check_time("0000-01-01T00:00:00Z", -62167219200000);
	check_time("1969-12-31T23:59:59.999Z", -1);
}

TEST(what_is_no_time_is_refused)
{
	static const char *const wrong[] = {
		"",
		"2026-11-21",
		"2026-11-21T05:00:00",
		"2026-11-21T05:00Z",
		"2026-13-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T05:60:00Z",
		"2026-11-21T05:00:60Z",
		"2026-11-21T05:00:00.Z",
		"2026-11-21T05:00:00Zx",
		"2026-11-21T05:00:00+24:00",
		"2026-11-21T05:00:00+1:00",
		"1795237200123",
		"2026-11-21t05:00:00Z",
	};
	struct error err;
	int64_t ms;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_fails(json_parse_time(wrong[i], &ms, &err), "expected ISO 8601 with a zone");
}

TEST(times_are_written_as_the_system_would_and_read_back)
{
	struct test_random random = test_random_of(test_seed(1));
	struct error err;

	for (int i = 0; i < 20000; i++) {
		int64_t ms = (int64_t)test_random_below(&random, 315569519999999) - 62167219200000, back;
		time_t seconds = (ms - ((ms % 1000) + 1000) % 1000) / 1000;
		char text[32], wanted[64];
		struct tm tm;

		gmtime_r(&seconds, &tm);
		snprintf(wanted, sizeof(wanted), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - seconds * 1000));
		json_format_time(ms, text);
		check_text(text, wanted);
		check_ok(json_parse_time(text, &back, &err));
		check_int(back, ms);
	}
}

TEST(times_beyond_the_calendar_are_numbers)
{
	char text[32];

	json_format_time(INT64_MAX, text);
	check_text(text, "9223372036854775807ms");
	json_format_time(INT64_MIN, text);
	check_text(text, "-9223372036854775808ms");
}
