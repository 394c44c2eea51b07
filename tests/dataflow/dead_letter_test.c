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

/* Written and read: what a restart makes of it. What the window held before does not count: a start that has to be made
 * again reads it again. */
static void
restart(void)
{
	static struct dead_letter_window again;
	struct buffer bytes = {0}, reasons = {0};

	dead_letter_window_write(&window, &bytes);
	dead_letter_reasons_write(&window, &reasons);
	check_ok(dead_letter_window_read(buffer_bytes(&bytes), &again, &err));
	check_ok(dead_letter_reasons_read(buffer_bytes(&reasons), &again, &err));
	check_int(again.failures, window.failures);
	window = again;
	buffer_fini(&bytes);
	buffer_fini(&reasons);
}

TEST(what_failed_before_a_restart_counts_and_the_message_has_its_reasons)
{
	check_ok(feed(5000, 60));
	restart();
	check_ok(feed(100, 40));
	restart();
	check_fails(feed(1, 1), "101 of the last 5101 records");
	check_contains(err.text, "The first reasons: (1) bad bytes (2) bad bytes (3) bad bytes");
}

TEST(a_window_that_is_read_forgets_the_oldest_first)
{
	check_ok(feed(25, 0));
	for (int i = 0; i < 3; i++) {
		check_ok(feed(9990, 20));
		restart();
		check_int(window.failures, 20);
	}
	check_ok(feed(30, 20));
	restart();
	check_int(window.failures, 20); /* 10 good ones and the first 20 of the last turn are behind the window */
	check_int(window.seen, 10000);
	for (int i = 0; i < 10000; i++) {
		dead_letter_window_add(&window, i % 2, "every other one");
		if (i % 1234 == 0)
			restart();
	}
	restart();
	check_int(window.failures, 5000);
	dead_letter_window_add(&window, false, NULL);
	dead_letter_window_add(&window, false, NULL);
	check_int(window.failures, 4999);
}

TEST(a_row_that_is_refused_later_is_one_record_that_has_failed)
{
	check_ok(feed(100, 0));
	dead_letter_window_fail(&window, "refused");
	dead_letter_window_fail(&window, "refused");
	check_int(window.seen, 100);
	check_int(window.failures, 2);
	restart();
	check_ok(feed(9999, 0));
	restart();
	check_int(window.failures, 1); /* the last record is the last to leave the window */
	for (int i = 0; i < 9999; i++)
		dead_letter_window_fail(&window, "refused");
	check_int(window.failures, 10000);
	dead_letter_window_fail(&window, "refused");
	check_int(window.failures, 10000);
}

TEST(the_first_reasons_are_read_again_and_those_behind_the_window_are_forgotten)
{
	static struct dead_letter_window again;
	struct buffer runs = {0}, reasons = {0};

	window = (struct dead_letter_window){0};
	dead_letter_window_add(&window, true, "one");
	for (int i = 0; i < 9998; i++)
		dead_letter_window_add(&window, false, NULL);
	dead_letter_window_add(&window, true, "two");
	dead_letter_window_write(&window, &runs);
	dead_letter_reasons_write(&window, &reasons);
	check_ok(dead_letter_window_read(buffer_bytes(&runs), &again, &err));
	check_ok(dead_letter_reasons_read(buffer_bytes(&reasons), &again, &err));
	check_fails(dead_letter_window_check(&(struct dead_letter_window){.failures = 101}, 0, "j", "t", &err),
		    "j stops");
	for (int i = 0; i < 200; i++)
		dead_letter_window_add(&again, true, "three");
	check_fails(dead_letter_window_check(&again, 0.01, "join", "impressions", &err),
		    "The first reasons: (1) two (2) three (3) three");
	check_fails(dead_letter_reasons_read(bytes_of_text("damaged"), &again, &err), "damaged");
	buffer_fini(&runs);
	buffer_fini(&reasons);
}

TEST(a_window_of_nothing_but_good_records_takes_two_bytes)
{
	struct buffer bytes = {0};

	check_ok(feed(30000, 0));
	dead_letter_window_write(&window, &bytes);
	check_int((int64_t)bytes.size, 2);
	buffer_fini(&bytes);
}

TEST(a_window_of_too_many_records_is_refused)
{
	struct dead_letter_window got = {0};
	struct buffer bytes = {0};

	buffer_put_varint(&bytes, 9999);
	buffer_put_varint(&bytes, 2);
	check_fails(dead_letter_window_read(buffer_bytes(&bytes), &got, &err), "damaged");
	check_int(err.action, FATAL);
	check_int(got.failures, 0);
	buffer_fini(&bytes);
}
