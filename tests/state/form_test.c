/* Forms: values are rewritten when they are looked at, wherever they come from. */
#include "tests/state/fixture.h"

#include <string.h>

#include "tests/test.h"

static struct error err;

struct rewriting {
	int calls, form;
	uint8_t bytes[4096];
	bool refuses;
};

/* The new form doubles each byte's value and adds one at the end. */
static int
add_one(void *argument, int form, int store, struct bytes key, struct bytes value, struct bytes *out,
	struct error *error)
{
	struct rewriting *rewriting = argument;

	(void)store, (void)key;
	rewriting->calls++;
	rewriting->form = form;
	if (rewriting->refuses)
		return fail(error, FATAL, "no");
	for (size_t i = 0; i < value.size; i++)
		rewriting->bytes[i] = (uint8_t)(value.data[i] * 2);
	rewriting->bytes[value.size] = 1;
	*out = bytes_of(rewriting->bytes, value.size + 1);
	return 0;
}

static void
set_form(struct fixture *fixture, const char *description, struct rewriting *rewriting)
{
	check_ok(state_set_form(fixture->state, bytes_of_text(description), add_one, rewriting, &err));
}

static void
check_value(struct fixture *fixture, int key, size_t size, uint8_t first, uint8_t last)
{
	const struct entry *entry = fixture_get(fixture, key);

	check(entry != NULL);
	check_int((int64_t)entry_value(entry).size, (int64_t)size);
	check_int(entry_value(entry).data[0], first);
	check_int(entry_value(entry).data[size - 1], last);
}

TEST(form_that_is_the_same_rewrites_nothing)
{
	struct rewriting rewriting = {0};
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	set_form(&fixture, "one", &rewriting);
	fixture_put(&fixture, 1, 10, 3);
	fixture_commit(&fixture);
	fixture_move(&fixture);
	check_int(state_form_before(fixture.state), 1);
	set_form(&fixture, "one", &rewriting);
	check_value(&fixture, 1, 10, 3, 3);
	check_int(rewriting.calls, 0);
	fixture_fini(&fixture);
}

/* It lives as long as the state, and must not hold the start of a journal whose entries live shortly. */
TEST(form_does_not_hold_the_start_of_the_journal)
{
	struct rewriting rewriting = {0};
	struct fixture fixture;

	fixture_init(&fixture, 8 << 20);
	set_form(&fixture, "one", &rewriting);
	for (int round = 0; round < 80; round++) {
		for (int i = 0; i < 100; i++)
			fixture_put(&fixture, i, 1000, 3);
		fixture_commit(&fixture);
		for (int i = 0; i < 100; i++)
			fixture_remove(&fixture, i);
		fixture_commit(&fixture);
	}
	check(fixture_start(&fixture) > 100);
	check(fixture_journal_bytes(&fixture) < 3 << 20);
	fixture_move(&fixture);
	check_int(state_form_before(fixture.state), 1);
	fixture_fini(&fixture);
}

TEST(form_that_is_another_rewrites_each_value_once_and_keeps_it)
{
	struct rewriting rewriting = {0};
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	set_form(&fixture, "one", &rewriting);
	fixture_put(&fixture, 1, 10, 3);
	fixture_put(&fixture, 2, 10, 3);
	fixture_commit(&fixture);
	fixture_close(&fixture);
	fixture_open(&fixture);
	set_form(&fixture, "two", &rewriting);
	check_value(&fixture, 1, 11, 6, 1);
	check_value(&fixture, 1, 11, 6, 1);
	check_int(rewriting.calls, 1);
	check_int(rewriting.form, 1);
	state_undo(fixture.state); /* a hook that only looked at it */
	check_value(&fixture, 1, 11, 6, 1);
	fixture_put(&fixture, 1, 11, 7);
	fixture_commit(&fixture);
	fixture_move(&fixture);
	set_form(&fixture, "two", &rewriting);
	check_value(&fixture, 1, 11, 7, 7); /* written in form two */
	check_value(&fixture, 2, 11, 6, 1); /* still as form one wrote it */
	check_int(rewriting.calls, 2);
	fixture_fini(&fixture);
}

