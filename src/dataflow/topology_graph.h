/*
 * Loading a topology: connects ports with topics, checks what flows between them, and orders the graph. For topology.c
 * alone.
 */
#ifndef DATAFLOW_TOPOLOGY_GRAPH_H
#define DATAFLOW_TOPOLOGY_GRAPH_H

#include "dataflow/topology_read.h"

/* Sets inputs, outputs, tasks and stage of every operator. */
void topology_connect(struct topology_loading *loading);

#endif
