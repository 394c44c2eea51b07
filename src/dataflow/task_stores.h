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

/*
 * false: another worker of this process has them open. It has lost the task and has not heard of it yet; what it still
 * writes, rows of a commit that it has just made, must not come behind those of the new owner. Ask again later.
 */
bool task_stores_open(struct job_operator *operator, int partition, int worker);
/* Nothing where the worker does not have them open. */
void task_stores_closed(struct job_operator *operator, int partition, int worker, int64_t now_ms);
/* Removes what has been closed for longer than the topology's store_keep. */
int task_stores_sweep(struct job *job, struct job_operator *operator, int64_t now_ms, struct error *err);

#endif
