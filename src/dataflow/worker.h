/*
 * A worker: one thread that runs some tasks of one operator with one member of the operator's group and one
 * transaction.
 *
 * Its turn is the heart of the program: poll the log, process what is there, commit when it is due. This file's other
 * half is what becomes of errors: nowhere else is that decided. Runs on the thread that calls worker_turn.
 */
#ifndef DATAFLOW_WORKER_H
#define DATAFLOW_WORKER_H

#include "dataflow/task.h"

#define WORKER_TURN_RECORDS_MAX 1024 /* records of one task before the next task has its turn */
#define WORKER_WAIT_MS_MAX 50  /* longest sleep in one turn: idle inputs and stop requests are looked at after it */
#define WORKER_ABORTS_MAX 5    /* aborted transactions in a row before a person has to look */
#define WORKER_RETRIES_MAX 200 /* turns in a row that failed and may work later, WORKER_WAIT_MS_MAX apart */
#define WORKER_COMMIT_RETRIES_MAX 30 /* calls of one commit whose outcome stays unknown, a second apart at most */

struct worker {
	struct job *job;
	struct job_operator *operator;
	struct member *member;
	struct transaction *transaction;
	void *self;					       /* the operator's, after open() */
	bool opened;					       /* open() succeeded */
	struct task **tasks;				       /* by partition; NULL: not ours */
	struct dead_letter_window windows[TOPOLOGY_PORTS_MAX]; /* by the operator's input */
	int64_t committed_ms;				       /* wall clock of the last commit */
	int64_t now_ms;
	bool progress; /* the last turn did something */
	int retries;   /* in a row */
	int aborts;    /* in a row */
};

int worker_open(struct job *job, struct job_operator *operator, int index, struct worker **out, struct error *err);
/* Drops what is not committed. */
void worker_close(struct worker **worker);

/* One turn: waits at most wait_ms where there is nothing to do. Fails only where the worker cannot go on. */
int worker_turn(struct worker *worker, int64_t wait_ms, struct error *err);

int worker_commit(struct worker *worker, struct error *err); /* whatever has changed, now */
bool worker_changed(const struct worker *worker);	     /* something is not committed */
bool worker_ended(const struct worker *worker);		     /* bounded run: all its tasks are drained */

#endif
