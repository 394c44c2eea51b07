/*
 * The commit on Kafka, and the order in which it must go:
 *
 *     records      everything kept is handed to librdkafka, and acknowledged by the cluster
 *     positions    go into the same transaction, with the member's generation: who was expelled is refused here
 *     commit       the coordinator writes its decision; from then on it is decided
 * Records must be acknowledged before the positions are sent, not only before the commit. A new owner of a task takes
 * the end of its journal as far as it was written, waits for transactions that are open there, and begins. If a
 * block could still be on its way when the generation was checked, it would arrive behind that end, be
 * committed, and be missing in the new owner's state.
 * A call that times out is made again where it was (`step`). What the coordinator decided meanwhile, it says then.
 * In between it is looked at whether the records of the journal got the offsets that its owner expects (kafka_owner.c).
 * At least once: records that are not for the journal go through a second producer without transactions, visible at
 * once. The journal's block and the positions follow in a transaction when they are acknowledged. So what a crash
 * interrupts is done again, and only its rows are there twice; the journal stays whole.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/crash_point.h"
#include "base/memory.h"
#include "log/kafka_transaction.h"

/* ---- opening and closing ---- */

int
kafka_transaction_make(struct kafka *log, const char *id, int tracked, rd_kafka_t *const *group, const char *group_name,
		       struct transaction **out, struct error *err)
{
	struct kafka_transaction *transaction = memory_new(sizeof(*transaction));

	transaction->transaction.ops = &kafka_ops;
	transaction->log = log;
	transaction->group = group;
	transaction->group_name = group_name ? memory_text(group_name) : NULL;
	transaction->tracked = tracked;
	transaction->send_bytes = KAFKA_SEND_BYTES;
	transaction->positions = rd_kafka_topic_partition_list_new(16);
	kafka_owners_init(&transaction->owners, tracked >= 0 ? kafka_topic_partitions(&log->log, tracked) : 0);
	*out = &transaction->transaction;
	if ((log->at_least_once && kafka_producer_open(log, NULL, -1, &transaction->plain, err) < 0) ||
	    ((!log->at_least_once || tracked >= 0) &&
	     kafka_producer_open(log, id, tracked, &transaction->producer, err) < 0)) {
		kafka_transaction_close(*out);
		*out = NULL;
		return -1;
	}
	return 0;
}

/* For commands: any number of them may write at a time, so each takes a name that no other has. */
int
kafka_transaction_open(struct log *base, const char *id, struct transaction **out, struct error *err)
{
	struct kafka *log = kafka_of(base);
	struct kafka_wait wait = {0};
	char name[KAFKA_NAME_SIZE];
	uint64_t random;
	int result;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail(err, FATAL, "no random number for a name");
	snprintf(name, sizeof(name), "%s.%s.%s.%016" PRIx64, log->application, id, log->identity, random);
	if (kafka_limit_all_written(log, err) < 0 || kafka_transaction_make(log, name, -1, NULL, NULL, out, err) < 0)
		return -1;
	do
		result = kafka_transaction_prepare(*out, err);
	while (result < 0 && kafka_wait(log, &wait, err));
	if (result < 0) {
		kafka_transaction_close(*out);
		*out = NULL;
	}
	return result;
}

int
kafka_transaction_prepare(struct transaction *base, struct error *err)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);

	return transaction->producer ? kafka_producer_prepare(transaction->producer, err) : 0;
}

/* What is left open is ended by whoever takes the name next, or by its timeout. */
void
kafka_transaction_close(struct transaction *base)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);
	rd_kafka_error_t *error;
	struct error none;

	if (transaction->begun && kafka_call(&transaction->producer->caller, KAFKA_CALL_ABORT, &error, &none) == 0)
		rd_kafka_error_destroy(error);
	kafka_producer_close(&transaction->producer);
	kafka_producer_close(&transaction->plain);
	rd_kafka_topic_partition_list_destroy(transaction->positions);
	kafka_append_fini(transaction);
	kafka_sizes_fini(&transaction->sizes);
	kafka_owners_fini(&transaction->owners);
	memory_free(&transaction->group_name);
	memory_free(&transaction);
}

/* ---- commit ---- */

int
kafka_transaction_begin(struct kafka_transaction *transaction, struct error *err)
{
	rd_kafka_error_t *error;

	if (transaction->begun)
		return 0;
	if (kafka_producer_prepare(transaction->producer, err) < 0)
		return -1;
	error = rd_kafka_begin_transaction(transaction->producer->handle);
	if (error)
		return kafka_producer_fail(transaction->producer, error, "beginning a transaction", err);
	kafka_producer_forget(transaction->producer);
	transaction->begun = true;
	return 0;
}

void
kafka_set_position(struct transaction *base, const char *group, int topic, int partition, int64_t offset)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);
	const char *name = kafka_topic_name(&transaction->log->log, topic);
	rd_kafka_topic_partition_t *position = rd_kafka_topic_partition_list_find(transaction->positions, name,
										  partition);

	(void)group; /* a member's transaction writes the positions of its own group */
	if (!position)
		position = rd_kafka_topic_partition_list_add(transaction->positions, name, partition);
	position->offset = offset;
}

void
kafka_expect(struct transaction *base, int topic, int partition, int64_t offset)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);

	insist(topic == transaction->tracked);
	kafka_owners_expect(&transaction->owners, partition, offset);
}

