/*
 * The format of a journal block: what one commit changed. A block is one journal record, or several where it is large.
 *
 *     part    u8 format (2) | u8 last | u64 journal | varint block | varint part | body
 *     body of part 0 begins with the prelude
 *             varint size, header of the task | varint drains | u8 draining
 *             varint entries, varint bytes: alive after this block, about
 *             varint bytes of the journal before this block
 *             varint block, zigzag offset, varint bytes before it: where the oldest entry still needed stands
 *             varint stores, per store: varint size, name
 *             varint form: in which the values of puts are written (state.h)
 *     change  u8 kind and flags | varint store | varint size, key
 *             a put: [zigzag fire_at] | [u8 drain mark] | [varint form, where it is not the block's] |
 *                    varint size, value
 *
 * `journal` is a random number drawn with the first block: it tells a journal from another that took its place.
 * Format 1, which 0.1.0 wrote, knows no forms; what is read from it has form 0.
 * Stores are numbered by the block's own list of names. No change is split between parts.
 */
#ifndef STATE_BLOCK_H
#define STATE_BLOCK_H

#include "base/buffer.h"
#include "base/clock.h"
#include "state/state.h"

#define BLOCK_FORMAT 2
#define BLOCK_FORMAT_MIN 1     /* the oldest that is read */
#define BLOCK_FORMAT_MOVED 255 /* no block: the state is in another journal from here on (split.h) */
#define BLOCK_STORES_MAX 64

enum block_kind {
	BLOCK_PUT = 1,
	BLOCK_REMOVE = 2,
	BLOCK_KIND_MASK = 3,
	BLOCK_TIMER = 1 << 2, /* flags of a put */
	BLOCK_DRAIN = 1 << 3,
	BLOCK_CARRIED = 1 << 4, /* it did not change: for people */
	BLOCK_FORM = 1 << 5,
};

/* A place in the journal. */
struct block_mark {
	uint64_t seq;	/* the block's number; UINT64_MAX: none */
	int64_t offset; /* of its first part */
	uint64_t bytes; /* of the journal before it */
};

struct block_prelude {
	struct bytes header;
	uint64_t drains;
	bool draining;
	uint64_t entries, bytes, journal_bytes;
	struct block_mark floor;
	int store_count;
	struct bytes stores[BLOCK_STORES_MAX];
	int form;
	int format; /* read: of the block */
};

struct block_part {
	int format;
	uint64_t journal, seq, number;
	bool last;
	struct cursor body;
};

struct block_change {
	enum block_kind kind;
	int store;
	struct bytes key, value;
	int64_t fire_at;
	uint8_t drain;
	int form;
};

/* Writes a block; the first error of `append` sticks and comes out of block_end. */
struct block_writer {
	struct buffer part;
	state_append *append;
	void *argument;
	uint64_t journal, seq, number;
	int form;
	uint64_t bytes; /* of the parts so far */
	bool failed;
	struct error err;
};

void block_begin(struct block_writer *writer, uint64_t journal, uint64_t seq, const struct block_prelude *prelude,
		 state_append *append, void *argument);
void block_put(struct block_writer *writer, const struct block_change *change, bool carried);
void block_remove(struct block_writer *writer, int store, struct bytes key);
int block_end(struct block_writer *writer, struct error *err);

/* Reading: what is not a block of this format is refused, and nothing outside the part is touched. */
int block_read_part(struct bytes part, struct block_part *out, struct error *err);
int block_read_prelude(struct cursor *body, int format, struct block_prelude *out, struct error *err);
int block_read_change(struct cursor *body, const struct block_prelude *prelude, struct block_change *out,
		      struct error *err);

#endif
