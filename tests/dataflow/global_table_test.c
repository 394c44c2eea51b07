#include "dataflow/global_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/test.h"

static struct error err;

static struct global_table *
open_table(int64_t bytes_max, int64_t versions, int readers)
{
	struct global_table_config config = {
		.name = "prices", .bytes_max = bytes_max, .versions = versions, .readers = readers};

	return global_table_new(&config);
}

static void
put(struct global_table *table, const char *key, int64_t time_ms, const char *value)
{
	check_ok(global_table_put(table, key_of(bytes_of_text(key)), time_ms, bytes_of_text(value), &err));
}

/* The version of the key at a time, as "value@time"; "" where there is none, "gone" where it is not kept any more. */
static const char *
find(struct global_table *table, const char *key, int64_t at_ms)
{
	static char text[64];
	struct table_row row;
	enum table_answer answer = global_table_find(table, key_of(bytes_of_text(key)), at_ms, &row);

	if (answer != TABLE_ROW)
		return answer == TABLE_GONE ? "gone" : "";
	check_int((int64_t)((uintptr_t)row.value.data % 16), 0);
	snprintf(text, sizeof(text), "%.*s@%lld", bytes_arguments(row.value), (long long)row.time_ms);
	return text;
}

TEST(a_look_up_gives_the_version_that_held_at_the_time)
{
	struct global_table *table = open_table(1 << 20, 4, 1);

	check_text(find(table, "a", 100), "");
	put(table, "a", 100, "one");
	put(table, "a", 300, "three");
	put(table, "a", 200, "two"); /* in between, later */
	put(table, "b", 50, "other");
	check_text(find(table, "a", 99), ""); /* never one from the future */
	check_text(find(table, "a", 100), "one@100");
	check_text(find(table, "a", 299), "two@200");
	check_text(find(table, "a", 1000), "three@300");
	check_int(global_table_rows(table), 2);
	global_table_free(&table);
}

TEST(from_a_version_the_look_up_goes_on_to_those_before)
{
	struct global_table *table = open_table(1 << 20, 2, 1);
	struct table_row row;

	for (int64_t ms = 100; ms <= 300; ms += 100)
		put(table, "a", ms, "v");
	put(table, "b", 200, "only");
	check_int(global_table_find(table, key_of(bytes_of_text("a")), 1000, &row), TABLE_ROW);
	check_int(row.time_ms, 300);
	check_int(global_table_find_before(&row), TABLE_ROW);
	check_int(row.time_ms, 200);
	check_int(global_table_find_before(&row), TABLE_GONE);
	check_int(global_table_find(table, key_of(bytes_of_text("b")), 200, &row), TABLE_ROW);
	check_int(global_table_find_before(&row), TABLE_NOTHING);
	global_table_free(&table);
}

TEST(of_two_versions_of_one_time_the_later_holds)
{
	struct global_table *table = open_table(1 << 20, 4, 1);

	put(table, "a", 100, "one");
	put(table, "a", 200, "two");
	put(table, "a", 100, "corrected");
	check_text(find(table, "a", 150), "corrected@100");
	check_text(find(table, "a", 200), "two@200");
	global_table_free(&table);
}

TEST(the_oldest_versions_go)
{
	struct global_table *table = open_table(1 << 20, 2, 1);

	put(table, "a", 100, "one");
	put(table, "a", 200, "two");
	put(table, "a", 300, "three");
	check_text(find(table, "a", 200), "two@200");
	check_text(find(table, "a", 150), "gone");
	check_text(find(table, "a", 99), ""); /* there was none then */
	put(table, "a", 50, "too old");
	check_text(find(table, "a", 50), "gone");
	check_text(find(table, "a", 49), "");
	put(table, "a", 250, "between");
	check_text(find(table, "a", 249), "gone");
	check_text(find(table, "a", 250), "between@250");
	global_table_free(&table);
}

TEST(a_key_can_be_removed_and_come_back)
{
	struct global_table *table = open_table(1 << 20, 2, 1);

	put(table, "a", 100, "one");
	global_table_remove(table, key_of(bytes_of_text("a")));
	global_table_remove(table, key_of(bytes_of_text("never there")));
	check_text(find(table, "a", 100), "");
	check_int(global_table_rows(table), 0);
	put(table, "a", 90, "again");
	check_text(find(table, "a", 100), "again@90");
	check_int(global_table_rows(table), 1);
	global_table_free(&table);
}

