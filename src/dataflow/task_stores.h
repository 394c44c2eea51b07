/*
 * The stores of tasks that have moved to another process. They stay on disk for a while: a task that comes back reads
 * only what its journal has gained. After `store_keep` they are removed.
 *
 * What a task had in memory stays there, too, for a shorter while. A rebalance of a group may take all tasks from all
 * members, only to give most of them back, and each process that starts brings one: restored anew each time, a state
 * that is read for longer than processes are apart is never there.
 */
#ifndef DATAFLOW_TASK_STORES_H
#define DATAFLOW_TASK_STORES_H

#include "dataflow/job.h"
#include "state/state.h"

#define TASK_STORES_SWEEP_MS 10000 /* how often tasks that are not open are looked at */
#define TASK_STORES_ASIDE_MS 30000 /* memory of a task that has not come back by then is freed */

/* What opens a task's state. */
struct state_config task_stores_config(const struct job *job, const struct job_operator *operator, int partition);

/*
 * false: another worker of this process has them open. It has lost the task and has not heard of it yet; what it still
 * writes, rows of a commit that it has just made, must not come behind those of the new owner. Ask again later.
 */
bool task_stores_open(struct job_operator *operator, int partition, int worker);
/* Leaves the memory of a task that this worker has open to whoever of this process opens it next. NULL: nothing. */
void task_stores_put_aside(struct job_operator *operator, int partition, struct state *state);
/* What was put aside, now the caller's, who has the task open; or NULL. */
struct state *task_stores_take(struct job_operator *operator, int partition);
/* Nothing where the worker does not have them open. */
void task_stores_closed(struct job_operator *operator, int partition, int worker, int64_t now_ms);
/* Frees what has been put aside for too long, and removes what has been closed for longer than the topology's
 * store_keep. */
int task_stores_sweep(struct job *job, struct job_operator *operator, int64_t now_ms, struct error *err);
/* Frees all that is put aside: before the database is closed, when no worker is left. */
void task_stores_close(struct job *job);

#endif
