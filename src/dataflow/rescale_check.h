/* What rescale.c and rescale_check.c share. */
#ifndef DATAFLOW_RESCALE_CHECK_H
#define DATAFLOW_RESCALE_CHECK_H

#include "dataflow/rescale.h"
#include "dataflow/rescale_header.h"

/* Of the partition of a journal that is read, or was the last. */
struct rescale_journal {
	int64_t start, last; /* offsets: of its beginning, and of the last record read; -1: none */
	int64_t committed;   /* the group's position in it, asked for before; -1: none */
};

struct rescale {
	const struct rescale_config *config;
	const struct topology *topology;
	const struct topology_operator *spec;
	struct rescale_result *result;
	struct log *log;
	char *directory; /* of the stores while it is at work */
	int old, new;	 /* journals: topics */
	int inputs[TOPOLOGY_PORTS_MAX];
	struct member *member; /* holds the operator against others; its transaction writes */
	struct transaction *transaction;
	struct split *split;
	struct rescale_headers headers;
	struct rescale_journal journal;
	int64_t *ends; /* of the old journal */
};

/* The operator, and what the topology says of its inputs. */
int rescale_check_topology(const struct rescale *rescale, struct error *err);
/* Finds the old journal and the inputs; the embedded log makes inputs that are not there. */
int rescale_open_topics(struct rescale *rescale, struct error *err);
/* That the old journal, which `journal` and `state` are of, has all its blocks: as a run checks it (task_journal.h). */
int rescale_check_journal(const struct rescale *rescale, int task, struct state *state, struct error *err);
/* That nothing unread lies where its key does not belong from now on, and that topics can have the new count. */
int rescale_check_inputs(struct rescale *rescale, struct error *err);
/* Gives inputs their partitions; counts them in the result. */
int rescale_raise_topics(struct rescale *rescale, struct error *err);

#endif
