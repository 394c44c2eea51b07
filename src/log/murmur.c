/* The partition of a key, as the Java producer computes it: 32-bit MurmurHash2 with a fixed seed, sign bit cleared. */
#include "log/log.h"

#define SEED 0x9747b28cU
#define MULTIPLIER 0x5bd1e995U
#define SHIFT 24

static uint32_t
murmur2(struct bytes key)
{
	uint32_t hash = SEED ^ (uint32_t)key.size;
	size_t at = 0;

	for (; key.size - at >= 4; at += 4) {
		uint32_t word = load_u32(key.data + at) * MULTIPLIER;

		word = (word ^ (word >> SHIFT)) * MULTIPLIER;
		hash = (hash * MULTIPLIER) ^ word;
	}
	if (at < key.size) {
		for (size_t i = key.size - at; i-- > 0;)
			hash ^= (uint32_t)key.data[at + i] << (8 * i);
		hash *= MULTIPLIER;
	}
	hash = (hash ^ (hash >> 13)) * MULTIPLIER;
	return hash ^ (hash >> 15);
}

int
log_partition_of(struct bytes key, int partitions)
{
	return (int)((murmur2(key) & 0x7fffffffU) % (uint32_t)partitions);
}