static int
commit_records(struct kafka_transaction *transaction, struct error *err)
{
	transaction->step = STEP_RECORDS;
	if (kafka_append_hand_over(transaction, KAFKA_CALL_MS_MAX, err) < 0)
		return -1;
	if (transaction->plain && kafka_producer_flush(transaction->plain, err) < 0)
		return -1;
	if (transaction->begun && kafka_producer_flush(transaction->producer, err) < 0)
		return -1;
	if (transaction->tracked >= 0 && kafka_owners_check(&transaction->owners, transaction->producer, err) < 0)
		return -1;
	return crash_here(CRASH_SENT, err);
}

static rd_kafka_consumer_group_metadata_t *
group_metadata(const struct kafka_transaction *transaction)
{
	return transaction->group && *transaction->group
		       ? rd_kafka_consumer_group_metadata(*transaction->group)
		       : rd_kafka_consumer_group_metadata_new(transaction->group_name);
}

/*
 * It has not come back. In the time that the transaction had the cluster has ended it, one way or the other: the tasks
 * are opened again from their journals, which say which.
 */
static int
give_up_call(const struct kafka_transaction *transaction, struct error *err)
{
	if (kafka_producer_is_lost(transaction->producer))
		err->action = ABORT;
	return -1;
}

static int
commit_positions(struct kafka_transaction *transaction, struct error *err)
{
	rd_kafka_consumer_group_metadata_t *metadata;
	rd_kafka_error_t *error;

	transaction->step = STEP_POSITIONS;
	if (transaction->positions->cnt == 0 || !transaction->group_name)
		return 0;
	kafka_owners_positions(&transaction->owners, &transaction->transaction, transaction->tracked);
	if (kafka_transaction_begin(transaction, err) < 0)
		return -1;
	metadata = group_metadata(transaction);
	if (!metadata)
		return fail(err, ABORT, "the group has no member here");
	if (kafka_call_positions(&transaction->producer->caller, transaction->positions, metadata, &error, err) < 0)
		return give_up_call(transaction, err);
	if (error)
		return kafka_producer_fail(transaction->producer, error, "adding positions to a transaction", err);
	return crash_here(CRASH_POSITIONS, err);
}

static int
commit_decide(struct kafka_transaction *transaction, struct error *err)
{
	rd_kafka_error_t *error;

	transaction->step = STEP_COMMIT;
	if (transaction->begun) {
		if (kafka_call(&transaction->producer->caller, KAFKA_CALL_COMMIT, &error, err) < 0)
			return give_up_call(transaction, err);
		if (error)
			return kafka_producer_fail(transaction->producer, error, "committing a transaction", err);
	}
	transaction->begun = false;
	return crash_here(CRASH_COMMITTED, err);
}

static void
empty(struct kafka_transaction *transaction)
{
	transaction->step = STEP_OPEN;
	kafka_append_clear(transaction);
	rd_kafka_topic_partition_list_destroy(transaction->positions);
	transaction->positions = rd_kafka_topic_partition_list_new(16);
}

int
kafka_commit(struct transaction *base, struct error *err)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);

	kafka_undo(base);
	if (transaction->step <= STEP_RECORDS && commit_records(transaction, err) < 0)
		return -1;
	if (transaction->step <= STEP_POSITIONS && commit_positions(transaction, err) < 0)
		return -1;
	if (commit_decide(transaction, err) < 0)
		return -1;
	kafka_owners_committed(&transaction->owners);
	empty(transaction);
	return 0;
}

bool
kafka_undecided(const struct transaction *base)
{
	return ((const struct kafka_transaction *)base)->step == STEP_COMMIT;
}

/* ---- abort ---- */

/* It is lost, or has not come back from a step of the commit: no abort can be called. */
static bool
is_stuck(struct kafka_producer *producer)
{
	enum kafka_call call;

	kafka_call_ms(&producer->caller, &call);
	return call == KAFKA_CALL_POSITIONS || call == KAFKA_CALL_COMMIT || kafka_producer_is_lost(producer);
}

static int
end_open(struct kafka_transaction *transaction, struct error *err)
{
	rd_kafka_error_t *error = NULL;

	if (transaction->begun && !is_stuck(transaction->producer)) {
		if (kafka_call(&transaction->producer->caller, KAFKA_CALL_ABORT, &error, err) < 0)
			return -1;
		if (error && kafka_fail_error(err, error, "aborting a transaction") < 0 && err->action == RETRY)
			return -1;
	}
	if ((error || is_stuck(transaction->producer)) && kafka_producer_replace(&transaction->producer, err) < 0)
		return -1;
	transaction->begun = false;
	if (kafka_limit_look(&transaction->producer, err) < 0)
		return -1;
	return kafka_producer_prepare(transaction->producer, err);
}

int
kafka_abort(struct transaction *base, struct error *err)
{
	struct kafka_transaction *transaction = kafka_transaction_of(base);

	if (transaction->appending)
		kafka_append_cancel(base);
	if (transaction->producer && end_open(transaction, err) < 0)
		return -1;
	if (transaction->plain) {
		if (kafka_producer_is_lost(transaction->plain) && kafka_producer_replace(&transaction->plain, err) < 0)
			return -1;
		rd_kafka_purge(transaction->plain->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		if (kafka_producer_flush(transaction->plain, err) < 0 && err->action == RETRY)
			return -1;
		if (kafka_limit_look(&transaction->plain, err) < 0)
			return -1;
	}
	kafka_sizes_fini(&transaction->sizes); /* they may have become less */
	kafka_owners_aborted(&transaction->owners);
	empty(transaction);
	return 0;
}

int64_t
kafka_first_offset(const struct transaction *base, int topic, int partition)
{
	const struct kafka_transaction *transaction = (const struct kafka_transaction *)base;
	const struct kafka_producer *producer = transaction->producer;

	if (!producer || topic != transaction->tracked || partition >= producer->tracked_partitions)
		return -1;
	return atomic_load(&producer->tracks[partition].first);
}
