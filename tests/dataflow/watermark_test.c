#include "dataflow/watermark.h"

#include "tests/test.h"

#define NOW 1000000

static struct watermark_input
input_at(int64_t time_max)
{
	return (struct watermark_input){
		.time_max = time_max,
		.out_of_orderness_ms = 50,
		.idle_after_ms = 1000,
		.quiet_since_ms = TIME_MAX,
	};
}

TEST(it_is_the_least_of_the_inputs_less_their_out_of_orderness)
{
	struct watermark_input inputs[] = {input_at(500), input_at(300)};
	struct watermark watermark;

	watermark_init(&watermark, TIME_MIN);
	watermark_advance(&watermark, inputs, 2, NOW);
	check_int(watermark.at, 250);
}

TEST(an_input_without_a_record_holds_it_at_nothing)
{
	struct watermark_input inputs[] = {input_at(500), input_at(TIME_MIN)};
	struct watermark watermark;

	watermark_init(&watermark, TIME_MIN);
	watermark_advance(&watermark, inputs, 2, NOW);
	check_int(watermark.at, TIME_MIN);
}

TEST(it_never_goes_back)
{
	struct watermark_input inputs[] = {input_at(500)};
	struct watermark watermark;

	watermark_init(&watermark, 480);
	watermark_advance(&watermark, inputs, 1, NOW);
	check_int(watermark.at, 480);
}

TEST(an_idle_input_lets_go_after_idle_after)
{
	struct watermark_input inputs[] = {input_at(5000), input_at(300)};
	struct watermark watermark;

	watermark_init(&watermark, TIME_MIN);
	inputs[1].quiet_since_ms = NOW;
	watermark_advance(&watermark, inputs, 2, NOW + 999);
	check_int(watermark.at, 250);
	watermark_advance(&watermark, inputs, 2, NOW + 1000);
	check_int(watermark.at, 4950);
}

TEST(when_all_are_idle_it_follows_the_wall_clock_from_where_it_stood)
{
	struct watermark_input inputs[] = {input_at(500), input_at(300)};
	struct watermark watermark;

	watermark_init(&watermark, TIME_MIN);
	inputs[0].quiet_since_ms = NOW;
	inputs[1].quiet_since_ms = NOW;
	watermark_advance(&watermark, inputs, 2, NOW);
	check_int(watermark.at, 250);
	watermark_advance(&watermark, inputs, 2, NOW + 1700);
	check_int(watermark.at, 250 + 700);
	watermark_advance(&watermark, inputs, 2, NOW + 1800);
	check_int(watermark.at, 250 + 800);
}

TEST(the_wall_clock_starts_nothing_where_no_record_ever_came)
{
	struct watermark_input inputs[] = {input_at(TIME_MIN)};
	struct watermark watermark;

	watermark_init(&watermark, TIME_MIN);
	inputs[0].quiet_since_ms = NOW;
	watermark_advance(&watermark, inputs, 1, NOW + 100000);
	check_int(watermark.at, TIME_MIN);
}

TEST(an_idle_input_that_never_had_a_record_says_nothing)
{
	struct watermark_input inputs[] = {input_at(500), input_at(TIME_MIN)};
	struct watermark watermark;

	watermark_init(&watermark, TIME_MIN);
	inputs[0].quiet_since_ms = NOW;
	inputs[1].quiet_since_ms = NOW;
	watermark_advance(&watermark, inputs, 2, NOW + 1100);
	check_int(watermark.at, 450 + 100);
}

TEST(an_input_that_wakes_up_holds_it_again_but_does_not_pull_it_back)
{
	struct watermark_input inputs[] = {input_at(5000), input_at(300)};
	struct watermark watermark;

	watermark_init(&watermark, TIME_MIN);
	inputs[1].quiet_since_ms = NOW;
	watermark_advance(&watermark, inputs, 2, NOW + 1000);
	inputs[1].quiet_since_ms = TIME_MAX;
	inputs[1].time_max = 400;
	inputs[0].time_max = 9000;
	watermark_advance(&watermark, inputs, 2, NOW + 1001);
	check_int(watermark.at, 4950);
}

TEST(ended_inputs_leave_the_minimum_and_the_last_finite_value_stays)
{
	struct watermark_input inputs[] = {input_at(500), input_at(300)};
	struct watermark watermark;

	watermark_init(&watermark, TIME_MIN);
	inputs[1].ended = true;
	watermark_advance(&watermark, inputs, 2, NOW);
	check_int(watermark.at, 450);
	inputs[0].ended = true;
	watermark_advance(&watermark, inputs, 2, NOW);
	check_int(watermark.at, 450);
}

TEST(what_is_stored_is_held_by_an_input_that_ended_early)
{
	int64_t stands[] = {450, TIME_MIN, 250};
	struct watermark watermark;

	watermark_init(&watermark, 100);
	watermark.at = 450; /* the third one has ended, and left the minimum */
	check_int(watermark_stored(&watermark, stands, 3, false), 250);
	check_int(watermark_stored(&watermark, stands, 3, true), 250);
}

TEST(what_is_stored_is_not_ahead_of_an_input_whose_first_record_is_still_to_come)
{
	int64_t stands[] = {450, TIME_MIN};
	struct watermark watermark;

	watermark_init(&watermark, TIME_MIN);
	check_int(watermark_stored(&watermark, stands, 2, false), TIME_MIN);
	check_int(watermark_stored(&watermark, stands, 2, true), 450);
}

TEST(what_is_stored_does_not_go_back)
{
	int64_t stands[] = {450, 250}, none[] = {TIME_MIN};
	struct watermark watermark;

	watermark_init(&watermark, 300);
	check_int(watermark_stored(&watermark, stands, 2, true), 300);
	check_int(watermark_stored(&watermark, none, 1, true), 300);
}
