/*
 * Gives an operator's state to another number of tasks.
 *
 * A key's task is its partition, so a count that changes moves most keys. All journals of the operator are read, and
 * each entry is written, with its timer, into the journal of the task that its key belongs to from now on; positions,
 * event times and what was heard of upstream tasks go into the last block of each. The new journal is another topic
 * (journals.h). What came out is read back and counted, by store, entries and timers: before and after must be equal.
 * Then one transaction makes the switch. Whatever kills it before that leaves the old journal as it was, and the next
 * call begins anew; after that, the next call finishes what is left: space that the old journal takes is given back,
 * and on the embedded log topics get their partitions. Where the log does not answer or gives a transaction up, all
 * is begun anew in the same way, until `outage` has passed.
 *
 * Records that lie in the inputs and were not read yet lie on the partition that their key had when they were written.
 * Those whose key has another one from now on nobody would join, so they are refused, with their number: the operator
 * has to have read its inputs to the end (stop what writes to them, `run --until-end`, then raise the partitions, then
 * this). What was written after the partitions were raised is where it belongs, and may wait.
 *
 * Times: W of each new task is the least that any task had, and so is the highest event time of each input: what is not
 * late for one of them is late for none.
 *
 * What belongs to a task and not to a key (open windows, counts that have not gone out) the operator gives out itself:
 * share() and merge() of a store (state/store.h).
 *
 * Refused: sources, whose tasks share no keys out; a bounded run that was stopped while it closed its windows; while
 * other processes run the operator.
 */
#ifndef DATAFLOW_RESCALE_H
#define DATAFLOW_RESCALE_H

#include "dataflow/runtime.h"
#include "state/split.h"

struct rescale_progress {
	const char *doing; /* "reading", "counting" */
	int done, of;	   /* tasks */
	int64_t entries;   /* so far */
};

struct rescale_config {
	const struct topology *topology;
	int operator;
	int tasks; /* from now on: the partitions of its inputs */
	const char *directory;
	struct clock *clock;
	void (*progress)(void *argument, const struct rescale_progress *progress);
	bool (*stopped)(void); /* it is asked to stop: nothing is done then */
	void *argument;
};

struct rescale_result {
	int from, to; /* tasks; the same: there was nothing to be moved */
	int generation;
	int store_count;
	struct split_counts before[TOPOLOGY_STORES_MAX], after[TOPOLOGY_STORES_MAX];
	int raised; /* topics that got more partitions */
	/* Names of the journals of before that there still are, emptied; separated by ", ". */
	struct buffer old_journals;
	bool keeps_topics; /* the log has no way to delete them */
};

/* *out: the caller's to fini, whatever comes of it. */
int rescale(const struct rescale_config *config, struct rescale_result *out, struct error *err);
void rescale_result_fini(struct rescale_result *result);

#endif
