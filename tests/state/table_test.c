#include "state/table.h"

#include "tests/test.h"

#define HANDLES 5000

static bool
has(const struct table *table, uint32_t tag, uint32_t wanted)
{
	uint32_t at = table_home(table, tag);

	for (uint32_t handle; (handle = table_next(table, tag, &at)) != 0;)
		if (handle == wanted)
			return true;
	return false;
}

/* Few different tags, many of them neighbours at the table's end: long runs that wrap around. */
TEST(table_finds_what_was_put_and_nothing_that_was_removed)
{
	static uint32_t tags[HANDLES + 1];
	struct test_random random = test_random_of(test_seed(2));
	struct table table;
	uint32_t count = 0;

	table_init(&table);
	for (int i = 0; i < 100000; i++) {
		uint32_t handle = 1 + (uint32_t)test_random_below(&random, HANDLES);

		if (tags[handle]) {
			check(has(&table, tags[handle], handle));
			table_remove(&table, tags[handle], handle);
			check(!has(&table, tags[handle], handle));
			tags[handle] = 0;
			count--;
		} else {
			tags[handle] = test_random_below(&random, 2)
					       ? (uint32_t)test_random_next(&random) | 1
					       : 0xfffffff0u + (uint32_t)test_random_below(&random, 16);
			table_insert(&table, tags[handle], handle);
			count++;
		}
		check_int(table.count, count);
	}
	for (uint32_t handle = 1; handle <= HANDLES; handle++)
		if (tags[handle])
			check(has(&table, tags[handle], handle));
	table_fini(&table);
}
