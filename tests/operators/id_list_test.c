/* Lists of ids, and the pages of long ones. */
#include "operators/id_list.h"

#include <stdio.h>

#include "base/clock.h"
#include "tests/test.h"

#define OF 7 /* what the page's ids belong to */

static struct {
	uint8_t bytes[4096];
	size_t size;
} page;

static void
put(uint64_t hash, uint32_t second, int64_t until, size_t max)
{
	page.size = id_page_fit(page.bytes, page.size, OF, until, max) + ID_SIZE;
	id_page_put(page.bytes, page.size, (struct id_item){hash, second});
}

static bool
has(uint64_t hash)
{
	return id_page_has(bytes_of(page.bytes, page.size), OF, hash);
}

static int64_t
floor_of(uint64_t of)
{
	return id_page_floor(bytes_of(page.bytes, page.size), of);
}

TEST(an_id_is_remembered_to_the_second_and_forgotten_with_what_is_older)
{
	uint8_t list[3 * ID_SIZE];

	for (size_t i = 0; i < 3; i++)
		id_list_set(list, i, 100 + i, 1001 + 1000 * (int64_t)i); /* seconds 2, 3 and 4 */
	check(id_list_has(list, 3, 101));
	check_int((int64_t)id_list_forget(list, 3, 1999), 3);
	check_int((int64_t)id_list_forget(list, 3, 3000), 1);
	check(id_list_has(list, 1, 102));
	check(!id_list_has(list, 1, 101));
}

TEST(an_empty_page_knows_nothing)
{
	check(!id_page_has(bytes_of(NULL, 0), OF, 1));
	check_int(id_page_floor(bytes_of(NULL, 0), OF), TIME_MIN);
}

TEST(a_full_page_forgets_the_older_half_and_says_from_where_on_it_knows_all)
{
	for (uint32_t i = 1; i <= 4; i++)
		put(i, i, TIME_MIN, 4);
	check_int(floor_of(OF), TIME_MIN);
	check_int(id_page_newest(bytes_of(page.bytes, page.size)), 4000);
	put(5, 5, TIME_MIN, 4);
	check(has(5) && has(4));
	check(!has(1));
	check_int(floor_of(OF), 3000);
	put(6, 6, 3000, 4); /* what is as old as the floor is refused by its age now */
	check_int(floor_of(OF), TIME_MIN);
	check(has(4) && has(5) && has(6));
}

TEST(what_a_page_knows_of_something_else_it_does_not_know)
{
	put(1, 1, TIME_MIN, 1);
	put(2, 2, TIME_MIN, 1);
	check(floor_of(OF) != TIME_MIN);
	check(!id_page_has(bytes_of(page.bytes, page.size), OF + 1, 2));
	check_int(floor_of(OF + 1), TIME_MIN);
	page.size = id_page_fit(page.bytes, page.size, OF + 1, TIME_MIN, 4);
	check(!has(2));
	check_int((int64_t)page.size, (int64_t)sizeof(struct id_page_head));
}

TEST(hashes_spread_over_all_pages)
{
	bool met[ID_PAGE_COUNT] = {0};
	char id[16];
	int count = 0;

	for (int i = 0; i < 10000; i++) {
		snprintf(id, sizeof(id), "e%d", i);
		count += !met[id_page_number(id_hash(bytes_of_text(id)))];
		met[id_page_number(id_hash(bytes_of_text(id)))] = true;
	}
	check_int(count, ID_PAGE_COUNT);
}
