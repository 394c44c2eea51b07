/*
 * Memory that is used again and again, and grows to the largest that was ever needed: how much of it is to stay. All
 * zero bytes: not used yet.
 */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <stddef.h>

#include "base/buffer.h"

#define USAGE_BYTES_KEPT ((size_t)1 << 20) /* so much is never given back */
#define USAGE_COUNT_MAX 64		   /* uses in a row that need less than half of it: the rest is given back */

struct usage {
	size_t peak_bytes; /* of the uses that were counted */
	int count;
};

/* After each use: what it needed, and what is held. Gives what is to be held from now on: as much, or less. */
size_t usage_end(struct usage *usage, size_t used_bytes, size_t held_bytes);
/* The end of a use of the buffer: clears it, and gives back what is not needed any more. */
void usage_end_buffer(struct usage *usage, struct buffer *buffer);

#endif
