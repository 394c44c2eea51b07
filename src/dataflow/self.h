/*
 * An operator's `self`: a copy of what the topology configured, opened. One per worker, and one per global table.
 */
#ifndef DATAFLOW_SELF_H
#define DATAFLOW_SELF_H

#include "dataflow/job.h"

struct self {
	const struct operator_type *type;
	void *of; /* the operator's */
	bool opened;
};

/* Whether it succeeds or not, self_close ends it. */
int self_open(struct self *self, struct job *job, struct job_operator *operator, struct error *err);
/* What a start would find wrong with an operator without looking outside: its open(). FATAL, without the operator's
 * name. */
int self_check(const struct topology *topology, int number, struct error *err);
void self_close(struct self *self);

#endif
