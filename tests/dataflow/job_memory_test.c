#include "dataflow/job_memory.h"

#include "tests/test.h"

#define MIB ((int64_t)1 << 20)

static struct topology_topic topics[2] = {{.partitions = 8}, {.partitions = 3}};

static struct topology_operator
operator_of(const char *name, int tasks, int workers, int inputs, int tables)
{
	struct topology_operator operator = {.name = (char *)(uintptr_t)name, .tasks = tasks, .workers = workers};

	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++) {
		operator.inputs[i] = i < inputs ? 0 : -1;
		operator.tables[i] = i < tables ? 1 : -1;
	}
	return operator;
}

static struct topology_operator operators[2];

static struct topology
topology_of(int64_t memory_bytes)
{
	operators[0] = operator_of("join", 8, 2, 3, 0);
	operators[1] = operator_of("history", 8, 16, 1, 1);
	return (struct topology){.memory_bytes = memory_bytes,
				 .commit_bytes = 64 * MIB,
				 .topics = topics,
				 .topic_count = 2,
				 .operators = operators,
				 .operator_count = 2};
}

TEST(what_a_process_has_is_counted_over_its_operators)
{
	struct topology topology = topology_of(512 * MIB);
	const char *const one[] = {"join", NULL};
	struct log_load all = job_memory_load(&topology, NULL), some = job_memory_load(&topology, one);

	check_int(all.tasks, 16);
	check_int(all.queues, 32);
	check_int(all.table_partitions, 3);
	check_int(all.writers, 10); /* no more workers than tasks */
	check_int(some.tasks, 8);
	check_int(some.queues, 24);
	check_int(some.table_partitions, 0);
	check_int(some.writers, 2);
}

TEST(at_least_once_a_worker_has_two_producers)
{
	struct topology topology = topology_of(512 * MIB);

	topology.guarantee = AT_LEAST_ONCE;
	check_int(job_memory_load(&topology, NULL).writers, 20);
}

TEST(the_parts_of_memory_are_no_more_than_it)
{
	struct topology topology = topology_of(512 * MIB);

	check(job_memory_log(&topology) + job_memory_database(&topology) + 16 * job_memory_task(&topology, 16) <=
	      512 * MIB);
	topology.memory_bytes = 16 * MIB;
	check_int(job_memory_task(&topology, 64), JOB_TASK_MEMORY_BYTES_MIN);
}

TEST(transactions_of_all_workers_keep_within_a_quarter_of_a_small_memory)
{
	struct topology topology = topology_of(4096 * MIB);

	check_int(job_memory_commit(&topology), 64 * MIB);
	topology.memory_bytes = 400 * MIB;
	check_int(job_memory_commit(&topology), 10 * MIB);
	topology.memory_bytes = 16 * MIB;
	check_int(job_memory_commit(&topology), 1 * MIB);
}
