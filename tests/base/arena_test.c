#include "base/arena.h"

#include <malloc.h>
#include <stdint.h>
#include <string.h>

#include "tests/test.h"

TEST(what_is_taken_is_aligned_and_does_not_overlap)
{
	struct arena arena = {0};
	uint8_t *taken[2000];

	for (size_t i = 0; i < 2000; i++) {
		taken[i] = arena_take(&arena, i % 300);
		check_int((int64_t)((uintptr_t)taken[i] % 16), 0);
		memset(taken[i], (int)(i & 0xff), i % 300);
	}
	for (size_t i = 0; i < 2000; i++)
		for (size_t j = 0; j < i % 300; j++)
			check_int(taken[i][j], (int64_t)(i & 0xff));
	arena_fini(&arena);
}

TEST(one_allocation_may_be_larger_than_a_block)
{
	struct arena arena = {0};
	uint8_t *small = arena_take(&arena, 10), *large = arena_take(&arena, 1 << 20);

	memset(small, 1, 10);
	memset(large, 2, 1 << 20);
	check_int(small[9], 1);
	check_int(large[(1 << 20) - 1], 2);
	arena_fini(&arena);
}

TEST(a_reset_arena_hands_out_the_same_memory_again)
{
	struct arena arena = {0};
	void *first = arena_take(&arena, 40000), *second = arena_take(&arena, 40000);

	arena_reset(&arena);
	check(arena_take(&arena, 40000) == first);
	check(arena_take(&arena, 40000) == second);
	arena_fini(&arena);
}

TEST(a_finished_arena_is_empty_and_may_be_used_again)
{
	struct arena arena = {0};

	arena_take(&arena, 100);
	arena_fini(&arena);
	check(!arena.first && !arena.current && arena.used == 0);
	check(arena_take(&arena, 100));
	arena_fini(&arena);
}

TEST(an_arena_that_holds_little_takes_little)
{
	struct arena arenas[100] = {{0}};
	size_t before = mallinfo2().uordblks;

	for (int i = 0; i < 100; i++)
		arena_take(&arenas[i], 100);
	check(mallinfo2().uordblks - before < 200000);
	for (int i = 0; i < 100; i++)
		arena_fini(&arenas[i]);
}
