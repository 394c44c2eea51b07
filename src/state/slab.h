/*
 * Memory for entries: slots of fixed size classes in chunks, named by a 32-bit handle instead of a pointer,
 * which halves the links between entries. What is in use is counted to the byte. A chunk whose slots are all
 * free can serve another class. 0 is no handle. One thread's.
 */
#ifndef STATE_SLAB_H
#define STATE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_CLASSES_MAX 64
#define SLAB_GRANULE_BITS 4 /* a slot begins at a multiple of 16 bytes */
#define SLAB_INDEX_BITS 12  /* granules of a chunk: 64 KiB at most */

struct slab_chunk {
	uint32_t slot_size;	 /* 0: not in use; LARGE: one slot of `bytes` */
	uint32_t next, previous; /* chunks of the class with free slots; or spare chunks; 0: none */
	uint32_t free;		 /* handle of the first free slot, 0: none */
	uint16_t used;		 /* slots in use */
	uint16_t fresh;		 /* slots that were ever in use since the chunk got its class */
	uint8_t class;
	bool listed;  /* in the list of its class */
	bool emptied; /* by slab_sparse_chunk: gives no slots any more */
	size_t bytes;
};

struct slab {
	uint8_t **bases; /* by chunk number; number 0 is not used */
	struct slab_chunk *chunks;
	uint32_t chunk_count, chunk_capacity;
	uint32_t spare;	  /* chunks with memory and without a class */
	uint32_t unnamed; /* numbers without memory */
	uint32_t partial[SLAB_CLASSES_MAX];
	uint32_t class_sizes[SLAB_CLASSES_MAX];
	int64_t class_room[SLAB_CLASSES_MAX]; /* free slots in its chunks */
	int class_count;
	size_t chunk_size, region_size;
	void **regions;
	size_t region_count;
	int64_t bytes;	    /* of chunks that have a slot in use, and of the tables above */
	int64_t used_bytes; /* of slots in use */
};

void slab_init(struct slab *slab, int64_t memory_bytes); /* chunks of a size that suits the budget */
void slab_fini(struct slab *slab);

uint32_t slab_take(struct slab *slab, size_t size); /* not zeroed */
void slab_give(struct slab *slab, uint32_t handle);
size_t slab_room(const struct slab *slab, uint32_t handle); /* bytes of the slot */
size_t slab_room_for(const struct slab *slab, size_t size); /* bytes of the slot that slab_take would give */

/* The handle names a slot that is in use or has been: its memory may be looked at. For handles of unknown age. */
bool slab_known(const struct slab *slab, uint32_t handle);

static inline void *
slab_at(const struct slab *slab, uint32_t handle)
{
	return slab->bases[handle >> SLAB_INDEX_BITS] +
	       ((size_t)(handle & ((1u << SLAB_INDEX_BITS) - 1)) << SLAB_GRANULE_BITS);
}

/*
 * A chunk of a class whose other chunks have room for all that is in it, taken out of its class's list, so that moving
 * its slots out frees it; 0: none. slab_slot gives its n-th slot, 0 behind the last.
 */
uint32_t slab_sparse_chunk(struct slab *slab);
uint32_t slab_slot(const struct slab *slab, uint32_t chunk, uint32_t n);

/* Zeroed memory of whole pages, of huge pages where the kernel has them. */
void *slab_pages_new(size_t size);
void slab_pages_free(void *pages, size_t size);

#endif
