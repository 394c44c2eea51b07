#include "dataflow/dead_letter.h"

#include "tests/test.h"

static struct dead_letter_window window;
static struct error err;

static int
feed(int records, int failures)
{
	for (int i = 0; i < records; i++)
		dead_letter_window_add(&window, i < failures, "bad bytes");
	return dead_letter_window_check(&window, 0.01, "join", "impressions", &err);
}

TEST(a_hundred_failures_are_borne_however_few_records_there_are)
{
	check_ok(feed(100, 100));
}

TEST(one_more_stops_the_operator_and_the_message_has_the_reason)
{
	check_fails(feed(101, 101), "(1) bad bytes");
	check_int(err.action, FATAL);
	check_contains(err.text, "operator join stops: 101 of the last 101 records of topic impressions");
}

TEST(failures_that_lie_behind_the_window_do_not_count)
{
	check_ok(feed(10000, 90));
	check_ok(feed(10000, 90));
	check_ok(feed(90, 0));
	check_ok(feed(100, 95));
}

TEST(a_higher_limit_bears_more)
{
	for (int i = 0; i < 500; i++)
		dead_letter_window_add(&window, true, "x");
	check_ok(dead_letter_window_check(&window, 0.05, "join", "impressions", &err));
	dead_letter_window_add(&window, true, "x");
	check_fails(dead_letter_window_check(&window, 0.05, "join", "impressions", &err), "501 of the last 501");
}
