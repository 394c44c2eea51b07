/*
 * Which process wrote a task's last block. The log sees to it that of several writers at most one wins each commit
 * (transaction_expect); here is what a task makes of it: a bounded run that finds a block of somebody else gives up,
 * since nobody shares its operator with it; a live one keeps the name, to say it when it loses again and again.
 */
#ifndef DATAFLOW_TASK_OWNER_H
#define DATAFLOW_TASK_OWNER_H

#include "dataflow/task_header.h"

struct task;

/* Into the next block. */
void task_owner_note(const struct task *task, struct task_header *header);
/* By the last block, when the task is about to run. FATAL: a bounded run is not alone. */
int task_owner_check(struct task *task, const struct task_header *header, struct error *err);
/* The task runs now: a block of somebody else that is found after an abort was written meanwhile. (Not before: the
 * end of a restore is tried again while the log cannot be asked.) */
void task_owner_started(struct task *task);

/* After an abort: *rival is what wrote the block behind which the task goes on, where that is another process. */
void task_owner_note_rival(const struct task *task, char **rival);
/* FATAL: so many transactions in a row were lost for the reason that `err` has, to `rival`, where that is not NULL. */
int task_owner_give_up(int aborts, const char *rival, struct error *err);

#endif
