#include "dataflow/journals.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dataflow/partition_read.h"
#include "dataflow/topic_list.h"

#define VALUE_SIZE_MAX 64

static int
note(void *argument, const struct log_record *record, struct error *err)
{
	const struct topology *topology = argument;
	char name[LOG_TOPIC_NAME_SIZE_MAX + 1], value[VALUE_SIZE_MAX];
	int operator, generation, tasks;

	snprintf(name, sizeof(name), "%.*s", bytes_arguments(record->key));
	snprintf(value, sizeof(value), "%.*s", bytes_arguments(record->value));
	if (sscanf(value, "%d %d", &generation, &tasks) != 2 || generation < 1)
		return fail(err, FATAL, "the topic of journals says \"%s\" of operator %s: it is damaged", value, name);
	operator = topology_operator_find(topology, name);
	if (operator >= 0)
		*topology->operators[operator].generation = generation;
	return 0;
}

static int
read_all(const struct topology *topology, struct log *log, int topic, struct error *err)
{
	struct partition_ends ends;

	if (log_partition_ends(log, topic, 0, &ends, err) < 0)
		return -1;
	return partition_read(log, topic, 0, ends.start, ends.pending_end, note, (void *)(uintptr_t)topology, err);
}

int
journals_find(const struct topology *topology, struct log *log, struct error *err)
{
	char *name = topic_list_journals(topology);
	int topic, result = log_topic(log, name, &topic, err);

	memory_free(&name);
	if (result == 0)
		return read_all(topology, log, topic, err);
	return err->action == FATAL ? 0 : -1; /* there is none; a run goes on only where it is, or may be made */
}

int
journals_switch(struct log *log, struct transaction *transaction, const struct topology *topology, int operator,
		int generation, int64_t tasks, struct error *err)
{
	const char *key = topology->operators[operator].name;
	char *name = topic_list_journals(topology);
	int topic, result = log_topic(log, name, &topic, err);
	struct buffer *value;

	memory_free(&name);
	if (result < 0)
		return -1;
	value = transaction_append_begin(transaction, topic, 0, bytes_of_text(key), clock_now_ms(&clock_system));
	buffer_print(value, "%d %d", generation, (int)tasks);
	return transaction_append_end(transaction, err);
}

int
journals_check(const struct topology *topology, struct log *log, struct error *err)
{
	for (int i = 0; i < topology->operator_count; i++) {
		const struct topology_operator *operator = &topology->operators[i];
		char *name = topic_list_journal(topology, i);
		int topic, result = log_topic(log, name, &topic, err);
		int tasks = result == 0 ? log_topic_partitions(log, topic) : 0;

		memory_free(&name);
		if (result < 0 && err->action != FATAL)
			return -1;
		if (result == 0 && tasks != (int)operator->tasks)
			return fail(err, FATAL,
				    "the state of operator %s is that of %d tasks, and its inputs have %d partitions: "
				    "keys would not find their state; run: isotope rescale %s %s --partitions %d",
				    operator->name, tasks, (int)operator->tasks, topology->file, operator->name,
				    (int)operator->tasks);
	}
	return 0;
}
