/*
 * A worker: one thread that runs some tasks of one operator with one member of the operator's group and one
 * transaction.
 *
 * Its turn is the heart of the program: poll the log, process what is there, commit when it is due (worker.c,
 * worker_commit.c). What becomes of errors is decided in worker_errors.c. Runs on the thread that calls worker_turn.
 */
#ifndef DATAFLOW_WORKER_H
#define DATAFLOW_WORKER_H

#include "dataflow/patience.h"
#include "dataflow/self.h"
#include "dataflow/task.h"
#include "dataflow/watchdog.h"

#define WORKER_TURN_RECORDS_MAX 1024 /* records of one task before the next task has its turn */
#define WORKER_TURN_TIMERS 1024	     /* ... timers before it is looked at whether a commit is due */
#define WORKER_WAIT_MS_MAX 50	 /* longest sleep in one turn: idle inputs and stop requests are looked at after it */
#define WORKER_RESTORE_WAIT_MS 2 /* the same while a task is being restored */
#define WORKER_ABORTS_MAX 5	 /* lost transactions in a row before a person has to look */
#define WORKER_LEAVE_MS_MAX 5000 /* for the last commit of a run that was stopped */
#define WORKER_LEAVE_UNSENT_MS_MAX 2000 /* likewise, while the log has certainly not taken it */

/* What a worker must end before it does anything else. */
enum worker_phase {
	WORKER_RUNNING,
	WORKER_FLUSHING,   /* what a sink gathered has not arrived yet: nothing of the commit has begun */
	WORKER_COMMITTING, /* blocks are in the transaction; its outcome is unknown */
	WORKER_ABORTING,   /* the transaction is lost; it has to be ended and the tasks opened again */
};

struct worker {
	struct job *job;
	struct job_operator *operator;
	int index; /* among the operator's workers in this process */
	struct watchdog_turn *turn;
	struct member *member;
	struct transaction *transaction;
	struct self self;
	struct task **tasks;	   /* by partition; NULL: not open */
	bool *held;		   /* by partition: ours */
	bool *leaving;		   /* by partition: to be given up */
	struct patience *patience; /* by partition: of a task that is set aside, while the others go on */
	int leaving_count;
	enum worker_phase phase;
	bool restoring;		/* some task is */
	int64_t committed_ms;	/* steady time of the last commit */
	int64_t swept_ms;	/* ... of the last look at stores that are not open */
	int64_t now_ms;		/* steady time of this turn */
	bool progress;		/* the last turn did something */
	struct patience outage; /* of the whole worker */
	int aborts;		/* in a row */
	bool tables_over;	/* a global table has refused too much: its letters are written, then the worker ends */
	bool over; /* rows that a sink's system refused are too many: the commit goes on, then the worker ends */
	struct error over_reason;
	char *rival; /* what wrote a block of ours since the first of them; NULL: not known */
};

int worker_open(struct job *job, struct job_operator *operator, int index, struct worker **out, struct error *err);
/* Drops what is not committed. */
void worker_close(struct worker **worker);

/* A turn without a decision on its errors. */
int worker_try(struct worker *worker, int64_t wait_ms, struct error *err);
/* One turn: waits at most wait_ms where there is nothing to do. Fails only where the worker cannot go on. */
int worker_turn(struct worker *worker, int64_t wait_ms, struct error *err);

/* Whatever has changed, now. RETRY: the outcome is unknown, call it again. */
int worker_commit(struct worker *worker, struct error *err);
/*
 * The end of a run: as worker_commit, but not for longer than WORKER_LEAVE_MS_MAX, and not at all where nothing has
 * worked for a while and nothing is undecided. What is lost the next run does again. Fails where the outcome of a
 * commit remains unknown.
 */
int worker_leave(struct worker *worker, struct error *err);
bool worker_changed(const struct worker *worker); /* something is not committed */
bool worker_ended(const struct worker *worker);	  /* bounded run: all its tasks are drained */

#endif
