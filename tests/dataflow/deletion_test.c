/* Records without a value, for an operator that has no use for them. */
#include "dataflow/driver.h"
#include "tests/dataflow/adder.h"
#include "tests/test.h"

static struct error err;

TEST(records_without_a_value_are_passed_over_and_stop_nobody)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 1);
	for (int i = 0; i < 500; i++)
		check_ok(driver_send_value(driver, "left", i % 2 ? "a" : NULL, (struct bytes){0}, &err));
	adder_send(driver, "left", "a", 5, 2);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 0 1");
	check_text(adder_read(driver), "a 5 3");
	check_text(adder_read(driver), "");
	check(!driver_read(driver, "dead_letters"));
	driver_close(&driver);
}

TEST(a_deletion_moves_no_watermark)
{
	struct driver *driver = adder_open(NULL);

	adder_send(driver, "left", "a", 0, 1);
	adder_send(driver, "right", "b", 0, 1);
	check_ok(driver_run(driver, &err));
	check_text(adder_read(driver), "a 0 1");
	check_text(adder_read(driver), "b 0 1");
	check_ok(driver_advance(driver, 500, &err));
	for (int i = 0; i < 3; i++)
		check_ok(driver_send_value(driver, i % 2 ? "left" : "right", "a", (struct bytes){0}, &err));
	check_ok(driver_advance(driver, 800, &err)); /* 500 ms of silence are no idle_after */
	check_text(adder_read(driver), "");
	driver_close(&driver);
}
