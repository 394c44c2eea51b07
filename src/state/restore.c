#include "state/parts.h"

#include <inttypes.h>

#include "base/memory.h"

/* ---- where to begin ---- */

static int
look_for_rows(struct state *state, struct error *err)
{
	state->old_rows = false;
	for (int i = 0; i < state->store_count; i++) {
		struct disk_store *store = &state->disk.stores[i];
		struct disk_cursor cursor;
		struct disk_row row;
		struct bytes key;
		int result;

		disk_rows_open(&cursor, &state->disk, i, (struct bytes){0}, (struct bytes){0});
		result = disk_rows_at(&cursor, &key, &row, &store->unknown, err);
		disk_cursor_close(&cursor);
		if (result < 0)
			return -1;
		store->timer_at = store->unknown ? TIME_MIN : TIME_MAX;
		buffer_clear(&store->timer_key);
		state->old_rows |= store->unknown;
	}
	return 0;
}

/* Nothing of this task is in the database any more, nor comes back after a crash. */
static int
wipe(struct state *state, bool had_position, struct error *err)
{
	if (look_for_rows(state, err) < 0)
		return -1;
	if (!state->old_rows && !had_position)
		return 0;
	for (int i = 0; i < state->store_count; i++)
		disk_wipe(&state->disk, i);
	if (disk_write(&state->disk, err) < 0 || disk_flush(&state->disk, true, err) < 0)
		return -1;
	state_reset(state);
	return 0;
}

/* Whether the rows are of this journal and it still has what they lack: then *out is the earliest position. */
static int
find_position(struct state *state, int64_t start, int64_t end, struct disk_position *out, bool *usable,
	      struct error *err)
{
	*usable = state->store_count > 0;
	for (int i = 0; i < state->store_count && *usable; i++) {
		struct disk_position position;
		bool found;

		if (disk_get_position(&state->disk, i, &position, &found, err) < 0)
			return -1;
		if (found && position.seq > state->furthest.seq)
			state->furthest = position;
		if (!found || position.offset < start || position.offset >= end ||
		    (i > 0 && position.journal != out->journal))
			*usable = false;
		if (found && (i == 0 || position.offset < out->offset))
			*out = position;
	}
	return 0;
}

bool
state_put_aside(struct state *state)
{
	const struct cache *cache = &state->cache;

	if (state->last.seq == 0 || (state->last.seq != state->seq && !state_in_block(state)) || state->block_waits ||
	    state->draining || cache->dirty.first || cache->unindexed.size > 0 || !undo_is_empty(&cache->undo))
		return false;
	evict_loaded(state); /* blocks of others change entries, not copies */
	state->pass.running = state->pass.ended = false;
	state->rewrite = NULL;	   /* the task's */
	state->partial.number = 0; /* a block that is there in part is read again */
	memset(state->ahead, 0, sizeof(state->ahead));
	state->aside = true;
	return true;
}

/* The last block is read again: by that it is known that the journal is still the same one. */
static bool
go_on_from(struct state *state, int64_t start, int64_t end, int64_t *from)
{
	if (!state->aside || state->last.offset < start || state->last.offset >= end)
		return false;
	state->start = start;
	state->restore_at = (struct disk_position){
		.journal = state->journal, .seq = state->last.seq, .offset = state->last.offset};
	*from = state->last.offset;
	return true;
}

int
state_restore_from(struct state *state, int64_t start, int64_t end, int64_t *from, struct error *err)
{
	struct disk_position position = {0};
	bool usable;

	if (state->aside && state->last.seq > state->furthest.seq)
		state->furthest = (struct disk_position){
			.journal = state->journal, .seq = state->last.seq, .offset = state->last.offset};
	if (go_on_from(state, start, end, from))
		return 0;
	state_reset(state);
	if (find_position(state, start, end, &position, &usable, err) < 0)
		return -1;
	*from = usable ? position.offset : start;
	if (!usable) {
		if (wipe(state, position.journal != 0, err) < 0)
			return -1;
		state->start = start; /* a wipe resets it */
		return 0;
	}
	state->start = start;
	/*
	 * Stores that stand further on are told to stand here before anything else is written to them: from
	 * here on blocks are applied again, and an eviction may put an old value over a newer one until its
	 * block comes.
	 */
	state->restore_at = position;
	for (int i = 0; i < state->store_count; i++)
		disk_put_position(&state->disk, i, &position);
	if (disk_write(&state->disk, err) < 0)
		return -1;
	return look_for_rows(state, err);
}

int
state_forget(const struct state_config *config, bool *any, struct error *err)
{
	struct disk_position position = {0};
	struct state *state;
	bool usable;
	int result;

	if (state_open(config, &state, err) < 0)
		return -1;
	result = find_position(state, 0, INT64_MAX, &position, &usable, err);
	if (result == 0)
		result = look_for_rows(state, err);
	*any = result == 0 && (usable || state->old_rows);
	if (*any)
		result = wipe(state, true, err);
	state_close(&state);
	return result;
}

/* ---- blocks ---- */

