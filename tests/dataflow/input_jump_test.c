/* Records that run ahead of their input, through a whole task. Messages are of now, events of last year. */
#include <stdio.h>

#include "dataflow/driver.h"
#include "tests/dataflow/adder.h"
#include "tests/test.h"

#define DAY 86400000ll
#define THEN (-300 * DAY)

static struct error err;
static struct driver *driver;

static void
send(const char *id, int64_t at)
{
	adder_send(driver, "left", id, at, 1);
}

static void
run(void)
{
	check_ok(driver_run(driver, &err));
}

/* The next row: id and time after THEN. */
static void
check_row(const char *id, int64_t at, int sum)
{
	char text[100];

	snprintf(text, sizeof(text), "%s %lld %d", id, (long long)(THEN + at), sum);
	check_text(adder_read(driver), text);
}

static void
check_none(void)
{
	check_text(adder_read(driver), "");
}

TEST(a_record_that_is_ahead_of_those_before_and_behind_it_is_a_dead_letter)
{
	const char *letter;

	driver = adder_open(NULL);
	send("a", THEN);
	send("b", THEN + 200 * DAY);
	send("c", THEN + 5);
	run();
	check_row("a", 0, 1);
	check_row("c", 5, 1);
	check_none();
	letter = driver_read(driver, "dead_letters");
	check_contains(letter,
		       "is more than max_jump (86400000 ms) ahead of the record behind it (2025-03-07T00:00:00.005Z)");
	check_contains(letter, "\"offset\":1");
	check(!driver_read(driver, "dead_letters"));
	driver_close(&driver);
}

TEST(a_weekend_without_records_is_confirmed_by_the_next_one_whenever_it_comes)
{
	for (int apart = 0; apart < 2; apart++) {
		driver = adder_open(NULL);
		send("a", THEN);
		send("b", THEN + 3 * DAY);
		if (apart) {
			run();
			check_row("a", 0, 1);
			check_none(); /* it is held */
		}
		send("c", THEN + 3 * DAY + 5);
		run();
		if (!apart)
			check_row("a", 0, 1);
		check_row("b", 3 * DAY, 1);
		check_row("c", 3 * DAY + 5, 1);
		check_none();
		check(!driver_read(driver, "dead_letters"));
		driver_close(&driver);
	}
}

TEST(a_crash_while_it_is_held_loses_nothing_and_gives_nothing_twice)
{
	driver = adder_open(NULL);
	send("a", THEN);
	send("b", THEN + 3 * DAY);
	run();
	check_row("a", 0, 1);
	check_ok(driver_crash(driver, &err));
	run();
	check_none();
	send("c", THEN + 3 * DAY + 5);
	run();
	check_row("b", 3 * DAY, 1);
	check_row("c", 3 * DAY + 5, 1);
	check_none();
	driver_close(&driver);
}

TEST(where_nothing_follows_it_is_processed_and_moves_no_watermark)
{
	driver = adder_open(NULL);
	send("a", THEN);
	send("b", THEN + 200 * DAY);
	run();
	check_row("a", 0, 1);
	check_ok(driver_advance(driver, 900, &err));
	check_none();
	check_ok(driver_advance(driver, 101, &err)); /* idle_after is 1 s */
	check_row("b", 200 * DAY, 1);
	check_ok(driver_advance(driver, 1000, &err));
	send("c", THEN + 5);
	adder_send(driver, "right", "c", THEN + 5, 1);
	run();
	check_row("c", 5, 1);
	check_row("c", 5, 2);
	check_none(); /* a's timer, a second after THEN, has not fired */
	driver_close(&driver);
}

TEST(at_the_end_of_a_bounded_run_it_is_processed_and_the_next_run_is_not_late)
{
	driver = adder_open(NULL);
	send("a", THEN);
	send("b", THEN + 200 * DAY);
	check_ok(driver_finish(driver, &err));
	check_row("a", 0, 1);
	check_row("b", 200 * DAY, 1);
	while (*adder_read(driver))
		;
	send("c", THEN + 500);
	adder_send(driver, "right", "c", THEN + 500, 1);
	send("d", THEN + 200 * DAY + 1);
	send("e", THEN + 501);
	check_ok(driver_finish(driver, &err));
	check_row("c", 500, 1);
	check_row("c", 500, 2);
	check_row("e", 501, 1);
	check_contains(driver_read(driver, "dead_letters"), "\"offset\":3");
	driver_close(&driver);
}

TEST(a_run_that_keeps_open_leaves_it_to_the_next_run)
{
	driver = adder_open(NULL);
	send("a", THEN);
	send("b", THEN + 200 * DAY);
	check_ok(driver_keep_open(driver, &err));
	check_row("a", 0, 1);
	check_none();
	send("c", THEN + 5);
	check_ok(driver_keep_open(driver, &err));
	check_row("c", 5, 1);
	check_contains(driver_read(driver, "dead_letters"), "\"offset\":1");
	driver_close(&driver);
}

TEST(it_does_not_hold_up_the_other_input)
{
	driver = adder_open(NULL);
	send("a", THEN);
	adder_send(driver, "right", "a", THEN, 1);
	send("b", THEN + 200 * DAY);
	for (int i = 1; i <= 20; i++) {
		char id[8];

		snprintf(id, sizeof(id), "r%d", i);
		adder_send(driver, "right", id, THEN + i, 1);
	}
	run();
	check_row("a", 0, 1);
	check_row("a", 0, 2);
	for (int i = 1; i <= 20; i++) {
		char id[8];

		snprintf(id, sizeof(id), "r%d", i);
		check_row(id, i, 1);
	}
	check_none();
	driver_close(&driver);
}

TEST(what_is_of_now_by_its_timestamp_waits_for_nobody)
{
	driver = adder_open(NULL);
	send("a", THEN);
	send("b", -DAY);
	run();
	check_row("a", 0, 1);
	check_text(adder_read(driver), "b -86400000 1");
	driver_close(&driver);
}
