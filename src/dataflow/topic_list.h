/*
 * All topics that a topology needs, its own and the internal ones: what `topics --create` creates, `run` checks and
 * `topics` lists. Names of internal topics are made here and nowhere else.
 */
#ifndef DATAFLOW_TOPIC_LIST_H
#define DATAFLOW_TOPIC_LIST_H

#include "dataflow/topology.h"
#include "log/log.h"

struct topic_list {
	struct topic_spec *specs; /* the topology's, in its order; then the internal ones */
	size_t count;
};

/* One of ours: nothing of it ever goes by its age or size. `name` is borrowed. */
struct topic_spec topic_list_internal(const char *name, int partitions, bool compacted);

struct topic_list topic_list_of(const struct topology *topology);
void topic_list_free(struct topic_list *list);

/* "<app>.<operator>": the consumer group. The caller frees it (memory_free), as below. */
char *topic_list_group(const struct topology *topology, int operator_index);
char *topic_list_journal(const struct topology *topology, int operator_index);
/* The one that it was at, or will be at, after so many rescales less one. */
char *topic_list_journal_of(const struct topology *topology, int operator_index, int generation);
/* Which journal each operator is at: journals.h. */
char *topic_list_journals(const struct topology *topology);
/* What operators are to pass over: dead_letter_pass.h. */
char *topic_list_passes(const struct topology *topology);
/* Which dead letters were sent again: written by `deadletter replay`. */
char *topic_list_replays(const struct topology *topology);

#endif
