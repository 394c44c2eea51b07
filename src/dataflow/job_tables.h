/*
 * The global tables of the operators that run in this process: opened and loaded before their workers start, kept up to
 * date by one thread while they run (runtime.c), or by a test (driver.c).
 */
#ifndef DATAFLOW_JOB_TABLES_H
#define DATAFLOW_JOB_TABLES_H

#include "dataflow/table_feed.h"

/* Opens and loads the tables of the operators of a stage; a negative stage: of all. RETRY: the log is out of reach; the
 * next call goes on. Ends early, without an error, where `stop` says so. */
int job_tables_open(struct job *job, int stage, bool (*stop)(void *argument), void *argument, struct error *err);
void job_tables_close(struct job *job); /* no worker runs */

bool job_has_tables(const struct job *job); /* some are open */
/* Takes in what has come to any of them; waits at most wait_ms. */
int job_tables_turn(struct job *job, int64_t wait_ms, bool *progress, struct error *err);

/* The operator has to stop, since too much of one of its tables was refused: FATAL, why. */
int job_tables_check(const struct job_operator *operator, struct error *err);

/* A worker's look-ups: before the first one, between any two of its turns, and after the last one. */
void job_tables_enter(const struct job_operator *operator, int worker);
void job_tables_pass(const struct job_operator *operator, int worker);
void job_tables_leave(const struct job_operator *operator, int worker);

#endif
