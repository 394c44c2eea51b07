#include "tests/state/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const struct store_spec model_specs[] = {
	{.name = "first", .help = "one", .keyed_like_input = true},
	{.name = "second", .help = "two"},
	{.name = NULL},
};

struct model *
model_new(uint64_t seed)
{
	struct model *model = mmap(NULL, sizeof(*model), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	check(model != MAP_FAILED);
	model->random = test_random_of(seed);
	model->limits = (struct state_limits){.tail_bytes_min = 20000, .position_bytes = 1000, .carry_bytes_min = 300};
	model->memory_bytes = 1 << 20;
	model->value_size_max = 600;
	for (int store = 0; store < MODEL_STORES; store++)
		for (int i = 0; i < MODEL_KEYS; i++)
			model->now.entries[store][i].fire_at = TIME_MAX;
	model->kept = model->committed = model->now;
	return model;
}

void
model_free(struct model *model)
{
	munmap(model, sizeof(*model));
}

static uint64_t
below(struct model *model, uint64_t bound)
{
	return test_random_below(&model->random, bound);
}

/* Keys of several lengths, some a prefix of another. */
size_t
model_key(int number, char *to)
{
	static const char *const tails[] = {"", "-tail", "-a-longer-tail-of-a-key", "\xff\xff"};

	return (size_t)sprintf(to, "k%d%s", number / 4, tails[number % 4]);
}

static struct key
key_number(int number, char *to)
{
	return key_of(bytes_of(to, model_key(number, to)));
}

struct database *
model_database(const char *directory, int64_t memory_bytes)
{
	struct database_config config = {.directory = directory, .application = "model", .memory_bytes = memory_bytes};
	struct database *database;
	struct error err;

	check_ok(database_open(&config, &database, &err));
	return database;
}

void
model_restore(struct model *model, struct state *state)
{
	struct model_journal *journal = &model->journal;
	struct error err;
	uint64_t first, needed;
	int64_t from, start = journal->count ? journal->records[journal->first].offset : journal->end;

	check_ok(state_restore_from(state, start, journal->end, &from, &err));
	check(from >= start && (from < journal->end || start == journal->end));
	for (size_t i = journal->first; i < journal->first + journal->count; i++) {
		const struct model_record *record = &journal->records[i];

		if (record->offset >= from)
			check_ok(state_restore(state, record->offset,
					       bytes_of(journal->bytes + record->at, record->size), &err));
	}
	check_int(state_journal(state, &first, &needed), STATE_JOURNAL_WHOLE);
	model->now = model->kept = model->committed;
	model->draining = false;
	if (journal->count) {
		check_int((int64_t)state_header(state).size, 4);
		check_int(load_u32(state_header(state).data), model->committed.header);
	}
	model->opened++;
}

struct state *
model_open(struct model *model, struct database *database)
{
	struct state_config config = {.database = database,
				      .operator_name = "model",
				      .partition = 3,
				      .stores = model_specs,
				      .memory_bytes = model->memory_bytes};
	struct state *state;
	struct error err;

	check_ok(state_open(&config, &state, &err));
	state->limits = model->limits;
	model_restore(model, state);
	return state;
}

/* ---- one entry ---- */

static void
check_entry(const struct model_entry *wanted, const struct entry *got)
{
	struct bytes value;

	check_int(got != NULL, wanted->exists);
	if (!got)
		return;
	value = entry_value(got);
	check_int((int64_t)value.size, wanted->size);
	for (size_t i = 0; i < value.size; i++)
		if (value.data[i] != wanted->fill)
			check_int(value.data[i], wanted->fill);
	check_int(entry_timer(got), wanted->fire_at);
}

static size_t
random_size(struct model *model)
{
	return below(model, 40) == 0 ? below(model, model->value_size_max * 8) : below(model, model->value_size_max);
}

static void
edit(struct model *model, struct store *store, struct model_entry *entry, struct entry *real)
{
	size_t size = below(model, 3) ? entry->size : random_size(model), old_size = entry->size;
	uint8_t *value = entry_edit(store, &real, size);

	for (size_t i = 0; i < size; i++)
		if (value[i] != (i < old_size ? entry->fill : 0))
			check_int(value[i], i < old_size ? entry->fill : 0);
	entry->size = (uint32_t)size;
	entry->fill = (uint8_t)below(model, 256);
	if (size)
		memset(value, entry->fill, size);
}

static int64_t
random_time(struct model *model)
{
	static const int64_t spans[] = {5, 300, 3000, 100000, 5000000};
	int64_t span = spans[below(model, 5)];

	return model->watermark - span / 4 + (int64_t)below(model, (uint64_t)span);
}

static struct entry *
find_again(struct store *store, struct key key)
{
	struct entry *found;
	struct error err;

	check_ok(store_find(store, key, &found, &err));
	return found;
}

static void
change(struct model *model, struct state *state, int index, int number)
{
	struct model_entry *entry = &model->now.entries[index][number];
	struct store *store = state_store(state, index);
	struct entry *real;
	struct error err;
	char text[64];
	struct key key = key_number(number, text);
	bool added;

	state_prefetch(state, key);
	check_ok(store_find(store, key, &real, &err));
	check_entry(entry, real);
	switch (below(model, 8)) {
	case 0:
	case 1:
	case 2: {
		size_t size = random_size(model);

		check_ok(store_add(store, key, size, &real, &added, &err));
		check_int(added, !entry->exists);
		if (added)
			*entry = (struct model_entry){.exists = true, .size = (uint32_t)size, .fire_at = TIME_MAX};
		check_entry(entry, real);
		if (below(model, 2)) {
			edit(model, store, entry, real);
			real = find_again(store, key);
			entry_set_timer(store, real, entry->fire_at = random_time(model));
			entry->drain = model->draining ? model->now.drains : 0;
		}
		break;
	}
	case 3:
	case 4:
		if (real)
			edit(model, store, entry, real);
		break;
	case 5:
		if (real) {
			entry->fire_at = below(model, 4) ? random_time(model) : TIME_MAX;
			entry->drain = model->draining ? model->now.drains : 0;
			entry_set_timer(store, real, entry->fire_at);
		}
		break;
	case 6:
		if (real) {
			entry_remove(store, real);
			*entry = (struct model_entry){.fire_at = TIME_MAX};
			check(!find_again(store, key));
		}
		break;
	default:
		break;
	}
}

static void
end_record(struct model *model, struct state *state)
{
	if (below(model, 6)) {
		state_keep(state);
		model->kept = model->now;
	} else {
		state_undo(state);
		model->now = model->kept;
	}
}

/* ---- timers ---- */

/* The first timer in (time, key, store) order that fires. */
static bool
next_timer(const struct model *model, int64_t until, int *index, int *number)
{
	bool found = false;
	int64_t time = 0;
	char text[64], best_text[64];
	struct bytes best = {0};

	for (int store = 0; store < MODEL_STORES; store++)
		for (int i = 0; i < MODEL_KEYS; i++) {
			const struct model_entry *entry = &model->now.entries[store][i];
			struct bytes key;

			if (!entry->exists || entry->fire_at == TIME_MAX || entry->fire_at > until ||
			    (model->draining && entry->drain == model->now.drains) || (found && entry->fire_at > time))
				continue;
			key = bytes_of(text, model_key(i, text));
			if (found && entry->fire_at == time && bytes_compare(key, best) >= 0)
				continue;
			found = true;
			time = entry->fire_at;
			memcpy(best_text, text, sizeof(text));
			best = bytes_of(best_text, key.size);
			*index = store;
			*number = i;
		}
	return found;
}

static bool
fire_one(struct model *model, struct state *state, int64_t until)
{
	int index = 0, number = 0;
	bool wanted = next_timer(model, until, &index, &number);
	struct model_entry *entry = &model->now.entries[index][number];
	struct store *store;
	struct entry *real;
	struct error err;
	char text[64];

	if (wanted)
		check(state_timer_next(state) <= entry->fire_at);
	check_ok(state_timer_take(state, until, &store, &real, &err));
	check_int(real != NULL, wanted);
	if (!wanted)
		return false;
	check_bytes(entry_key(real), bytes_of(text, model_key(number, text)));
	check(store == state_store(state, index));
	entry->fire_at = TIME_MAX;
	check_entry(entry, real);
	switch (below(model, 5)) {
	case 0:
		entry_remove(store, real);
		*entry = (struct model_entry){.fire_at = TIME_MAX};
		break;
	case 1:
		entry->fire_at = random_time(model);
		entry->drain = model->draining ? model->now.drains : 0;
		entry_set_timer(store, real, entry->fire_at);
		break;
	case 2:
		edit(model, store, entry, real);
		break;
	default:
		break;
	}
	if (below(model, 10) == 0)
		change(model, state, (int)below(model, MODEL_STORES), (int)below(model, MODEL_KEYS));
	end_record(model, state);
	return true;
}

void
model_sweep(struct model *model, struct state *state, int64_t until)
{
	while (fire_one(model, state, until))
		if (state_must_commit(state))
			model_commit(model, state);
}

void
model_drain(struct model *model, struct state *state, int fires_max)
{
	if (!model->draining) {
		state_drain_begin(state);
		if (!model->now.drain_unfinished)
			model->now.drains++;
		model->now.drain_unfinished = model->draining = true;
		model->kept = model->now;
	}
	for (int i = 0; i < fires_max; i++) {
		if (!fire_one(model, state, TIME_MAX)) {
			state_drain_end(state);
			model->now.drain_unfinished = model->draining = false;
			model->kept = model->now;
			return;
		}
		if (below(model, 20) == 0)
			model_commit(model, state);
	}
}

/* ---- commit ---- */

int
model_append(void *argument, struct bytes part, struct error *err)
{
	struct model_journal *journal = argument;
	struct model_record *record = &journal->records[journal->first + journal->count];

	(void)err;
	check(journal->first + journal->count < MODEL_RECORDS_MAX);
	check(journal->bytes_used + part.size <= MODEL_JOURNAL_BYTES_MAX);
	check(part.size <= STATE_BLOCK_PART_SIZE_MAX);
	*record = (struct model_record){.offset = journal->end++, .at = journal->bytes_used, .size = part.size};
	memcpy(journal->bytes + journal->bytes_used, part.data, part.size);
	journal->bytes_used += part.size;
	journal->count++;
	return 0;
}

void
model_commit(struct model *model, struct state *state)
{
	struct model_journal *journal = &model->journal;
	size_t count = journal->count, bytes = journal->bytes_used;
	int64_t end = journal->end, trim;
	uint8_t header[4];
	struct error err;

	model->now.header++;
	store_u32(header, model->now.header);
	check_ok(state_block(state, bytes_of(header, 4), model_append, journal, &err));
	model->committed = model->kept = model->now;
	journal->end += (int64_t)below(model, 2); /* a marker of the log's own */
	check_ok(state_committed(state, end, &err));
	check(journal->count > count && journal->bytes_used > bytes);
	trim = state_trim_to(state);
	check(trim >= 0 && trim <= end);
	while (journal->count && journal->records[journal->first].offset < trim) {
		journal->first++;
		journal->count--;
	}
	check(journal->count > 0);
}

void
model_run(struct model *model, struct state *state, int steps)
{
	for (int i = 0; i < steps; i++) {
		for (uint64_t changes = 1 + below(model, 4); changes > 0; changes--)
			change(model, state, (int)below(model, MODEL_STORES),
			       (int)(below(model, 2) ? below(model, MODEL_KEYS) : below(model, MODEL_KEYS / 10)));
		end_record(model, state);
		if (below(model, 10) == 0) {
			model->watermark += (int64_t)below(model, 400);
			if (!model->draining)
				model_sweep(model, state, model->watermark);
		}
		if (below(model, 12) == 0 || state_must_commit(state))
			model_commit(model, state);
	}
}

/* ---- the whole ---- */

struct known {
	char text[64];
	size_t size;
	int number;
};

static int
compare_known(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return bytes_compare(bytes_of(x->text, x->size), bytes_of(y->text, y->size));
}

static void
check_scan(struct model *model, struct state *state, int index, struct bytes prefix)
{
	struct known known[MODEL_KEYS];
	struct store_scan *scan;
	struct entry *entry;
	struct error err;

	for (int i = 0; i < MODEL_KEYS; i++) {
		known[i].size = model_key(i, known[i].text);
		known[i].number = i;
	}
	qsort(known, MODEL_KEYS, sizeof(*known), compare_known);
	check_ok(store_scan_open(state_store(state, index), prefix, &scan, &err));
	for (int i = 0; i < MODEL_KEYS; i++) {
		const struct model_entry *wanted = &model->now.entries[index][known[i].number];

		if (!wanted->exists || known[i].size < prefix.size ||
		    memcmp(known[i].text, prefix.data, prefix.size) != 0)
			continue;
		check_ok(store_scan_next(scan, &entry, &err));
		check(entry != NULL);
		check_bytes(entry_key(entry), bytes_of(known[i].text, known[i].size));
		check_entry(wanted, entry);
	}
	check_ok(store_scan_next(scan, &entry, &err));
	check(!entry);
	store_scan_close(&scan);
}

void
model_check(struct model *model, struct state *state)
{
	for (int store = 0; store < MODEL_STORES; store++) {
		check_scan(model, state, store, bytes_of("", 0));
		check_scan(model, state, store, bytes_of("k1", 2));
		for (int i = 0; i < MODEL_KEYS; i++) {
			char text[64];

			check_entry(&model->now.entries[store][i],
				    find_again(state_store(state, store), key_number(i, text)));
		}
	}
}