/* The entry of a change, made where there is none in memory; whether there is a row need not be known. */
static struct entry *
take_entry(struct state *state, int store, struct bytes key_bytes)
{
	struct cache *cache = &state->cache;
	struct key key = key_of(key_bytes);
	struct entry *entry = cache_find(cache, store, key);

	if (entry) {
		cache_unlink(cache, entry);
		return entry;
	}
	entry = cache_new(cache, store, key, 0);
	if (state_asks_disk(state, store)) {
		entry_flag_on(entry, ENTRY_ON_DISK);
		state->disk.stores[store].unknown = true; /* rows that are evicted are not told from changed ones */
	}
	return entry;
}

static void
apply_put(struct state *state, uint64_t seq, int store, const struct block_change *change)
{
	struct cache *cache = &state->cache;
	struct entry *entry = take_entry(state, store, change->key);

	if (entry_is(entry, ENTRY_REMOVED)) {
		entry_flag_off(entry, ENTRY_REMOVED);
		cache_count(cache, entry, 1);
	}
	entry_flag_off(entry, ENTRY_CURRENT | ENTRY_INDEXED);
	entry_flag_on(entry, ENTRY_JOURNALED);
	entry->seq = seq;
	entry->form = (uint16_t)change->form;
	cache_link(cache, &cache->journaled, entry);
	entry = cache_resize(cache, entry, change->value.size);
	if (change->value.size)
		memcpy(entry_value_at(entry), change->value.data, change->value.size);
	entry->fire_at = change->fire_at;
	entry->drain = change->drain;
	cache_queue(cache, entry);
}

static void
apply_remove(struct state *state, uint64_t seq, int store, const struct block_change *change)
{
	struct cache *cache = &state->cache;
	struct entry *entry = take_entry(state, store, change->key);

	if (!entry_is(entry, ENTRY_ON_DISK)) {
		cache_free(cache, entry);
		return;
	}
	if (!entry_is(entry, ENTRY_REMOVED))
		cache_count(cache, entry, -1);
	entry_flag_off(entry, ENTRY_CURRENT | ENTRY_INDEXED);
	entry_flag_on(entry, ENTRY_JOURNALED | ENTRY_REMOVED);
	entry->seq = seq;
	entry->fire_at = TIME_MAX;
	cache_link(cache, &cache->journaled, entry);
	cache_resize(cache, entry, 0);
}

/* The block numbers stores by its own list of names; which of ours they are. */
static int
map_stores(const struct state *state, const struct block_prelude *prelude, int *stores, struct error *err)
{
	for (int i = 0; i < prelude->store_count; i++) {
		stores[i] = -1;
		for (int k = 0; k < state->store_count; k++)
			if (bytes_equal(prelude->stores[i], bytes_of_text(state->stores[k].name)))
				stores[i] = k;
		if (stores[i] < 0)
			return fail(
				err, FATAL,
				"the journal of operator %s has a store \"%.*s\", which the operator does not have; "
				"give the operator another name to begin with empty state",
				state->operator_name, bytes_arguments(prelude->stores[i]));
	}
	return 0;
}

/* What the block says about rows that were on the disk of whoever wrote it. */
static void
take_over(struct state *state, const struct block_prelude *prelude, const struct block_mark *mark)
{
	int64_t entries = (int64_t)prelude->entries - state->cache.entries;
	int64_t bytes = (int64_t)prelude->bytes - state->cache.live_bytes;
	struct block_mark floor = prelude->floor.seq == mark->seq ? *mark : prelude->floor;

	state->written_floor = floor;
	if (!state->old_rows)
		return;
	state->disk_only = entries > 0 ? entries : 0;
	state->disk_only_bytes = bytes > 0 ? bytes : 0;
	state->floor = state->floor_evicted.seq < floor.seq ? state->floor_evicted : floor;
}

static int
begin_block(struct state *state, const struct block_part *part, struct cursor *body, struct error *err)
{
	struct block_prelude *prelude = &state->partial.prelude;

	if (block_read_prelude(body, part->format, prelude, err) < 0 ||
	    map_stores(state, prelude, state->partial.stores, err) < 0)
		return -1;
	buffer_clear(&state->partial.header);
	buffer_put_bytes(&state->partial.header, prelude->header);
	state->last = (struct block_mark){
		.seq = part->seq, .offset = state->partial.offset, .bytes = prelude->journal_bytes};
	state_add_mark(state);
	return 0;
}

/* No change lies in two parts, so a block is never in memory as a whole. */
static int
apply_changes(struct state *state, uint64_t seq, struct cursor *body, struct error *err)
{
	const int *stores = state->partial.stores;
	struct block_change change;

	while (cursor_left(body)) {
		if (block_read_change(body, &state->partial.prelude, &change, err) < 0)
			return -1;
		if (change.kind == BLOCK_PUT)
			apply_put(state, seq, stores[change.store], &change);
		else
			apply_remove(state, seq, stores[change.store], &change);
		if (evict_if_full(state, err) < 0)
			return -1;
	}
	return 0;
}

