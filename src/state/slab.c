#include "state/slab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/memory.h"

#define CHUNK_SIZE_MAX 65536
#define CHUNK_SIZE_MIN 4096
#define CHUNKS_PER_BUDGET 256	      /* small budgets get chunks small enough that every class may hold some */
#define REGION_SIZE ((size_t)2 << 20) /* a huge page */
#define REGION_BUDGET_MIN ((int64_t)32 << 20)
#define SLOT_SIZE_MIN 64
#define SLOTS_PER_CHUNK_MIN 4 /* larger entries have a chunk of their own */
#define CLASS_LARGE 0xff
#define GRANULE ((size_t)1 << SLAB_GRANULE_BITS)

void *
slab_pages_new(size_t size)
{
	size_t whole = size + REGION_SIZE;
	uint8_t *pages = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (pages == MAP_FAILED) {
		fprintf(stderr, "isotope: out of memory (%zu bytes for state)\n", size);
		abort();
	}
	/* Gives back what lies before and behind the first place that a huge page can begin at. */
	before = (REGION_SIZE - (uintptr_t)pages % REGION_SIZE) % REGION_SIZE;
	if (before)
		munmap(pages, before);
	if (whole - before > size)
		munmap(pages + before + size, whole - before - size);
	madvise(pages + before, size, MADV_HUGEPAGE);
	return pages + before;
}

void
slab_pages_free(void *pages, size_t size)
{
	if (pages)
		munmap(pages, size);
}

/* Steps of 16 bytes up to 256, then eight to a doubling: a slot is at most an eighth too large. */
static void
make_classes(struct slab *slab)
{
	uint32_t step = GRANULE;

	for (uint32_t size = SLOT_SIZE_MIN; size <= slab->chunk_size / SLOTS_PER_CHUNK_MIN; size += step) {
		insist(slab->class_count < SLAB_CLASSES_MAX);
		slab->class_sizes[slab->class_count++] = size;
		if (size >= 256 && (size & (size - 1)) == 0)
			step = size / 8;
	}
}

void
slab_init(struct slab *slab, int64_t memory_bytes)
{
	*slab = (struct slab){.chunk_size = CHUNK_SIZE_MAX, .chunk_count = 1};
	while (slab->chunk_size > CHUNK_SIZE_MIN && (int64_t)slab->chunk_size > memory_bytes / CHUNKS_PER_BUDGET)
		slab->chunk_size /= 2;
	slab->region_size = memory_bytes >= REGION_BUDGET_MIN ? REGION_SIZE : slab->chunk_size;
	make_classes(slab);
}

void
slab_fini(struct slab *slab)
{
	for (uint32_t i = 1; i < slab->chunk_count; i++)
		if (slab->chunks[i].class == CLASS_LARGE && slab->chunks[i].slot_size)
			free(slab->bases[i]);
	for (size_t i = 0; i < slab->region_count; i++)
		if (slab->region_size == REGION_SIZE)
			slab_pages_free(slab->regions[i], slab->region_size);
		else
			memory_free(&slab->regions[i]);
	memory_free(&slab->regions);
	memory_free(&slab->bases);
	memory_free(&slab->chunks);
}

/* A chunk number, new or one that lost its memory. */
static uint32_t
name_chunk(struct slab *slab)
{
	uint32_t number = slab->unnamed;

	if (number) {
		slab->unnamed = slab->chunks[number].next;
		return number;
	}
	if (slab->chunk_count >= slab->chunk_capacity) {
		uint32_t old = slab->chunk_capacity;
		uint32_t capacity = old ? old * 2 : 64;

		insist(capacity <= 1u << (32 - SLAB_INDEX_BITS));
		slab->bases = memory_resize_array(slab->bases, capacity, sizeof(*slab->bases));
		slab->chunks = memory_resize_array(slab->chunks, capacity, sizeof(*slab->chunks));
		slab->bytes += (int64_t)((capacity - old) * (sizeof(*slab->bases) + sizeof(*slab->chunks)));
		slab->chunk_capacity = capacity;
	}
	return slab->chunk_count++;
}

static void
add_region(struct slab *slab)
{
	uint8_t *region = slab->region_size == REGION_SIZE ? slab_pages_new(REGION_SIZE)
							   : memory_new(slab->region_size);

	slab->regions = memory_resize_array(slab->regions, slab->region_count + 1, sizeof(*slab->regions));
	slab->regions[slab->region_count++] = region;
	for (size_t at = 0; at < slab->region_size; at += slab->chunk_size) {
		uint32_t number = name_chunk(slab);

		slab->bases[number] = region + at;
		slab->chunks[number] = (struct slab_chunk){.next = slab->spare};
		slab->spare = number;
	}
}

static void
list_chunk(struct slab *slab, uint32_t number)
{
	struct slab_chunk *chunk = &slab->chunks[number];
	uint32_t *head = &slab->partial[chunk->class];

	chunk->previous = 0;
	chunk->next = *head;
	if (*head)
		slab->chunks[*head].previous = number;
	*head = number;
	chunk->listed = true;
}

static void
unlist_chunk(struct slab *slab, uint32_t number)
{
	struct slab_chunk *chunk = &slab->chunks[number];

	if (chunk->previous)
		slab->chunks[chunk->previous].next = chunk->next;
	else
		slab->partial[chunk->class] = chunk->next;
	if (chunk->next)
		slab->chunks[chunk->next].previous = chunk->previous;
	chunk->listed = false;
}

