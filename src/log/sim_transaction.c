/*
 * A transaction of the simulated log, as its process sees it; the same steps in the same order as on Kafka: records,
 * positions with the member's generation, the decision. A call without an answer is made again where it was.
 */
#include <inttypes.h>

#include "base/crash_point.h"
#include "base/memory.h"
#include "log/owner.h"
#include "log/sim_client.h"

struct sim_entry {
	int topic, partition;
	bool has_key, deletion;
	int64_t timestamp_ms;
	size_t key_at, key_size, value_size; /* in `bytes`: the value follows the key */
};

struct sim_owned {
	int topic, partition;
	struct owner owner;
	int64_t first; /* offset of the first record of the run that was begun last; -1: none */
	bool tracked;  /* a journal: the group's position in it goes with its blocks */
};

enum step { STEP_OPEN, STEP_RECORDS, STEP_POSITIONS, STEP_COMMIT };

struct sim_transaction {
	struct transaction transaction;
	struct sim_log *log;
	struct sim_member *member; /* NULL: positions go without a generation */
	struct sim_producer *producer;
	int epoch;	     /* -1: not prepared */
	struct sim_run *run; /* with the cluster; NULL: not begun */
	struct buffer bytes;
	struct sim_entry *entries;
	size_t count, capacity, kept, sent; /* entries */
	bool appending;			    /* the entry is entries[count] */
	bool failed;			    /* only an abort helps */
	struct error failure;
	enum step step;
	struct sim_position *positions;
	int position_count, position_capacity;
	struct sim_owned *owned; /* partitions that were written to */
	size_t owned_count, owned_capacity;
};

static struct sim_transaction *
own(struct transaction *base)
{
	return (struct sim_transaction *)base;
}

/* ---- opening and closing ---- */

void
sim_transaction_make(struct sim_log *log, const char *id, struct sim_member *member, struct transaction **out)
{
	struct sim_transaction *transaction = memory_new(sizeof(*transaction));

	transaction->transaction.ops = log->log.ops;
	transaction->log = log;
	transaction->member = member;
	transaction->producer = sim_producer(log->sim, id);
	transaction->epoch = -1;
	*out = &transaction->transaction;
}

/* Any number of them may be open under one name: each is told apart. */
int
sim_transaction_open(struct log *base, const char *id, struct transaction **out, struct error *err)
{
	struct sim_log *log = sim_log_of(base);
	char *name = memory_format("%s.%s.%d", id, log->process, ++log->transactions);

	(void)err;
	sim_transaction_make(log, name, NULL, out);
	memory_free(&name);
	return 0;
}

int
sim_transaction_prepare(struct transaction *base, struct error *err)
{
	struct sim_transaction *transaction = own(base);

	if (transaction->epoch >= 0)
		return 0;
	if (sim_reach(transaction->log, "a request for an epoch", err) < 0)
		return -1;
	transaction->epoch = sim_producer_init(transaction->log->sim, transaction->producer);
	transaction->run = NULL;
	return 0;
}

static bool
is_fenced(const struct sim_transaction *transaction)
{
	return transaction->epoch != transaction->producer->epoch;
}

static int
fenced(const struct sim_transaction *transaction, struct error *err)
{
	return fail(err, FENCED, "%s has epoch %d, not %d", transaction->producer->id, transaction->producer->epoch,
		    transaction->epoch);
}

void
sim_transaction_close(struct transaction *base)
{
	struct sim_transaction *transaction = own(base);
	struct sim_run *run = transaction->run;

	if (transaction->log->state == SIM_UP && run && run->outcome == SIM_OPEN && transaction->step < STEP_COMMIT)
		sim_run_decide(transaction->log->sim, run, false);
	buffer_fini(&transaction->bytes);
	memory_free(&transaction->entries);
	memory_free(&transaction->positions);
	memory_free(&transaction->owned);
	memory_free(&transaction);
}

/* ---- appending ---- */

