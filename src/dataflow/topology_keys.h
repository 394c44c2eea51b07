/* The keys of a topology's maps: the tables of options that they are read by, for manual pages. NULL ends a list. */
#ifndef DATAFLOW_TOPOLOGY_KEYS_H
#define DATAFLOW_TOPOLOGY_KEYS_H

#include "base/option.h"

extern const struct option *const topology_keys[];	    /* of the file itself */
extern const struct option *const topology_topic_keys[];    /* of a topic */
extern const struct option *const topology_operator_keys[]; /* of every operator, beside its type's */

#endif
