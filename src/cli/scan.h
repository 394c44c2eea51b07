/* Reads one partition in offset order up to an end. */
#ifndef CLI_SCAN_H
#define CLI_SCAN_H

#include "log/log.h"

/* 0: go on, 1: enough, -1: failed. */
typedef int scan_visit(void *argument, const struct log_record *record, struct error *err);

/*
 * Visits the records with from <= offset < to. `to` INT64_MAX: up to where the partition's end is when it is reached.
 * Returns 0, 1 where the visitor had enough or the command was asked to stop, or -1.
 */
int scan_partition(struct log *log, int topic, int partition, int64_t from, int64_t to, scan_visit *visit,
		   void *argument, struct error *err);

/* A warning where something was removed before it was read. */
void scan_note_lost(struct log *log, int topic, int partition, struct log_gap lost);

#endif
