/* What happens beyond each limit of reconcile: only the key that goes beyond it is the worse for it. */
#include <stdio.h>

#include "operators/operators.h"
#include "tests/operators/reconcile_fixture.h"
#include "tests/test.h"

TEST(ids_that_are_listed_have_a_limit_and_counts_have_none)
{
	open_reconcile("operators.reconcile.listed_max=2");
	matches("r-0", 1000);
	for (int i = 1; i < 6; i++) {
		char id[] = "r-0";

		id[2] = (char)('0' + i);
		logs("returned", id, 1000);
	}
	pass(20000);
	pass(20001);
	check_text(mismatch(), "r-1 lost engine_server r1");
	check_text(mismatch(), "r-2 lost engine_server r1");
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.lost, 5);
	check_int(counted.unlisted, 3);
	logs("delivered", "r-5", 1020); /* nobody has heard of it: there is nothing to revise */
	logs("received", "r-5", 1020);
	run();
	pass(40000);
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(values_beyond_what_a_window_can_have_are_counted_together)
{
	char id[16], item[2] = "v", group[300];

	open_reconcile(NULL);
	for (int i = 0; i < 1200; i++) {
		snprintf(id, sizeof(id), "r%d-0", i);
		snprintf(group, sizeof(group), i == 7 ? "%0290d" : "g%d", i);
		log_as("returned", id, 1000, (struct delivery){.item = item, .group = group});
	}
	pass(20000);
	pass(20001);
	read_counts(0, "experiment_group", "(other)");
	check_int(counted.rows, 1);
	check_int(counted.returned, 1200 - 996 + 1); /* beside that of all, a strategy, a model and a platform */
	driver_close(&driver);
}

TEST(a_flood_of_one_kind_hides_no_names_of_another)
{
	char id[16];

	open_reconcile("operators.reconcile.listed_max=3");
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "a%d-0", i);
		logs("returned", id, 1000);
	}
	logs("delivered", "b-0", 1010);
	matches("c-0", 1010);
	logs("delivered", "c-0", 1030);
	logs("returned", "d-0", 1010);
	log_as("delivered", "d-0", 1030, (struct delivery){.item = "w", .group = "a"});
	pass(20000);
	pass(20001);
	for (int i = 0; i < 3; i++)
		check_contains(mismatch(), "lost engine_server");
	check_text(mismatch(), "b-0 phantom engine_server r1");
	check_text(mismatch(), "c-0 duplicated server x2 r1");
	check_text(mismatch(), "d-0 altered engine_server item_id v>w r1");
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.lost, 20);
	check_int(counted.unlisted, 17);
	driver_close(&driver);
}

/* Of each group a response, in which a log has one entry: ra-0 for group a. */
static void
log_groups(const char *stage, const char *groups, int64_t ms)
{
	for (; *groups; groups++) {
		const char id[] = {'r', *groups, '-', '0', '\0'}, group[] = {*groups, '\0'};

		log_as(stage, id, ms, (struct delivery){.item = "v", .group = group});
	}
}

TEST(a_task_has_as_many_series_as_it_is_told_to)
{
	open_reconcile("operators.reconcile.series_max=6");
	log_groups("returned", "abcd", 1000);
	pass(20000);
	pass(20001);
	read_counts(0, "experiment_group", "(other)");
	check_int(counted.returned, 2); /* five of all, group, strategy, model, platform, and one group more */
	driver_close(&driver);
}

TEST(what_was_counted_as_other_is_corrected_there)
{
	open_reconcile("operators.reconcile.series_max=6");
	log_groups("returned", "abcd", 1000);
	pass(20000);
	pass(20001);
	log_groups("delivered", "bd", 1020); /* b has a series of its own, d has none */
	run();
	pass(40000);
	pass(50001);
	read_counts(0, "experiment_group", "(other)"); /* since the beginning */
	check_int(counted.rows, 2);
	check_int(counted.returned, 2);
	check_int(counted.delivered, 1);
	check_int(counted.lost, 1);
	driver_close(&driver);
}

