#include "dataflow/job_memory.h"

#include <inttypes.h>
#include <string.h>

#include "base/logger.h"

#define LOG_PERCENT 20
#define DATABASE_PERCENT 15
#define COMMIT_PERCENT 25
#define COMMIT_BYTES_MIN ((int64_t)1 << 20)

int64_t
job_memory_log(const struct topology *topology)
{
	return topology->memory_bytes * LOG_PERCENT / 100;
}

int64_t
job_memory_database(const struct topology *topology)
{
	return topology->memory_bytes * DATABASE_PERCENT / 100;
}

int64_t
job_memory_task(const struct topology *topology, int tasks)
{
	int64_t caches = topology->memory_bytes - job_memory_log(topology) - job_memory_database(topology);
	int64_t bytes = caches / (tasks > 0 ? tasks : 1);

	if (bytes >= JOB_TASK_MEMORY_BYTES_MIN)
		return bytes;
	logger_warn("memory_short",
		    "what=caches tasks=%d bytes_each=%" PRId64 " bytes_together=%" PRId64 " share_bytes=%" PRId64
		    " advice=\"raise memory, or let more processes share the tasks\"",
		    tasks, JOB_TASK_MEMORY_BYTES_MIN, JOB_TASK_MEMORY_BYTES_MIN * tasks, caches);
	return JOB_TASK_MEMORY_BYTES_MIN;
}

bool
job_memory_selects(const char *const *selected, const char *name)
{
	if (!selected)
		return true;
	for (; *selected; selected++)
		if (strcmp(*selected, name) == 0)
			return true;
	return false;
}

struct log_load
job_memory_load(const struct topology *topology, const char *const *selected)
{
	struct log_load load = {0};

	for (int i = 0; i < topology->operator_count; i++) {
		const struct topology_operator *operator = &topology->operators[i];
		int tasks = (int)operator->tasks, workers = (int)operator->workers;

		if (!job_memory_selects(selected, operator->name))
			continue;
		load.tasks += tasks;
		load.writers += workers < tasks ? workers : tasks;
		for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++) {
			if (operator->inputs[port] >= 0)
				load.queues += tasks;
			if (operator->tables[port] >= 0)
				load.table_partitions += (int)topology->topics[operator->tables[port]].partitions;
		}
	}
	if (topology->guarantee == AT_LEAST_ONCE)
		load.writers *= 2; /* one for rows and one for the journal */
	return load;
}

int64_t
job_memory_commit(const struct topology *topology)
{
	int workers = job_memory_load(topology, NULL).writers;
	int64_t bytes = topology->memory_bytes * COMMIT_PERCENT / 100 / (workers > 0 ? workers : 1);

	bytes = bytes < COMMIT_BYTES_MIN ? COMMIT_BYTES_MIN : bytes;
	return bytes < topology->commit_bytes ? bytes : topology->commit_bytes;
}
