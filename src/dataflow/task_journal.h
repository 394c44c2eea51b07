/*
 * What a task's journal promises, checked when it has been read: that it begins where its last block needs it to, and
 * that it is empty only where nothing was ever committed. What retention, an administrator or another program has
 * taken away would otherwise be rows that are missing, or are there twice, with no word about it.
 */
#ifndef DATAFLOW_TASK_JOURNAL_H
#define DATAFLOW_TASK_JOURNAL_H

#include "dataflow/task_header.h"

struct task;

/* It has blocks; `header` is the last one's. FATAL: it lacks some that are needed. */
int task_journal_check(struct task *task, const struct task_header *header, struct error *err);
/* It has none. FATAL: it had some; RETRY: it just got one. */
int task_journal_check_empty(const struct task *task, struct error *err);

#endif
