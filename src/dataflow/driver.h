/*
 * The test driver: a whole topology, or one operator in a small one, run in process and in memory, on the calling
 * thread, with time under the test's control. The same tasks, stores, journal and commit as `isotope run`; only the
 * threads are missing and RocksDB keeps its files in memory.
 *
 *     driver_open("topologies/engagement.yaml", NULL, operators_table, &driver, &err);
 *     driver_send(driver, "impressions", "{\"impression_id\": \"i1\", ...}", &err);
 *     driver_run(driver, &err);                     processes all that is there, and commits
 *     driver_advance(driver, 60000, &err);          time goes on a minute; idle inputs let go
 *     driver_read(driver, "outcomes")               the next row as JSON, or NULL
 *     driver_finish(driver, &err);                  a bounded run's end: windows close
 *     driver_keep_open(driver, &err);               the same where more is to come: they do not
 *     driver_close(&driver);
 *
 * One thread's. Texts handed out live until the next call of the same function.
 */
#ifndef DATAFLOW_DRIVER_H
#define DATAFLOW_DRIVER_H

#include "dataflow/topology.h"

struct driver;

#define DRIVER_START_MS 1767225600000 /* the wall clock when a driver opens: 2026-01-01T00:00:00Z */

/* `overrides` as --set; NULL: none. `operators` is the table of types, NULL-terminated. */
int driver_open(const char *topology_file, const char *const *overrides, const struct operator_type *const *operators,
		struct driver **out, struct error *err);
void driver_close(struct driver **driver);

/* What is sent is in the topic from the next driver_run, driver_advance or driver_finish on. */
int driver_send(struct driver *driver, const char *topic, const char *json, struct error *err);
/* value.data NULL: a deletion. */
int driver_send_value(struct driver *driver, const char *topic, const char *key, struct bytes value, struct error *err);
int driver_run(struct driver *driver, struct error *err);
int driver_advance(struct driver *driver, int64_t ms, struct error *err); /* then as driver_run */
/* A bounded run over what has not been processed yet: to the ends of all inputs, then all windows close. */
int driver_finish(struct driver *driver, struct error *err);
/* The same with --keep-open: what the watermark has not passed stays pending. */
int driver_keep_open(struct driver *driver, struct error *err);
/* Kills the operators' tasks without a commit and opens them again from the journal, as after kill -9. */
int driver_crash(struct driver *driver, struct error *err);

const char *driver_read(struct driver *driver, const char *topic); /* the next committed row as JSON; NULL: none left */
int64_t driver_counter(struct driver *driver, const char *operator_name, const char *counter);
int64_t driver_behind(struct driver *driver, const char *operator_name); /* records that lay behind the watermark */
/* As histogram_quantile_ms, of what the operator has observed. */
double driver_quantile_ms(struct driver *driver, const char *operator_name, const char *histogram, double quantile);

#endif
