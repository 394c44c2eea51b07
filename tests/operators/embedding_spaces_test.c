/* Which embedding space is the newer one. */
#include "operators/embedding_spaces.h"

#include <stdio.h>

#include "tests/test.h"

static bool
note(struct spaces *spaces, const char *name, int64_t began_ms)
{
	return spaces_note(spaces, &(struct table_series){bytes_of_text(name), began_ms});
}

static bool
newer(const struct spaces *spaces, const char *a, const char *b)
{
	bool is_newer = spaces_newer(spaces, bytes_of_text(a), bytes_of_text(b));

	check(!is_newer || !spaces_newer(spaces, bytes_of_text(b), bytes_of_text(a)));
	return is_newer;
}

TEST(the_space_that_began_later_is_the_newer_one)
{
	struct spaces spaces = {0};

	check(note(&spaces, "a", 100));
	check(note(&spaces, "b", 50));
	check(newer(&spaces, "a", "b"));
	check(!note(&spaces, "a", 200)); /* it is still published */
	check(note(&spaces, "a", 10));
	check(newer(&spaces, "b", "a"));
	check(newer(&spaces, "a", "unknown"));
	check(!newer(&spaces, "a", "a"));
}

TEST(equal_beginnings_are_ordered_by_name_and_a_named_space_is_the_newest)
{
	struct spaces spaces = {0};

	note(&spaces, "a", 100);
	note(&spaces, "b", 100);
	check(newer(&spaces, "b", "a"));
	spaces.named = bytes_of_text("a");
	check(newer(&spaces, "a", "b"));
	spaces.named = bytes_of_text("c");
	check(newer(&spaces, "c", "b")); /* nothing is known of it yet */
}

TEST(what_is_kept_is_read_again_and_goes_together)
{
	struct spaces kept = {0}, other = {0};
	struct buffer value = {0};

	note(&kept, "a", 100);
	note(&kept, "", 50);
	spaces_write(&kept, &value);
	note(&other, "a", 200);
	note(&other, "b", 150);
	spaces_read(&other, buffer_bytes(&value));
	check_int((int64_t)other.count, 3);
	check(newer(&other, "b", "a"));
	check(newer(&other, "a", ""));
	buffer_fini(&value);
}

TEST(of_too_many_spaces_the_first_is_forgotten)
{
	struct spaces spaces = {0};
	char names[SPACES_MAX + 1][8];

	for (int i = 0; i <= SPACES_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "s%d", i);
		check(note(&spaces, names[i], 100 + i));
	}
	check_int((int64_t)spaces.count, SPACES_MAX);
	check(!note(&spaces, "s0", 100));
	check(newer(&spaces, "s1", "s0"));
	check(newer(&spaces, names[SPACES_MAX], "s1"));
}
