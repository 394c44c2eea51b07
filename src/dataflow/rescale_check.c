/* What has to hold before a rescale, and what it does to topics. */
#include "dataflow/rescale_check.h"

#include <inttypes.h>

#include "base/memory.h"
#include "dataflow/partition_read.h"
#include "dataflow/topic_list.h"

/* ---- may it be done ---- */

int
rescale_check_topology(const struct rescale *rescale, struct error *err)
{
	const struct topology_operator *spec = rescale->spec;
	int tasks = rescale->config->tasks;

	if (!spec->type->inputs || !spec->type->inputs[0].name)
		return fail(err, FATAL,
			    "operator %s (%s) is a source: its tasks share no keys out, and are not rescaled",
			    spec->name, spec->type->name);
	for (int port = 0; spec->type->inputs[port].name; port++) {
		const struct topology_topic *topic = spec->inputs[port] < 0
							     ? NULL
							     : &rescale->topology->topics[spec->inputs[port]];

		if (topic && topic->partitions != tasks)
			return fail(err, FATAL,
				    "topic %s has partitions: %" PRId64 " in %s, and %d are asked for: set them to %d "
				    "there first, for all inputs of operator %s",
				    topic->name, topic->partitions, rescale->topology->file, tasks, tasks, spec->name);
	}
	return 0;
}

/* A topic that an input is connected to from now on is made where a run would make it. */
static int
open_input(struct rescale *rescale, int port, struct error *err)
{
	int index = rescale->spec->inputs[port];
	struct topic_list list = topic_list_of(rescale->topology);
	int result = log_topic(rescale->log, list.specs[index].name, &rescale->inputs[port], err);

	if (result < 0 && err->action == FATAL && log_is_private(rescale->log)) {
		result = log_create_topic(rescale->log, &list.specs[index], err);
		if (result == 0)
			result = log_topic(rescale->log, list.specs[index].name, &rescale->inputs[port], err);
	}
	topic_list_free(&list);
	return result;
}

int
rescale_open_topics(struct rescale *rescale, struct error *err)
{
	const struct topology_operator *spec = rescale->spec;
	char *journal = topic_list_journal(rescale->topology, rescale->config->operator);
	int result = log_topic(rescale->log, journal, &rescale->old, err);

	memory_free(&journal);
	if (result < 0)
		return fail_in(err, "operator %s has not run yet, there is nothing to be rescaled", spec->name);
	for (int port = 0; spec->type->inputs[port].name; port++)
		if (spec->inputs[port] >= 0 && open_input(rescale, port, err) < 0)
			return -1;
	return 0;
}

/* ---- what the journal has lost ---- */

int
rescale_check_journal(const struct rescale *rescale, int task, struct state *state, struct error *err)
{
	const struct rescale_journal *journal = &rescale->journal;
	bool named = rescale->headers.headers[task].writer.size != 0; /* not so in what 0.1.0 wrote */
	uint64_t first, needed;

	if (journal->last < 0 && journal->start > 0)
		return fail(err, FATAL,
			    "it has no block, and begins at offset %" PRId64 ": everything in it was removed; restore "
			    "the topic from a copy",
			    journal->start);
	if (!named)
		state_accept_journal(state);
	if (state_journal(state, &first, &needed) == STATE_JOURNAL_LACKING)
		return fail(err, FATAL,
			    "it begins at block %" PRIu64 " and is needed from block %" PRIu64
			    " on: something has removed records of it; restore the topic from a copy",
			    first, needed);
	if ((named || journal->last < 0) && journal->committed > journal->last + 1 + LOG_COMMIT_MARKERS)
		return fail(err, FATAL,
			    "its last block is at offset %" PRId64 ", and its group has committed up to offset %" PRId64
			    " of it: its last blocks are lost; restore the topic from a copy, or let the operator go "
			    "on without them (isotope run --short-journal, with the number of partitions of before)",
			    journal->last, journal->committed);
	return 0;
}

/* ---- what was not read yet ---- */

struct unread {
	int partition, partitions; /* that it lies on; that there will be */
	int64_t records, misplaced;
};

static int
look_at_unread(void *argument, const struct log_record *record, struct error *err)
{
	struct unread *unread = argument;

	(void)err;
	if (!record->key.data) /* a marker, or a record that nobody can join */
		return 0;
	unread->records++;
	unread->misplaced += log_partition_of(record->key, unread->partitions) != unread->partition;
	return 0;
}

