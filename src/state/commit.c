#include "state/parts.h"

#include <sys/random.h>

#define WRITE_OUT_FACTOR 4 /* bytes written to RocksDB for each byte of the block, at most */
#define WRITE_OUT_BYTES_MIN (256 << 10)

static uint64_t
random_number(void)
{
	uint64_t number = 0;

	while (number == 0)
		insist(getrandom(&number, sizeof(number), 0) == sizeof(number));
	return number;
}

/* A removal needs to be remembered only where a row has to go. */
static bool
ends_here(const struct entry *entry)
{
	return entry_is(entry, ENTRY_REMOVED) && !entry_is(entry, ENTRY_ON_DISK);
}

/* The list is walked with the entry after the next on its way, and the table's slot of a next one that goes. */
static void
prefetch(const struct cache *cache, uint32_t next)
{
	const struct entry *entry = next ? cache_at(cache, next) : NULL;

	if (!entry)
		return;
	if (entry->next)
		entry_prefetch(cache_at(cache, entry->next));
	if (ends_here(entry))
		cache_prefetch_slot(cache, cache_tag(key_of(entry_key(entry)).hash, entry->store));
}

/* Writes the changed entries into the block, and files them under it. */
static void
write_changes(struct state *state, uint64_t seq)
{
	struct cache *cache = &state->cache;

	for (uint32_t handle = cache->dirty.first, next; handle; handle = next) {
		struct entry *entry = cache_at(cache, handle);

		next = entry->next;
		prefetch(cache, next);
		if (entry_is(entry, ENTRY_REMOVED)) {
			block_remove(&state->writer, entry->store, bytes_of(entry->key, entry->key_size));
		} else {
			struct block_change change = {.kind = BLOCK_PUT,
						      .store = entry->store,
						      .key = bytes_of(entry->key, entry->key_size),
						      .value = bytes_of(entry_value_at(entry), entry->value_size),
						      .fire_at = entry->fire_at,
						      .drain = entry->drain,
						      .form = entry->form};

			block_put(&state->writer, &change, false);
		}
		entry_flag_on(entry, ENTRY_JOURNALED);
		cache_unlink(cache, entry);
		entry->seq = seq;
		if (ends_here(entry))
			cache_free(cache, entry);
		else
			cache_link(cache, &cache->journaled, entry);
	}
}

static struct block_prelude
make_prelude(const struct state *state, struct bytes header, uint64_t seq)
{
	struct block_prelude prelude = {.header = header,
					.drains = state->drains,
					.draining = state->drain_unfinished,
					.entries = (uint64_t)(state->cache.entries + state->disk_only),
					.bytes = (uint64_t)(state->cache.live_bytes + state->disk_only_bytes),
					.journal_bytes = state->journal_bytes,
					.floor = {.seq = seq, .bytes = state->journal_bytes},
					.store_count = state->store_count,
					.form = state->cache.form};

	if (state->seq > 0 && (state->cache.journaled.first || state_has_disk_rows(state)))
		prelude.floor = carry_floor(state);
	/* Marks are sparse: the one before an entry's block may lie before what was not needed any more already. */
	if (prelude.floor.seq < state->written_floor.seq)
		prelude.floor = state->written_floor;
	for (int i = 0; i < state->store_count; i++)
		prelude.stores[i] = bytes_of_text(state->stores[i].name);
	return prelude;
}

int
state_block(struct state *state, struct bytes header, state_append *append, void *argument, struct error *err)
{
	uint64_t seq = state->seq + 1;
	struct block_prelude prelude = make_prelude(state, header, seq);

	insist(undo_is_empty(&state->cache.undo) && !state->block_waits);
	if (!state->journal)
		state->journal = random_number();
	state->written_floor = prelude.floor;
	block_begin(&state->writer, state->journal, seq, &prelude, append, argument);
	write_changes(state, seq);
	if (carry_into(state, seq, state->writer.bytes + state->writer.part.size, err) < 0)
		return -1;
	buffer_clear(&state->header);
	buffer_put_bytes(&state->header, header);
	state->block_waits = true;
	return block_end(&state->writer, err);
}

/* Index rows of timers that were moved or fired: the change is committed, so no crash brings them back. */
static void
delete_unindexed(struct state *state)
{
	struct cursor cursor = cursor_of(buffer_bytes(&state->cache.unindexed));

	while (cursor_left(&cursor)) {
		int store = cursor_u8(&cursor);
		int64_t fire_at = (int64_t)cursor_u64(&cursor);
		struct bytes key = cursor_bytes(&cursor, cursor_u32(&cursor));

		disk_delete_timer(&state->disk, store, fire_at, key);
	}
	buffer_clear(&state->cache.unindexed);
	state->cache.unindexed_kept = 0;
}

/* The first block that the rows do not stand for wholly. Not behind the last one: its header has to be read again. */
static struct block_mark
position_now(const struct state *state)
{
	uint32_t unwritten = state->cache.unwritten;

	if (!unwritten || cache_at(&state->cache, unwritten)->seq >= state->last.seq)
		return state->last;
	return marks_find(&state->marks, cache_at(&state->cache, unwritten)->seq);
}

static int
write_position(struct state *state, struct error *err)
{
	struct block_mark mark = position_now(state);
	struct disk_position position = {.journal = state->journal, .seq = mark.seq, .offset = mark.offset};

	if (mark.bytes >= state->position.bytes + (uint64_t)state->limits.position_bytes) {
		for (int i = 0; i < state->store_count; i++)
			disk_put_position(&state->disk, i, &position);
		state->position = mark;
	}
	if (disk_write(&state->disk, err) < 0)
		return -1;
	if (state->journal_bytes - state->flushed_bytes < (uint64_t)state->limits.tail_bytes_min)
		return 0;
	state->flushed_bytes = state->journal_bytes;
	return disk_flush(&state->disk, false, err);
}

int
commit_settle(struct state *state, uint64_t block_bytes, struct error *err)
{
	uint64_t write_bytes = WRITE_OUT_FACTOR * block_bytes;
	struct block_mark floor, position;

	if (write_bytes < WRITE_OUT_BYTES_MIN)
		write_bytes = WRITE_OUT_BYTES_MIN;
	if (evict_write_out(state, write_bytes, err) < 0 || evict_if_full(state, err) < 0 ||
	    write_position(state, err) < 0)
		return -1;
	floor = carry_floor(state);
	position = position_now(state);
	marks_forget_before(&state->marks, floor.seq < position.seq ? floor.seq : position.seq);
	return 0;
}

int
state_committed(struct state *state, int64_t offset, struct error *err)
{
	uint64_t bytes = state->writer.bytes;

	insist(state->block_waits);
	state->block_waits = false;
	state->seq++;
	state->last = (struct block_mark){.seq = state->seq, .offset = offset, .bytes = state->journal_bytes};
	if (state->written_floor.seq == state->seq)
		state->written_floor = state->last;
	state_add_mark(state);
	state->journal_bytes += bytes;
	state->figures.journal_bytes += (int64_t)bytes;
	carry_committed(state);
	delete_unindexed(state);
	return commit_settle(state, bytes, err);
}

int64_t
state_trim_to(const struct state *state)
{
	return state->seq ? state->written_floor.offset : -1;
}
