/*
 * Maps of the document through tables of options, into structs: every key is known, every value is of its type and
 * in its bounds, or there is a problem with its place. For the files that load topologies.
 */
#ifndef DATAFLOW_TOPOLOGY_OPTION_H
#define DATAFLOW_TOPOLOGY_OPTION_H

#include "dataflow/topology_read.h"

struct topology_table {
	const struct option *options;
	void *into;
};

/*
 * Sets the defaults, then what `map` says. `tables` ends with one without options; `others` (NULL-terminated) are keys
 * that somebody else reads; `what` is what the map is called in a problem, `place` where that stands.
 */
void topology_read_map(struct topology_loading *loading, const struct yaml_node *map, struct yaml_place place,
		       const char *what, const struct topology_table *tables, const char *const *others);

bool topology_is_among(const char *name, const char *const *names);

#endif
