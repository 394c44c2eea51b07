/*
 * The owner token of a partition that has one writer at a time: where its next record has to stand. A writer that
 * has read the partition up to an end with nothing pending behind it expects its own next record there. Where it gets
 * another offset, or something stands between two of its records, another writer was there.
 *
 * One per partition and transaction. Pure; not locked.
 */
#ifndef LOG_OWNER_H
#define LOG_OWNER_H

#include "base/error.h"

#include <stdint.h>

struct owner {
	int64_t expected;    /* offset of the first record of the next commit; -1: anything goes */
	int64_t count;	     /* records that this commit has appended */
	int64_t first, last; /* offsets that they got; count > 0 */
};

#define OWNER_NONE ((struct owner){.expected = -1})

/* A record got this offset. */
void owner_appended(struct owner *owner, int64_t offset);
/* Before a commit counts. ABORT: somebody else has appended to the partition. */
int owner_check(const struct owner *owner, const char *topic, int partition, struct error *err);
/* It counts, and takes `markers` offsets more, behind its records: the next one is expected there. */
void owner_committed(struct owner *owner, int64_t markers);
/* What was appended is not there; the end is to be found out again. */
void owner_aborted(struct owner *owner);

#endif
