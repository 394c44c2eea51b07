#include "dataflow/series_set.h"

#include <stdio.h>

#include "tests/test.h"

static struct series_set set;

static void
note(const char *name, int64_t time_ms)
{
	series_set_note(&set, bytes_of_text(name), time_ms);
}

/* When a series began; TIME_MIN: it is not known. */
static int64_t
began(const char *name)
{
	struct table_series series;

	for (int i = 0; series_set_get(&set, i, &series); i++)
		if (bytes_equal(series.name, bytes_of_text(name)))
			return series.began_ms;
	return TIME_MIN;
}

TEST(a_series_begins_with_its_earliest_row_whenever_that_comes)
{
	note("a", 200);
	note("b", 150);
	note("a", 100);
	note("a", 300);
	note("", 500);
	check_int(began("a"), 100);
	check_int(began("b"), 150);
	check_int(began(""), 500);
	check_int(began("c"), TIME_MIN);
	series_set_fini(&set);
}

TEST(of_too_many_series_those_that_began_first_are_forgotten)
{
	char name[16];

	for (int i = 0; i < TABLE_SERIES_MAX + 2; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		note(name, 1000 + i);
	}
	note("ancient", 1);
	check_int(began("s0"), TIME_MIN);
	check_int(began("s1"), TIME_MIN);
	check_int(began("ancient"), TIME_MIN);
	check_int(began("s2"), 1002);
	check_int(began(name), 1000 + TABLE_SERIES_MAX + 1);
	series_set_fini(&set);
}

TEST(a_name_that_is_forgotten_stays_readable)
{
	struct table_series series;
	char name[16];

	note("first", 1);
	check(series_set_get(&set, 0, &series));
	for (int i = 0; i < TABLE_SERIES_MAX; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		note(name, 1000 + i);
	}
	check_int(began("first"), TIME_MIN);
	check(bytes_equal(series.name, bytes_of_text("first")));
	series_set_fini(&set);
}
