/*
 * An arena: many small allocations, freed together. arena_reset keeps the blocks, so that a record's worth of
 * temporary data costs no malloc once the arena has grown to the size of the largest. All zero bytes are a valid
 * empty arena. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *first;   /* all blocks, oldest first */
	struct arena_block *current; /* the one being filled */
	size_t used;		     /* bytes in use in `current` */
};

void *arena_take(struct arena *arena, size_t size); /* 16-byte aligned, not zeroed; lives until reset or fini */
void arena_reset(struct arena *arena);
void arena_fini(struct arena *arena);

#endif
