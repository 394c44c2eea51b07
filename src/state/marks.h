/*
 * Where the blocks of the journal begin, coarsely: from a block's number to its place, or that of a somewhat earlier
 * block, which errs on the safe side wherever it is used.
 */
#ifndef STATE_MARKS_H
#define STATE_MARKS_H

#include <stddef.h>

#include "state/block.h"

struct marks {
	struct block_mark *items; /* ascending */
	size_t first, count, capacity;
};

void marks_fini(struct marks *marks);
/* The block that follows the last one; it is remembered where it lies `gap_bytes` behind the last mark. */
void marks_add(struct marks *marks, const struct block_mark *mark, uint64_t gap_bytes);
void marks_forget_before(struct marks *marks, uint64_t seq);
/* The last mark at or before the block, or the first mark there is; there is one. */
struct block_mark marks_find(const struct marks *marks, uint64_t seq);
/* The number of the last mark whose place is at or before `bytes`; 0: none is. */
uint64_t marks_seq_at(const struct marks *marks, uint64_t bytes);

#endif
