#include "tests/state/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define DATABASE_BYTES (16 << 20)

static const struct store_spec rows[] = {{.name = "rows", .help = "rows"}, {.name = NULL}};

void
fixture_init(struct fixture *fixture, int64_t memory_bytes)
{
	*fixture = (struct fixture){.memory_bytes = memory_bytes};
	fixture->journal = mmap(NULL, sizeof(*fixture->journal), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(fixture->journal != MAP_FAILED);
	fixture->database = model_database(NULL, DATABASE_BYTES);
	fixture_open(fixture);
}

void
fixture_fini(struct fixture *fixture)
{
	fixture_close(fixture);
	database_close(&fixture->database);
	munmap(fixture->journal, sizeof(*fixture->journal));
}

int64_t
fixture_start(const struct fixture *fixture)
{
	const struct model_journal *journal = fixture->journal;

	return journal->count ? journal->records[journal->first].offset : journal->end;
}

int
fixture_restore(struct fixture *fixture, struct error *err)
{
	struct model_journal *journal = fixture->journal;

	if (state_restore_from(fixture->state, fixture_start(fixture), journal->end, &fixture->from, err) < 0)
		return -1;
	for (size_t i = journal->first; i < journal->first + journal->count; i++) {
		const struct model_record *record = &journal->records[i];
		struct bytes part = bytes_of(journal->bytes + record->at, record->size);

		if (record->offset >= fixture->from && state_restore(fixture->state, record->offset, part, err) < 0)
			return -1;
	}
	return state_restored(fixture->state, err);
}

void
fixture_open_only(struct fixture *fixture, const struct store_spec *specs)
{
	struct state_config config = {.database = fixture->database,
				      .operator_name = "fixture",
				      .stores = specs ? specs : rows,
				      .memory_bytes = fixture->memory_bytes};
	struct error err;

	check_ok(state_open(&config, &fixture->state, &err));
	if (fixture->limits.tail_bytes_min)
		fixture->state->limits = fixture->limits;
	fixture->store = state_store(fixture->state, 0);
}

void
fixture_open(struct fixture *fixture)
{
	struct error err;

	fixture_open_only(fixture, NULL);
	check_ok(fixture_restore(fixture, &err));
}

void
fixture_close(struct fixture *fixture)
{
	state_close(&fixture->state);
}

void
fixture_move(struct fixture *fixture)
{
	fixture_close(fixture);
	database_close(&fixture->database);
	fixture->database = model_database(NULL, DATABASE_BYTES);
	fixture_open(fixture);
}

static struct key
key_number(int number, char *text)
{
	return key_of(bytes_of(text, (size_t)sprintf(text, "key %d", number)));
}

int
fixture_key(const struct entry *entry)
{
	char text[32] = {0};
	struct bytes key = entry_key(entry);

	check(key.size > 4 && key.size < sizeof(text));
	memcpy(text, key.data, key.size);
	return atoi(text + 4);
}

struct entry *
fixture_get(struct fixture *fixture, int key)
{
	struct entry *entry;
	struct error err;
	char text[32];

	check_ok(store_find(fixture->store, key_number(key, text), &entry, &err));
	return entry;
}

static struct entry *
add(struct fixture *fixture, int key)
{
	struct entry *entry;
	struct error err;
	char text[32];
	bool added;

	check_ok(store_add(fixture->store, key_number(key, text), 0, &entry, &added, &err));
	return entry;
}

void
fixture_put(struct fixture *fixture, int key, size_t size, uint8_t fill)
{
	struct entry *entry = add(fixture, key);
	uint8_t *value = entry_edit(fixture->store, &entry, size);

	if (size)
		memset(value, fill, size);
	state_keep(fixture->state);
}

void
fixture_put_timer(struct fixture *fixture, int key, int64_t fire_at)
{
	entry_set_timer(fixture->store, add(fixture, key), fire_at);
	state_keep(fixture->state);
}

void
fixture_remove(struct fixture *fixture, int key)
{
	struct entry *entry = fixture_get(fixture, key);

	check(entry != NULL);
	entry_remove(fixture->store, entry);
	state_keep(fixture->state);
}

void
fixture_commit(struct fixture *fixture)
{
	struct model_journal *journal = fixture->journal;
	int64_t offset = journal->end;
	struct error err;

	check_ok(state_block(fixture->state, bytes_of_text("header"), model_append, journal, &err));
	check_ok(state_committed(fixture->state, offset, &err));
	while (journal->records[journal->first].offset < state_trim_to(fixture->state)) {
		journal->first++;
		journal->count--;
	}
}

size_t
fixture_journal_bytes(const struct fixture *fixture)
{
	const struct model_journal *journal = fixture->journal;
	size_t bytes = 0;

	for (size_t i = journal->first; i < journal->first + journal->count; i++)
		bytes += journal->records[i].size;
	return bytes;
}
