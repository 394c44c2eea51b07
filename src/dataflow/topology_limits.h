/*
 * Loading a topology: numbers that stand in different places and belong together. What belongs together below `log:`
 * the log says itself (log_check). For topology.c alone, and for a topology that is sound otherwise.
 */
#ifndef DATAFLOW_TOPOLOGY_LIMITS_H
#define DATAFLOW_TOPOLOGY_LIMITS_H

#include "dataflow/topology_read.h"

void topology_check_limits(struct topology_loading *loading);

#endif
