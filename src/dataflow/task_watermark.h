/*
 * How far a task has come, as others learn it: in its blocks, in the markers that it writes between the rows of an
 * internal topic (marker.h), and at the end of a bounded run. One thread's, as the task is.
 */
#ifndef DATAFLOW_TASK_WATERMARK_H
#define DATAFLOW_TASK_WATERMARK_H

#include "dataflow/task.h"

/* A bounded run at whose end everything that is pending fires. */
bool task_closes(const struct task *task);
/*
 * What the next run begins with (watermark_stored). Others are told no more than that, either: what comes next on an
 * input that ended early would be late for them.
 */
int64_t task_stored_watermark(const struct task *task);
/* The port of the input that holds it where it is; -1: there are no inputs. */
int task_holding_port(const struct task *task);

/* The task's readers do not know yet where it stands. */
bool task_marker_due(const struct task *task);
/* A marker in each partition of its internal outputs. */
int task_markers_append(struct task *task, struct error *err);

#endif
