#include "state/slab.h"

#include "tests/test.h"

#define SLOTS 3000

TEST(slab_slots_do_not_overlap_and_are_counted)
{
	static uint32_t handles[SLOTS];
	static size_t sizes[SLOTS];
	struct test_random random = test_random_of(test_seed(1));
	struct slab slab;

	slab_init(&slab, 64 << 20);
	for (int i = 0; i < 100000; i++) {
		size_t n = test_random_below(&random, SLOTS);

		if (handles[n]) {
			const uint8_t *at = slab_at(&slab, handles[n]);

			check(at[0] == (uint8_t)n && at[sizes[n] - 1] == (uint8_t)n);
			check(slab_known(&slab, handles[n]));
			slab_give(&slab, handles[n]);
			handles[n] = 0;
		} else {
			sizes[n] = 48 + (test_random_below(&random, 50) ? test_random_below(&random, 2000)
									: test_random_below(&random, 100000));
			handles[n] = slab_take(&slab, sizes[n]);
			check(slab_room(&slab, handles[n]) >= sizes[n]);
			check_int((int64_t)slab_room(&slab, handles[n]), (int64_t)slab_room_for(&slab, sizes[n]));
			check((uintptr_t)slab_at(&slab, handles[n]) % 16 == 0);
			memset(slab_at(&slab, handles[n]), (uint8_t)n, sizes[n]);
		}
		check(slab.used_bytes <= slab.bytes);
	}
	for (int n = 0; n < SLOTS; n++)
		if (handles[n])
			slab_give(&slab, handles[n]);
	check_int(slab.used_bytes, 0);
	check(slab.bytes < 1 << 20);
	slab_fini(&slab);
}

TEST(slab_memory_of_one_size_serves_another)
{
	static uint32_t handles[10000];
	struct slab slab;

	slab_init(&slab, 64 << 20);
	for (size_t size = 64; size < 1024; size += 64) {
		for (int i = 0; i < 10000; i++)
			handles[i] = slab_take(&slab, size);
		for (int i = 0; i < 10000; i++)
			slab_give(&slab, handles[i]);
	}
	check(slab.region_count < 7); /* 2 MiB each: what the largest size took */
	slab_fini(&slab);
}

TEST(slab_handles_of_memory_that_is_gone_are_told)
{
	struct slab slab;
	uint32_t small, large;

	slab_init(&slab, 1 << 20);
	small = slab_take(&slab, 64);
	large = slab_take(&slab, 50000);
	check(slab_known(&slab, small) && slab_known(&slab, large));
	check(!slab_known(&slab, small + 1) && !slab_known(&slab, large + 1) && !slab_known(&slab, 0xfffff000));
	slab_give(&slab, small);
	slab_give(&slab, large);
	check(!slab_known(&slab, small) && !slab_known(&slab, large));
	slab_fini(&slab);
}
