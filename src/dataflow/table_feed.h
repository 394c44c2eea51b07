/*
 * The way of a topic's records into a global table (global_table.h): one feed for each table of each operator in this
 * process. It reads every partition, by itself and not as a member of the operator's group, from the start and then as
 * records come.
 *
 * Before an operator runs, its tables are read to the ends that their topics had when that began (table_feed_load). In
 * a live run a thread goes on from there (table_feed_turn); in a bounded run they stay as they are.
 *
 * A record that cannot be held (its bytes, its key, its time, or what the operator's hold() says of it) is refused:
 * what was held of its key stays, and the record becomes a dead letter. Every process meets it, and again after every
 * start; so it is one task that writes the letter, with its own commit: task p of n has the partitions q of the table
 * with q mod n = p, and keeps the offset up to which letters were written in its block (task_tables.c).
 *
 * What was refused is kept until a task of this process has committed its letter. Letters that another process writes
 * leave theirs behind here, for the case that the task moves: beyond `refused_bytes_max` the oldest go. The task that
 * still needed one then writes a single letter for all that are gone, which names their range and their number: nothing
 * is lost without a word.
 *
 * One thread feeds; the tasks' threads ask for refused records (locked) and look up (not locked).
 */
#ifndef DATAFLOW_TABLE_FEED_H
#define DATAFLOW_TABLE_FEED_H

#include <pthread.h>

#include "base/arena.h"
#include "dataflow/dead_letter.h"
#include "dataflow/global_table.h"
#include "dataflow/self.h"
#include "dataflow/series_set.h"

/* What is kept of refused records for the tasks' letters: a share of the table's size, beside it; at least one. */
#define TABLE_REFUSED_SHARE 0.25
#define TABLE_REFUSED_BYTES_MAX ((int64_t)64 << 20)

struct table_refused {
	struct table_refused *next;
	int partition;
	int64_t offset, timestamp_ms;
	int64_t next_offset;	 /* behind it, or behind all that are gone */
	int64_t lost;		 /* it stands for so many that are gone, at most; 0: it is one record */
	struct bytes key, value; /* behind the struct; key.data NULL: none. No more of them than a letter has */
	size_t value_size;	 /* of the whole value */
	char reason[ERROR_TEXT_SIZE];
};

/* Refused records of one partition that are gone, from one offset to before another. */
struct table_dropped {
	int64_t count, from, next, timestamp_ms;
};

struct table_feed {
	struct job *job;
	struct job_operator *operator;
	int port; /* number in the operator's list of tables */
	const struct topology_topic *topic;
	int log_topic, partitions;
	struct global_table *table;
	struct series_set series;
	struct self self;
	struct reader **readers; /* by partition */
	int64_t *next;		 /* offsets */
	int waited;		 /* the partition that the last wait was on */
	struct log_batch batch;	 /* what was fetched last */
	int taking;		 /* the partition it is of, while not all of it was taken; -1 */
	size_t taken;		 /* of its records */
	struct record record;
	struct arena arena;
	struct buffer held;
	struct dead_letter_window window;
	atomic_bool over;	  /* too much was refused: nothing more is taken, and the operator has to stop */
	struct error over_reason; /* constant from then on */
	pthread_mutex_t lock;	  /* guards what was refused */
	struct table_refused *refused_first, *refused_last;
	struct table_dropped *dropped; /* by partition */
	int64_t refused_bytes, refused_bytes_max;
	_Atomic int64_t refused_count; /* so far; it only grows */
};

int table_feed_open(struct job *job, struct job_operator *operator, int port, struct table_feed **out,
		    struct error *err);
void table_feed_close(struct table_feed **feed);

/* Reads to the ends of now, and says how it goes. RETRY: the log is out of reach; call it again. Asks `stop` (may be
 * NULL) now and then, and ends early where it says so. */
int table_feed_load(struct table_feed *feed, bool (*stop)(void *argument), void *argument, struct error *err);
/* Takes in what has come, unless it is over. Where nothing has it waits at most wait_ms, once for all partitions. */
int table_feed_turn(struct table_feed *feed, int64_t wait_ms, bool *progress, struct error *err);

/*
 * Calls `take` for each refused record of a partition from `offset` on, in order; it may not call the feed. Fails where
 * `take` does.
 */
int table_feed_refused(struct table_feed *feed, int partition, int64_t offset,
		       int (*take)(void *argument, const struct table_refused *refused, struct error *err),
		       void *argument, struct error *err);
/* Too many of the table's records were refused: FATAL, why. The letters of those before may still be written. */
int table_feed_check(struct table_feed *feed, struct error *err);
/* Letters up to `offset` are committed: nobody in this process asks for them again. */
void table_feed_forget(struct table_feed *feed, int partition, int64_t offset);

#endif
