#include "dataflow/watchdog.h"

#include "base/clock.h"
#include "tests/test.h"

#define BEGAN_MS 5000

TEST(a_turn_is_logged_when_it_lasts_and_then_every_ten_seconds)
{
	struct watchdog_seen seen = {0};

	check(!watchdog_due(&seen, BEGAN_MS, BEGAN_MS));
	check(!watchdog_due(&seen, BEGAN_MS, BEGAN_MS + WATCHDOG_SLOW_MS - 1));
	check(watchdog_due(&seen, BEGAN_MS, BEGAN_MS + WATCHDOG_SLOW_MS));
	check(!watchdog_due(&seen, BEGAN_MS, BEGAN_MS + WATCHDOG_SLOW_MS));
	check(!watchdog_due(&seen, BEGAN_MS, BEGAN_MS + 2 * WATCHDOG_SLOW_MS - 1));
	check(watchdog_due(&seen, BEGAN_MS, BEGAN_MS + 2 * WATCHDOG_SLOW_MS));
}

TEST(one_that_was_first_seen_late_is_logged_at_once)
{
	struct watchdog_seen seen = {0};

	check(watchdog_due(&seen, BEGAN_MS, BEGAN_MS + WATCHDOG_SLOW_MS));
}

TEST(many_short_turns_are_none_that_lasts)
{
	struct watchdog_seen seen = {0};

	for (int64_t now_ms = 0; now_ms < 10 * WATCHDOG_SLOW_MS; now_ms += WATCHDOG_LOOK_MS)
		check(!watchdog_due(&seen, now_ms - 1, now_ms));
}

TEST(between_turns_nothing_lasts)
{
	struct watchdog_seen seen = {0};

	check(!watchdog_due(&seen, TIME_MAX, BEGAN_MS));
	check(!watchdog_due(&seen, TIME_MAX, BEGAN_MS + 3 * WATCHDOG_SLOW_MS));
	check(!watchdog_due(&seen, BEGAN_MS + 3 * WATCHDOG_SLOW_MS, BEGAN_MS + 3 * WATCHDOG_SLOW_MS));
}
