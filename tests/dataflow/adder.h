/*
 * A small operator for tests of the runtime: adds up the values of a key.
 *
 * Each event {id, at, value} adds to its key's sum and emits the sum; 1000 ms of event time after a key's last
 * event its timer emits the sum again, with value = -sum, and forgets it. A value of 13 is refused, after
 * everything else was done.
 */
#ifndef TESTS_DATAFLOW_ADDER_H
#define TESTS_DATAFLOW_ADDER_H

#include "dataflow/driver.h"

extern const struct operator_type *const adder_table[];

/* A driver over the topology {left, right} -> adder -> sums, one partition each. */
struct driver *adder_open(const char *const *overrides);

void adder_send(struct driver *driver, const char *topic, const char *id, int64_t at, int value);

/* The next row, as "id at value" with `at` counted from DRIVER_START_MS; "" where there is none. */
const char *adder_read(struct driver *driver);

#endif
