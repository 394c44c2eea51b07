/*
 * Carrying: a block also has entries that did not change, so that the blocks they stood in before can be
 * trimmed. The rule and why it holds are in state.c.
 */
#include "state/parts.h"

#define ROWS_PER_BLOCK_MAX 20000 /* looked at by the pass, carried or not */
#define CARRY_FACTOR 2		 /* carried bytes of each kind for each byte of changes, at most */
/* Forms live as long as the state: they are carried after so much of the journal, so that they do not hold the start of
 * one whose other entries live shorter. */
#define CARRY_FORMS_BYTES ((uint64_t)1 << 20)

struct block_mark
carry_floor(const struct state *state)
{
	uint32_t head = state->cache.journaled.first;
	struct block_mark floor = state->last;

	if (head)
		floor = marks_find(&state->marks, cache_at(&state->cache, head)->seq);
	if (state_has_disk_rows(state) && state->floor.seq < floor.seq)
		floor = state->floor;
	return floor;
}

static bool
is_behind_pass(const struct state *state, const struct entry *entry)
{
	const struct state_pass *pass = &state->pass;

	if (entry->store != pass->store)
		return entry->store < pass->store;
	return bytes_compare(bytes_of(entry->key, entry->key_size), buffer_bytes(&pass->key)) < 0;
}

void
carry_evicted(struct state *state, const struct entry *entry)
{
	struct block_mark mark = marks_find(&state->marks, entry->seq);
	struct state_pass *pass = &state->pass;

	if (!state_has_disk_rows(state))
		state->floor.seq = STATE_SEQ_NONE;
	if (mark.seq < state->floor.seq)
		state->floor = mark;
	if (mark.seq < state->floor_evicted.seq)
		state->floor_evicted = mark;
	if (pass->running && is_behind_pass(state, entry) && entry->seq < pass->floor_seq)
		pass->floor_seq = entry->seq;
}

static struct block_change
change_of(struct entry *entry)
{
	return (struct block_change){.kind = BLOCK_PUT,
				     .store = entry->store,
				     .key = bytes_of(entry->key, entry->key_size),
				     .value = bytes_of(entry_value_at(entry), entry->value_size),
				     .fire_at = entry->fire_at,
				     .drain = entry->drain,
				     .form = entry->form};
}

/* The last block that lies at least so many bytes of the journal back; 0: none. */
static uint64_t
seq_before(struct state *state, uint64_t bytes)
{
	return state->journal_bytes > bytes ? marks_seq_at(&state->marks, state->journal_bytes - bytes) : 0;
}

/* The longest not journaled in memory: they move to the end of the list. */
static void
carry_entries(struct state *state, uint64_t seq, uint64_t seq_max, uint64_t bytes_max)
{
	uint64_t forms_max = seq_before(state, CARRY_FORMS_BYTES);
	struct cache *cache = &state->cache;
	uint64_t bytes = 0;

	while (bytes < bytes_max && cache->journaled.first) {
		struct entry *entry = cache_at(cache, cache->journaled.first);
		struct block_change change = change_of(entry);
		uint64_t until = entry->store == state->spec_count && forms_max > seq_max ? forms_max : seq_max;

		/* A tombstone needs no carrying, and has gone as soon as it is written out. */
		if (entry->seq > until || entry_is(entry, ENTRY_REMOVED))
			return;
		block_put(&state->writer, &change, true);
		bytes += entry->key_size + entry->value_size;
		cache_unlink(cache, entry);
		entry->seq = seq;
		cache_link(cache, &cache->journaled, entry);
	}
	state->figures.carried_bytes += (int64_t)bytes;
}

/* Rows of one store from the pass's place on; *done: to its end. */
static int
carry_rows(struct state *state, uint64_t bytes_max, uint64_t *bytes, int *looked_at, bool *done, struct error *err)
{
	struct state_pass *pass = &state->pass;
	struct disk_cursor cursor;
	int result = 0;

	*done = false;
	disk_rows_open(&cursor, &state->disk, pass->store, (struct bytes){0}, buffer_bytes(&pass->key));
	for (;;) {
		struct block_change change = {.kind = BLOCK_PUT, .store = pass->store};
		const struct entry *entry;
		struct disk_row row;
		bool more;

		result = disk_rows_at(&cursor, &change.key, &row, &more, err);
		*done = result == 0 && !more;
		if (result < 0 || !more)
			break;
		if (*bytes >= bytes_max || ++*looked_at > ROWS_PER_BLOCK_MAX) {
			buffer_clear(&pass->key);
			buffer_put_bytes(&pass->key, change.key);
			break;
		}
		entry = cache_find(&state->cache, pass->store, key_of(change.key));
		if (row.seq < pass->start_seq && (!entry || entry_is(entry, ENTRY_LOADED))) {
			change.value = row.value;
			change.fire_at = row.fire_at;
			change.drain = row.drain;
			change.form = row.form;
			block_put(&state->writer, &change, true);
			*bytes += change.key.size + change.value.size;
		}
		disk_cursor_next(&cursor);
	}
	disk_cursor_close(&cursor);
	return result;
}

static int
carry_pass(struct state *state, uint64_t seq, uint64_t bytes_max, struct error *err)
{
	struct state_pass *pass = &state->pass;
	uint64_t bytes = 0;
	int looked_at = 0;

	if (!pass->running) {
		pass->running = true;
		pass->store = 0;
		buffer_clear(&pass->key);
		pass->start_seq = pass->floor_seq = seq;
	}
	while (pass->store < state->store_count) {
		bool done;

		if (carry_rows(state, bytes_max, &bytes, &looked_at, &done, err) < 0)
			return -1;
		if (!done)
			break;
		pass->store++;
		buffer_clear(&pass->key);
	}
	pass->ended = pass->store == state->store_count;
	state->figures.carried_bytes += (int64_t)bytes;
	return 0;
}

int
carry_into(struct state *state, uint64_t seq, uint64_t change_bytes, struct error *err)
{
	uint64_t limit = (uint64_t)state_limit_bytes(state);
	uint64_t most = CARRY_FACTOR * change_bytes;
	uint64_t seq_max = seq_before(state, limit);

	if (most < (uint64_t)state->limits.carry_bytes_min)
		most = (uint64_t)state->limits.carry_bytes_min;
	carry_entries(state, seq, seq_max, most);
	if (state_has_disk_rows(state) && (state->pass.running || state->floor.seq <= seq_max))
		return carry_pass(state, seq, most, err);
	return 0;
}

void
carry_committed(struct state *state)
{
	struct state_pass *pass = &state->pass;

	if (!pass->ended)
		return;
	pass->ended = pass->running = false;
	state->floor = marks_find(&state->marks, pass->floor_seq);
}
