/* A task's state with one store, "rows", over a journal in memory: for tests of one behaviour. */
#ifndef TESTS_STATE_FIXTURE_H
#define TESTS_STATE_FIXTURE_H

#include "tests/state/model.h"

struct fixture {
	struct model_journal *journal;
	struct database *database;
	struct state *state;
	struct store *store;
	int64_t memory_bytes;
	struct state_limits limits; /* of states opened from now on; zeros: as they are by default */
	int64_t from;		    /* where the last restore began */
};

void fixture_init(struct fixture *fixture, int64_t memory_bytes);
void fixture_fini(struct fixture *fixture);
void fixture_open(struct fixture *fixture);					 /* and restores */
void fixture_open_only(struct fixture *fixture, const struct store_spec *specs); /* NULL: its own */
void fixture_close(struct fixture *fixture);					 /* of the state; the database stays */
void fixture_move(struct fixture *fixture);					 /* to a machine whose disk is empty */
int fixture_restore(struct fixture *fixture, struct error *err);

struct entry *fixture_get(struct fixture *fixture, int key);
/* Adds or changes: `size` bytes of `fill`. Kept. */
void fixture_put(struct fixture *fixture, int key, size_t size, uint8_t fill);
void fixture_put_timer(struct fixture *fixture, int key, int64_t fire_at);
void fixture_remove(struct fixture *fixture, int key);
void fixture_commit(struct fixture *fixture);
size_t fixture_journal_bytes(const struct fixture *fixture); /* not trimmed */
int64_t fixture_start(const struct fixture *fixture);
int fixture_key(const struct entry *entry);

#endif
