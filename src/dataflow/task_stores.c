#include "dataflow/task_stores.h"

#include "base/logger.h"

struct state_config
task_stores_config(const struct job *job, const struct job_operator *operator, int partition)
{
	return (struct state_config){
		.database = job->database,
		.operator_name = operator->spec->name,
		.partition = partition,
		.stores = operator->spec->type->stores,
		.memory_bytes = job->task_memory_bytes,
	};
}

bool
task_stores_open(struct job_operator *operator, int partition, int worker)
{
	struct job_task_stores *stores = &operator->stores[partition];
	bool free;

	pthread_mutex_lock(&operator->stores_lock);
	free = !stores->open || stores->worker == worker;
	if (free)
		*stores = (struct job_task_stores){.open = true, .worker = worker, .aside = stores->aside};
	pthread_mutex_unlock(&operator->stores_lock);
	return free;
}

void
task_stores_closed(struct job_operator *operator, int partition, int worker, int64_t now_ms)
{
	pthread_mutex_lock(&operator->stores_lock);
	if (operator->stores[partition].open && operator->stores[partition].worker == worker) {
		operator->stores[partition].open = false;
		operator->stores[partition].closed_ms = now_ms;
	}
	pthread_mutex_unlock(&operator->stores_lock);
}

void
task_stores_put_aside(struct job_operator *operator, int partition, struct state *state)
{
	if (!state)
		return;
	pthread_mutex_lock(&operator->stores_lock);
	insist(operator->stores[partition].open && !operator->stores[partition].aside);
	operator->stores[partition].aside = state;
	pthread_mutex_unlock(&operator->stores_lock);
}

struct state *
task_stores_take(struct job_operator *operator, int partition)
{
	struct state *state;

	pthread_mutex_lock(&operator->stores_lock);
	insist(operator->stores[partition].open);
	state = operator->stores[partition].aside;
	operator->stores[partition].aside = NULL;
	pthread_mutex_unlock(&operator->stores_lock);
	return state;
}

/* Under the lock: whoever is about to open the task waits until its rows are gone, which is right as well. */
static int
forget(struct job *job, struct job_operator *operator, int partition, struct error *err)
{
	struct state_config config = task_stores_config(job, operator, partition);
	bool any;

	if (state_forget(&config, &any, err) < 0)
		return fail_in(err, "operator %s task %d", operator->spec->name, partition);
	operator->stores[partition].forgotten = true;
	if (any)
		logger_info("stores_removed", "operator=%s task=%d reason=\"the task has moved elsewhere\"",
			    operator->spec->name, partition);
	return 0;
}

int
task_stores_sweep(struct job *job, struct job_operator *operator, int64_t now_ms, struct error *err)
{
	int result = 0;

	pthread_mutex_lock(&operator->stores_lock);
	for (int i = 0; i < operator->spec->tasks && result == 0; i++) {
		struct job_task_stores *stores = &operator->stores[i];

		if (stores->aside && !stores->open && now_ms - stores->closed_ms >= TASK_STORES_ASIDE_MS)
			state_close(&stores->aside);
		if (!stores->aside && !stores->open && !stores->forgotten &&
		    now_ms - stores->closed_ms >= job->topology->store_keep_ms)
			result = forget(job, operator, i, err);
	}
	pthread_mutex_unlock(&operator->stores_lock);
	return result;
}

void
task_stores_close(struct job *job)
{
	for (int i = 0; i < job->topology->operator_count; i++) {
		struct job_operator *operator = &job->operators[i];

		for (int64_t task = 0; operator->stores && task < operator->spec->tasks; task++)
			state_close(&operator->stores[task].aside);
	}
}
