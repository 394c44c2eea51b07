/*
 * State knows what wrote it: every block says which type of operator wrote it, how many tasks shared the keys out among
 * them, and by which rule. A task that is opened compares that with what it is now: equal goes on, anything else is
 * refused and says what to do.
 */
#ifndef DATAFLOW_TASK_IDENTITY_H
#define DATAFLOW_TASK_IDENTITY_H

#include "dataflow/task_header.h"

struct task;

/* Into the next block. */
void task_identity_note(const struct task *task, struct task_header *header);
/* FATAL: what the last block says is not what the task is. Version 0.1.0 said nothing, which is taken for the same. */
int task_identity_check(const struct task *task, const struct task_header *header, struct error *err);

#endif
