#include "dataflow/task_journal.h"

#include <inttypes.h>

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/task.h"

#define ADVICE                                                                                                         \
	"restore the topic from a copy, or, to begin with empty state at the beginning of the inputs, delete the "     \
	"topic, create it again with isotope topics TOPOLOGY --create, and give run --new-journal once"

static const char *
journal_name(const struct task *task)
{
	return log_topic_name(task->job->log, task->operator->journal);
}

int
task_journal_check(struct task *task, const struct task_header *header, struct error *err)
{
	uint64_t first, needed;

	/* 0.1.0, which named no writer, trimmed a block further than its blocks said. */
	if (header->writer.size == 0)
		state_accept_journal(task->state);
	switch (state_journal(task->state, &first, &needed)) {
	case STATE_JOURNAL_WHOLE:
		return 0;
	case STATE_JOURNAL_HERE:
		logger_error(
			"journal_incomplete",
			"operator=%s task=%d journal=%s needed_block=%" PRIu64 " start=%" PRId64
			" reason=\"something has removed records of it; only the copy in the data directory has them\"",
			task->operator->spec->name, task->partition, journal_name(task), needed, task->restore.start);
		return 0;
	case STATE_JOURNAL_LACKING:
		break;
	}
	return fail(err, FATAL,
		    "its journal %s partition %d begins at block %" PRIu64 " and is needed from block %" PRIu64
		    " on: something has removed records of it (has the topic retention or compaction?); " ADVICE,
		    journal_name(task), task->partition, first, needed);
}

/*
 * Up to where the group has committed, by task: the furthest position in any input, -1: none. (A group forgets those
 * of a topic that is deleted, so that the journal's own say nothing.)
 */
static int
ask_positions(const struct task *task, int64_t *furthest, struct error *err)
{
	const struct job_operator *operator = task->operator;
	int result = 0;

	for (int64_t i = 0; i < operator->spec->tasks; i++)
		furthest[i] = -1;
	for (int k = 0; k < task->input_count && result == 0; k++) {
		int topic = task->job->topics[operator->spec->inputs[task->inputs[k].port]];
		int count = log_topic_partitions(task->job->log, topic); /* of the embedded log: may be more */
		int64_t *positions = memory_new_array((size_t)count, sizeof(*positions));

		result = log_positions(task->job->log, operator->group, topic, positions, err);
		for (int64_t i = 0; i < operator->spec->tasks && i < count && result == 0; i++)
			if (positions[i] > furthest[i])
				furthest[i] = positions[i];
		memory_free(&positions);
	}
	return result;
}

/* Of all tasks at once: a first start asks it of each. Who finds another worker asking comes back later: where nobody
 * answers, each would wait for all before it. */
static int
committed_position(const struct task *task, int64_t *position, int64_t *asked_us, struct error *err)
{
	struct job_operator *operator = task->operator;
	int result = 0;

	if (pthread_mutex_trylock(&operator->stores_lock) != 0)
		return fail(err, RETRY, "the positions of group %s are being asked for", operator->group);
	if (!operator->committed) {
		operator->committed = memory_new_array((size_t)operator->spec->tasks, sizeof(*operator->committed));
		result = ask_positions(task, operator->committed, err);
		if (result < 0)
			memory_free(&operator->committed);
		operator->committed_us = clock_monotonic_us();
	}
	if (result == 0) {
		*position = operator->committed[task->partition];
		*asked_us = operator->committed_us;
	}
	pthread_mutex_unlock(&operator->stores_lock);
	return result;
}

/* Positions come with blocks: where there are some, there were others. */
static int
check_position(const struct task *task, struct error *err)
{
	struct partition_ends ends;
	int64_t position = -1, asked_us;

	if (committed_position(task, &position, &asked_us, err) < 0)
		return -1;
	if (position < 0)
		return 0;
	/* The first block may have been committed since the journal was read. */
	if (log_ends_since(task->job->log, task->operator->journal, task->partition, asked_us, &ends, err) < 0)
		return -1;
	if (ends.pending_end > task->restore.end)
		return fail(err, RETRY, "its journal has just got a block");
	return fail(err, FATAL,
		    "its journal %s partition %d is empty, and its group %s has committed up to offset %" PRId64
		    " of an input: the topic was emptied, or deleted and made anew; " ADVICE,
		    journal_name(task), task->partition, task->operator->group, position);
}

int
task_journal_check_empty(const struct task *task, struct error *err)
{
	int result;

	if (task->restore.start > 0)
		result = fail(err, FATAL,
			      "its journal %s partition %d has no block, and begins at offset %" PRId64
			      ": everything in it was removed; " ADVICE,
			      journal_name(task), task->partition, task->restore.start);
	else
		result = check_position(task, err);
	if (result == 0 || err->action != FATAL || !task->job->new_journal)
		return result;
	logger_warn("journal_begun_anew", "operator=%s task=%d journal=%s", task->operator->spec->name, task->partition,
		    journal_name(task));
	return 0;
}
