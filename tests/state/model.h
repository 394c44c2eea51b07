/*
 * A model of a task's state to hold the real one against: a plain array of entries per store, and the journal
 * as a plain array of records. All of it may lie in memory shared with a child process that is killed.
 */
#ifndef TESTS_STATE_MODEL_H
#define TESTS_STATE_MODEL_H

#include "state/parts.h"
#include "tests/test.h"

#define MODEL_STORES 2
#define MODEL_KEYS 400
#define MODEL_RECORDS_MAX 200000
#define MODEL_JOURNAL_BYTES_MAX ((size_t)512 << 20)

struct model_entry {
	bool exists;
	uint32_t size;
	uint8_t fill; /* every byte of the value */
	int64_t fire_at;
	uint64_t drain; /* number of the drain in which the timer was set; 0: none */
};

struct model_map {
	struct model_entry entries[MODEL_STORES][MODEL_KEYS];
	uint64_t drains;
	bool drain_unfinished;
	uint32_t header;
};

struct model_record {
	int64_t offset;
	size_t at, size;
};

struct model_journal {
	struct model_record records[MODEL_RECORDS_MAX];
	size_t first, count; /* of the records that are not trimmed */
	int64_t end;
	size_t bytes_used;
	uint8_t bytes[MODEL_JOURNAL_BYTES_MAX];
};

struct model {
	struct model_map now, kept, committed;
	struct model_journal journal;
	struct test_random random;
	struct state_limits limits;
	int64_t memory_bytes, watermark;
	size_t value_size_max;
	bool draining;
	uint64_t opened;
};

extern const struct store_spec model_specs[];

struct model *model_new(uint64_t seed); /* shared memory */
void model_free(struct model *model);

/* Opens and restores; model->now is what is committed then. */
struct state *model_open(struct model *model, struct database *database);
void model_restore(struct model *model, struct state *state);	     /* once more, after state_put_aside */
void model_run(struct model *model, struct state *state, int steps); /* records, sweeps and commits at random */
void model_commit(struct model *model, struct state *state);
void model_sweep(struct model *model, struct state *state, int64_t until);
void model_drain(struct model *model, struct state *state, int fires_max); /* ends it when it comes to the end */
void model_check(struct model *model, struct state *state);		   /* every key, and scans */
int model_append(void *journal, struct bytes part, struct error *err);	   /* a state_append */
size_t model_key(int number, char *to);
struct database *model_database(const char *directory, int64_t memory_bytes);

#endif
