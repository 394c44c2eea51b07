/*
 * Entries that are a part of something with a key of its own: theirs is that key, and behind it which part, as a
 * big-endian number of `size` bytes. So a part is found by one look-up, and goes where the whole goes.
 */
#ifndef OPERATORS_PART_KEY_H
#define OPERATORS_PART_KEY_H

#include "dataflow/operator.h"

/* Lives as long as what the context gives out. */
struct key part_key(struct context *context, struct bytes whole, uint32_t part, size_t size);
/* The key of the whole: a view of the part's. */
struct bytes part_key_whole(struct bytes key, size_t size);

/* For a rescale. */
void part_share(const struct share_part *part, struct share *share, size_t size);

#endif
