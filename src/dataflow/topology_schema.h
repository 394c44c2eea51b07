/*
 * Loading a topology: finds and reads the schemas of its topics, and resolves key and time in them. For topology.c
 * alone.
 */
#ifndef DATAFLOW_TOPOLOGY_SCHEMA_H
#define DATAFLOW_TOPOLOGY_SCHEMA_H

#include "dataflow/topology_read.h"

/* Sets schema, codec, writers and the resolved fields of every topic. One with a problem is left without a codec. */
void topology_read_schemas(struct topology_loading *loading);

#endif
