/* Finds the key of a value: the text of the key field that its topic declares. One thread's. */
#ifndef CLI_KEY_FINDER_H
#define CLI_KEY_FINDER_H

#include "dataflow/topology.h"

struct key_finder {
	const struct topology_topic *topic;
	struct record record;
	struct arena arena;
};

void key_finder_init(struct key_finder *finder, const struct topology_topic *topic);
void key_finder_fini(struct key_finder *finder);

/* Of the record that was filled in; data NULL: the topic has no key. Borrowed from the record. */
struct bytes key_finder_of_record(const struct key_finder *finder);
/* Of an encoded value; data NULL too where it does not decode. Borrowed from the value. */
struct bytes key_finder_of_value(struct key_finder *finder, struct bytes value);

#endif
