/*
 * One property below `log:`, by itself: whether it is for people to set, what its value is once what it names is filled
 * in (base/secret.h), and whether librdkafka takes it. Pure, but for the files and variables that values name.
 */
#ifndef LOG_KAFKA_PROPERTY_H
#define LOG_KAFKA_PROPERTY_H

#include "log/kafka_log.h"

/* *out: the value, to be freed with secret_free. FATAL: librdkafka's reason, without the value. */
int kafka_property_read(const char *name, const char *value, char **out, struct error *err);
/* The log's own, which librdkafka does not know: replication.factor. */
bool kafka_property_is_ours(const char *name);
/* Whether each of the addresses, parted by commas, is [protocol://]host[:port]. */
int kafka_property_check_servers(const char *servers, struct error *err);

#endif
