/* What embedding_update promises, one behaviour a test. */
#include <math.h>

#include "tests/operators/embedding_fixture.h"

TEST(a_user_that_acted_gives_one_row_a_commit_weighted_by_action_and_age)
{
	open_with(NULL);
	item("x", "1, 0", "v1", -1000);
	item("y", "0, 1", "v1", -1000);
	run();
	act("u", "e1", "x", "view", 0);
	act("u", "e2", "y", "like", 1);
	run();
	check_text(row(), "u r1 n2 w4 @1 v1: 0.25 0.75");
	check_text(row(), "");
	act("u", "e3", "x", "view", HALF_LIFE + 1);
	run();
	check_text(row(), "u r2 n3 w3 @3600001 v1: 0.5 0.5");
	act("u", "e4", "y", "share", HALF_LIFE + 2);
	run();
	check_text(row(), "");
	check_int(counted("not_counted"), 1);
	check_int(counted("counted"), 3);
	driver_close(&driver);
}

TEST(a_repeat_changes_nothing_and_what_is_too_late_goes_elsewhere)
{
	open_with("operators.embedding.remember=2min");
	item("x", "1, 0", "v1", -1000);
	run();
	act("u", "e1", "x", "view", 0);
	act("u", "e1", "x", "view", 0);
	run();
	check_text(row(), "u r1 n1 w1 @0 v1: 1 0");
	pass(119998);
	act("u", "e1", "x", "view", 0);
	act("u", "e0", "nothing of that name", "view", -1);
	run();
	check_int(counted("repeated"), 2);
	check_int(counted("late"), 1);
	check_text(id_in("late"), "e0");
	pass(120000);
	act("u", "e1", "x", "view", 0);
	run();
	check_text(id_in("late"), "e1");
	check_text(row(), "");
	driver_close(&driver);
}

TEST(an_engagement_waits_for_the_vector_of_its_item)
{
	open_with(NULL);
	act("u", "e1", "x", "view", 0);
	act("u", "e1", "x", "view", 0); /* a repeat of one that waits */
	act("u", "e2", "y", "like", 500);
	run();
	check_int(counted("waited"), 2);
	check_int(counted("repeated"), 1);
	item("x", "1, 0", "v1", 800);
	pass(999);
	check_text(row(), "");
	pass(2000);
	check_text(row(), "u r1 n1 w1 @0 v1: 1 0");
	pass(60499);
	check_text(id_in("unmatched"), "");
	pass(60500);
	check_text(id_in("unmatched"), "e2");
	check_text(id_in("unmatched"), "");
	check_int(counted("unmatched"), 1);
	item("y", "0, 1", "v1", 700);
	act("u", "e2", "y", "like", 500); /* late, but it has not been counted yet */
	run();
	check_text(row(), "u r2 n2 w4 @500 v1: 0.24998 0.75002");
	driver_close(&driver);
}

TEST(what_waits_outlives_a_crash_and_has_its_time_by_the_wall_clock_too)
{
	open_with(NULL);
	act("u", "e1", "x", "view", 0);
	act("u", "e2", "y", "view", 0);
	run();
	check_ok(driver_crash(driver, &err));
	item("x", "1, 0", "v1", 800);
	check_ok(driver_advance(driver, 30000, &err)); /* now it is idle */
	for (int i = 0; i < 120; i++)
		check_ok(driver_advance(driver, 1000, &err));
	check_text(row(), "u r1 n1 w1 @0 v1: 1 0");
	check_text(id_in("unmatched"), "e2");
	driver_close(&driver);
}

TEST(no_more_wait_than_may_and_the_end_of_a_bounded_run_ends_it)
{
	open_with(NULL);
	for (int i = 0; i < 5; i++) {
		char id[8];

		snprintf(id, sizeof(id), "e%d", i);
		act("u", id, "x", "view", i);
	}
	run();
	check_int(counted("waited"), 3);
	check_int(counted("no_room"), 2);
	check_text(id_in("unmatched"), "e3");
	check_text(id_in("unmatched"), "e4");
	check_text(id_in("unmatched"), "");
	check_ok(driver_finish(driver, &err));
	check_text(id_in("unmatched"), "e0");
	check_text(id_in("unmatched"), "e1");
	check_text(id_in("unmatched"), "e2");
	check_text(row(), "");
	driver_close(&driver);
}