TEST(a_table_that_would_be_too_large_is_refused)
{
	struct global_table *table = open_table(64 << 10, 4, 1);
	char key[32];
	int i = 0;

	do
		snprintf(key, sizeof(key), "key %d", i++);
	while (global_table_put(table, key_of(bytes_of_text(key)), 1, bytes_of_text("0123456789"), &err) == 0);
	check_int(err.action, FATAL);
	check_contains(err.text, "topic prices needs more than its table_size of 65536 bytes");
	check(global_table_bytes(table) <= 64 << 10);
	check(i > 300);
	check_text(find(table, "key 0", 1), "0123456789@1");
	global_table_free(&table);
}

TEST(what_is_replaced_again_and_again_takes_no_more_room)
{
	struct global_table *table = open_table(1 << 20, 2, 1);
	char value[1000];

	global_table_enter(table, 0);
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 100000; i++) {
		check_ok(global_table_put(table, key_of(bytes_of_text("a")), i, bytes_of(value, sizeof(value)), &err));
		global_table_pass(table, 0);
	}
	global_table_leave(table, 0);
	global_table_free(&table);
}

TEST(a_reader_that_does_not_pass_keeps_what_it_found)
{
	struct global_table *table = open_table(1 << 20, 1, 2);
	struct table_row row;
	char value[32];

	put(table, "a", 0, "held");
	global_table_enter(table, 0);
	check_int(global_table_find(table, key_of(bytes_of_text("a")), 0, &row), TABLE_ROW);
	for (int i = 1; i < 5000; i++) {
		snprintf(value, sizeof(value), "version %d", i);
		put(table, "a", i, value);
	}
	check_bytes(row.value, bytes_of_text("held"));
	global_table_leave(table, 0);
	global_table_free(&table);
}

/* Each key is there while the next 100 come, then it is removed for good. */
static int
come_and_go(struct global_table *table, int from, int to)
{
	char key[32];

	for (int i = from; i < to; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		if (global_table_put(table, key_of(bytes_of_text(key)), i, bytes_of_text("0123456789"), &err) < 0)
			return -1;
		snprintf(key, sizeof(key), "key %d", i - 100);
		global_table_remove(table, key_of(bytes_of_text(key)));
		global_table_pass(table, 0);
	}
	return 0;
}

TEST(keys_that_come_and_go_take_no_more_room_than_the_most_that_are_there)
{
	struct global_table *table = open_table(128 << 10, 2, 1);

	global_table_enter(table, 0);
	check_ok(come_and_go(table, 0, 1000000));
	check_int(global_table_rows(table), 100);
	check_text(find(table, "key 999899", INT64_MAX), "");
	check_text(find(table, "key 999900", INT64_MAX), "0123456789@999900");
	check_text(find(table, "key 999999", INT64_MAX), "0123456789@999999");
	check_text(find(table, "key 0", INT64_MAX), "");
	global_table_leave(table, 0);
	global_table_free(&table);
}

TEST(an_index_that_was_large_becomes_small_again)
{
	struct global_table *table = open_table(16 << 20, 1, 1);
	char key[32];
	int64_t small;

	global_table_enter(table, 0);
	check_ok(come_and_go(table, 0, 1000));
	small = global_table_bytes(table);
	for (int i = 0; i < 50000; i++) {
		snprintf(key, sizeof(key), "many %d", i);
		put(table, key, 1, "v");
	}
	for (int i = 0; i < 50000; i++) {
		snprintf(key, sizeof(key), "many %d", i);
		global_table_remove(table, key_of(bytes_of_text(key)));
	}
	check_ok(come_and_go(table, 1000, 101000));
	check(global_table_bytes(table) <= small + (64 << 10));
	check_text(find(table, "key 100999", INT64_MAX), "0123456789@100999");
	global_table_leave(table, 0);
	global_table_free(&table);
}

