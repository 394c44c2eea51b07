/*
 * Reading a partition of the simulated log, read_committed. As with a consumer of Kafka, `next` stands behind the last
 * record that was handed out, before any markers that follow, until the end is reached and said.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "log/sim_client.h"

#define BATCH_RECORDS_MAX 500
#define PART_RECORDS_MAX 5

void
sim_place_init(struct sim_place *place, struct sim_log *log, int topic, int partition, int64_t offset)
{
	*place = (struct sim_place){
		.log = log,
		.partition = sim_partition(log->sim, topic, partition),
		.next = offset,
	};
}

void
sim_place_fini(struct sim_place *place)
{
	memory_free(&place->records);
	place->capacity = 0;
}

static struct log_record
view(const struct sim_record *record, int64_t offset)
{
	return (struct log_record){
		.offset = offset,
		.timestamp_ms = record->timestamp_ms,
		.key = bytes_of(record->has_key ? record->bytes : NULL, record->key_size),
		.value = bytes_of(record->deletion ? NULL : record->bytes + record->key_size, record->value_size),
	};
}

static size_t
take(struct sim_place *place, int64_t end, size_t most)
{
	size_t count = 0;

	if (place->capacity < most) {
		place->capacity = most;
		place->records = memory_resize_array(place->records, most, sizeof(*place->records));
	}
	for (int64_t at = place->next; at < end && count < most; at++) {
		const struct sim_record *record = &place->partition->records[at];

		if (!sim_is_visible(record))
			continue;
		place->records[count++] = view(record, at);
		place->next = at + 1;
	}
	return count;
}

/* A partition is slow for a while: nothing comes, and nobody says that this is the end. */
static bool
is_slow(struct sim_place *place)
{
	struct sim *sim = place->log->sim;

	if (!sim->faults)
		return false;
	if (sim_now(sim) < place->slow_until_ms)
		return true;
	if (!sim_chance(sim, sim->config.rates.slow))
		return false;
	place->slow_until_ms = sim_now(sim) + sim_delay(sim, sim->config.rates.slow_ms);
	return true;
}

int
sim_place_fetch(struct sim_place *place, struct log_batch *out, struct error *err)
{
	struct sim *sim = place->log->sim;
	struct sim_partition *partition = place->partition;
	size_t most = BATCH_RECORDS_MAX;
	struct log_gap lost = {0};
	int64_t end;

	if (sim_reach(place->log, "a fetch", err) < 0 || sim_lead(place->log, partition, err) < 0)
		return -1;
	if (place->next < partition->start) {
		lost = (struct log_gap){.from = place->next, .to = partition->start};
		place->next = partition->start;
	}
	if (place->next > partition->count)
		return fail(err, FATAL, "topic '%s' partition %d has no offset %" PRId64 ": it ends at %" PRId64,
			    partition->topic->name, partition->number, place->next, partition->count);
	*out = (struct log_batch){.next = place->next, .end = place->next, .lost = lost};
	if (is_slow(place))
		return 0;
	end = sim_stable_end(partition);
	if (sim_chance(sim, sim->config.rates.partial))
		most = (size_t)sim_random_below(&sim->random, PART_RECORDS_MAX) + 1;
	out->count = take(place, end, most);
	out->records = place->records;
	out->end = end > place->next ? end : place->next;
	/* The end is said by a fetch of its own, or with the last records. */
	if (out->count < most && (out->count == 0 || sim_chance(sim, 500))) {
		place->next = out->end;
		out->at_end = true;
		out->quiet = place->next == partition->count;
	}
	out->next = place->next;
	return 0;
}

/* ---- readers ---- */

struct sim_reader {
	struct reader reader;
	struct sim_place place;
};

int
sim_reader_open(struct log *base, int topic, int partition, int64_t offset, struct reader **out, struct error *err)
{
	struct sim_reader *reader = memory_new(sizeof(*reader));

	(void)err;
	reader->reader.ops = base->ops;
	sim_place_init(&reader->place, sim_log_of(base), topic, partition, offset);
	*out = &reader->reader;
	return 0;
}

/* Time stands still here: there is nothing to wait for. */
int
sim_reader_fetch(struct reader *base, int64_t wait_ms, struct log_batch *out, struct error *err)
{
	(void)wait_ms;
	return sim_place_fetch(&((struct sim_reader *)base)->place, out, err);
}

void
sim_reader_close(struct reader *base)
{
	struct sim_reader *reader = (struct sim_reader *)base;

	sim_place_fini(&reader->place);
	memory_free(&reader);
}
