#include "dataflow/jump.h"

#include "tests/test.h"

#define DAY 86400000ll
#define MONDAY 1704067200000 /* 2024 */
#define NOW 1767225600000    /* when it was written */

static struct jump_facts
at(int64_t time_ms)
{
	return (struct jump_facts){
		.max_jump_ms = DAY,
		.course_ms = MONDAY,
		.doubted_ms = TIME_MIN,
		.time_ms = time_ms,
		.timestamp_ms = NOW,
	};
}

static enum jump_decision
before(int64_t time_ms, int64_t next_ms)
{
	struct jump_facts facts = at(time_ms);

	facts.next = JUMP_NEXT_KNOWN;
	facts.next_ms = next_ms;
	return jump_decide(&facts);
}

static enum jump_decision
alone(int64_t time_ms)
{
	struct jump_facts facts = at(time_ms);

	facts.next = JUMP_NEXT_NONE;
	return jump_decide(&facts);
}

TEST(what_is_near_its_course_or_behind_it_is_taken_at_once)
{
	struct jump_facts facts = at(MONDAY + DAY);

	check_int(jump_decide(&facts), JUMP_TAKE);
	facts = at(MONDAY - 100 * DAY);
	check_int(jump_decide(&facts), JUMP_TAKE);
	facts = at(MONDAY + DAY + 1);
	check(jump_is_open(&facts));
	check_int(jump_decide(&facts), JUMP_WAIT);
}

TEST(a_timestamp_that_bears_it_out_confirms_a_jump)
{
	struct jump_facts facts = at(NOW - DAY);

	check_int(jump_decide(&facts), JUMP_TAKE);
	facts = at(NOW + DAY);
	check_int(jump_decide(&facts), JUMP_TAKE);
	facts = at(NOW - DAY - 1);
	check_int(jump_decide(&facts), JUMP_WAIT);
}

TEST(a_weekend_is_confirmed_by_the_next_record)
{
	check_int(before(MONDAY + 3 * DAY, MONDAY + 3 * DAY + 5), JUMP_TAKE);
	check_int(before(MONDAY + 3 * DAY, MONDAY + 4 * DAY), JUMP_TAKE);
	check_int(before(MONDAY + 3 * DAY, MONDAY + 2 * DAY), JUMP_TAKE);
}

TEST(one_bad_record_is_refused_when_the_next_is_back_on_course)
{
	check_int(before(MONDAY + 365 * DAY, MONDAY + 1), JUMP_REFUSE);
	check_int(before(MONDAY + 365 * DAY, MONDAY + 3 * DAY), JUMP_REFUSE);
	check_int(before(MONDAY + 3 * DAY, MONDAY + 2 * DAY - 1), JUMP_REFUSE);
}

TEST(where_nobody_can_tell_it_is_doubted)
{
	check_int(alone(MONDAY + 3 * DAY), JUMP_DOUBT);
	check_int(before(MONDAY + 3 * DAY, MONDAY + 400 * DAY), JUMP_DOUBT);
}

TEST(records_that_lie_far_apart_confirm_each_other_three_at_a_time)
{
	struct jump_facts facts = at(MONDAY + 6 * DAY);

	facts.doubted_ms = MONDAY + 3 * DAY;
	facts.next = JUMP_NEXT_KNOWN;
	facts.next_ms = MONDAY + 9 * DAY;
	check_int(jump_decide(&facts), JUMP_TAKE);
	facts.doubted_ms = MONDAY + 300 * DAY;
	check_int(jump_decide(&facts), JUMP_DOUBT);
}

TEST(the_first_record_is_never_refused_and_doubted_if_the_next_lies_before_it)
{
	struct jump_facts facts = at(MONDAY);

	facts.course_ms = TIME_MIN;
	check_int(jump_decide(&facts), JUMP_WAIT);
	facts.next = JUMP_NEXT_NONE;
	check_int(jump_decide(&facts), JUMP_TAKE);
	facts.next = JUMP_NEXT_KNOWN;
	facts.next_ms = MONDAY + 300 * DAY;
	check_int(jump_decide(&facts), JUMP_TAKE);
	facts.next_ms = MONDAY - DAY;
	check_int(jump_decide(&facts), JUMP_TAKE);
	facts.next_ms = MONDAY - DAY - 1;
	check_int(jump_decide(&facts), JUMP_DOUBT);
	facts.timestamp_ms = MONDAY;
	check_int(jump_decide(&facts), JUMP_TAKE);
}

TEST(the_ends_of_event_time_do_not_overflow)
{
	struct jump_facts facts = at(EVENT_TIME_MAX_MS);

	facts.course_ms = -EVENT_TIME_MAX_MS;
	facts.next = JUMP_NEXT_KNOWN;
	facts.next_ms = -EVENT_TIME_MAX_MS;
	check_int(jump_decide(&facts), JUMP_REFUSE);
}
