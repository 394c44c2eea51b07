/*
 * The feature stores that are open in this process. A directory can be opened once only, so all workers, and all sinks
 * that name the same one, share it. Thread-safe.
 */
#ifndef OPERATORS_FEATURE_SINK_STORE_H
#define OPERATORS_FEATURE_SINK_STORE_H

#include "sinks/feature_store.h"

/* The store in config->directory, or a new one for this caller where that is NULL. */
int feature_sink_store_open(const struct feature_store_config *config, struct feature_store **out, struct error *err);
void feature_sink_store_close(struct feature_store **store); /* the last one closes it */

#endif
