/*
 * What a task does for its operator's global tables: it writes the dead letters of their refused records.
 *
 * Each process meets a refused record, and again after every start. Task p of n writes the letters of the partitions q
 * with q mod n = p, and keeps in its block up to which offset it has: so each is written once.
 */
#ifndef DATAFLOW_TASK_TABLES_H
#define DATAFLOW_TASK_TABLES_H

#include "dataflow/table_feed.h"
#include "dataflow/task_header.h"

struct task;

struct task_tables {
	struct task_letters *places; /* one for each partition of a table that is this task's */
	size_t count;
	int64_t seen; /* refused records, over all tables, when they were looked at last */
};

void task_tables_init(struct task *task);
void task_tables_fini(struct task *task);

/* From the last block, and into the next one. What is put into the header lives as long as the task. */
void task_tables_place(struct task *task, const struct task_header *header);
void task_tables_note(const struct task *task, struct task_header *header);

/* Writes the letters of what has been refused since. */
int task_tables_write_letters(struct task *task, struct error *err);
/* They are committed: what they were made of is given back. */
void task_tables_committed(struct task *task);

#endif