struct buffer *
sim_append_begin(struct transaction *base, int topic, int partition, struct bytes key, int64_t timestamp_ms)
{
	struct sim_transaction *transaction = own(base);

	insist(!transaction->appending && transaction->step == STEP_OPEN);
	sim_partition(transaction->log->sim, topic, partition); /* insists on the numbers */
	if (transaction->count == transaction->capacity) {
		transaction->capacity = 2 * transaction->capacity + 64;
		transaction->entries = memory_resize_array(transaction->entries, transaction->capacity,
							   sizeof(*transaction->entries));
	}
	transaction->entries[transaction->count] = (struct sim_entry){
		.topic = topic,
		.partition = partition,
		.has_key = key.data != NULL,
		.timestamp_ms = timestamp_ms,
		.key_at = transaction->bytes.size,
		.key_size = key.size,
	};
	buffer_put_bytes(&transaction->bytes, key);
	transaction->appending = true;
	return &transaction->bytes;
}

void
sim_append_cancel(struct transaction *base)
{
	struct sim_transaction *transaction = own(base);

	insist(transaction->appending);
	transaction->bytes.size = transaction->entries[transaction->count].key_at;
	transaction->appending = false;
}

int
sim_append_end(struct transaction *base, bool deletion, struct error *err)
{
	struct sim_transaction *transaction = own(base);
	struct sim_entry *entry = &transaction->entries[transaction->count];
	size_t size = transaction->bytes.size - entry->key_at;

	insist(transaction->appending);
	if (size > LOG_RECORD_SIZE_MAX) {
		sim_append_cancel(base);
		return fail(err, SKIP, "a record of %zu bytes: expected at most %d", size, LOG_RECORD_SIZE_MAX);
	}
	entry->deletion = deletion;
	entry->value_size = size - entry->key_size;
	transaction->appending = false;
	transaction->count++;
	return 0;
}

/* ---- handing over ---- */

static struct sim_owned *
owned_of(struct sim_transaction *transaction, int topic, int partition)
{
	for (size_t i = 0; i < transaction->owned_count; i++)
		if (transaction->owned[i].topic == topic && transaction->owned[i].partition == partition)
			return &transaction->owned[i];
	if (transaction->owned_count == transaction->owned_capacity) {
		transaction->owned_capacity = 2 * transaction->owned_capacity + 8;
		transaction->owned = memory_resize_array(transaction->owned, transaction->owned_capacity,
							 sizeof(*transaction->owned));
	}
	transaction->owned[transaction->owned_count] = (struct sim_owned){
		.topic = topic, .partition = partition, .owner = OWNER_NONE, .first = -1};
	return &transaction->owned[transaction->owned_count++];
}

static void
note_appended(struct sim_transaction *transaction, int topic, int partition, int64_t offset)
{
	struct sim_owned *owned = owned_of(transaction, topic, partition);

	owner_appended(&owned->owner, offset);
	owned->first = owned->owner.first;
}

static int
begin(struct sim_transaction *transaction, struct error *err)
{
	if (sim_transaction_prepare(&transaction->transaction, err) < 0)
		return -1;
	if (is_fenced(transaction))
		return fenced(transaction, err);
	if (transaction->run)
		return 0;
	transaction->run = sim_run_begin(transaction->log->sim, transaction->producer);
	for (size_t i = 0; i < transaction->owned_count; i++)
		transaction->owned[i].first = -1;
	return 0;
}

static int
lose(struct sim_transaction *transaction, const struct error *err)
{
	transaction->failed = true;
	transaction->failure = *err;
	return -1;
}

static int
hand_over(struct sim_transaction *transaction, struct error *err)
{
	struct sim *sim = transaction->log->sim;

	if (transaction->failed) {
		*err = transaction->failure;
		return -1;
	}
	for (; transaction->sent < transaction->kept; transaction->sent++) {
		const struct sim_entry *entry = &transaction->entries[transaction->sent];
		struct sim_record record = {
			.timestamp_ms = entry->timestamp_ms,
			.has_key = entry->has_key,
			.deletion = entry->deletion,
			.bytes = transaction->bytes.data + entry->key_at,
			.key_size = entry->key_size,
			.value_size = entry->value_size,
		};

		if (sim_reach(transaction->log, "a record", err) < 0)
			return -1;
		if (begin(transaction, err) < 0)
			return err->action == RETRY ? -1 : lose(transaction, err);
		if (sim_chance(sim, sim->config.rates.refused)) {
			fail(err, ABORT, "a record was not taken");
			return lose(transaction, err);
		}
		note_appended(transaction, entry->topic, entry->partition,
			      sim_append(sim, entry->topic, entry->partition, transaction->run, &record));
	}
	return 0;
}

