/*
 * The series of a global table's rows, and when each began (context_series in operator.h).
 *
 * One thread notes, any number of threads read at the same time, without locks. A name that was there stays in memory
 * until the set is closed, so that readers may hold on to it. Of more than TABLE_SERIES_MAX those that began first are
 * forgotten.
 */
#ifndef DATAFLOW_SERIES_SET_H
#define DATAFLOW_SERIES_SET_H

#include "dataflow/operator.h"

struct series;

struct series_set { /* zeroed: empty */
	_Atomic(struct series *) at[TABLE_SERIES_MAX];
	_Atomic int count;
	struct series *all; /* forgotten ones too */
};

/* A row of that series and time has come. */
void series_set_note(struct series_set *set, struct bytes name, int64_t time_ms);
bool series_set_get(const struct series_set *set, int number, struct table_series *out);
void series_set_fini(struct series_set *set); /* nobody reads any more */

#endif
