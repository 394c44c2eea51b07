/*
 * Loading a topology: what is wrong below `log:`, as the log says itself (log_check), and numbers that stand in
 * different places and belong together. For topology.c alone.
 */
#ifndef DATAFLOW_TOPOLOGY_LIMITS_H
#define DATAFLOW_TOPOLOGY_LIMITS_H

#include "dataflow/topology_read.h"

void topology_check_log(struct topology_loading *loading);
/* Of a topology that is sound otherwise. */
void topology_check_limits(struct topology_loading *loading);

#endif
