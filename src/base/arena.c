#include "base/arena.h"

#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

#define BLOCK_SIZE_MIN 1024  /* bytes of payload of the first block; each has twice as many as the one before ... */
#define BLOCK_SIZE_MAX 65536 /* ... up to here, unless one allocation needs more */
#define ARENA_ALIGNMENT 16   /* bytes */

struct arena_block {
	struct arena_block *next;
	size_t capacity;
	_Alignas(ARENA_ALIGNMENT) uint8_t data[];
};

static struct arena_block *
block_new(size_t before, size_t size)
{
	size_t capacity = before ? 2 * before : BLOCK_SIZE_MIN;
	struct arena_block *block;

	capacity = capacity > BLOCK_SIZE_MAX ? BLOCK_SIZE_MAX : capacity;
	capacity = capacity < size ? size : capacity;
	block = memory_new(sizeof(*block) + capacity);
	block->capacity = capacity;
	return block;
}

/* Goes on to the next kept block that is large enough, or puts a new one behind the current block. */
static void
next_block(struct arena *arena, size_t size)
{
	struct arena_block **link = arena->current ? &arena->current->next : &arena->first;
	size_t before = arena->current ? arena->current->capacity : 0;
	struct arena_block *block;

	for (; *link && (*link)->capacity < size; link = &(*link)->next)
		before = (*link)->capacity;
	if (!*link)
		*link = block_new(before, size);
	block = *link;
	arena->current = block;
	arena->used = 0;
}

void *
arena_take(struct arena *arena, size_t size)
{
	void *got;

	insist(size <= SIZE_MAX / 2);
	size = (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
	if (!arena->current || arena->current->capacity - arena->used < size)
		next_block(arena, size);
	got = arena->current->data + arena->used;
	arena->used += size;
	return got;
}

void
arena_reset(struct arena *arena)
{
	arena->current = arena->first;
	arena->used = 0;
}

void
arena_fini(struct arena *arena)
{
	while (arena->first) {
		struct arena_block *next = arena->first->next;

		memory_free(&arena->first);
		arena->first = next;
	}
	*arena = (struct arena){0};
}
