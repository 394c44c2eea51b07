/*
 * Forms of values (state.h). An entry of another form is rewritten in memory when it is looked at, and does not count
 * as changed by that: what the journal and RocksDB have says the same in other words. The next block that carries it
 * has
 * the new bytes.
 */
#include "state/parts.h"

/* ---- descriptions ---- */

static struct key
form_key(int form, uint8_t bytes[2])
{
	bytes[0] = (uint8_t)(form >> 8);
	bytes[1] = (uint8_t)form;
	return key_of(bytes_of(bytes, 2));
}

int
state_form_description(struct state *state, int form, struct bytes *out, bool *found, struct error *err)
{
	uint8_t bytes[2];
	struct entry *entry = NULL;

	*found = false;
	if (state->spec_count == 0)
		return 0;
	if (store_find(&state->stores[state->spec_count], form_key(form, bytes), &entry, err) < 0)
		return -1;
	*found = entry != NULL;
	if (entry)
		*out = entry_value(entry);
	return 0;
}

static int
add_form(struct state *state, int form, struct bytes description, struct error *err)
{
	struct store *store = &state->stores[state->spec_count];
	uint8_t bytes[2];
	struct entry *entry;
	bool added;

	if (form > STATE_FORMS_MAX)
		return fail(err, FATAL,
			    "the state of operator %s task %d has been written in %d forms; that is the limit",
			    state->operator_name, state->partition, STATE_FORMS_MAX);
	if (description.size > STORE_VALUE_SIZE_MAX)
		return fail(err, FATAL, "the schemas of what operator %s keeps take %zu bytes; at most %d",
			    state->operator_name, description.size, STORE_VALUE_SIZE_MAX);
	if (store_add(store, form_key(form, bytes), description.size, &entry, &added, err) < 0)
		return -1;
	memcpy(entry_edit(store, &entry, description.size), description.data, description.size);
	state_keep(state);
	return 0;
}

int
state_set_form(struct state *state, struct bytes description, state_rewrite *rewrite, void *argument, struct error *err)
{
	bool found = true;

	if (state->spec_count == 0)
		return 0;
	for (int form = 1; found; form++) {
		struct bytes known;

		if (state_form_description(state, form, &known, &found, err) < 0 ||
		    (!found && add_form(state, form, description, err) < 0))
			return -1;
		if (found && !bytes_equal(known, description))
			continue;
		state->cache.form = (uint16_t)form;
		found = false;
	}
	state->rewrite = rewrite;
	state->rewrite_argument = argument;
	return 0;
}

int
state_form_before(const struct state *state)
{
	return state->form_before;
}

int
form_count_in_memory(const struct state *state)
{
	int count = 0;
	uint8_t bytes[2];

	if (state->spec_count == 0)
		return 0;
	while (cache_find(&state->cache, state->spec_count, form_key(count + 1, bytes)))
		count++;
	return count;
}

bool
state_is_empty(const struct state *state)
{
	return state->cache.entries == form_count_in_memory(state) && !state_has_disk_rows(state);
}

/* ---- values ---- */

static int
rewrite(const struct state *state, int form, int store, struct bytes key, struct bytes *value, struct error *err)
{
	if (!state->rewrite || store == state->spec_count)
		return 0;
	return state->rewrite(state->rewrite_argument, form, store, key, *value, value, err);
}

int
form_of_today_row(const struct state *state, int store, struct bytes key, const struct disk_row *row,
		  struct bytes *value, struct error *err)
{
	return row->form == state->cache.form ? 0 : rewrite(state, row->form, store, key, value, err);
}

int
form_rewrite_entry(struct state *state, struct entry **pointer, struct error *err)
{
	struct entry *entry = *pointer;
	struct bytes old = entry_value(entry), value = old;

	if (!state->rewrite) /* nobody has said what today's is: entries are shown as they are */
		return 0;
	if (rewrite(state, entry->form, entry->store, entry_key(entry), &value, err) < 0)
		return -1;
	if (value.data != old.data) {
		entry = cache_resize(&state->cache, entry, value.size);
		if (value.size)
			memcpy(entry_value_at(entry), value.data, value.size);
	}
	entry->form = state->cache.form;
	*pointer = entry;
	return 0;
}
