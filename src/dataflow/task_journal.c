#include "dataflow/task_journal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/task.h"

#define ADVICE                                                                                                         \
	"restore the topic from a copy, or, to begin with empty state at the beginning of the inputs, delete the "     \
	"topic, create it again with isotope topics TOPOLOGY --create, and give run --new-journal once"

#define SHORT_ADVICE                                                                                                   \
	"its last blocks are lost (was a broker that lacked them elected, or has one lost its disk?); restore the "    \
	"topic from a copy, or give run --short-journal once, to go on from the last block that is there: rows that "  \
	"were written since then come again"
#define SHORT_MS 5000 /* so long a new leader may take to know again how far the partition goes */

static const char *
journal_name(const struct task *task)
{
	return log_topic_name(task->job->log, task->operator->journal);
}

/* ---- its beginning ---- */

static int
check_beginning(const struct task *task, struct error *err)
{
	uint64_t first, needed;

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

/* ---- what the group has committed ---- */

/* The furthest position in the topic, by task. */
static int
ask_topic(const struct task *task, int topic, int64_t *furthest, struct error *err)
{
	const struct job_operator *operator = task->operator;
	int count = log_topic_partitions(task->job->log, topic); /* of the embedded log: may be more */
	int64_t *positions = memory_new_array((size_t)count, sizeof(*positions));
	int result = log_positions(task->job->log, operator->group, topic, positions, err);

	for (int64_t i = 0; i < operator->spec->tasks && i < count && result == 0; i++)
		if (positions[i] > furthest[i])
			furthest[i] = positions[i];
	memory_free(&positions);
	return result;
}

/* (A group forgets the positions of a topic that is deleted, so that the journal's own may say nothing.) */
static int
ask_inputs(const struct task *task, int64_t *furthest, struct error *err)
{
	int result = 0;

	for (int k = 0; k < task->input_count && result == 0; k++)
		result = ask_topic(task, task->job->topics[task->operator->spec->inputs[task->inputs[k].port]],
				   furthest, err);
	return result;
}

static int
ask_journal(const struct task *task, int64_t *furthest, struct error *err)
{
	return ask_topic(task, task->operator->journal, furthest, err);
}

typedef int ask_positions(const struct task *task, int64_t *furthest, struct error *err);

/* Of all tasks at once: a start asks it of each. An older answer than the restore says less than it could. */
static int
ask_again(const struct task *task, struct job_positions *positions, ask_positions *ask, struct error *err)
{
	int64_t tasks = task->operator->spec->tasks;
	int result;

	if (positions->offsets && positions->answered_us >= task->restore.started_us)
		return 0;
	if (!positions->offsets)
		positions->offsets = memory_new_array((size_t)tasks, sizeof(*positions->offsets));
	for (int64_t i = 0; i < tasks; i++)
		positions->offsets[i] = -1;
	result = ask(task, positions->offsets, err);
	positions->answered_us = clock_monotonic_us();
	if (result < 0)
		memory_free(&positions->offsets);
	return result;
}

/* Who finds another worker asking comes back later: where nobody answers, each would wait for all before it. */
static int
committed_position(const struct task *task, struct job_positions *positions, ask_positions *ask, int64_t *position,
		   int64_t *answered_us, struct error *err)
{
	struct job_operator *operator = task->operator;
	int result;

	if (pthread_mutex_trylock(&operator->stores_lock) != 0)
		return fail(err, RETRY, "the positions of group %s are being asked for", operator->group);
	result = ask_again(task, positions, ask, err);
	if (result == 0) {
		*position = positions->offsets[task->partition];
		*answered_us = positions->answered_us;
	}
	pthread_mutex_unlock(&operator->stores_lock);
	return result;
}

int
task_journal_ask(struct task *task, struct error *err)
{
	struct task_restore *restore = &task->restore;
	int64_t answered_us;

	if (committed_position(task, &task->operator->in_journal, ask_journal, &restore->committed, &answered_us, err) <
	    0)
		return -1;
	if (restore->asked_us < answered_us)
		restore->asked_us = answered_us;
	return 0;
}

/* ---- its end ---- */

static bool
is_short(const struct task *task, const struct task_header *header, char *reason, size_t size)
{
	const struct task_restore *restore = &task->restore;
	uint64_t seq;

	if (state_was_further(task->state, &seq)) {
		snprintf(reason, size, "the copy in the data directory went to block %" PRIu64, seq);
		return true;
	}
	/* 0.1.0, which named no writer, gave the journal another position. */
	if (header->writer.size == 0 || restore->committed <= restore->last + 1 + LOG_COMMIT_MARKERS)
		return false;
	snprintf(reason, size, "its group %s has committed up to offset %" PRId64 " of it", task->operator->group,
		 restore->committed);
	return true;
}

/*
 * The group's position lies behind the last block that it has committed, and was asked for before the end that the
 * journal was read to, with all that is open: the block has to be there. The end alone would not do: aborts take
 * offsets too, and a journal that has lost a block is soon as long as before.
 */
static int
check_end(struct task *task, const struct task_header *header, struct error *err)
{
	struct task_restore *restore = &task->restore;
	int64_t now_ms = clock_steady_ms(task->job->clock);
	char reason[ERROR_TEXT_SIZE / 4];

	if (!is_short(task, header, reason, sizeof(reason)))
		return 0;
	if (task->job->short_journal) {
		restore->goes_on = true;
		logger_warn("journal_short", "operator=%s task=%d journal=%s last_offset=%" PRId64 " end=%" PRId64,
			    task->operator->spec->name, task->partition, journal_name(task), restore->last,
			    restore->end);
		return 0;
	}
	if (restore->short_since_ms == 0)
		restore->short_since_ms = now_ms;
	restore->asked_us = clock_monotonic_us(); /* the next look is at the end as it is then */
	return fail(err, now_ms - restore->short_since_ms < SHORT_MS ? RETRY : FATAL,
		    "its journal %s partition %d ends at offset %" PRId64 " with the block at offset %" PRId64
		    ", and %s: " SHORT_ADVICE,
		    journal_name(task), task->partition, restore->end, restore->last, reason);
}

int
task_journal_check(struct task *task, const struct task_header *header, struct error *err)
{
	/* 0.1.0 trimmed a block further than its blocks said. */
	if (header->writer.size == 0)
		state_accept_journal(task->state);
	return check_beginning(task, err) < 0 ? -1 : check_end(task, header, err);
}

/* ---- where it is empty ---- */

/* Positions come with blocks: where there are some, there were others. */
static int
check_position(const struct task *task, struct error *err)
{
	struct partition_ends ends;
	const char *where = "an input";
	int64_t position = -1, answered_us;

	if (committed_position(task, &task->operator->in_inputs, ask_inputs, &position, &answered_us, err) < 0)
		return -1;
	if (position < 0) {
		position = task->restore.committed;
		where = "it";
	}
	if (position < 0)
		return 0;
	/* The first block may have been committed since the journal was read. */
	if (log_ends_since(task->job->log, task->operator->journal, task->partition, answered_us, &ends, err) < 0)
		return -1;
	if (ends.pending_end > task->restore.end)
		return fail(err, RETRY, "its journal has just got a block");
	return fail(err, FATAL,
		    "its journal %s partition %d is empty, and its group %s has committed up to offset %" PRId64
		    " of %s: the topic was emptied, or deleted and made anew; " ADVICE,
		    journal_name(task), task->partition, task->operator->group, position, where);
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
