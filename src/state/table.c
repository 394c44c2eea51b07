#include "state/table.h"

#include "base/error.h"
#include "base/memory.h"
#include "state/slab.h"

#define BITS_MIN 8 /* slots of a new table: 256 */
#define BITS_MAX 31
#define BITS_PAGES_MIN 18 /* from 2 MiB on: huge pages */
#define LOAD_PERCENT_MAX 80

static uint64_t *
slots_new(int bits)
{
	size_t count = (size_t)1 << bits;

	return bits >= BITS_PAGES_MIN ? slab_pages_new(count * sizeof(uint64_t))
				      : memory_new_array(count, sizeof(uint64_t));
}

static void
slots_free(uint64_t *slots, int bits)
{
	if (bits >= BITS_PAGES_MIN)
		slab_pages_free(slots, sizeof(uint64_t) << bits);
	else
		memory_free(&slots);
}

static void
set_bits(struct table *table, int bits)
{
	table->slots = slots_new(bits);
	table->mask = (uint32_t)((1ul << bits) - 1);
	table->shift = 32 - bits;
	table->bytes = (int64_t)sizeof(uint64_t) << bits;
}

void
table_init(struct table *table)
{
	*table = (struct table){0};
	set_bits(table, BITS_MIN);
}

void
table_fini(struct table *table)
{
	slots_free(table->slots, 32 - table->shift);
	*table = (struct table){0};
}

static void
put(struct table *table, uint64_t slot)
{
	uint32_t at = table_home(table, (uint32_t)(slot >> 32));

	while (table->slots[at])
		at = (at + 1) & table->mask;
	table->slots[at] = slot;
}

static void
grow(struct table *table)
{
	uint64_t *old = table->slots;
	uint32_t old_mask = table->mask;
	int bits = 32 - table->shift;

	insist(bits < BITS_MAX);
	set_bits(table, bits + 1);
	for (uint32_t i = 0; i <= old_mask; i++)
		if (old[i])
			put(table, old[i]);
	slots_free(old, bits);
}

void
table_insert(struct table *table, uint32_t tag, uint32_t handle)
{
	if ((uint64_t)(table->count + 1) * 100 > ((uint64_t)table->mask + 1) * LOAD_PERCENT_MAX)
		grow(table);
	put(table, (uint64_t)tag << 32 | handle);
	table->count++;
}

static uint32_t
slot_of(const struct table *table, uint32_t tag, uint32_t handle)
{
	uint64_t slot = (uint64_t)tag << 32 | handle;
	uint32_t at = table_home(table, tag);

	while (table->slots[at] != slot) {
		insist(table->slots[at] != 0);
		at = (at + 1) & table->mask;
	}
	return at;
}

/* What stands behind the gap moves into it, unless it would stand before its home: no marks of the dead are left. */
void
table_remove(struct table *table, uint32_t tag, uint32_t handle)
{
	uint32_t gap = slot_of(table, tag, handle);

	for (uint32_t at = (gap + 1) & table->mask; table->slots[at]; at = (at + 1) & table->mask) {
		uint32_t home = table_home(table, (uint32_t)(table->slots[at] >> 32));

		if (((at - home) & table->mask) < ((at - gap) & table->mask))
			continue;
		table->slots[gap] = table->slots[at];
		gap = at;
	}
	table->slots[gap] = 0;
	table->count--;
}

void
table_replace(struct table *table, uint32_t tag, uint32_t handle, uint32_t by)
{
	table->slots[slot_of(table, tag, handle)] = (uint64_t)tag << 32 | by;
}
