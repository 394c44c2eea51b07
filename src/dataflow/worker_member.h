/* A worker's place in its operator's group: which topics it reads and writes, and whether they take what it writes. */
#ifndef DATAFLOW_WORKER_MEMBER_H
#define DATAFLOW_WORKER_MEMBER_H

#include "dataflow/job.h"

int worker_member_open(struct job *job, struct job_operator *operator, int worker, struct member **out,
		       struct error *err);

#endif