static int
check_partition(struct rescale *rescale, int topic, int partition, const char *reader, int64_t position,
		struct error *err)
{
	struct unread unread = {.partition = partition, .partitions = rescale->config->tasks};
	struct partition_ends ends;

	if (log_partition_ends(rescale->log, topic, partition, &ends, err) < 0)
		return -1;
	if (position < ends.start)
		position = ends.start;
	if (partition_read(rescale->log, topic, partition, position, ends.pending_end, look_at_unread, &unread, err) <
	    0)
		return -1;
	if (unread.misplaced == 0)
		return 0;
	return fail(err, FATAL,
		    "operator %s has not read topic %s partition %d to its end: of %" PRId64
		    " records from offset %" PRId64 " on, %" PRId64
		    " have keys that belong to another of %d partitions, where they would be looked for in vain. Stop "
		    "what writes to it, let the operator read it to the end with the number of partitions it was "
		    "written under (isotope run --until-end, with --old-partitions where the topic has been raised), "
		    "and rescale then",
		    reader, log_topic_name(rescale->log, topic), partition, unread.records, position, unread.misplaced,
		    rescale->config->tasks);
}

static int
check_unread(struct rescale *rescale, struct error *err)
{
	const struct topology_operator *spec = rescale->spec;

	for (int port = 0; spec->type->inputs[port].name; port++) {
		int partitions;

		if (spec->inputs[port] < 0)
			continue;
		partitions = log_topic_partitions(rescale->log, rescale->inputs[port]);
		for (int i = 0; i < partitions; i++)
			if (check_partition(rescale, rescale->inputs[port], i, spec->name,
					    rescale_headers_position(&rescale->headers, i, port), err) < 0)
				return -1;
	}
	return 0;
}

/* ---- topics that get more partitions ---- */

static bool
must_be_raised(const struct rescale *rescale, int port)
{
	return rescale->spec->inputs[port] >= 0 &&
	       log_topic_partitions(rescale->log, rescale->inputs[port]) != rescale->config->tasks;
}

/* Whoever else reads the topic has to have come to its end too. */
static int
check_other_readers(struct rescale *rescale, int port, struct error *err)
{
	const struct topology *topology = rescale->topology;
	int topic = rescale->inputs[port], partitions = log_topic_partitions(rescale->log, topic);

	for (int i = 0; i < topology->operator_count; i++) {
		char *group;
		int result = 0;

		if (i == rescale->config->operator ||
		    !topology_reads(&topology->operators[i], rescale->spec->inputs[port]))
			continue;
		group = topic_list_group(topology, i);
		for (int k = 0; k < partitions && result == 0; k++) {
			int64_t position;

			result = log_position(rescale->log, group, topic, k, &position, err);
			if (result == 0)
				result = check_partition(rescale, topic, k, topology->operators[i].name,
							 position < 0 ? 0 : position, err);
		}
		memory_free(&group);
		if (result < 0)
			return -1;
	}
	return 0;
}

static int
check_raising(struct rescale *rescale, struct error *err)
{
	const struct topology_operator *spec = rescale->spec;

	for (int port = 0; spec->type->inputs[port].name; port++) {
		const char *name;
		int partitions;

		if (!must_be_raised(rescale, port))
			continue;
		name = log_topic_name(rescale->log, rescale->inputs[port]);
		partitions = log_topic_partitions(rescale->log, rescale->inputs[port]);
		if (partitions > rescale->config->tasks)
			return fail(err, FATAL,
				    "topic %s has %d partitions, and a topic cannot have fewer than it has: connect an "
				    "input of operator %s to another topic, of %d",
				    name, partitions, spec->name, rescale->config->tasks);
		if (!log_is_private(rescale->log))
			return fail(err, FATAL,
				    "topic %s has %d partitions, and %d are asked for; let the operator read it to the "
				    "end, then: kafka-topics --alter --topic %s --partitions %d",
				    name, partitions, rescale->config->tasks, name, rescale->config->tasks);
		if (check_other_readers(rescale, port, err) < 0)
			return -1;
	}
	return 0;
}

int
rescale_raise_topics(struct rescale *rescale, struct error *err)
{
	for (int port = 0; rescale->spec->type->inputs[port].name; port++) {
		if (!must_be_raised(rescale, port))
			continue;
		if (log_raise_partitions(rescale->log, rescale->inputs[port], rescale->config->tasks, err) < 0)
			return -1;
		rescale->result->raised++;
	}
	return 0;
}

int
rescale_check_inputs(struct rescale *rescale, struct error *err)
{
	return check_unread(rescale, err) < 0 ? -1 : check_raising(rescale, err);
}
