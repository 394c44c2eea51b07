/*
 * In which form a task's state is written: the layout of each store, and the schema of each input whose records are
 * kept as encoded bytes. That is a text,
 *
 *     store NAME LAYOUT               a line for each store
 *     body INPUT SCHEMA               a line for each such input that is connected; the schema as schema_meaning has it
 *
 * which the state keeps and numbers (state.h), so that each entry knows what wrote it. What is of another form is
 * rewritten when it is looked at: bodies by Avro's rules of resolution. What does not resolve is refused.
 *
 * 0.1.0 kept no schemas: what it wrote is taken to be of today's, and refused where it cannot be read with them.
 */
#ifndef DATAFLOW_TASK_FORMS_H
#define DATAFLOW_TASK_FORMS_H

#include "dataflow/topology.h"
#include "state/state.h"

struct task_forms;

/* After the restore. FATAL: what the state was written with last does not resolve. The forms live as long as the state;
 * they borrow topology and operator. */
int task_forms_open(const struct topology *topology, const struct topology_operator *operator, int task,
		    struct state *state, struct task_forms **out, struct error *err);
void task_forms_close(struct task_forms **forms);

#endif
