/*
 * How the state of a task is kept, and why nothing is lost.
 *
 * The journal is the truth. A block of it holds the last value of every entry that changed since the block
 * before, and where the task stood. Two other things are made from it: the cache (entries in memory, the most
 * recent) and the rows in RocksDB (disk.h). A lookup asks the cache, and RocksDB only if there are rows that
 * the cache has no entry for.
 *
 * An entry in memory is in one of three lists (cache.h):
 *
 *     dirty      changed since the last block; it can neither be evicted nor be written to RocksDB
 *     journaled  in the order of the block that last carried it, the oldest first
 *     loaded     an unchanged copy of a row
 *
 * A record touches entries: they become dirty and what they were goes into the undo log (undo.c). state_block
 * writes all dirty entries and files them at the end of `journaled` under the new block's number.
 *
 * Position: what a restart need not read. `unwritten` points into `journaled`: every entry before it is in
 * RocksDB as it is. So a block older than the entry there holds nothing that is not either in RocksDB or again
 * in a later block; that block is the position, written next to the rows. It moves on as entries are changed
 * again, die, or are written out, which happens at the latest when max(64 MiB, 2 x live state) of journal have
 * passed (evict.c): that bounds the tail, and what lives for less than that never touches the disk. Rows may be
 * newer than the position says: applying the last value again changes nothing. Removals have to reach the rows
 * too: an entry that may have a row stays as a tombstone until the deletion is written. How the position
 * survives that memtables are lost: disk.h.
 *
 * Floor: what nobody need read, not even a machine whose disk is empty; the journal is trimmed to it. The rule: every
 * live entry stands, with its present value, in some block at or after the floor. Where it stands:
 *
 *     dirty      nowhere yet; its last committed value is in the block it had before it was changed. Blocks are
 *     trimmed
 *                only after a commit, when nothing is dirty
 *     journaled  in block `seq`. The list is in that order, so its head is the oldest
 *     a row      (and the copies of rows in `loaded`): not before `state->floor`, by the next paragraph
 *
 * and the floor is the earlier of the head's block and state->floor. Removals need no place: a removed entry
 * stands in blocks before its removal only, and whoever reads one of those reads on to the removal.
 *
 * state->floor for rows holds from the beginning, when there are no rows. It is lowered to an entry's block
 * whenever the entry is evicted and so becomes a row only. It rises by a pass over all rows in key order
 * (carry.c), which writes into blocks those that were journaled before the pass began in block G. When it has
 * gone round, every row stands at or after G: it was there when the pass came by, and then was carried by it or
 * had been journaled since; or the list of the journaled stood for it then, and it was evicted later, behind
 * the pass: those lower what the floor becomes to their own block. A pass that a restart cuts short has moved
 * nothing but its own place; the next begins anew.
 *
 * The journal is trimmed to the floor that its last block says, not to what the floor has become since, and a restore
 * that had no rows to begin from holds the first block that it found against that: a journal that has lost more is
 * noticed.
 *
 * The floor is written into every block, because after a restart any entry may be a row only whose block is
 * older than what is read again. On a machine that began with an empty disk there are no such rows, and what it
 * says is not needed.
 *
 * Carrying costs writes, so it begins only when max(64 MiB, 2 x live state) of journal lie behind the floor,
 * and takes at most as much again as twice the changes of each block, from the head of `journaled` and by the
 * pass. State that lives shorter than that is never carried, and the journal stays within about three times the
 * live state.
 *
 * A block is not the task's until state_committed: between the two nothing may be looked up or changed, so that
 * no value that might be aborted reaches RocksDB. An abort is a close and a restore.
 */
#include "state/parts.h"

#include "base/memory.h"

#define TAIL_BYTES_MIN ((int64_t)64 << 20)
#define POSITION_BYTES ((int64_t)1 << 20)
#define CARRY_BYTES_MIN 4096
#define MARK_GAP_PARTS 64 /* of the least tail: so far apart are marks */

static const struct state_limits limits_default = {
	.tail_bytes_min = TAIL_BYTES_MIN,
	.position_bytes = POSITION_BYTES,
	.carry_bytes_min = CARRY_BYTES_MIN,
};

/* The operator's, and behind them one of the state's own. */
static void
open_stores(struct state *state, const struct store_spec *specs)
{
	while (specs && specs[state->spec_count].name)
		state->spec_count++;
	state->store_count = state->spec_count > 0 ? state->spec_count + 1 : 0;
	insist(state->store_count <= STATE_STORES_MAX);
	state->stores = memory_new_array((size_t)state->store_count, sizeof(*state->stores));
	for (int i = 0; i < state->store_count; i++)
		state->stores[i] = (struct store){.state = state, .name = FORM_STORE, .index = i};
	for (int i = 0; i < state->spec_count; i++) {
		state->stores[i].name = specs[i].name;
		state->stores[i].keyed_like_input = specs[i].keyed_like_input;
	}
}

