#include "state/store.h"

#include "tests/state/fixture.h"

TEST(store_add_gives_zeros_and_says_whether_it_is_new)
{
	struct fixture fixture;
	struct key key = key_of(bytes_of_text("a"));
	struct entry *entry, *again;
	struct error err;
	bool added;

	fixture_init(&fixture, 1 << 20);
	check_ok(store_add(fixture.store, key, 3, &entry, &added, &err));
	check(added);
	check_bytes(entry_value(entry), bytes_of("\0\0\0", 3));
	check_int(entry_timer(entry), TIME_MAX);
	check_ok(store_add(fixture.store, key, 9, &again, &added, &err));
	check(!added && again == entry);
	check_int((int64_t)entry_value(again).size, 3);
	state_keep(fixture.state);
	fixture_fini(&fixture);
}

TEST(store_edit_keeps_what_fits_and_zeroes_the_rest)
{
	struct fixture fixture;
	struct entry *entry;

	fixture_init(&fixture, 1 << 20);
	fixture_put(&fixture, 1, 100, 'a');
	entry = fixture_get(&fixture, 1);
	memset(entry_edit(fixture.store, &entry, 10) + 5, 'b', 5);
	check_bytes(bytes_of(entry_edit(fixture.store, &entry, 2000), 12), bytes_of("aaaaabbbbb\0\0", 12));
	check_int((int64_t)entry_value(fixture_get(&fixture, 1)).size, 2000);
	state_keep(fixture.state);
	fixture_fini(&fixture);
}

TEST(store_changes_of_a_record_are_undone_as_one)
{
	struct fixture fixture;
	struct entry *entry;

	fixture_init(&fixture, 1 << 20);
	fixture_put(&fixture, 1, 50, 'a');
	fixture_put_timer(&fixture, 1, 77);
	fixture_put(&fixture, 2, 50, 'b');

	entry = fixture_get(&fixture, 1);
	memset(entry_edit(fixture.store, &entry, 5000), 'x', 5000);
	entry_set_timer(fixture.store, entry, 5);
	entry_remove(fixture.store, entry);
	entry_remove(fixture.store, fixture_get(&fixture, 2));
	{
		struct key key = key_of(bytes_of_text("key 3"));
		struct error err;
		bool added;

		check_ok(store_add(fixture.store, key, 5, &entry, &added, &err));
	}
	check(!fixture_get(&fixture, 1) && !fixture_get(&fixture, 2) && fixture_get(&fixture, 3));
	state_undo(fixture.state);

	entry = fixture_get(&fixture, 1);
	check_int((int64_t)entry_value(entry).size, 50);
	check_int(entry_value(entry).data[49], 'a');
	check_int(entry_timer(entry), 77);
	check(fixture_get(&fixture, 2) && !fixture_get(&fixture, 3));
	fixture_fini(&fixture);
}

TEST(store_refuses_a_key_that_is_too_long_and_takes_the_longest_entry)
{
	static uint8_t key[STORE_KEY_SIZE_MAX + 1];
	struct fixture fixture;
	struct entry *entry;
	struct error err;
	bool added;

	fixture_init(&fixture, 1 << 20);
	check_fails(store_add(fixture.store, key_of(bytes_of(key, sizeof(key))), 1, &entry, &added, &err),
		    "a key of 4097 bytes; 4096 are the most");
	check_int(err.action, SKIP);
	check_ok(store_add(fixture.store, key_of(bytes_of(key, sizeof(key) - 1)), STORE_VALUE_SIZE_MAX, &entry, &added,
			   &err));
	state_keep(fixture.state);
	fixture_commit(&fixture);
	fixture_move(&fixture);
	check_ok(store_find(fixture.store, key_of(bytes_of(key, sizeof(key) - 1)), &entry, &err));
	check(entry != NULL);
	check_int((int64_t)entry_value(entry).size, STORE_VALUE_SIZE_MAX);
	fixture_fini(&fixture);
}

TEST(store_find_of_nothing_does_not_ask_a_disk_without_rows)
{
	struct fixture fixture;
	struct state_figures figures;

	fixture_init(&fixture, 1 << 20);
	for (int i = 0; i < 100; i++)
		check(!fixture_get(&fixture, i));
	state_figures(fixture.state, &figures);
	check_int(figures.misses, 0);
	fixture_fini(&fixture);
}