TEST(a_key_is_found_behind_one_that_was_removed_before_it)
{
	/* 1,024 slots: 400 keys meet in many of them. */
	struct global_table *table = open_table(1 << 20, 1, 1);
	char key[32];

	for (int i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "%d", i);
		put(table, key, i, "v");
	}
	for (int i = 0; i < 400; i += 2) {
		snprintf(key, sizeof(key), "%d", i);
		global_table_remove(table, key_of(bytes_of_text(key)));
	}
	for (int i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "%d", i);
		check_int(find(table, key, i)[0] != 0, i % 2);
	}
	for (int i = 398; i >= 0; i -= 2) { /* back again: once, not twice */
		snprintf(key, sizeof(key), "%d", i);
		put(table, key, i, "w");
		put(table, key, i, "x");
	}
	check_int(global_table_rows(table), 400);
	for (int i = 0; i < 400; i++) {
		snprintf(key, sizeof(key), "%d", i);
		check_int(find(table, key, i)[0], i % 2 ? 'v' : 'x');
	}
	global_table_free(&table);
}

TEST(the_writer_waits_for_a_reader_that_does_not_pass_instead_of_giving_up)
{
	struct global_table *table = open_table(64 << 10, 1, 1);
	char value[1000];
	int64_t i = 0;

	memset(value, 'v', sizeof(value));
	global_table_enter(table, 0);
	while (global_table_put(table, key_of(bytes_of_text("a")), i, bytes_of(value, sizeof(value)), &err) == 0)
		check(++i < 100);
	check_int(err.action, RETRY);
	check_contains(err.text, "topic prices waits for a worker that has made no turn");
	global_table_pass(table, 0);
	check_ok(global_table_put(table, key_of(bytes_of_text("a")), i, bytes_of(value, sizeof(value)), &err));
	global_table_leave(table, 0);
	global_table_free(&table);
}

/* ---- many readers, one writer: run by the sanitizers too ---- */

#define READERS 3
#define KEYS 5000 /* the index grows while they read, and shrinks, and is replaced */
#define ROUNDS 20

struct reading {
	struct global_table *table;
	int number;
	atomic_bool *done;
	int64_t found, wrong;
	pthread_t thread;
};

/* Every value says its key and its time. */
static void *
read_all(void *argument)
{
	struct reading *reading = argument;
	struct test_random random = test_random_of(1 + (uint64_t)reading->number);
	struct table_row row;
	char key[32], expected[64];

	global_table_enter(reading->table, reading->number);
	do {
		for (int i = 0; i < 100; i++) {
			snprintf(key, sizeof(key), "key %d", (int)test_random_below(&random, KEYS));
			if (global_table_find(reading->table, key_of(bytes_of_text(key)), ROUNDS, &row) != TABLE_ROW)
				continue;
			do {
				snprintf(expected, sizeof(expected), "%s at %lld", key, (long long)row.time_ms);
				reading->found++;
				reading->wrong += !bytes_equal(row.value, bytes_of_text(expected));
			} while (global_table_find_before(&row) == TABLE_ROW);
		}
		global_table_pass(reading->table, reading->number);
	} while (!atomic_load(reading->done));
	global_table_leave(reading->table, reading->number);
	return NULL;
}

static void
write_all(struct global_table *table)
{
	char key[32], value[64];

	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < KEYS; i++) {
			snprintf(key, sizeof(key), "key %d", i);
			snprintf(value, sizeof(value), "%s at %d", key, round);
			put(table, key, round, value);
			if ((i + round) % 50 == 0 || (round % 5 == 4 && i % 100 != 0))
				global_table_remove(table, key_of(bytes_of_text(key)));
		}
}

TEST(readers_never_see_a_row_that_is_not_whole)
{
	struct global_table *table = open_table(16 << 20, 2, READERS);
	struct reading readings[READERS];
	atomic_bool done = false;
	int64_t found = 0;

	put(table, "key 0", 0, "key 0 at 0");
	for (int i = 0; i < READERS; i++) {
		readings[i] = (struct reading){.table = table, .number = i, .done = &done};
		check_int(pthread_create(&readings[i].thread, NULL, read_all, &readings[i]), 0);
	}
	write_all(table);
	atomic_store(&done, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(readings[i].thread, NULL);
		check_int(readings[i].wrong, 0);
		found += readings[i].found;
	}
	check(found > 0);
	global_table_free(&table);
}
