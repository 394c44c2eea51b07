/*
 * Partitions of the simulated log. An offset is the place in an array; markers of transactions take one as records do.
 *
 * A transaction's marker reaches each of its partitions in its own time. Until it is there, nothing behind the
 * transaction's first record in that partition is seen by anybody: that offset is the last stable one.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "log/sim_client.h"

/* ---- topics ---- */

static struct sim_topic *
find_topic(struct sim *sim, const char *name)
{
	for (int i = 0; i < sim->topic_count; i++)
		if (strcmp(sim->topics[i]->name, name) == 0)
			return sim->topics[i];
	return NULL;
}

int
sim_create_topic(struct log *base, const struct topic_spec *spec, struct error *err)
{
	struct sim *sim = sim_log_of(base)->sim;
	struct sim_topic *topic = find_topic(sim, spec->name);

	if (topic && topic->partition_count != spec->partitions)
		return fail(err, FATAL, "topic '%s' has %d partitions, not %d", spec->name, topic->partition_count,
			    spec->partitions);
	if (topic)
		return 0;
	topic = memory_new(sizeof(*topic));
	topic->name = memory_text(spec->name);
	topic->number = sim->topic_count;
	topic->partition_count = spec->partitions;
	topic->partitions = memory_new_array((size_t)spec->partitions, sizeof(*topic->partitions));
	for (int i = 0; i < spec->partitions; i++)
		topic->partitions[i] = (struct sim_partition){.topic = topic, .number = i};
	sim->topics = memory_resize_array(sim->topics, (size_t)sim->topic_count + 1, sizeof(struct sim_topic *));
	sim->topics[sim->topic_count++] = topic;
	return 0;
}

int
sim_topic(struct log *base, const char *name, int *topic, struct error *err)
{
	struct sim_topic *found = find_topic(sim_log_of(base)->sim, name);

	if (!found)
		return fail(err, FATAL, "there is no topic '%s'", name);
	*topic = found->number;
	return 0;
}

int
sim_topic_partitions(struct log *base, int topic)
{
	return sim_log_of(base)->sim->topics[topic]->partition_count;
}

const char *
sim_topic_name(struct log *base, int topic)
{
	return sim_log_of(base)->sim->topics[topic]->name;
}

struct sim_partition *
sim_partition(struct sim *sim, int topic, int partition)
{
	insist(topic >= 0 && topic < sim->topic_count);
	insist(partition >= 0 && partition < sim->topics[topic]->partition_count);
	return &sim->topics[topic]->partitions[partition];
}

static void
free_partition(struct sim_partition *partition)
{
	for (int64_t at = 0; at < partition->count; at++)
		memory_free(&partition->records[at].bytes);
	memory_free(&partition->records);
	memory_free(&partition->pending);
}

void
sim_renew_topic(struct sim *sim, const char *name)
{
	struct sim_topic *topic = find_topic(sim, name);

	insist(topic);
	sim_note(sim, "topic %s is made anew", name);
	for (int i = 0; i < topic->partition_count; i++) {
		insist(topic->partitions[i].pending_count == 0);
		free_partition(&topic->partitions[i]);
		topic->partitions[i] = (struct sim_partition){.topic = topic, .number = i};
	}
	sim->changes++;
}

void
sim_lose_tail(struct sim *sim, int topic, int number, int64_t offset, bool regrown)
{
	struct sim_partition *partition = sim_partition(sim, topic, number);

	insist(partition->pending_count == 0 && offset >= partition->start && offset <= partition->count);
	sim_note(sim, "%s[%d] loses what it has from offset %" PRId64 " on", partition->topic->name, number, offset);
	for (int64_t at = offset; at < partition->count; at++) {
		memory_free(&partition->records[at].bytes);
		partition->records[at].marker = true;
	}
	if (!regrown)
		partition->count = offset;
	sim->changes++;
}

void
sim_topics_free(struct sim *sim)
{
	for (int i = 0; i < sim->topic_count; i++) {
		struct sim_topic *topic = sim->topics[i];

		for (int k = 0; k < topic->partition_count; k++)
			free_partition(&topic->partitions[k]);
		memory_free(&topic->partitions);
		memory_free(&topic->name);
		memory_free(&sim->topics[i]);
	}
	memory_free(&sim->topics);
}

/* ---- records ---- */

static struct sim_pending *
find_pending(struct sim_partition *partition, const struct sim_run *run)
{
	for (int i = 0; i < partition->pending_count; i++)
		if (partition->pending[i].run == run)
			return &partition->pending[i];
	return NULL;
}

static void
note_pending(struct sim_partition *partition, struct sim_run *run)
{
	if (find_pending(partition, run))
		return;
	if (partition->pending_count == partition->pending_capacity) {
		partition->pending_capacity = 2 * partition->pending_capacity + 4;
		partition->pending = memory_resize_array(partition->pending, (size_t)partition->pending_capacity,
							 sizeof(*partition->pending));
	}
	partition->pending[partition->pending_count++] = (struct sim_pending){
		.run = run, .first = partition->count, .mark_at_ms = TIME_MAX};
	run->unmarked++;
}

