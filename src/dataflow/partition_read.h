/* Reads a stretch of one partition in offset order: for what is read once, at a start. */
#ifndef DATAFLOW_PARTITION_READ_H
#define DATAFLOW_PARTITION_READ_H

#include "log/log.h"

typedef int partition_visit(void *argument, const struct log_record *record, struct error *err);

/* The records with from <= offset < to, where `to` is an end, or pending_end, that was asked for: transactions that are
 * open before it are waited for. RETRY: the log did not give them, or a stop was requested meanwhile. */
int partition_read(struct log *log, int topic, int partition, int64_t from, int64_t to, partition_visit *visit,
		   void *argument, struct error *err);

#endif