/* A record of item_vectors in Avro, as no JSON can have it. */
static void
raw_item(const char *name, const float *vector, int count)
{
	struct buffer value = {0};

	buffer_put_varint(&value, zigzag_encode((int64_t)strlen(name)));
	buffer_put_bytes(&value, bytes_of_text(name));
	buffer_put_varint(&value, zigzag_encode(count));
	buffer_put(&value, vector, (size_t)count * sizeof(*vector));
	buffer_put_u8(&value, 0);
	buffer_put_varint(&value, zigzag_encode(DRIVER_START_MS));
	buffer_put_varint(&value, zigzag_encode(2));
	buffer_put_bytes(&value, bytes_of_text("v1"));
	check_ok(driver_send_value(driver, "item_vectors", name, buffer_bytes(&value), &err));
	buffer_fini(&value);
}

TEST(what_is_no_vector_is_a_dead_letter_and_the_one_before_stays)
{
	const float good[] = {1, 0}, not_a_number[] = {1, NAN}, infinite[] = {INFINITY, 1};

	open_with("topics.item_vectors.framing=raw");
	raw_item("x", good, 2);
	run();
	raw_item("x", not_a_number, 2);
	run();
	check_contains(driver_read(driver, "dead_letters"), "vector[1] is NaN");
	raw_item("x", infinite, 2);
	run();
	check_contains(driver_read(driver, "dead_letters"), "vector[0] is Infinity");
	item("x", "1, 2, 3", "v1", 1);
	run();
	check_contains(driver_read(driver, "dead_letters"), "the vector has 3 components instead of 2");
	item("x", "", "v1", 1);
	run();
	check_contains(driver_read(driver, "dead_letters"), "the vector has 0 components instead of 2");
	act("u", "e1", "x", "view", 5);
	run();
	check_text(row(), "u r1 n1 w1 @5 v1: 1 0");
	check(driver_read(driver, "dead_letters") == NULL);
	driver_close(&driver);
}

TEST(who_does_not_come_back_is_forgotten)
{
	open_with("operators.embedding.ttl=1d");
	item("x", "1, 0", "v1", 0);
	run();
	act("u", "e1", "x", "view", 0);
	run();
	check_text(row(), "u r1 n1 w1 @0 v1: 1 0");
	act("u", "e2", "x", "view", 1000);
	run();
	row();
	check_ok(driver_finish(driver, &err)); /* makes nobody older */
	check_text(row(), "");
	pass(86400999);
	check_text(row(), "");
	pass(86401000);
	check_text(row(), "u r3 n0 w0 @1000 v1:");
	check_int(counted("expired"), 1);
	act("u", "e3", "x", "view", 86401001);
	run();
	check_text(row(), "u r1 n1 w1 @86401001 v1: 1 0");
	driver_close(&driver);
}

