/*
 * Who owns a journal. A group's generation fences only members of the group, which bounded runs are not, and a
 * transactional id only who has the same one. So the end of the journal's partition is what is owned, by compare and
 * set: a task that has restored has read its journal to an end E with nothing pending behind it (look_for_more in
 * task_restore.c), and the first record of its next commit must get the offset E, its others the next ones (owner.h).
 * That is seen when they are acknowledged, before positions are sent and the commit is decided; else the transaction is
 * aborted. Why of several writers at most one can commit a block behind the block that they all have read:
 *
 *     - an offset is given out once. Of two that expect E only one gets it; the other aborts.
 *     - a block at E of somebody else that is still undecided holds back the end that a restore waits for. So whoever
 *	expects an offset behind it has seen how it was decided, and has applied it if it was committed.
 *     - a commit goes on without reading: its next record is expected behind its own marker
 *	(LOG_COMMIT_MARKERS). The coordinator takes no new transaction of a producer before all markers of the
 *	last one are written, so that the one offset in between can be nothing but that marker.
 *     - a record that a producer sends twice is taken once, and acknowledged with the first one's offset, or none: then
 *	the transaction is aborted, as where a record was given up.
 *     - a new leader has all that was acknowledged, since acks is all. What it lacks was not; it is sent again, and
 *	gets the offset that is checked.
 *     - whatever else takes an offset (the marker of an abort of our own, one that a new coordinator writes a second
 *	time, blocks of one who has lost) makes the next expectation wrong: that costs an abort, after which the end is
 *	read again. An abort forgets all expectations.
 *
 * At least once the journal goes through the same transactions, and so is owned in the same way.
 */
#include "log/kafka_owner.h"

#include <inttypes.h>

#include "base/memory.h"

void
kafka_owners_init(struct kafka_owners *owners, int partitions)
{
	owners->count = partitions;
	owners->owners = memory_new_array((size_t)partitions, sizeof(*owners->owners));
	owners->sent = memory_new_array((size_t)partitions, sizeof(*owners->sent));
	kafka_owners_aborted(owners);
}

void
kafka_owners_fini(struct kafka_owners *owners)
{
	memory_free(&owners->owners);
	memory_free(&owners->sent);
}

void
kafka_owners_expect(struct kafka_owners *owners, int partition, int64_t offset)
{
	insist(partition >= 0 && partition < owners->count);
	owners->owners[partition].expected = offset;
}

void
kafka_owners_sent(struct kafka_owners *owners, int partition, int records)
{
	insist(partition >= 0 && partition < owners->count);
	owners->sent[partition] += records;
}

static int
check(struct owner *owner, int64_t sent, const struct kafka_producer *producer, int partition, struct error *err)
{
	const struct kafka_tracked *track = &producer->tracks[partition];
	const char *name = kafka_topic_name(&producer->log->log, producer->tracked);
	int64_t unknown = atomic_load(&track->unknown);

	owner->count = atomic_load(&track->count);
	owner->first = atomic_load(&track->first);
	owner->last = atomic_load(&track->last);
	if (owner->count == sent && unknown == 0)
		return owner_check(owner, name, partition, err);
	return fail(err, ABORT,
		    "%s partition %d: of %" PRId64 " records %" PRId64 " were acknowledged, %" PRId64
		    " of them without an offset",
		    name, partition, sent, owner->count, unknown);
}

int
kafka_owners_check(struct kafka_owners *owners, const struct kafka_producer *producer, struct error *err)
{
	for (int i = 0; i < owners->count; i++)
		if (owners->sent[i] > 0 && check(&owners->owners[i], owners->sent[i], producer, i, err) < 0)
			return -1;
	return 0;
}

void
kafka_owners_positions(const struct kafka_owners *owners, struct transaction *transaction, int topic)
{
	for (int i = 0; i < owners->count; i++)
		if (owners->sent[i] > 0)
			kafka_set_position(transaction, NULL, topic, i,
					   owners->owners[i].last + 1 + LOG_COMMIT_MARKERS);
}

void
kafka_owners_committed(struct kafka_owners *owners)
{
	for (int i = 0; i < owners->count; i++) {
		if (owners->sent[i] > 0)
			owner_committed(&owners->owners[i], LOG_COMMIT_MARKERS);
		owners->sent[i] = 0;
	}
}

void
kafka_owners_aborted(struct kafka_owners *owners)
{
	for (int i = 0; i < owners->count; i++) {
		owner_aborted(&owners->owners[i]);
		owners->sent[i] = 0;
	}
}
