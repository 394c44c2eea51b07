/*
 * A job: what all workers of a running topology share. The open log and database, the topics by their numbers in the
 * log, one figures table per operator. Opened once, constant while workers run, except for the figures (atomics) and
 * the stop flag. runtime.c puts threads on it, driver.c a test.
 */
#ifndef DATAFLOW_JOB_H
#define DATAFLOW_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/wall_guard.h"
#include "dataflow/runtime.h"
#include "state/database.h"

/* Written by one worker each or summed with atomic adds at commits; read by anyone. */
struct job_figures {
	_Atomic int64_t records_in, records_out, bytes_in, dead_letters, records_lost, letters_lost, commits;
	_Atomic int64_t deletions, stalls, behind;
	_Atomic int64_t restored_bytes, restore_ms;
	_Atomic int64_t counters[RUNTIME_COUNTERS_MAX];
	struct histogram histograms[RUNTIME_HISTOGRAMS_MAX];
};

/* What a task last said of itself, at a commit. */
struct job_task_figures {
	_Atomic int64_t lag, watermark_ms, state_entries, state_bytes;
	_Atomic int64_t pending; /* of a bounded run that has ended: timers for the next one */
	_Atomic int held_by;	 /* likewise: the port of the input that has come least far; -1: it has none */
	_Atomic bool ran;	 /* in this process */
};

struct state;

/* Whether a task is open in this process; if not, since when it is not, or that its stores are gone. */
struct job_task_stores {
	bool open, forgotten;
	int worker; /* that has it open */
	int64_t closed_ms;
	struct state *aside; /* what the task had in memory, should it come back; NULL: nothing */
};

struct table_feed;
struct watchdog_turn;

/* How far a group has committed, by task; -1: nothing. */
struct job_positions {
	int64_t *offsets;    /* NULL: not asked */
	int64_t answered_us; /* monotonic time */
};

/* dead_letter_pass.h */
struct dead_letter_pass {
	int topic; /* by the log's number */
	int partition;
	int64_t until; /* offset */
};

struct job_operator {
	const struct topology_operator *spec;
	char *group; /* "<app>.<operator>": names the consumer group and the directory of its stores */
	int journal; /* topic */
	struct job_positions in_inputs, in_journal;    /* by stores_lock */
	bool selected;				       /* runs in this process */
	int workers;				       /* threads: no more than tasks */
	struct table_feed *tables[TOPOLOGY_PORTS_MAX]; /* job_tables.h; NULL: not connected, or not open */
	struct dead_letter_pass *passes;	       /* constant */
	size_t pass_count;
	struct job_figures figures;
	struct job_task_figures *tasks; /* spec->tasks of them */
	struct watchdog_turn *turns;	/* by worker */
	pthread_mutex_t stores_lock;	/* guards `stores` */
	struct job_task_stores *stores; /* likewise */
	_Atomic int64_t trims_again_ms; /* steady time: the log did not answer, and is not asked for trims until then */
};

struct job {
	const struct topology *topology;
	char *directory; /* of the log and the stores; NULL: all in memory */
	struct log *log;
	bool owns_log;
	struct database *database;
	struct clock *clock;
	pthread_mutex_t clock_lock;
	struct wall_guard clock_guard;	/* under the lock */
	bool clock_said;		/* likewise: that it was doubted at the start */
	int *topics;			/* number in the log of each topic of the topology */
	_Atomic int64_t *misplaced;	/* by topic: records found on the wrong partition for their key */
	struct job_operator *operators; /* one per operator of the topology */
	int64_t task_memory_bytes;	/* share of the entry cache of one task */
	bool bounded;			/* a bounded run */
	bool keep_open;			/* ... that fires nothing before its time */
	atomic_bool stopping;		/* workers commit what they have done, and leave */
	bool new_journal;		/* a journal that has lost everything begins anew, with empty state */
	bool short_journal;		/* a journal that has lost its last blocks goes on without them */
	bool old_partitions;		/* sources may have more partitions than the topology says */
	bool new_topics;		/* an input that was made anew is read from its beginning */
	char *writer;			/* names this run in the blocks that it writes */
	int lock_fd;			/* of the data directory's lock; -1: the log has its own */
	int table_waited;		/* of the thread of the global tables: the feed that its last wait was on */
};

int job_open(const struct runtime_config *config, struct job **out, struct error *err);
void job_close(struct job **job);

/* The wall time that event times are held against (topic_record.h): a clock that was set back does not make everything
 * a thing of the future. Thread-safe. */
int64_t job_wall_ms(struct job *job);
/* A commit was made at that time by a clock of then: one that is far away from it is said (`clock_doubted`), and one
 * that is behind it is doubted as if it had been set back now. Thread-safe. */
void job_clock_known(struct job *job, int64_t written_ms);

int job_stage_count(const struct job *job);

static inline void
job_add(_Atomic int64_t *figure, int64_t by)
{
	atomic_fetch_add_explicit(figure, by, memory_order_relaxed);
}

#endif
