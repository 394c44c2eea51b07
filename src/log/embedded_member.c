/*
 * Members of the embedded log: the workers of one process share out the partitions by number, once and for all, so
 * nothing is ever revoked. Partition p belongs to worker p % workers.
 */
#include "base/memory.h"
#include "log/embedded_transaction.h"

struct member_input {
	struct place place;
	int64_t seen_end; /* when the member was last told of data, or -1 */
};

struct member_partition {
	bool started;
	struct member_input *inputs;
};

struct embedded_member {
	struct member member;
	struct embedded *log;
	struct transaction *transaction;
	int worker, workers;
	int *topics;
	int input_count;
	int partition_count;
	int next_assigned; /* the partition to be told of next */
	struct member_partition *partitions;
	uint64_t seen_generation; /* of the last look at the ends */
	bool look;		  /* something was started since */
};

int
embedded_member_open(struct log *base, const struct member_spec *spec, struct member **out, struct error *err)
{
	struct embedded *log = embedded_of(base);
	struct embedded_member *member;
	struct transaction *transaction;
	int partitions = embedded_topic_partitions(base, spec->journal);

	insist(spec->worker >= 0 && spec->worker < spec->workers);
	for (int i = 0; i < spec->input_count; i++)
		if (embedded_topic_partitions(base, spec->inputs[i]) < partitions)
			return fail(err, FATAL, "topic '%s' has %d partitions and '%s' has %d: they must have as many",
				    embedded_topic_name(base, spec->inputs[i]),
				    embedded_topic_partitions(base, spec->inputs[i]),
				    embedded_topic_name(base, spec->journal), partitions);
	if (embedded_transaction_open(base, spec->group, &transaction, err) < 0)
		return -1;
	member = memory_new(sizeof(*member));
	member->member.ops = base->ops;
	member->log = log;
	member->transaction = transaction;
	member->worker = member->next_assigned = spec->worker;
	member->workers = spec->workers;
	member->input_count = spec->input_count;
	member->topics = memory_new_array((size_t)spec->input_count, sizeof(int));
	for (int i = 0; i < spec->input_count; i++)
		member->topics[i] = spec->inputs[i];
	member->partition_count = partitions;
	member->partitions = memory_new_array((size_t)partitions, sizeof(*member->partitions));
	*out = &member->member;
	return 0;
}

static void
stop(struct embedded_member *member, struct member_partition *partition)
{
	for (int i = 0; partition->started && i < member->input_count; i++)
		place_fini(&partition->inputs[i].place);
	memory_free(&partition->inputs);
	partition->started = false;
}

void
embedded_member_close(struct member *base)
{
	struct embedded_member *member = (struct embedded_member *)base;

	for (int i = 0; i < member->partition_count; i++)
		stop(member, &member->partitions[i]);
	transaction_close(&member->transaction);
	memory_free(&member->partitions);
	memory_free(&member->topics);
	memory_free(&member);
}

struct transaction *
embedded_member_transaction(struct member *base)
{
	return ((struct embedded_member *)base)->transaction;
}

/* Whether an end of a started partition has moved since the last time, which is now. */
static bool
ends_moved(struct embedded_member *member)
{
	uint64_t generation = member->log->generation; /* before looking: a commit after the look changes it */
	bool moved = false;

	if (generation == member->seen_generation && !member->look)
		return false;
	for (int i = member->worker; i < member->partition_count; i += member->workers)
		for (int k = 0; member->partitions[i].started && k < member->input_count; k++) {
			struct member_input *input = &member->partitions[i].inputs[k];
			int64_t end = embedded_partition(member->log, member->topics[k], i)->end;

			moved |= end != input->seen_end;
			input->seen_end = end;
		}
	member->seen_generation = generation;
	member->look = false;
	return moved;
}

int
embedded_member_poll(struct member *base, int64_t wait_ms, struct member_event *event, struct error *err)
{
	struct embedded_member *member = (struct embedded_member *)base;
	int64_t until_us = 0;

	if (embedded_check(member->log, err) < 0) /* nothing that is done from here on could be committed */
		return -1;
	*event = (struct member_event){.type = MEMBER_NOTHING, .partition = -1};
	if (member->next_assigned < member->partition_count) {
		*event = (struct member_event){.type = MEMBER_ASSIGNED, .partition = member->next_assigned};
		member->next_assigned += member->workers;
		return 0;
	}
	while (!ends_moved(member)) {
		if (wait_ms <= 0)
			return 0;
		if (until_us == 0)
			until_us = clock_monotonic_us() + wait_ms * 1000;
		if (!embedded_wait(member->log, member->seen_generation, until_us))
			return 0;
	}
	event->type = MEMBER_DATA;
	return 0;
}

int
embedded_member_start(struct member *base, int number, const int64_t *positions, struct error *err)
{
	struct embedded_member *member = (struct embedded_member *)base;
	struct member_partition *partition = &member->partitions[number];

	insist(number >= 0 && number < member->partition_count && number % member->workers == member->worker);
	insist(!partition->started);
	for (int i = 0; i < member->input_count; i++) {
		struct partition *part = embedded_partition(member->log, member->topics[i], number);

		if (positions[i] < 0 || positions[i] > part->end)
			return fail(err, FATAL, "topic '%s' partition %d has no offset %lld: it has %lld to %lld",
				    member->log->topics[member->topics[i]]->name, number, (long long)positions[i],
				    (long long)part->start, (long long)part->end);
	}
	partition->inputs = memory_new_array((size_t)member->input_count, sizeof(*partition->inputs));
	for (int i = 0; i < member->input_count; i++) {
		place_init(&partition->inputs[i].place, member->log, member->topics[i], number, positions[i]);
		partition->inputs[i].seen_end = -1;
	}
	partition->started = true;
	member->look = true;
	return 0;
}

int
embedded_member_stop(struct member *base, int number, struct error *err)
{
	struct embedded_member *member = (struct embedded_member *)base;

	(void)err;
	insist(number >= 0 && number < member->partition_count);
	stop(member, &member->partitions[number]);
	return 0;
}

int
embedded_member_fetch(struct member *base, int number, int input, struct log_batch *out, struct error *err)
{
	struct embedded_member *member = (struct embedded_member *)base;

	insist(number >= 0 && number < member->partition_count && member->partitions[number].started);
	insist(input >= 0 && input < member->input_count);
	return place_fetch(&member->partitions[number].inputs[input].place, out, err);
}
