#include "base/logger.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/test.h"

#define CAPTURE_SIZE 1048576

static char captured[CAPTURE_SIZE];
static FILE *capture_file;
static int standard_error;

static void
capture_begin(void)
{
	capture_file = tmpfile();
	standard_error = dup(STDERR_FILENO);
	dup2(fileno(capture_file), STDERR_FILENO);
}

static const char *
capture_end(void)
{
	size_t size;

	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	rewind(capture_file);
	size = fread(captured, 1, CAPTURE_SIZE - 1, capture_file);
	captured[size] = 0;
	fclose(capture_file);
	logger_set_level(LOGGER_INFO);
	logger_set_json(false);
	return captured;
}

TEST(a_line_has_time_level_event_and_pairs)
{
	int year;
	char rest[128];

	capture_begin();
	logger_info("restored", "operator=%s bytes=%d", "join", 1024);
	check_int(sscanf(capture_end(), "%d-%*2c-%*2cT%*2c:%*2c:%*2c.%*3cZ %127[^\n]", &year, rest), 2);
	check(year >= 2020);
	check_text(rest, "info restored operator=join bytes=1024");
	check_int(captured[strlen(captured) - 1], '\n');
}

TEST(an_event_may_have_no_pairs)
{
	capture_begin();
	logger_warn("stopping", "%s", "");
	check_contains(capture_end(), "Z warn stopping\n");
}

TEST(less_than_the_level_is_not_written)
{
	capture_begin();
	logger_debug("unseen", "a=%d", 1);
	logger_set_level(LOGGER_ERROR);
	logger_warn("unseen", "a=%d", 1);
	logger_error("seen", "a=%d", 1);
	check_contains(capture_end(), "error seen a=1\n");
	check(!strstr(captured, "unseen"));
}

TEST(levels_have_names)
{
	enum logger_level level = LOGGER_INFO;

	check_int(logger_parse_level("debug", &level), 0);
	check_int(level, LOGGER_DEBUG);
	check_int(logger_parse_level("error", &level), 0);
	check_int(level, LOGGER_ERROR);
	check_int(logger_parse_level("loud", &level), -1);
	check_int(level, LOGGER_ERROR);
}

TEST(a_line_feed_in_a_value_does_not_begin_a_line)
{
	capture_begin();
	logger_info("read", "name=%s", "a\nfake line");
	check_contains(capture_end(), "name=a?fake line\n");
}

TEST(a_long_line_is_cut_and_ends)
{
	char value[2 * LOGGER_LINE_SIZE];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	capture_begin();
	logger_info("long", "value=%s", value);
	capture_end();
	check(strlen(captured) <= LOGGER_LINE_SIZE);
	check_int(captured[strlen(captured) - 1], '\n');
	check(strchr(captured, '\n') == captured + strlen(captured) - 1);
}

TEST(json_lines_hold_the_same_as_text_lines)
{
	char quoted[64];
	json_t *line;

	capture_begin();
	logger_set_json(true);
	logger_warn("dead_letter", "operator=%s count=%d rate=%.1f reason=%s last=%s live=%s id=%s", "join", -12, 0.5,
		    logger_quote(quoted, sizeof(quoted), "bad \"utf-8\"\n"), "true", "yes", "007");
	line = json_loads(capture_end(), 0, NULL);
	check(line);
	check_text(json_string_value(json_object_get(line, "level")), "warn");
	check_text(json_string_value(json_object_get(line, "event")), "dead_letter");
	check(json_is_string(json_object_get(line, "time")));
	check_text(json_string_value(json_object_get(line, "operator")), "join");
	check_int(json_integer_value(json_object_get(line, "count")), -12);
	check_real(json_real_value(json_object_get(line, "rate")), 0.5);
	check_text(json_string_value(json_object_get(line, "reason")), "bad \"utf-8\"\n");
	check(json_is_true(json_object_get(line, "last")));
	check_text(json_string_value(json_object_get(line, "live")), "yes");
	check_text(json_string_value(json_object_get(line, "id")), "007");
	json_decref(line);
}

TEST(a_long_json_line_loses_whole_pairs_and_says_so)
{
	char value[LOGGER_LINE_SIZE];
	json_t *line;

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	capture_begin();
	logger_set_json(true);
	logger_info("long", "kept=1 value=%s", value);
	line = json_loads(capture_end(), 0, NULL);
	check(line);
	check_int(json_integer_value(json_object_get(line, "kept")), 1);
	check(!json_object_get(line, "value"));
	check(json_is_true(json_object_get(line, "cut")));
	json_decref(line);
}

TEST(quoted_text_is_escaped_and_cut_to_its_room)
{
	char to[64], small[8];

	check_text(logger_quote(to, sizeof(to), "a b"), "\"a b\"");
	check_text(logger_quote(to, sizeof(to), "\"\\\n\t"), "\"\\\"\\\\\\n\\t\"");
	check_text(logger_quote(to, sizeof(to), "\x01"), "\"\\u0001\"");
	check_text(logger_quote(small, sizeof(small), "abcdefgh"), "\"abcde\"");
	check_text(logger_quote(small, sizeof(small), "abcd\n"), "\"abcd\"");
	check_text(logger_quote(small, 2, "abc"), "");
}

static void *
write_many(void *argument)
{
	for (int i = 0; i < 200; i++)
		logger_info("line", "thread=%d number=%d end=here", *(int *)argument, i);
	return NULL;
}

TEST(lines_of_several_threads_stay_whole)
{
	pthread_t threads[4];
	int numbers[4] = {0, 1, 2, 3}, lines = 0;
	char *rest;

	capture_begin();
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, write_many, &numbers[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	capture_end();
	for (char *line = strtok_r(captured, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), lines++) {
		check_contains(line, "Z info line thread=");
		check_text(line + strlen(line) - 9, " end=here");
		check(!strchr(strchr(line, 'Z') + 1, 'Z'));
	}
	check_int(lines, 800);
}