TEST(options_that_cannot_hold_are_refused_at_the_start)
{
	const char *const wrong[][2] = {
		{"operators.embedding.weights=view: 1, lick: 2", "there is no action \"lick\""},
		{"operators.embedding.weights=view: 1, view: 2", "view is named twice"},
		{"operators.embedding.weights=view", "the action view needs a weight"},
		{"operators.embedding.weights=view: x", "the action view needs a weight"},
		{"operators.embedding.weights=view: 1x", "the action view needs a weight"},
		{"operators.embedding.weights=view: -1", "the action view needs a weight"},
		{"operators.embedding.weights=view: nan", "the action view needs a weight"},
		{"operators.embedding.weights=view: 1e7", "the action view needs a weight"},
		{"operators.embedding.weights=view: 0", "no action has a weight over 0"},
		{"operators.embedding.remember=1min", "vector_wait has to be shorter than remember"},
		{"operators.embedding.ttl=1h", "ttl has to be as long as remember"},
		{"operators.embedding.ids_max=1023", "ids_max"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *overrides[] = {wrong[i][0], NULL};

		check_fails(driver_open(test_topology_file(topology), overrides, operators_table, &driver, &err),
			    wrong[i][1]);
	}
}

/* ---- any order ---- */

#define EVENTS 120
#define USERS 3
#define ITEMS 10

struct event {
	int user, item;
	bool like;
	int64_t at;
};

/* The formula, in double precision, over all events of a user at once. */
static void
by_the_formula(const struct event *events, const double vectors[ITEMS][2], int user, double *vector, double *weight,
	       int64_t *newest)
{
	*newest = INT64_MIN;
	vector[0] = vector[1] = *weight = 0;
	for (int i = 0; i < EVENTS; i++)
		if (events[i].user == user && events[i].at > *newest)
			*newest = events[i].at;
	for (int i = 0; i < EVENTS; i++) {
		double w = (events[i].like ? 3 : 1) * exp2((double)(events[i].at - *newest) / HALF_LIFE);

		if (events[i].user != user)
			continue;
		*weight += w;
		for (int c = 0; c < 2; c++)
			vector[c] += w * vectors[events[i].item][c];
	}
	vector[0] /= *weight;
	vector[1] /= *weight;
}

static void
send_item(int i, const double vectors[ITEMS][2])
{
	char name[16], vector[64];

	snprintf(name, sizeof(name), "x%d", i);
	snprintf(vector, sizeof(vector), "%.9g, %.9g", vectors[i][0], vectors[i][1]);
	item(name, vector, "v1", 0);
}

static void
check_last_rows(const struct event *events, const double vectors[ITEMS][2])
{
	double last[USERS][4] = {0}; /* vector, weight, revision */
	int64_t newest[USERS] = {0};
	const char *json;

	while ((json = driver_read(driver, "embeddings"))) {
		json_t *object = json_loads(json, 0, NULL);
		json_t *vector = json_object_get(object, "vector");
		int user = atoi(json_string_value(json_object_get(object, "user_id_token")) + 1);
		double revision = json_number_value(json_object_get(object, "revision"));

		check(revision == last[user][3] + 1);
		last[user][0] = json_number_value(json_array_get(vector, 0));
		last[user][1] = json_number_value(json_array_get(vector, 1));
		last[user][2] = json_number_value(json_object_get(object, "weight"));
		last[user][3] = revision;
		newest[user] = json_integer_value(json_object_get(object, "updated_at")) - DRIVER_START_MS;
		json_decref(object);
	}
	for (int user = 0; user < USERS; user++) {
		double vector[2], weight;
		int64_t time;

		by_the_formula(events, vectors, user, vector, &weight, &time);
		check_int(newest[user], time);
		check(fabs(last[user][2] / weight - 1) < 1e-9);
		check(fabs(last[user][0] - vector[0]) < 2e-6);
		check(fabs(last[user][1] - vector[1]) < 2e-6);
	}
}

/* In any order, with repeats, vectors that come late, commits and crashes anywhere: the vector of the formula. */
TEST(the_last_row_is_that_of_the_formula_whatever_the_order)
{
	struct test_random random = test_random_of(test_seed(13));

	for (int round = 0; round < 20; round++) {
		struct event events[EVENTS];
		double vectors[ITEMS][2];
		int order[2 * EVENTS] = {0};

		open_with("topics.engagements.out_of_orderness=10h");
		for (int i = 0; i < ITEMS; i++)
			for (int c = 0; c < 2; c++)
				vectors[i][c] = (double)(float)((double)test_random_below(&random, 1000) / 500 - 1);
		for (int i = 0; i < EVENTS; i++)
			events[i] = (struct event){.user = (int)test_random_below(&random, USERS),
						   .item = (int)test_random_below(&random, ITEMS),
						   .like = test_random_below(&random, 2) == 0,
						   .at = (int64_t)test_random_below(&random, 5 * HALF_LIFE)};
		for (int i = 0; i < 2 * EVENTS; i++) { /* each event twice */
			size_t other = test_random_below(&random, (uint64_t)i + 1);

			order[i] = order[other];
			order[other] = i / 2;
		}
		for (int i = 0; i < 2 * EVENTS; i++) {
			const struct event *event = &events[order[i]];
			char user[8], id[8], name[8];

			if (i < ITEMS)
				send_item(i, vectors);
			snprintf(user, sizeof(user), "u%d", event->user);
			snprintf(id, sizeof(id), "e%d", order[i]);
			snprintf(name, sizeof(name), "x%d", event->item);
			act(user, id, name, event->like ? "like" : "view", event->at);
			if (test_random_below(&random, 20) == 0)
				check_ok(driver_crash(driver, &err));
			if (test_random_below(&random, 5) == 0)
				run();
		}
		run();
		check_ok(driver_finish(driver, &err));
		check_last_rows(events, vectors);
		check_int(counted("counted") >= EVENTS / 2, 1);
		driver_close(&driver);
	}
}