TEST(form_that_comes_back_has_its_number_again)
{
	struct rewriting rewriting = {0};
	const char *const descriptions[] = {"one", "two", "one", "three"};
	const int numbers[] = {1, 2, 1, 3};
	struct fixture fixture;
	struct bytes text;
	bool found;

	fixture_init(&fixture, 1 << 20);
	fixture_close(&fixture);
	for (int i = 0; i < 4; i++) {
		fixture_open(&fixture);
		set_form(&fixture, descriptions[i], &rewriting);
		fixture_put(&fixture, i, 5, 1);
		fixture_commit(&fixture);
		fixture_close(&fixture);
		fixture_open(&fixture);
		check_int(state_form_before(fixture.state), numbers[i]);
		fixture_close(&fixture);
	}
	fixture_open(&fixture);
	check_ok(state_form_description(fixture.state, 2, &text, &found, &err));
	check(found);
	check_bytes(text, bytes_of_text("two"));
	check_ok(state_form_description(fixture.state, 4, &text, &found, &err));
	check(!found);
	fixture_fini(&fixture);
}

/* More entries than memory takes: rows of RocksDB, timers and scans give values of today's form too. */
TEST(form_is_kept_by_rows_and_carried_entries)
{
	enum { ENTRIES = 3000 };
	struct rewriting rewriting = {0};
	struct fixture fixture;
	struct store_scan *scan;
	struct entry *entry;
	struct store *store;
	int scanned = 0, fired = 0;

	fixture_init(&fixture, 1 << 18);
	fixture_close(&fixture);
	fixture.limits = (struct state_limits){
		.tail_bytes_min = 20000, .position_bytes = 1000, .carry_bytes_min = 1000};
	fixture_open(&fixture);
	set_form(&fixture, "one", &rewriting);
	for (int i = 0; i < ENTRIES; i++) {
		fixture_put(&fixture, i, 100, 3);
		if (i % 3 == 0)
			fixture_put_timer(&fixture, i, i);
		if (i % 50 == 0)
			fixture_commit(&fixture);
	}
	fixture_commit(&fixture);
	fixture_close(&fixture);
	fixture_open(&fixture);
	set_form(&fixture, "two", &rewriting);
	for (int i = 0; i < 300; i++) { /* blocks that carry what form one wrote */
		fixture_put(&fixture, ENTRIES + i, 100, 3);
		fixture_commit(&fixture);
	}
	fixture_close(&fixture);
	fixture_open(&fixture);
	set_form(&fixture, "two", &rewriting);
	check_ok(store_scan_open(fixture.store, (struct bytes){0}, &scan, &err));
	for (;;) {
		check_ok(store_scan_next(scan, &entry, &err));
		if (!entry)
			break;
		scanned++;
		check_int((int64_t)entry_value(entry).size, fixture_key(entry) < ENTRIES ? 101 : 100);
		check_int(entry_value(entry).data[0], fixture_key(entry) < ENTRIES ? 6 : 3);
	}
	store_scan_close(&scan);
	check_int(scanned, ENTRIES + 300);
	for (;;) {
		check_ok(state_timer_take(fixture.state, TIME_MAX, &store, &entry, &err));
		if (!entry)
			break;
		fired++;
		check_int((int64_t)entry_value(entry).size, 101);
		state_keep(fixture.state);
	}
	check_int(fired, ENTRIES / 3);
	fixture_fini(&fixture);
}

TEST(form_that_cannot_be_rewritten_fails_the_look_up)
{
	struct rewriting rewriting = {0};
	struct fixture fixture;
	struct entry *entry;

	fixture_init(&fixture, 1 << 20);
	set_form(&fixture, "one", &rewriting);
	fixture_put(&fixture, 1, 5, 3);
	fixture_commit(&fixture);
	fixture_close(&fixture);
	fixture_open(&fixture);
	rewriting.refuses = true;
	set_form(&fixture, "two", &rewriting);
	check_fails(store_find(fixture.store, key_of(bytes_of_text("key 1")), &entry, &err), "no");
	check_int(err.action, FATAL);
	fixture_fini(&fixture);
}

TEST(form_of_a_task_that_keeps_nothing_is_empty)
{
	struct rewriting rewriting = {0};
	struct fixture fixture;

	fixture_init(&fixture, 1 << 20);
	check(state_is_empty(fixture.state));
	set_form(&fixture, "one", &rewriting);
	check(state_is_empty(fixture.state));
	fixture_put(&fixture, 1, 10, 3);
	check(!state_is_empty(fixture.state));
	fixture_fini(&fixture);
}
