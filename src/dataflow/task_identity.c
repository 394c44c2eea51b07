#include "dataflow/task_identity.h"

#include "dataflow/task.h"

void
task_identity_note(const struct task *task, struct task_header *header)
{
	header->operator_type = bytes_of_text(task->operator->spec->type->name);
	header->tasks = (int)task->operator->spec->tasks;
	header->partitioner = bytes_of_text(LOG_PARTITIONER);
}

int
task_identity_check(const struct task *task, const struct task_header *header, struct error *err)
{
	const struct topology_operator *spec = task->operator->spec;

	if (header->operator_type.size != 0 && !bytes_equal(header->operator_type, bytes_of_text(spec->type->name)))
		return fail(
			err, FATAL,
			"its state was written by an operator of type %.*s, and its type is %s; give it another name "
			"to begin with empty state",
			bytes_arguments(header->operator_type), spec->type->name);
	if (header->tasks != 0 && header->tasks != (int)spec->tasks)
		return fail(
			err, FATAL,
			"its state was written by %d tasks, and there are %d now: keys would not find their state; run "
			"isotope rescale TOPOLOGY %s --partitions %d",
			header->tasks, (int)spec->tasks, spec->name, (int)spec->tasks);
	if (header->partitioner.size != 0 && !bytes_equal(header->partitioner, bytes_of_text(LOG_PARTITIONER)))
		return fail(
			err, FATAL,
			"its keys were shared out among tasks by %.*s, and this version does it by %s; run the version "
			"that wrote its state",
			bytes_arguments(header->partitioner), LOG_PARTITIONER);
	return 0;
}
