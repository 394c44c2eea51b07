/*
 * A record of a topic, as operators may rely on it: decoded, its key that of its key field, its event time not further
 * ahead than a clock may be.
 */
#ifndef DATAFLOW_TOPIC_RECORD_H
#define DATAFLOW_TOPIC_RECORD_H

#include "dataflow/topology.h"
#include "log/log.h"

/*
 * Decodes the value of `from` into `record`; sets its event time. record->key is set by the caller, who may know its
 * hash already. SKIP: what is wrong with it. What the record points to is in `from` and in the arena.
 */
int topic_record_decode(const struct topology_topic *topic, const struct log_record *from, struct record *record,
			struct arena *arena, struct error *err);

#endif