TEST(what_was_counted_as_other_is_corrected_there_by_the_next_bounded_run)
{
	open_reconcile("operators.reconcile.series_max=5");
	log_as("returned", "a-0", 1000, (struct delivery){.item = "v", .group = "a"});
	log_as("returned", "b-0", 1000, (struct delivery){.item = "v", .group = "b"});
	check_ok(driver_finish(driver, &err));
	log_as("delivered", "a-0", 1020, (struct delivery){.item = "v", .group = "a"});
	log_as("delivered", "b-0", 1020, (struct delivery){.item = "v", .group = "b"});
	check_ok(driver_finish(driver, &err));
	read_counts(0, "experiment_group", "(other)");
	check_int(counted.rows, 2);
	check_int(counted.delivered, 1);
	check_int(counted.lost, 0);
	driver_close(&driver);
}

/* Of what went to the output: the count of rows, and the id of the last. */
static int
overflow_rows(char last[32])
{
	const char *row;
	int count = 0;

	while ((row = driver_read(driver, "overflow")) != NULL) {
		check(sscanf(row, "{\"impression_id\": \"%31[^\"]\"", last) == 1);
		count++;
	}
	return count;
}

static void
open_with_overflow(const char *override, const char *another)
{
	static const char *const schema = "topics.overflow.schema=delivery.avsc";
	const char *overrides[] = {schema,
				   "topics.overflow.key=request_id",
				   "topics.overflow.partitions=1",
				   "operators.reconcile.outputs.overflow=overflow",
				   override,
				   another,
				   NULL};

	open_reconcile_with(overrides);
}

TEST(more_impressions_than_a_response_may_have_overflow_and_are_no_dead_letters)
{
	char id[32];

	open_with_overflow("operators.reconcile.impressions_max=3", NULL);
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "r-%d", i);
		matches(id, 1000);
	}
	matches("q-0", 1000);
	logs("returned", "q-1", 1000);
	pass(20000);
	pass(20001);
	check_int(overflow_rows(id), 3 * 197);
	check_text(id, "r-199");
	check_int(driver_counter(driver, "reconcile", "overflow"), 3 * 197);
	check(driver_read(driver, "dead_letters") == NULL);
	check_text(mismatch(), "q-1 lost engine_server r1"); /* the others are judged as they always are */
	check_text(mismatch(), "");
	read_counts(0, "all", "all");
	check_int(counted.matched, 3 + 1);
	driver_close(&driver);
}

TEST(more_log_entries_than_an_impression_may_have_overflow_and_are_no_dead_letters)
{
	char id[32];

	open_with_overflow("operators.reconcile.entries_max=5", NULL);
	matches("r-0", 1000);
	for (int i = 0; i < 300; i++)
		logs("exposed", "r-0", 2000 + i);
	matches("r-1", 1000);
	pass(20000);
	check_int(overflow_rows(id), 298);
	check(driver_read(driver, "dead_letters") == NULL);
	check_text(mismatch(), "r-0 duplicated client x2 r1");
	check_text(mismatch(), "");
	logs("delivered", "r-0", 1020); /* after the verdict it is full too */
	logs("delivered", "r-1", 1020);
	run();
	pass(40000);
	check_int(overflow_rows(id), 1);
	check_text(mismatch(), "r-1 duplicated server x2 r1");
	check_text(mismatch(), "");
	driver_close(&driver);
}

TEST(what_overflows_is_only_counted_where_nobody_wants_it)
{
	open_reconcile("operators.reconcile.impressions_max=1");
	matches("r-0", 1000);
	matches("r-1", 1000);
	run();
	check_int(driver_counter(driver, "reconcile", "overflow"), 3);
	check(driver_read(driver, "dead_letters") == NULL);
	driver_close(&driver);
}
