/*
 * Topics are known by name, positions by number: a topic that was deleted and made anew, and has grown past the old
 * position, looks as if nothing had happened, and its beginning would never be read. So each block has the last record
 * that was taken of every input (offset, timestamp, checksum), and a task that is opened reads that record again,
 * where it is still there.
 */
#ifndef DATAFLOW_TASK_MARKS_H
#define DATAFLOW_TASK_MARKS_H

#include "dataflow/task_header.h"

struct task;

/*
 * After the restore, before inputs are placed: looks at one input after the other, waits at most wait_ms for a record;
 * *done when it has looked at all. Which inputs are another topic than before is in their `renewed`.
 */
int task_marks_look(struct task *task, int64_t wait_ms, bool *done, struct error *err);
/* FATAL: the input's topic is another one, for `reason`, and nobody has asked to read it from its beginning. */
int task_marks_renewed(const struct task *task, int input, const char *reason, struct error *err);
/* The input of the last block that belongs to this port, or NULL. */
struct task_header_input *task_marks_find(struct task_header *header, const char *port);

#endif
