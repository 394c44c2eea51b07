/*
 * State knows what wrote it: every block says which type of operator wrote it, how many tasks shared the keys out among
 * them, by which rule, and the options that what is kept depends on (option.h, `state`). A task that is opened compares
 * that with what it is now: equal goes on, anything else is refused and says what to do. Options do not matter while
 * nothing is kept.
 */
#ifndef DATAFLOW_TASK_IDENTITY_H
#define DATAFLOW_TASK_IDENTITY_H

#include "dataflow/task_header.h"
#include "dataflow/topology.h"

struct task;

/* Once, when the task is opened: what task_identity_note says of options, "name=value" and a line feed each. */
void task_identity_options(const struct topology_operator *operator, struct buffer *out);
/* Into the next block. */
void task_identity_note(const struct task *task, struct task_header *header);
/* FATAL: what the last block says is not what the task is. Version 0.1.0 said nothing, which is taken for the same. */
int task_identity_check(const struct task *task, const struct task_header *header, struct error *err);

#endif
