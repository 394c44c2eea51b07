/*
 * What the tests of reconcile share: a driver over topologies/integrity.yaml with one partition, no disorder, a window
 * of 10 s, max_hold 40 s, correction_horizon 200 s and idle_after 2 s; log entries in short; rows in short.
 */
#ifndef TESTS_OPERATORS_RECONCILE_FIXTURE_H
#define TESTS_OPERATORS_RECONCILE_FIXTURE_H

#include "dataflow/driver.h"

extern struct error err;
extern struct driver *driver;

void open_reconcile(const char *override);		/* NULL: none */
void open_reconcile_with(const char *const *overrides); /* up to the NULL */

struct delivery {
	const char *item, *group;
	int position;
	const char *user, *platform; /* NULL: u, web */
};

/* An impression's id is "response-position". Times are counted from DRIVER_START_MS. */
void log_as(const char *stage, const char *id, int64_t ms, struct delivery delivery);
void logs(const char *stage, const char *id, int64_t ms); /* item v, group a */
void matches(const char *id, int64_t ms);		  /* returned, delivered and received */
void run(void);
void pass(int64_t ms); /* moves W to about that time, by a response that is sound */

/* What the last mismatch() said of it, since DRIVER_START_MS. */
extern int64_t detected_at_ms;

/* The next mismatch as "id kind hop [field expected>actual] xcount rrevision"; "" where there is none. */
const char *mismatch(void);

/* The sum of the rows of counts since the last call, of the window that begins at `ms`. */
struct counted {
	int64_t rows, held, returned, delivered, received, exposed, matched, not_reached, lost, duplicated, phantom,
		late, unlisted, differing, phantom_reached, negative_latencies, latencies;
	char silent[64]; /* of the last row that names any */
};
extern struct counted counted;

void read_counts(int64_t ms, const char *dimension, const char *value);

#endif