static int
class_of(const struct slab *slab, size_t size)
{
	int low = 0, high = slab->class_count - 1;

	if (size <= 256)
		return size <= SLOT_SIZE_MIN ? 0 : (int)((size - SLOT_SIZE_MIN + GRANULE - 1) / GRANULE);
	if (size > slab->class_sizes[high])
		return CLASS_LARGE;
	while (low < high) {
		int middle = (low + high) / 2;

		if (slab->class_sizes[middle] < size)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32_t
take_large(struct slab *slab, size_t size)
{
	uint32_t number = name_chunk(slab);

	size = (size + GRANULE - 1) & ~(GRANULE - 1);
	slab->bases[number] = aligned_alloc(GRANULE, size);
	if (!slab->bases[number]) {
		fprintf(stderr, "isotope: out of memory (%zu bytes for one entry)\n", size);
		abort();
	}
	slab->chunks[number] = (struct slab_chunk){.slot_size = 1, .class = CLASS_LARGE, .bytes = size, .used = 1};
	slab->bytes += (int64_t)size;
	slab->used_bytes += (int64_t)size;
	return number << SLAB_INDEX_BITS;
}

static uint32_t
open_chunk(struct slab *slab, int class)
{
	uint32_t number;

	if (!slab->spare)
		add_region(slab);
	number = slab->spare;
	slab->spare = slab->chunks[number].next;
	slab->chunks[number] = (struct slab_chunk){
		.slot_size = slab->class_sizes[class], .class = (uint8_t) class, .bytes = slab->chunk_size};
	list_chunk(slab, number);
	slab->bytes += (int64_t)slab->chunk_size;
	slab->class_room[class] += (int64_t)(slab->chunk_size / slab->class_sizes[class]);
	return number;
}

uint32_t
slab_take(struct slab *slab, size_t size)
{
	int class = class_of(slab, size);
	struct slab_chunk *chunk;
	uint32_t number, handle;

	if (class == CLASS_LARGE)
		return take_large(slab, size);
	number = slab->partial[class] ? slab->partial[class] : open_chunk(slab, class);
	chunk = &slab->chunks[number];
	handle = chunk->free;
	if (handle) {
		memcpy(&chunk->free, slab_at(slab, handle), sizeof(chunk->free));
	} else {
		handle = number << SLAB_INDEX_BITS | (chunk->fresh * chunk->slot_size) >> SLAB_GRANULE_BITS;
		chunk->fresh++;
	}
	chunk->used++;
	slab->class_room[class]--;
	slab->used_bytes += chunk->slot_size;
	if (!chunk->free && (chunk->fresh + 1u) * chunk->slot_size > slab->chunk_size)
		unlist_chunk(slab, number);
	return handle;
}

void
slab_give(struct slab *slab, uint32_t handle)
{
	uint32_t number = handle >> SLAB_INDEX_BITS;
	struct slab_chunk *chunk = &slab->chunks[number];

	insist(chunk->used > 0);
	if (chunk->class == CLASS_LARGE) {
		slab->bytes -= (int64_t)chunk->bytes;
		slab->used_bytes -= (int64_t)chunk->bytes;
		free(slab->bases[number]);
		slab->bases[number] = NULL;
		*chunk = (struct slab_chunk){.next = slab->unnamed};
		slab->unnamed = number;
		return;
	}
	slab->used_bytes -= chunk->slot_size;
	slab->class_room[chunk->class]++;
	if (--chunk->used == 0) {
		if (chunk->listed)
			unlist_chunk(slab, number);
		slab->class_room[chunk->class] -= (int64_t)(slab->chunk_size / chunk->slot_size);
		slab->bytes -= (int64_t)slab->chunk_size;
		*chunk = (struct slab_chunk){.next = slab->spare};
		slab->spare = number;
		return;
	}
	memcpy(slab_at(slab, handle), &chunk->free, sizeof(chunk->free));
	chunk->free = handle;
	if (!chunk->listed && !chunk->emptied)
		list_chunk(slab, number);
}

size_t
slab_room_for(const struct slab *slab, size_t size)
{
	int class = class_of(slab, size);

	return class == CLASS_LARGE ? (size + GRANULE - 1) & ~(GRANULE - 1) : slab->class_sizes[class];
}

size_t
slab_room(const struct slab *slab, uint32_t handle)
{
	const struct slab_chunk *chunk = &slab->chunks[handle >> SLAB_INDEX_BITS];

	return chunk->class == CLASS_LARGE ? chunk->bytes : chunk->slot_size;
}

bool
slab_known(const struct slab *slab, uint32_t handle)
{
	uint32_t number = handle >> SLAB_INDEX_BITS;
	uint32_t offset = (handle & ((1u << SLAB_INDEX_BITS) - 1)) << SLAB_GRANULE_BITS;
	const struct slab_chunk *chunk = &slab->chunks[number];

	if (number >= slab->chunk_count || chunk->slot_size == 0)
		return false;
	if (chunk->class == CLASS_LARGE)
		return offset == 0;
	return offset % chunk->slot_size == 0 && offset / chunk->slot_size < chunk->fresh;
}

uint32_t
slab_sparse_chunk(struct slab *slab)
{
	for (int class = 0; class < slab->class_count; class ++) {
		int64_t slots = (int64_t)(slab->chunk_size / slab->class_sizes[class]);
		uint32_t best = slab->partial[class];

		if (slab->class_room[class] < slots)
			continue;
		for (uint32_t number = best; number; number = slab->chunks[number].next)
			if (slab->chunks[number].used < slab->chunks[best].used)
				best = number;
		unlist_chunk(slab, best);
		slab->chunks[best].emptied = true;
		return best;
	}
	return 0;
}

uint32_t
slab_slot(const struct slab *slab, uint32_t chunk, uint32_t n)
{
	const struct slab_chunk *of = &slab->chunks[chunk];

	return n < of->fresh ? chunk << SLAB_INDEX_BITS | (n * of->slot_size) >> SLAB_GRANULE_BITS : 0;
}
