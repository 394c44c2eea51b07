/*
 * The rows of a global table: for each key the newest few versions, found by key and time. A look-up never gives a
 * version from the future; where the version of its time is no longer kept, it says so.
 *
 * One thread writes, any number of threads look up at the same time, and look-ups take no lock and write nothing that
 * others read. A row that readers can see is never changed: a new version is linked in by one store of a pointer, and
 * what was unlinked is freed once every reader has been seen outside of a look-up since. Readers say that once a turn
 * (global_table_pass), not once a look-up: "quiescent state based reclamation" (Hart, McKenney, Demke Brown, Walpole:
 * "Performance of memory reclamation for lockless synchronization", JPDC 67, 2007).
 *
 *     writer   global_table_put, global_table_remove      one thread
 *     reader   global_table_enter, then over and over { global_table_pass; global_table_find ... }, global_table_leave
 *
 * What global_table_find hands out is valid until the same reader's next pass or leave. A reader that waits for long
 * holds up nothing but memory; once that is all there is room for, the writer waits for the reader.
 *
 * A key that is removed leaves nothing behind but a mark in the index, whose place the next key takes, or which goes
 * when the index is replaced: a table whose keys come and go for months needs no more room than the most that were
 * there at a time.
 */
#ifndef DATAFLOW_GLOBAL_TABLE_H
#define DATAFLOW_GLOBAL_TABLE_H

#include "base/clock.h"
#include "base/error.h"
#include "base/key.h"
#include "dataflow/operator.h"

struct global_table;

struct global_table_config {
	const char *name;  /* of the topic, for messages; borrowed */
	int64_t bytes_max; /* of all that the table takes, what is not freed yet included; but for an index that has
			      just been replaced */
	int64_t versions;  /* kept of each key; at least 1 */
	int readers;	   /* numbers 0 to readers - 1 */
};

struct global_table *global_table_new(const struct global_table_config *config);
void global_table_free(struct global_table **table); /* no reader is inside */

/*
 * A version of the key's row. Of two with the same time the later put holds; of more than `versions` the oldest goes,
 * and the row keeps its time: what is asked for as of then or later, and is not kept, is gone.
 * FATAL where the table would pass bytes_max. RETRY: it would until readers have passed; call it again.
 */
int global_table_put(struct global_table *table, struct key key, int64_t time_ms, struct bytes value,
		     struct error *err);
void global_table_remove(struct global_table *table, struct key key); /* all versions; one that comes later counts */

void global_table_enter(struct global_table *table, int reader);
void global_table_pass(struct global_table *table, int reader);
void global_table_leave(struct global_table *table, int reader);

/* As context_lookup and context_lookup_before (operator.h). */
enum table_answer global_table_find(const struct global_table *table, struct key key, int64_t at_ms,
				    struct table_row *out);
enum table_answer global_table_find_before(struct table_row *row);

/* For the writer and for people. */
int64_t global_table_bytes(const struct global_table *table);
int64_t global_table_rows(const struct global_table *table); /* keys that have a version */

#endif
