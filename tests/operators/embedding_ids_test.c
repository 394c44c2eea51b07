/* What embedding_update remembers of users with many engagements. */
#include "tests/operators/embedding_fixture.h"

/* In one commit; the ids are PREFIX and a number, the events so many milliseconds apart. */
static void
act_often(const char *prefix, int count, int64_t from, int64_t apart)
{
	char id[32];

	for (int i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "%s%d", prefix, i);
		act("u", id, "x", "view", from + apart * i);
	}
	run();
}

static const char *
last_row(void)
{
	static char last[512];
	const char *got;

	for (last[0] = 0; *(got = row());)
		snprintf(last, sizeof(last), "%s", strchr(got, 'n'));
	*strchr(last, ' ') = 0;
	return last;
}

TEST(repeats_of_a_user_with_thousands_of_engagements_are_told_as_long_as_stated)
{
	open_with("topics.engagements.out_of_orderness=1min");
	item("x", "1, 0", "v1", -1000);
	run();
	act_often("e", 5000, 10000, 1);
	check_text(last_row(), "n5000");
	check_ok(driver_crash(driver, &err));
	act_often("e", 5000, 10000, 1);
	act_often("old", 2000, 5000, 1); /* older than all of them, and new */
	check_text(last_row(), "n7000");
	check_int(counted("repeated"), 5000);
	check_int(counted("late") + counted("forgotten"), 0);
	check(driver_read(driver, "dead_letters") == NULL);
	driver_close(&driver);
}

TEST(of_a_user_with_more_than_ids_max_the_older_ones_go_to_late_and_none_counts_twice)
{
	const char *overrides[] = {"operators.embedding.ids_max=1024", "topics.engagements.out_of_orderness=2h", NULL};

	check_ok(driver_open(test_topology_file(topology), overrides, operators_table, &driver, &err));
	item("x", "1, 0", "v1", -1000);
	run();
	act_often("e", 6000, 10000, 1000);
	check_int(counted("counted"), 6000);
	act_often("e", 6000, 10000, 1000);
	check_int(counted("counted"), 6000);
	check(counted("forgotten") > 0);
	check_int(counted("repeated") + counted("forgotten"), 6000);
	check_text(id_in("late"), "e0");
	check(driver_read(driver, "dead_letters") == NULL);
	act("v", "e0", "x", "view", 10000); /* nobody else is worse off */
	run();
	check_text(last_row(), "n1");
	driver_close(&driver);
}
