#include "log/owner.h"

#include "tests/test.h"

static struct owner
after(int64_t expected, int count, const int64_t *offsets)
{
	struct owner owner = OWNER_NONE;

	owner.expected = expected;
	for (int i = 0; i < count; i++)
		owner_appended(&owner, offsets[i]);
	return owner;
}

TEST(records_that_begin_where_expected_and_have_no_gap_are_the_owners)
{
	struct owner owner = after(7, 3, (int64_t[]){7, 8, 9});
	struct error err;

	check_ok(owner_check(&owner, "j", 0, &err));
	owner = after(7, 0, NULL);
	check_ok(owner_check(&owner, "j", 0, &err));
	owner = after(-1, 1, (int64_t[]){40});
	check_ok(owner_check(&owner, "j", 0, &err));
}

TEST(an_offset_that_another_one_got_is_noticed_before_between_and_instead)
{
	struct owner later = after(7, 2, (int64_t[]){8, 9}), between = after(7, 2, (int64_t[]){7, 9}),
		     earlier = after(7, 1, (int64_t[]){3});
	struct error err;

	check_fails(owner_check(&later, "app.join.journal", 4, &err),
		    "app.join.journal partition 4: 2 records got the offsets 8 to 9, not those from 7 on");
	check_int(err.action, ABORT);
	check_fails(owner_check(&between, "j", 0, &err), "another process has written to it");
	check_fails(owner_check(&earlier, "j", 0, &err), "another process has written to it");
}

TEST(a_commit_moves_the_expectation_behind_its_markers_and_an_abort_forgets_it)
{
	struct owner owner = after(7, 3, (int64_t[]){7, 8, 9});
	struct error err;

	owner_committed(&owner, 1);
	check_int(owner.expected, 11);
	owner_appended(&owner, 11);
	check_ok(owner_check(&owner, "j", 0, &err));
	owner_committed(&owner, 1);
	owner_committed(&owner, 1); /* a commit without a record of this partition */
	check_int(owner.expected, 13);
	owner_aborted(&owner);
	owner_appended(&owner, 90);
	check_ok(owner_check(&owner, "j", 0, &err));
}
