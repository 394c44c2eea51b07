#include "dataflow/task.h"

#include "tests/dataflow/adder.h"
#include "tests/dataflow/capture.h"
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

TEST(an_input_that_comes_back_behind_the_watermark_is_said_and_what_lies_behind_is_counted)
{
	struct driver *driver = adder_open(NULL);
	const char *said;

	adder_send(driver, "left", "a", 0, 5);
	adder_send(driver, "right", "a", 0, 5);
	check_ok(driver_run(driver, &err));
	check_ok(driver_advance(driver, 2000, &err)); /* idle_after is 1 s */
	adder_send(driver, "left", "a", 2000, 5);
	check_ok(driver_run(driver, &err));
	adder_send(driver, "right", "a", 500, 5);
	adder_send(driver, "right", "a", 501, 5);
	capture_begin();
	check_ok(driver_run(driver, &err));
	said = capture_end();
	check_contains(said, "input_back operator=add task=0 topic=right silent_ms=2000 behind_ms=1490");
	check(!strstr(strstr(said, "input_back") + 1, "input_back"));
	check_int(driver_behind(driver, "add"), 2);
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

TEST(an_input_that_ended_early_makes_nothing_late_for_the_next_run)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 5);
	adder_send(driver, "right", "a", 50000, 5);
	adder_send(driver, "right", "b", 50000, 5);
	check_ok(driver_finish(driver, &err));
	adder_send(driver, "left", "c", 10, 5);
	adder_send(driver, "right", "c", 50000, 6);
	while (*adder_read(driver))
		;
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "c 10 5"); /* its timer waits for the other side */
	check_text(adder_read(driver), "c 50000 11");
	check_text(adder_read(driver), "");
	driver_close(&driver);
}

TEST(a_bounded_run_that_keeps_open_fires_only_what_its_inputs_have_passed)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 5);
	adder_send(driver, "left", "b", 60000, 5);
	adder_send(driver, "right", "c", 30000, 5);
	check_ok(driver_keep_open(driver, &err));
	check_text(adder_read(driver), "a 0 5");
	check_text(adder_read(driver), "c 30000 5");
	check_text(adder_read(driver), "b 60000 5");
	check_text(adder_read(driver), "a 0 -5"); /* the right has come to 30 s, less its out_of_orderness */
	check_text(adder_read(driver), "");
	adder_send(driver, "right", "b", 60000, 6);
	check_ok(driver_keep_open(driver, &err));
	check_text(adder_read(driver), "b 60000 11");
	check_text(adder_read(driver), "c 0 -5");
	check_text(adder_read(driver), "");
	check_ok(driver_finish(driver, &err));
	check_text(adder_read(driver), "b 0 -11");
	driver_close(&driver);
}

TEST(an_input_without_any_record_keeps_everything_open)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 5);
	adder_send(driver, "left", "b", 50000, 5);
	check_ok(driver_keep_open(driver, &err));
	check_text(adder_read(driver), "a 0 5");
	check_text(adder_read(driver), "b 50000 5");
	check_text(adder_read(driver), "");
	adder_send(driver, "right", "a", 0, 6);
	check_ok(driver_finish(driver, &err));
	check_text(adder_read(driver), "a 0 11");
	driver_close(&driver);
}

TEST(too_many_dead_letters_stop_the_operator_and_those_before_are_kept)
{
	struct driver *driver = adder_open(NULL);
	char said[ERROR_TEXT_SIZE];
	int letters = 0;

	adder_send(driver, "left", "good", 0, 1);
	for (int i = 0; i < 101; i++)
		adder_send(driver, "left", "a", i, 13);
	check_fails(driver_run(driver, &err), "operator add stops: 101 of the last 102 records of topic left");
	strcpy(said, err.text);
	check_ok(driver_crash(driver, &err));
	check_fails(driver_run(driver, &err), said);
	check_text(adder_read(driver), "good 0 1");
	while (driver_read(driver, "dead_letters"))
		letters++;
	check_int(letters, 100);
	driver_close(&driver);
}
