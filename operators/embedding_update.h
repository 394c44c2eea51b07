/*
 * embedding_update in three files: what is done with an engagement (embedding_update.c), what is checked and resolved
 * when it opens (embedding_update_open.c), and its rows (embedding_update_rows.c).
 */
#ifndef OPERATORS_EMBEDDING_UPDATE_H
#define OPERATORS_EMBEDDING_UPDATE_H

#include "dataflow/operator.h"
#include "operators/actions.h"
#include "operators/embedding_waiting.h"
#include "record/symbols.h"

enum { ITEM_VECTORS };
enum { USERS, WAITING };
enum { EMBEDDINGS, UNMATCHED, LATE };

struct update {
	int64_t dimensions, half_life, remember, ttl;
	int64_t vector_wait, vector_retry, waiting_max;
	char *weights;
	double weight_of[ACTIONS_COUNT]; /* `weights`; 0: it does not count */
	bool keeps_bodies;		 /* somebody reads unmatched or late */
	struct {
		struct field id, item, action, occurred_at;
		struct symbol_map actions;
		int field_count;
	} engagement;
	struct {
		struct field vector, space;
	} item;
	struct {
		struct field user, vector, weight, actions, updated_at, space, revision;
	} row;
};

int embedding_open(void *self, struct context *context, struct error *err);

/* A row of the user's entry; one that is forgotten has an empty vector. */
int embedding_emit(const struct update *update, const struct entry *entry, bool forgotten, struct context *context,
		   struct error *err);
/* The engagement as it came, to UNMATCHED or LATE. */
int embedding_pass_on(const struct update *update, int output, struct bytes user, const struct waiting_event *event,
		      struct context *context, struct error *err);

#endif
