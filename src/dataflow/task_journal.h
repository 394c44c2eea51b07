/*
 * What a task's journal promises, checked when it has been read: that it begins where its last block needs it to, that
 * it has the last block that was committed, and that it is empty only where nothing ever was. What retention, an
 * administrator, another program or the loss of a broker's disk has taken away would otherwise be rows that are
 * missing, or are there twice, with no word about it.
 */
#ifndef DATAFLOW_TASK_JOURNAL_H
#define DATAFLOW_TASK_JOURNAL_H

#include "dataflow/task_header.h"

struct task;

/* Before the end is looked at that the journal has to be read to: how far the group has committed in it, so that what
 * is committed later makes no difference. */
int task_journal_ask(struct task *task, struct error *err);
/* It has blocks; `header` is the last one's. FATAL: it lacks some that are needed, or has lost its last ones. RETRY:
 * perhaps it has; it is looked at again for some seconds. */
int task_journal_check(struct task *task, const struct task_header *header, struct error *err);
/* It has none. FATAL: it had some; RETRY: it just got one. */
int task_journal_check_empty(const struct task *task, struct error *err);

#endif
