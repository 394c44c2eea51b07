/*
 * The hash table of a task: from the hash of (store, key) to the handle of an entry. Open addressing with linear
 * probing; a slot is 8 bytes: the upper half of the hash (the tag) and the handle. A slot's home is the tag's leading
 * bits, so that growing reads the slots in order and never an entry: millions of them move in some milliseconds.
 */
#ifndef STATE_TABLE_H
#define STATE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table {
	uint64_t *slots; /* tag << 32 | handle; 0: empty */
	uint32_t mask;
	int shift; /* tag >> shift is the home */
	uint32_t count;
	int64_t bytes;
};

void table_init(struct table *table);
void table_fini(struct table *table);
void table_insert(struct table *table, uint32_t tag, uint32_t handle);
void table_remove(struct table *table, uint32_t tag, uint32_t handle);
void table_replace(struct table *table, uint32_t tag, uint32_t handle, uint32_t by);

static inline uint32_t
table_home(const struct table *table, uint32_t tag)
{
	return tag >> table->shift;
}

/* The next handle with this tag from slot *at on, which it moves behind it; 0: no more. *at begins at table_home. */
static inline uint32_t
table_next(const struct table *table, uint32_t tag, uint32_t *at)
{
	for (;;) {
		uint64_t slot = table->slots[*at];

		if (slot == 0)
			return 0;
		*at = (*at + 1) & table->mask;
		if ((uint32_t)(slot >> 32) == tag)
			return (uint32_t)slot;
	}
}

#endif
