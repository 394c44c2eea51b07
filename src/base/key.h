/*
 * A key of a store with its 64-bit hash, computed once where the key comes into being (the fetch of a record) and
 * carried along. The hash is XXH3 of the bytes; it lives in memory only and may change between versions.
 */
#ifndef BASE_KEY_H
#define BASE_KEY_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"

struct key {
	struct bytes bytes; /* borrowed */
	uint64_t hash;
};

static inline struct key
key_of(struct bytes bytes)
{
	return (struct key){.bytes = bytes, .hash = XXH3_64bits(bytes.data, bytes.size)};
}

#endif