void
sim_keep(struct transaction *base)
{
	struct sim_transaction *transaction = own(base);
	struct error err;

	transaction->kept = transaction->count;
	/* What goes wrong here the commit will meet again and say. */
	if (sim_chance(transaction->log->sim, transaction->log->sim->config.rates.early))
		hand_over(transaction, &err);
}

void
sim_undo(struct transaction *base)
{
	struct sim_transaction *transaction = own(base);

	if (transaction->count == transaction->kept)
		return;
	transaction->bytes.size = transaction->entries[transaction->kept].key_at;
	transaction->count = transaction->kept;
}

size_t
sim_bytes(const struct transaction *transaction)
{
	return ((const struct sim_transaction *)transaction)->bytes.size;
}

void
sim_set_position(struct transaction *base, const char *group, int topic, int partition, int64_t offset)
{
	struct sim_transaction *transaction = own(base);
	struct sim_position position = {
		.group = sim_group(transaction->log->sim, group),
		.topic = topic,
		.partition = partition,
		.offset = offset,
	};

	for (int i = 0; i < transaction->position_count; i++) {
		struct sim_position *at = &transaction->positions[i];

		if (at->topic == topic && at->partition == partition && at->group == position.group) {
			*at = position;
			return;
		}
	}
	if (transaction->position_count == transaction->position_capacity) {
		transaction->position_capacity = 2 * transaction->position_capacity + 8;
		transaction->positions = memory_resize_array(transaction->positions,
							     (size_t)transaction->position_capacity,
							     sizeof(*transaction->positions));
	}
	transaction->positions[transaction->position_count++] = position;
}

/* ---- commit ---- */

void
sim_expect(struct transaction *base, int topic, int partition, int64_t offset)
{
	struct sim_owned *owned = owned_of(own(base), topic, partition);

	owned->owner.expected = offset;
	owned->tracked = true;
}

static int
check_owners(const struct sim_transaction *transaction, struct error *err)
{
	for (size_t i = 0; i < transaction->owned_count; i++) {
		const struct sim_owned *owned = &transaction->owned[i];

		if (owner_check(&owned->owner, sim_topic_name(&transaction->log->log, owned->topic), owned->partition,
				err) < 0) {
			sim_note(transaction->log->sim, "%s: %s", transaction->producer->id, err->text);
			return -1;
		}
	}
	return 0;
}

static int
commit_records(struct sim_transaction *transaction, struct error *err)
{
	transaction->step = STEP_RECORDS;
	if (hand_over(transaction, err) < 0 || check_owners(transaction, err) < 0)
		return -1;
	return crash_here(CRASH_SENT, err);
}

/* Of the journals, as they are now. */
static void
set_owned_positions(struct sim_transaction *transaction)
{
	for (size_t i = 0; i < transaction->owned_count; i++) {
		const struct sim_owned *owned = &transaction->owned[i];

		if (owned->tracked && owned->owner.count > 0)
			sim_set_position(&transaction->transaction, transaction->positions[0].group->name, owned->topic,
					 owned->partition, owned->owner.last + 1 + LOG_COMMIT_MARKERS);
	}
}

static int
commit_positions(struct sim_transaction *transaction, struct error *err)
{
	struct sim_member *member = transaction->member;

	transaction->step = STEP_POSITIONS;
	if (transaction->position_count == 0)
		return 0;
	if (sim_reach(transaction->log, "positions", err) < 0)
		return -1;
	if (begin(transaction, err) < 0)
		return -1;
	if (member && member->group && !sim_group_allows(member->group, member->seat_number, member->generation)) {
		sim_note(transaction->log->sim, "%s: positions of generation %d are refused", transaction->producer->id,
			 member->generation);
		return fail(err, ABORT, "generation %d of group %s is over", member->generation, member->group->name);
	}
	set_owned_positions(transaction);
	for (int i = 0; i < transaction->position_count; i++)
		sim_run_position(transaction->log->sim, transaction->run, &transaction->positions[i]);
	return crash_here(CRASH_POSITIONS, err);
}