static int
end_block(struct state *state, uint64_t seq, struct error *err)
{
	const struct block_prelude *prelude = &state->partial.prelude;

	state->partial.number = 0;
	state->seq = seq;
	state->form_before = prelude->form;
	state->journal_bytes = prelude->journal_bytes + state->partial.bytes;
	buffer_clear(&state->header);
	buffer_put_bytes(&state->header, buffer_bytes(&state->partial.header));
	state->drains = prelude->drains;
	state->drain_unfinished = prelude->draining;
	take_over(state, prelude, &state->last);
	return commit_settle(state, state->partial.body_bytes, err);
}

/* ---- parts ---- */

/* The first block decides: it must be the one that the rows were written up to. */
static int
check_first(struct state *state, const struct block_part *part, struct error *err)
{
	const struct disk_position *at = &state->restore_at;

	if (at->journal && (part->journal != at->journal || part->seq != at->seq)) {
		if (wipe(state, true, err) < 0)
			return -1;
		return fail(err, ABORT,
			    "the stores of operator %s task %d are of another journal; they are rebuilt from it",
			    state->operator_name, state->partition);
	}
	if (part->number != 0)
		return fail(err, FATAL, "the journal of operator %s task %d begins in the middle of a block",
			    state->operator_name, state->partition);
	if (part->journal == 0 || part->seq == 0)
		return fail(err, FATAL, "the journal of operator %s task %d is damaged: a block without a number",
			    state->operator_name, state->partition);
	state->journal = part->journal;
	state->seq = part->seq - 1;
	state->first_seq = part->seq;
	if (!state->aside)
		state->position = (struct block_mark){.seq = part->seq};
	state->aside = false;
	return 0;
}

/* Whether the block that the restore begins with is still to come. */
static bool
is_at_first(const struct state *state)
{
	return state->partial.number == 0 && (state->journal == 0 || state->aside);
}

static int
check_part(struct state *state, const struct block_part *part, struct error *err)
{
	if (is_at_first(state) && check_first(state, part, err) < 0)
		return -1;
	if (part->journal != state->journal)
		return fail(err, FATAL, "the journal of operator %s task %d has blocks of two journals",
			    state->operator_name, state->partition);
	if (part->seq == state->seq + 1 && part->number == state->partial.number)
		return 0;
	if (part->seq > state->seq + 1)
		return fail(err, ABORT,
			    "the journal of operator %s task %d goes from block %" PRIu64 " to %" PRIu64
			    ": it was trimmed while it was read",
			    state->operator_name, state->partition, state->seq, part->seq);
	return fail(err, FATAL,
		    "the journal of operator %s task %d is damaged: block %" PRIu64 " part %" PRIu64
		    " where block %" PRIu64 " part %" PRIu64 " was expected",
		    state->operator_name, state->partition, part->seq, part->number, state->seq + 1,
		    state->partial.number);
}

int
state_restored(struct state *state, struct error *err)
{
	if (!is_at_first(state) || state->restore_at.journal == 0)
		return 0;
	if (wipe(state, true, err) < 0)
		return -1;
	return fail(err, ABORT,
		    "the journal of operator %s task %d lacks the block that the stores were written up to; they "
		    "are rebuilt from it",
		    state->operator_name, state->partition);
}

bool
state_was_further(const struct state *state, uint64_t *seq)
{
	*seq = state->furthest.seq;
	return state->furthest.journal == state->journal && state->furthest.seq > state->seq;
}

enum state_journal
state_journal(const struct state *state, uint64_t *first, uint64_t *needed)
{
	*first = state->first_seq;
	*needed = state->written_floor.seq;
	if (state->seq == 0 || state->start <= state->written_floor.offset)
		return STATE_JOURNAL_WHOLE;
	return state->restore_at.journal ? STATE_JOURNAL_HERE : STATE_JOURNAL_LACKING;
}

void
state_accept_journal(struct state *state)
{
	if (state->written_floor.offset < state->start)
		state->written_floor.offset = state->start;
}

int
state_restore(struct state *state, int64_t offset, struct bytes bytes, struct error *err)
{
	struct block_part part;

	if (block_read_part(bytes, &part, err) < 0 || check_part(state, &part, err) < 0)
		return fail_in(err, "offset %" PRId64, offset);
	state->figures.restored_bytes += (int64_t)bytes.size;
	if (part.number == 0) {
		state->partial.offset = offset;
		state->partial.bytes = state->partial.body_bytes = 0;
		if (begin_block(state, &part, &part.body, err) < 0)
			return fail_in(err, "offset %" PRId64, offset);
	}
	state->partial.bytes += bytes.size;
	state->partial.body_bytes += cursor_left(&part.body);
	state->partial.number++;
	if (apply_changes(state, part.seq, &part.body, err) < 0 || (part.last && end_block(state, part.seq, err) < 0))
		return fail_in(err, "offset %" PRId64, offset);
	return 0;
}

bool
state_in_block(const struct state *state)
{
	return state->partial.number != 0;
}