int
state_open(const struct state_config *config, struct state **out, struct error *err)
{
	struct state *state = memory_new(sizeof(*state));
	const char *names[STATE_STORES_MAX];

	open_stores(state, config->stores);
	for (int i = 0; i < state->store_count; i++)
		names[i] = state->stores[i].name;
	state->operator_name = memory_text(config->operator_name);
	state->partition = config->partition;
	state->memory_bytes = config->memory_bytes;
	state->limits = limits_default;
	cache_init(&state->cache, state->memory_bytes);
	state_reset(state);
	*out = state;
	if (disk_open(&state->disk, config, names, state->store_count, err) == 0)
		return 0;
	state_close(out);
	return -1;
}

void
state_close(struct state **closed)
{
	struct state *state = *closed;

	if (!state)
		return;
	cache_fini(&state->cache);
	disk_close(&state->disk);
	marks_fini(&state->marks);
	buffer_fini(&state->writer.part);
	buffer_fini(&state->header);
	buffer_fini(&state->pass.key);
	buffer_fini(&state->partial.header);
	buffer_fini(&state->held);
	memory_free(&state->stores);
	memory_free(&state->operator_name);
	memory_free(closed);
}

void
state_reset(struct state *state)
{
	cache_fini(&state->cache);
	cache_init(&state->cache, state->memory_bytes);
	marks_fini(&state->marks);
	buffer_clear(&state->header);
	buffer_clear(&state->partial.header);
	buffer_clear(&state->held);
	state->partial.number = 0;
	state->journal = state->seq = state->journal_bytes = state->flushed_bytes = 0;
	state->last = state->position = state->written_floor = (struct block_mark){0};
	state->first_seq = 0;
	state->start = 0;
	state->block_waits = state->aside = false;
	state->disk_only = state->disk_only_bytes = 0;
	state->old_rows = false;
	state->floor.seq = state->floor_evicted.seq = STATE_SEQ_NONE;
	state->pass.running = state->pass.ended = false;
	state->restore_at = (struct disk_position){0};
	state->drains = 0;
	state->form_before = 0;
	state->rewrite = NULL;
	state->drain_unfinished = state->draining = false;
	memset(state->ahead, 0, sizeof(state->ahead));
	for (int i = 0; i < state->disk.store_count; i++) {
		state->disk.stores[i].unknown = false;
		state->disk.stores[i].timer_at = TIME_MAX;
	}
}

void
state_add_mark(struct state *state)
{
	marks_add(&state->marks, &state->last, (uint64_t)state->limits.tail_bytes_min / MARK_GAP_PARTS);
}

struct store *
state_store(struct state *state, int index)
{
	insist(index >= 0 && index < state->spec_count);
	return &state->stores[index];
}

struct bytes
state_header(const struct state *state)
{
	return buffer_bytes(&state->header);
}

bool
state_touched(const struct state *state)
{
	return !undo_is_empty(&state->cache.undo);
}

void
state_keep(struct state *state)
{
	undo_keep(&state->cache);
}

void
state_undo(struct state *state)
{
	undo_run(&state->cache);
}

void
state_prefetch(struct state *state, struct key key)
{
	uint32_t *tags = state->ahead[state->ahead_at++ % STATE_PREFETCH_DISTANCE];

	for (int i = 0; i < state->spec_count; i++) {
		if (!state->stores[i].keyed_like_input)
			continue;
		cache_prefetch_entry(&state->cache, tags[i]);
		tags[i] = cache_tag(key.hash, i);
		cache_prefetch_slot(&state->cache, tags[i]);
	}
}

size_t
state_dirty_bytes(const struct state *state)
{
	return (size_t)state->cache.dirty_bytes;
}

bool
state_must_commit(const struct state *state)
{
	return state->cache.dirty_bytes > state->memory_bytes / 4;
}

bool
state_has_disk_rows(const struct state *state)
{
	return state->old_rows || state->disk_only > 0 || state->cache.loaded.first;
}

int64_t
state_limit_bytes(const struct state *state)
{
	int64_t live = state->cache.live_bytes + state->disk_only_bytes;

	return 2 * live > state->limits.tail_bytes_min ? 2 * live : state->limits.tail_bytes_min;
}

void
state_count_disk_only(struct state *state, int sign, size_t key_size, size_t value_size)
{
	state->disk_only += sign;
	state->disk_only_bytes += sign * (int64_t)(key_size + value_size);
	if (state->disk_only < 0)
		state->disk_only = 0;
	if (state->disk_only_bytes < 0)
		state->disk_only_bytes = 0;
}

void
state_figures(const struct state *state, struct state_figures *out)
{
	*out = state->figures;
	out->entries = state->cache.entries - form_count_in_memory(state);
	out->memory_bytes = cache_bytes(&state->cache);
	out->disk_entries = state->disk_only;
}