static int64_t
put(struct sim *sim, struct sim_partition *partition, const struct sim_record *record)
{
	size_t size = record->key_size + record->value_size;
	struct sim_record *to;

	if (partition->count == partition->capacity) {
		partition->capacity = 2 * partition->capacity + 64;
		partition->records = memory_resize_array(partition->records, (size_t)partition->capacity,
							 sizeof(*partition->records));
	}
	to = &partition->records[partition->count];
	*to = *record;
	to->arrived_ms = sim_true_time(sim);
	to->bytes = memory_new(size);
	if (size > 0)
		memcpy(to->bytes, record->bytes, size);
	sim->changes++;
	return partition->count++;
}

int64_t
sim_append(struct sim *sim, int topic, int number, struct sim_run *run, const struct sim_record *record)
{
	struct sim_partition *partition = sim_partition(sim, topic, number);
	struct sim_record own = *record;

	if (run)
		note_pending(partition, run);
	own.run = run;
	return put(sim, partition, &own);
}

bool
sim_is_visible(const struct sim_record *record)
{
	return !record->marker && (!record->run || record->run->outcome == SIM_COMMITTED);
}

int64_t
sim_stable_end(const struct sim_partition *partition)
{
	int64_t end = partition->count;

	for (int i = 0; i < partition->pending_count; i++)
		if (partition->pending[i].first < end)
			end = partition->pending[i].first;
	return end;
}

/* ---- markers ---- */

static void
mark(struct sim *sim, struct sim_partition *partition, struct sim_pending *pending)
{
	struct sim_run *run = pending->run;

	put(sim, partition, &(struct sim_record){.timestamp_ms = sim_now(sim), .run = run, .marker = true});
	*pending = partition->pending[--partition->pending_count];
	run->unmarked--;
}

static void
mark_if_due(struct sim *sim, struct sim_partition *partition, const struct sim_run *run, bool all)
{
	struct sim_pending *pending = find_pending(partition, run);

	if (!pending)
		return;
	if (pending->mark_at_ms == TIME_MAX)
		pending->mark_at_ms = sim_now(sim) + sim_delay(sim, sim->config.rates.marker_ms);
	if (all || pending->mark_at_ms <= sim_now(sim))
		mark(sim, partition, pending);
}

void
sim_run_mark(struct sim *sim, struct sim_run *run, bool all)
{
	insist(run->outcome != SIM_OPEN);
	for (int i = 0; i < sim->topic_count && run->unmarked > 0; i++)
		for (int k = 0; k < sim->topics[i]->partition_count; k++)
			mark_if_due(sim, &sim->topics[i]->partitions[k], run, all);
}

/* ---- offsets ---- */

int
sim_lead(struct sim_log *log, struct sim_partition *partition, struct error *err)
{
	struct sim *sim = log->sim;

	if (!sim->faults)
		return 0;
	if (sim_now(sim) >= partition->gone_until_ms && sim_chance(sim, sim->config.rates.gone))
		partition->gone_until_ms = sim_now(sim) + sim_delay(sim, sim->config.rates.gone_ms);
	if (sim_now(sim) >= partition->gone_until_ms)
		return 0;
	return fail(err, RETRY, "topic '%s' partition %d has no leader", partition->topic->name, partition->number);
}

int
sim_partition_ends(struct log *base, int topic, int number, struct partition_ends *out, struct error *err)
{
	struct sim_log *log = sim_log_of(base);
	struct sim_partition *partition = sim_partition(log->sim, topic, number);

	if (sim_reach(log, "a question for offsets", err) < 0 || sim_lead(log, partition, err) < 0)
		return -1;
	*out = (struct partition_ends){
		.start = partition->start,
		.end = sim_stable_end(partition),
		.pending_end = partition->count,
	};
	return 0;
}

int
sim_partition_info(struct log *base, int topic, int number, struct partition_info *out, struct error *err)
{
	const struct sim_partition *partition = sim_partition(sim_log_of(base)->sim, topic, number);

	(void)err;
	*out = (struct partition_info){
		.start = partition->start,
		.end = sim_stable_end(partition),
		.first_time = TIME_MIN,
		.last_time = TIME_MIN,
	};
	for (int64_t at = partition->start; at < out->end; at++) {
		const struct sim_record *record = &partition->records[at];

		if (!sim_is_visible(record))
			continue;
		if (out->records++ == 0)
			out->first_time = record->timestamp_ms;
		out->last_time = record->timestamp_ms;
		out->bytes += (int64_t)(record->key_size + record->value_size);
	}
	return 0;
}

int
sim_offset_at(struct log *base, int topic, int number, int64_t time_ms, int64_t *offset, struct error *err)
{
	const struct sim_partition *partition = sim_partition(sim_log_of(base)->sim, topic, number);
	int64_t end = sim_stable_end(partition);

	(void)err;
	for (*offset = partition->start; *offset < end; ++*offset)
		if (partition->records[*offset].timestamp_ms >= time_ms)
			break;
	return 0;
}

int
sim_trim(struct log *base, int topic, int number, int64_t offset, struct error *err)
{
	struct sim_log *log = sim_log_of(base);
	struct sim_partition *partition = sim_partition(log->sim, topic, number);

	(void)err; /* best effort, as on Kafka: what does not get through is done by the next one */
	if (log->state == SIM_CUT || sim_chance(log->sim, log->sim->config.rates.retry))
		return 0;
	if (offset > partition->count)
		sim_set_problem(log->sim, "%s[%d] was trimmed to %lld: it ends at %lld", partition->topic->name, number,
				(long long)offset, (long long)partition->count);
	else if (offset > partition->start)
		partition->start = offset;
	return 0;
}
