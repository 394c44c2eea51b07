/*
 * embedding_update in several files: what comes in and goes out (embedding_update.c), what is checked and resolved when
 * it opens (embedding_update_open.c), the item vectors (embedding_update_table.c), an engagement that is counted
 * (embedding_update_count.c), ids of users with many of them (embedding_update_ids.c), engagements that wait for
 * vectors (embedding_update_wait.c), and its rows (embedding_update_rows.c).
 */
#ifndef OPERATORS_EMBEDDING_UPDATE_H
#define OPERATORS_EMBEDDING_UPDATE_H

#include "dataflow/operator.h"
#include "operators/actions.h"
#include "operators/embedding.h"
#include "operators/embedding_spaces.h"
#include "operators/embedding_waiting.h"
#include "record/symbols.h"

enum { ITEM_VECTORS };
enum { USERS, WAITING, SPACES, IDS };
enum { EMBEDDINGS, UNMATCHED, LATE };

enum update_counter {
	CHANGED,
	COUNTED,
	REPEATED,
	TOO_LATE,
	FORGOTTEN,
	OLD_SPACE,
	NEW_SPACE,
	WAITED,
	GIVEN_UP,
	VERSION_GONE,
	NO_ROOM,
	EXPIRED,
	NOT_COUNTED,
};

struct update {
	int64_t dimensions, half_life, remember, ids_max, ttl;
	int64_t vector_wait, vector_retry, waiting_max;
	char *weights, *space;
	double weight_of[ACTIONS_COUNT]; /* `weights`; 0: it does not count */
	bool keeps_bodies;		 /* somebody reads unmatched or late */
	struct {
		struct field id, item, action, occurred_at;
		struct symbol_map actions;
	} engagement;
	struct {
		struct field vector, space;
	} item;
	struct {
		struct field user, vector, weight, actions, updated_at, space, revision;
		struct field caused_at; /* slot -1: the schema has none */
	} row;
};

int embedding_open(void *self, struct context *context, struct error *err);

/* ---- the table ---- */

int embedding_hold(const void *self, int table, const struct record *record, struct buffer *out, struct bytes *space,
		   struct error *err);
/* Gives the event the vector of its item, where the answer is TABLE_ROW. */
int embedding_look_up(const struct update *update, struct context *context, struct bytes item,
		      struct embedding_event *event, enum table_answer *answer, struct error *err);
/* What is known of the spaces, from the table and from what the task has kept of it; what is new is kept. */
int embedding_spaces(const struct update *update, struct context *context, struct spaces *out, struct error *err);
void embedding_spaces_share(const struct share_part *entry, struct share *share);
int64_t embedding_spaces_merge(const struct share_part *a, const struct share_part *b, struct buffer *value);
void embedding_spaces_show(struct bytes value, struct buffer *out);

/* ---- an engagement ---- */

/* Looks the vector up and counts the event, if the verdict is that it counts. `until`: as embedding_judge. */
int embedding_take(const struct update *update, struct key user, const struct waiting_event *event, int64_t until,
		   struct context *context, enum embedding_verdict *verdict, struct error *err);
/* What is over for this event: counts it, and passes it on where its output says so. */
int embedding_settle(struct key user, const struct waiting_event *event, enum embedding_verdict verdict,
		     struct context *context, struct error *err);

/* It lacks its vector: keeps it. */
int embedding_wait(const struct update *update, struct key user, const struct waiting_event *event,
		   struct context *context, struct error *err);
/* Those of a user that wait: some have their vector now, the time of some is over. */
int embedding_try_again(const struct update *update, const struct entry *entry, struct context *context,
			struct error *err);

/* ---- ids in pages ---- */

/* What the page of this event's id knows; `of`: embedding_ids_of the user's value. */
int embedding_ask_page(struct key user, uint64_t of, struct embedding_event *event, struct context *context,
		       struct error *err);
uint64_t embedding_ids_of(struct bytes value);
/* Takes the ids of the user's entry out into pages; *entry is the same one afterwards. */
int embedding_page_ids(const struct update *update, struct key user, struct entry **entry, int64_t until,
		       struct context *context, struct error *err);
int embedding_page_timer(const struct update *update, struct entry *page, struct context *context);
void embedding_page_share(const struct share_part *entry, struct share *share);

/* ---- rows ---- */

/* The user's entry has changed, at a commit. */
int embedding_row(const struct update *update, struct entry *entry, struct context *context, struct error *err);
/* The last one of a user who is forgotten: an empty vector. */
int embedding_last_row(const struct update *update, struct entry *entry, struct context *context, struct error *err);
/* A copy that lives until the hook returns. */
struct bytes embedding_copy(struct context *context, struct bytes bytes);

#endif
