/*
 * How `memory` is shared out among what a process has: a fifth is the log's (librdkafka's queues, or the write buffers
 * and cache of the embedded log's database), 15 % the stores' RocksDB's, the rest the entry caches', an equal part for
 * each task. What lies beside it, and in which bounds, is in README.md. Pure, but for the line that says that it is
 * short.
 */
#ifndef DATAFLOW_JOB_MEMORY_H
#define DATAFLOW_JOB_MEMORY_H

#include "dataflow/topology.h"
#include "log/log.h"

#define JOB_TASK_MEMORY_BYTES_MIN ((int64_t)256 << 10) /* of a task's cache, whatever `memory` says */

int64_t job_memory_log(const struct topology *topology);
int64_t job_memory_database(const struct topology *topology);
/* Of one of so many tasks. Warns where they take more together than `memory` has for them (memory_short). */
int64_t job_memory_task(const struct topology *topology, int tasks);

/* What a process has at a time that runs the operators `selected` (by name, NULL-terminated; NULL: all), and all of
 * their tasks. */
struct log_load job_memory_load(const struct topology *topology, const char *const *selected);
/* commit_bytes where the topology does not set it: its default, but no more than a quarter of `memory` for all workers
 * together. */
int64_t job_memory_commit(const struct topology *topology);
bool job_memory_selects(const char *const *selected, const char *name);

#endif