/* Nobody answers: it is done, it never arrived, or it is on its way. */
static int
no_answer(struct sim_transaction *transaction, struct error *err)
{
	struct sim *sim = transaction->log->sim;
	int64_t what = sim_random_below(&sim->random, 3);

	sim_note(sim, "%s: no answer to a commit (%d)", transaction->producer->id, (int)what);
	if (what == 0)
		sim_run_decide(sim, transaction->run, true);
	else if (what == 1)
		transaction->run->commit_at_ms = sim_now(sim) + sim_delay(sim, sim->config.transaction_ms);
	return fail(err, RETRY, "no answer to a commit");
}

static int
commit_decide(struct sim_transaction *transaction, struct error *err)
{
	struct sim *sim = transaction->log->sim;
	struct sim_run *run = transaction->run;

	transaction->step = STEP_COMMIT;
	if (run) {
		if (sim_reach(transaction->log, "a commit", err) < 0)
			return -1;
		if (is_fenced(transaction) || run->outcome == SIM_ABORTED)
			return fenced(transaction, err);
		if (run->outcome == SIM_OPEN && sim_chance(sim, sim->config.rates.unknown))
			return no_answer(transaction, err);
		if (run->outcome == SIM_OPEN)
			sim_run_decide(sim, run, true);
	}
	transaction->run = NULL;
	return crash_here(CRASH_COMMITTED, err);
}

static void
empty(struct sim_transaction *transaction)
{
	transaction->step = STEP_OPEN;
	transaction->failed = false;
	transaction->run = NULL;
	transaction->count = transaction->kept = transaction->sent = 0;
	transaction->position_count = 0;
	buffer_clear(&transaction->bytes);
}

int
sim_commit(struct transaction *base, struct error *err)
{
	struct sim_transaction *transaction = own(base);

	sim_undo(base);
	if (transaction->step <= STEP_RECORDS && commit_records(transaction, err) < 0)
		return -1;
	if (transaction->step <= STEP_POSITIONS && commit_positions(transaction, err) < 0)
		return -1;
	if (commit_decide(transaction, err) < 0)
		return -1;
	for (size_t i = 0; i < transaction->owned_count; i++)
		owner_committed(&transaction->owned[i].owner, LOG_COMMIT_MARKERS);
	empty(transaction);
	return 0;
}

/* ---- abort ---- */

/* Where a commit may be under way, or the producer is fenced, only a new epoch helps. */
int
sim_abort(struct transaction *base, struct error *err)
{
	struct sim_transaction *transaction = own(base);
	struct sim *sim = transaction->log->sim;
	struct sim_run *run = transaction->run;

	if (transaction->appending)
		sim_append_cancel(base);
	if (sim_reach(transaction->log, "an abort", err) < 0)
		return -1;
	if (transaction->epoch < 0 || is_fenced(transaction) || transaction->step == STEP_COMMIT) {
		transaction->epoch = -1;
		if (sim_transaction_prepare(base, err) < 0)
			return -1;
	} else if (run && run->outcome == SIM_OPEN) {
		sim_run_decide(sim, run, false);
	}
	for (size_t i = 0; i < transaction->owned_count; i++)
		owner_aborted(&transaction->owned[i].owner);
	empty(transaction);
	if (!sim_chance(sim, sim->config.rates.unknown))
		return 0;
	return fail(err, RETRY, "no answer to an abort");
}

int64_t
sim_first_offset(const struct transaction *base, int topic, int partition)
{
	const struct sim_transaction *transaction = (const struct sim_transaction *)base;

	for (size_t i = 0; i < transaction->owned_count; i++)
		if (transaction->owned[i].topic == topic && transaction->owned[i].partition == partition)
			return transaction->owned[i].first;
	return -1;
}
