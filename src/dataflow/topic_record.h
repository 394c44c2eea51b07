/*
 * The door: a record of a topic, as operators may rely on it. It is decoded, its key is that of its key field, its
 * values are within their bounds (bounds.h), and its event time (the field that `time` names, else the message's
 * timestamp) is one that
 *
 *     lies within EVENT_TIME_MAX_MS of 1970, so that times can be added without overflow;
 *     is not before the topic's not_before, as seconds read as milliseconds are;
 *     is not further ahead than max_ahead, neither of the message's timestamp nor of this process' own clock: the
 *     timestamp often comes from the same hand as the event time, and says nothing then.
 *
 * Of an internal topic only the first is asked, and no bounds: its records came through a door before, and what stands
 * in them was reckoned from that. A timestamp of LOG_TIMESTAMP_NONE is no time; the clock stands in for it. How a
 * record lies to those before it is another question (jump.h).
 */
#ifndef DATAFLOW_TOPIC_RECORD_H
#define DATAFLOW_TOPIC_RECORD_H

#include "dataflow/topology.h"
#include "log/log.h"

/*
 * Decodes the value of `from` into `record`; sets its event time and its timestamp. record->key is set by the caller,
 * who may know its hash already. now_ms: wall time. SKIP: what is wrong with it. What the record points to is in `from`
 * and in the arena.
 */
int topic_record_decode(const struct topology_topic *topic, const struct log_record *from, int64_t now_ms,
			struct record *record, struct arena *arena, struct error *err);

#endif
