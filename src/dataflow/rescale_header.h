/* Where the tasks stand whose states are split (rescale.h), and where the new ones begin. */
#ifndef DATAFLOW_RESCALE_HEADER_H
#define DATAFLOW_RESCALE_HEADER_H

#include "dataflow/task_header.h"
#include "dataflow/topology.h"

/* The last block header of each task; size 0: it has none yet. */
struct rescale_headers {
	const struct topology *topology;
	const struct topology_operator *operator;
	int count;
	struct buffer *bytes;	     /* by task */
	struct task_header *headers; /* views into them */
};

void rescale_headers_init(struct rescale_headers *headers, const struct topology *topology,
			  const struct topology_operator *operator, int count);
void rescale_headers_fini(struct rescale_headers *headers);
/* FATAL: it cannot be read, or was written by another type or number of tasks. */
int rescale_headers_put(struct rescale_headers *headers, int task, struct bytes header, struct error *err);

/* The position of a task in the topic that an input is connected to now; 0 where it has read nothing of it. */
int64_t rescale_headers_position(const struct rescale_headers *headers, int task, int port);

/* The first header of a new task, of so many. */
void rescale_headers_write(const struct rescale_headers *headers, int task, int tasks, struct buffer *out);

#endif
