#include "dataflow/task.h"

#include "tests/dataflow/adder.h"
#include "tests/test.h"

static struct error err;

TEST(records_are_taken_in_the_order_of_event_time_across_inputs)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 100, 1);
	adder_send(driver, "left", "a", 300, 4);
	adder_send(driver, "right", "a", 200, 2);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 100 1");
	check_text(adder_read(driver), "a 200 3");
	check_text(adder_read(driver), "a 300 7");
	check_text(adder_read(driver), "");
	driver_close(&driver);
}

TEST(of_equal_times_the_first_input_comes_first)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "right", "a", 100, 2);
	adder_send(driver, "left", "a", 100, 1);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 100 1");
	check_text(adder_read(driver), "a 100 3");
	driver_close(&driver);
}

TEST(a_timer_fires_when_the_watermark_has_passed_it_and_not_before)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 5);
	adder_send(driver, "left", "b", 1010, 1);
	adder_send(driver, "right", "b", 1010, 1);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 0 5");
	check_text(adder_read(driver), "b 1010 1");
	check_text(adder_read(driver), "b 1010 2");
	check_text(adder_read(driver), "");
	adder_send(driver, "left", "b", 1011, 1);
	adder_send(driver, "right", "b", 1011, 1);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "b 1011 3");
	check_text(adder_read(driver), "b 1011 4");
	check_text(adder_read(driver), "a 0 -5");
	driver_close(&driver);
}

TEST(a_refused_record_leaves_no_half_effect_and_is_kept_with_the_reason)
{
	struct driver *driver = adder_open(NULL);
	const char *letter;

	adder_send(driver, "left", "a", 0, 1);
	adder_send(driver, "left", "a", 1, 13);
	adder_send(driver, "left", "a", 2, 1);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 0 1");
	check_text(adder_read(driver), "a 2 2");
	check_text(adder_read(driver), "");
	letter = driver_read(driver, "dead_letters");
	check(letter != NULL);
	check_contains(letter, "13 is not a number I add");
	check_contains(letter, "\"offset\":1");
	check_int(driver_counter(driver, "add", "left"), 2);
	driver_close(&driver);
}

TEST(bytes_that_do_not_decode_are_a_dead_letter)
{
	struct driver *driver = adder_open(NULL);

	check_ok(driver_send_value(driver, "left", "a", bytes_of_text("nonsense"), &err));
	adder_send(driver, "left", "a", 2, 1);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 2 1");
	check(driver_read(driver, "dead_letters") != NULL);
	driver_close(&driver);
}

TEST(a_record_too_far_ahead_is_a_dead_letter_and_moves_no_watermark)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 1);
	adder_send(driver, "right", "a", 0, 1);
	adder_send(driver, "left", "z", 60001, 1);
	adder_send(driver, "right", "z", 60001, 1);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 0 1");
	check_text(adder_read(driver), "a 0 2");
	check_text(adder_read(driver), "");
	check_contains(driver_read(driver, "dead_letters"), "ahead of the log's timestamp");
	driver_close(&driver);
}

TEST(idle_inputs_let_the_last_timer_fire)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 5);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 0 5");
	check_ok(driver_advance(driver, 1000, &err)); /* both idle now: W stands at -10 */
	check_ok(driver_advance(driver, 1010, &err));
	check_text(adder_read(driver), "");
	check_ok(driver_advance(driver, 1, &err));
	check_text(adder_read(driver), "a 0 -5");
	driver_close(&driver);
}

TEST(a_crash_loses_nothing_that_was_committed)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 5);
	check_ok(driver_run(driver, &err));
	check_ok(driver_crash(driver, &err));
	adder_send(driver, "left", "a", 10, 2);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 0 5");
	check_text(adder_read(driver), "a 10 7");
	check_text(adder_read(driver), "");
	driver_close(&driver);
}

TEST(the_end_of_a_bounded_run_fires_each_timer_once)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "b", 0, 5);
	adder_send(driver, "left", "a", 0, 6);
	check_ok(driver_finish(driver, &err));
	check_text(adder_read(driver), "b 0 5");
	check_text(adder_read(driver), "a 0 6");
	check_text(adder_read(driver), "a 0 -6");
	check_text(adder_read(driver), "b 0 -5");
	check_text(adder_read(driver), "");
	check_ok(driver_finish(driver, &err));
	check_text(adder_read(driver), "");
	driver_close(&driver);
}

TEST(after_a_bounded_run_the_next_one_is_not_late)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 5);
	check_ok(driver_finish(driver, &err));
	adder_send(driver, "left", "a", 1, 5);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 0 5");
	check_text(adder_read(driver), "a 0 -5");
	check_text(adder_read(driver), "a 1 5"); /* and no timer at once: W is still finite */
	check_text(adder_read(driver), "");
	driver_close(&driver);
}

TEST(too_many_dead_letters_stop_the_operator)
{
	struct driver *driver = adder_open(NULL);

	for (int i = 0; i < 101; i++)
		adder_send(driver, "left", "a", i, 13);
	check_fails(driver_run(driver, &err), "operator add stops: 101 of the last 101 records of topic left");
	driver_close(&driver);
}
