/*
 * Which journal an operator's state is in. The first is "<app>.<operator>.journal"; a rescale (rescale.h) writes the
 * state into another one, "<app>.<operator>.journal.2" and so on, and then says so in the topic "<app>.journals", of
 * one partition, compacted: key the operator's name, value "GENERATION TASKS" as text. That record is the switch: until
 * it is committed the old journal counts, and in the transaction that brings it each partition of the old one gets a
 * last record that no restore passes.
 */
#ifndef DATAFLOW_JOURNALS_H
#define DATAFLOW_JOURNALS_H

#include "dataflow/topology.h"
#include "log/log.h"

/* Reads the topic, where there is one, into the generations of the topology's operators. */
int journals_find(const struct topology *topology, struct log *log, struct error *err);

/* Adds the switch to a transaction. */
int journals_switch(struct log *log, struct transaction *transaction, const struct topology *topology, int operator,
		    int generation, int64_t tasks, struct error *err);

/* The journal and the inputs of each operator have the same number of partitions; else FATAL says how to go on. */
int journals_check(const struct topology *topology, struct log *log, struct error *err);

#endif
