/* The owner tokens of a member's transaction: one for each partition of its journal. kafka_owner.c: what they are. */
#ifndef LOG_KAFKA_OWNER_H
#define LOG_KAFKA_OWNER_H

#include "log/kafka_producer.h"
#include "log/owner.h"

struct kafka_owners {
	struct owner *owners; /* by partition */
	int64_t *sent;	      /* likewise: records that were handed over since the last commit */
	int count;
};

void kafka_owners_init(struct kafka_owners *owners, int partitions);
void kafka_owners_fini(struct kafka_owners *owners);
void kafka_owners_expect(struct kafka_owners *owners, int partition, int64_t offset);
void kafka_owners_sent(struct kafka_owners *owners, int partition, int records);
/* All that was sent is acknowledged. ABORT: not at the offsets that were expected. */
int kafka_owners_check(struct kafka_owners *owners, const struct kafka_producer *producer, struct error *err);
/* After that: the ends that the commit gives `topic`, as positions: to tools that look at lag an idle task has none. */
void kafka_owners_positions(const struct kafka_owners *owners, struct transaction *transaction, int topic);
void kafka_owners_committed(struct kafka_owners *owners);
void kafka_owners_aborted(struct kafka_owners *owners);

#endif
