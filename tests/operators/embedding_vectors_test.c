/* Which vector an engagement of embedding_update takes, and of which space. */
#include "tests/operators/embedding_fixture.h"

TEST(an_engagement_takes_the_vector_that_held_when_it_happened)
{
	open_with(NULL);
	item("x", "1, 0", "v1", 0);
	item("x", "0, 1", "v1", 10000);
	run();
	act("u", "e1", "x", "view", 9999);
	act("v", "e2", "x", "view", 10000);
	act("w", "e3", "x", "view", -1); /* none is so old: the first one within vector_wait */
	act("z", "e4", "x", "view", -60001);
	run();
	for (int i = 0; i < 3; i++) {
		const char *got = row();

		check_text(strchr(got, ':') + 1, got[0] == 'v' ? " 0 1" : " 1 0");
	}
	check_text(row(), "");
	pass(120000);
	check_text(id_in("unmatched"), "e4");
	check_int(counted("unmatched"), 1);
	driver_close(&driver);
}

TEST(a_vector_that_is_no_longer_held_is_counted_and_not_replaced_by_a_younger_one)
{
	open_with("topics.item_vectors.table_versions=2");
	for (int i = 0; i < 3; i++)
		item("x", i == 0 ? "1, 0" : "0, 1", "v1", 100000 * i);
	run();
	act("u", "e1", "x", "view", 50000);
	act("u", "e2", "x", "view", 99999); /* the second one within vector_wait is no vector of that time either */
	act("v", "e3", "x", "view", 100000);
	run();
	check_text(id_in("unmatched"), "e1");
	check_text(id_in("unmatched"), "e2");
	check_text(row(), "v r1 n1 w1 @100000 v1: 0 1");
	check_text(row(), "");
	check_int(counted("version_gone"), 2);
	check_int(counted("unmatched"), 0);
	check(driver_read(driver, "dead_letters") == NULL);
	driver_close(&driver);
}

/* Versions of every day, and engagements an hour after each: what a live run counts on the day, and what a run over all
 * of it counts at once. */
#define DAYS 10
#define DAY 86400000LL

static void
open_days(void)
{
	const char *overrides[] = {"topics.item_vectors.max_jump=365d", "topics.engagements.max_jump=365d",
				   "operators.embedding.half_life=30d", NULL};

	check_ok(driver_open(test_topology_file(topology), overrides, operators_table, &driver, &err));
}

static void
make_vector(int day)
{
	char vector[32];

	snprintf(vector, sizeof(vector), "%d, 1", day);
	item("x", vector, "v1", DAY * day);
}

static void
act_on_day(int day)
{
	char id[16];

	snprintf(id, sizeof(id), "a%d", day);
	act("u", id, "x", "view", DAY * day + 3600000);
	snprintf(id, sizeof(id), "day%d", day); /* a user of that day only */
	act(id, id, "x", "view", DAY * day + 3600000);
}

TEST(a_run_over_ten_days_gives_what_the_live_run_gave_and_no_vector_is_younger_than_its_event)
{
	char live[512] = "", last[512] = "";
	const char *got;
	int days = 0;

	open_days();
	for (int day = 0; day < DAYS; day++) {
		make_vector(day);
		run();
		act_on_day(day);
		run();
		while (*(got = row()))
			if (got[0] == 'u')
				snprintf(live, sizeof(live), "%s", strchr(got, 'n'));
	}
	driver_close(&driver);
	open_days();
	for (int day = 0; day < DAYS; day++)
		make_vector(day);
	run(); /* the table has it all, before the first engagement comes */
	for (int day = 0; day < DAYS; day++)
		act_on_day(day);
	check_ok(driver_finish(driver, &err));
	while (*(got = row())) {
		if (got[0] == 'u')
			snprintf(last, sizeof(last), "%s", strchr(got, 'n'));
		else
			check_int(atoi(strchr(got, ':') + 1), atoi(got + 3)), days++;
	}
	check_int(days, DAYS);
	check_contains(live, "n10 ");
	check_text(last, live);
	check_int(counted("version_gone"), 0);
	driver_close(&driver);
}

/* Two spaces that are both published, for other items and for the same one. */
static void
two_spaces(void)
{
	item("x", "1, 0", "old", -9000);
	item("y", "0, 1", "new", -8000);
	item("z", "1, 0", "old", -7000); /* still published */
	item("q", "1, 1", "new", -6000);
	item("q", "1, 0", "old", -5000);
	run();
}

TEST(an_old_space_that_is_still_published_takes_no_user_back_whatever_the_order)
{
	static const char *const orders[] = {"xyzq", "qxyz", "zqyx", "yzxq"};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		const char *got, *last = "";

		open_with("topics.engagements.out_of_orderness=1h");
		two_spaces();
		for (const char *name = orders[i]; *name; name++) {
			act("u", (char[]){*name, 0}, (char[]){*name, 0}, "view", strchr("xyzq", *name) - "xyzq");
			run();
		}
		while (*(got = row()))
			last = strchr(got, 'n');
		check_text(last, "n2 w2 @3 new: 0.5 1");
		check_int(counted("old_space") + counted("counted") + counted("new_space") >= 4, 1);
		driver_close(&driver);
	}
}

TEST(the_space_that_is_named_is_the_newest)
{
	open_with("operators.embedding.space=old");
	two_spaces();
	act("u", "a", "y", "view", 0);
	act("u", "b", "q", "view", 1); /* it has a vector of the named space too */
	act("u", "c", "y", "view", 2);
	run();
	check_text(row(), "u r1 n1 w1 @1 old: 1 0");
	check_int(counted("old_space"), 1);
	driver_close(&driver);
}

TEST(what_is_known_of_the_spaces_outlives_the_vectors_that_told_it)
{
	open_with("topics.item_vectors.cleanup=compact");
	item("x", "1, 0", "a", -9000);
	item("y", "0, 1", "b", -8000);
	run();
	act("u", "e1", "y", "view", 0);
	run();
	check_text(row(), "u r1 n1 w1 @0 b: 0 1");
	check_ok(driver_crash(driver, &err));
	check_ok(driver_send_value(driver, "item_vectors", "x", (struct bytes){0}, &err));
	item("x", "1, 0", "a", 1000); /* as if its first vectors were compacted away: "a" looks younger than "b" */
	run();
	act("u", "e2", "x", "view", 2000);
	run();
	check_text(row(), "");
	check_int(counted("old_space"), 1);
	driver_close(&driver);
}

TEST(spaces_are_kept_apart)
{
	open_with(NULL);
	item("x", "1, 0", "v1", 0);
	item("y", "0, 1", "v2", 1000);
	run();
	act("u", "e1", "x", "view", 5000);
	act("u", "e2", "y", "view", 3000);
	act("u", "e3", "x", "view", 6000);
	run();
	check_text(row(), "u r1 n1 w0.9996 @5000 v2: 0 1"); /* time does not go back */
	check_int(counted("new_space"), 1);
	check_int(counted("old_space"), 1);
	driver_close(&driver);
}
