#include "dataflow/task_owner.h"

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/task.h"

void
task_owner_note(const struct task *task, struct task_header *header)
{
	header->writer = bytes_of_text(task->job->writer);
}

int
task_owner_check(struct task *task, const struct task_header *header, struct error *err)
{
	bool ours = header->writer.size == 0 || bytes_equal(header->writer, bytes_of_text(task->job->writer));
	bool ran = atomic_load(&task->operator->tasks[task->partition].ran);

	memory_free(&task->other_writer);
	if (ours)
		return 0;
	task->other_writer = memory_format("%.*s", bytes_arguments(header->writer));
	if (!ran || !task->job->bounded)
		return 0;
	return fail(
		err, FATAL,
		"another process has written to its journal since this run began: %s; a bounded run needs the operator "
		"for itself: end the other one, then run this again",
		task->other_writer);
}

void
task_owner_started(struct task *task)
{
	atomic_store(&task->operator->tasks[task->partition].ran, true);
}

void
task_owner_note_rival(const struct task *task, char **rival)
{
	char quoted[ERROR_TEXT_SIZE];

	if (!task->other_writer)
		return;
	logger_warn("other_writer", "operator=%s task=%d writer=%s", task->operator->spec->name, task->partition,
		    logger_quote(quoted, sizeof(quoted), task->other_writer));
	memory_free(rival);
	*rival = memory_text(task->other_writer);
}

int
task_owner_give_up(int aborts, const char *rival, struct error *err)
{
	err->action = FATAL;
	if (!rival)
		return fail_in(err, "%d transactions in a row were lost", aborts);
	return fail_in(err, "%d transactions in a row were lost; another process writes the same journal: %s", aborts,
		       rival);
}
