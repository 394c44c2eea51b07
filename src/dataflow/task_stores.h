/*
 * The stores of tasks that have moved to another process. They stay on disk for a while: a task that comes back reads
 * only what its journal has gained. After `store_keep` they are removed.
 */
#ifndef DATAFLOW_TASK_STORES_H
#define DATAFLOW_TASK_STORES_H

#include "dataflow/job.h"
#include "state/state.h"

#define TASK_STORES_SWEEP_MS 10000 /* how often tasks that are not open are looked at */

/* What opens a task's state. */
struct state_config task_stores_config(const struct job *job, const struct job_operator *operator, int partition);

void task_stores_opened(struct job_operator *operator, int partition, int worker);
/* Nothing where another worker of this process has opened it since: one that stood still hears last of what it lost. */
void task_stores_closed(struct job_operator *operator, int partition, int worker, int64_t now_ms);
/* Removes what has been closed for longer than the topology's store_keep. */
int task_stores_sweep(struct job *job, struct job_operator *operator, int64_t now_ms, struct error *err);

#endif
