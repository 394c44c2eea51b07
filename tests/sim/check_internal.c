/*
 * An internal topic, from its first offset on, also what has been trimmed since. Each record of the source is there
 * once, in the partition of its new key, and the markers of each task upstream:
 *
 *     - only grow, whoever had the task;
 *     - are no further on than the task was when it wrote them: behind one stands no record that was on time when the
 *       task took it. How far event time had come then is worked out from the source's partition, in which what
 *       stands before the record came before it. A task that was idle may have followed the clock;
 *     - have come to the end: of the times of all records, and idle where tasks become idle.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "dataflow/marker.h"
#include "log/sim_client.h"
#include "tests/sim/check.h"
#include "tests/sim/reading.h"

#define TIMES_MAX 2 /* a record is sent */
#define TASKS_MAX 16

/* A record of the source. */
struct arrival {
	int task;
	int64_t before; /* event time had come so far when it was taken */
};

struct engagement_arrivals {
	struct arrival arrivals[TIMES_MAX];
	int count, passed_on;
};

struct internal {
	struct world *world;
	const struct topology_topic *source, *topic;
	struct engagement_arrivals *engagements;
	int64_t come[TASKS_MAX];       /* by task: event time at the end of the source */
	struct record sent, passed_on; /* decoded into */
	struct arena arena;
};

/* What one partition says of one task upstream. */
struct heard {
	struct marker marker;
	int64_t written_ms;
	bool any;
};

static const struct sim_partition *
partition_of(struct internal *internal, const struct topology_topic *topic, int partition)
{
	return sim_partition(internal->world->sim, topic_number(internal->world, topic->name), partition);
}

static struct bytes
value_of(const struct sim_record *record)
{
	return bytes_of(record->bytes + record->key_size, record->value_size);
}

/* The engagement's number; -1: it is none. */
static int
decode(struct internal *internal, const struct topology_topic *topic, const struct sim_record *from,
       struct record *record)
{
	struct error err;

	arena_reset(&internal->arena);
	if (codec_decode(topic->codec, value_of(from), record, &internal->arena, &err) < 0)
		return -1;
	return number_of(record, "engagement_id", internal->world->feed.engagement_count);
}

/* ---- the source ---- */

static int
read_source(struct internal *internal, int task, struct error *err)
{
	const struct sim_partition *partition = partition_of(internal, internal->source, task);
	int64_t most = TIME_MIN;

	for (int64_t at = 0; at < partition->count; at++) {
		struct engagement_arrivals *arrivals;
		int64_t time;
		int number;

		if (!sim_is_visible(&partition->records[at]))
			continue;
		number = decode(internal, internal->source, &partition->records[at], &internal->sent);
		if (number < 0)
			continue;
		arrivals = &internal->engagements[number];
		if (arrivals->count == TIMES_MAX)
			return fail(err, FATAL, "engagement e%d was sent more than %d times", number, TIMES_MAX);
		arrivals->arrivals[arrivals->count++] = (struct arrival){
			.task = task, .before = time_add(most, -WORLD_OUT_OF_ORDERNESS_MS)};
		time = integer_of(&internal->sent, "occurred_at");
		if (time > most)
			most = time;
	}
	internal->come[task] = time_add(most, -WORLD_OUT_OF_ORDERNESS_MS);
	return 0;
}

/* ---- the internal topic ---- */

static int
take_marker(const struct internal *internal, struct heard *heard, const struct sim_record *record, struct error *err)
{
	struct marker marker;
	struct heard *of;

	if (marker_read(value_of(record), &marker, err) < 0)
		return -1;
	if (marker.tasks != (uint32_t)internal->world->plan.partitions)
		return fail(err, FATAL, "a marker says that there are %u tasks", marker.tasks);
	of = &heard[marker.task];
	if (of->any && marker.watermark < of->marker.watermark)
		return fail(err, FATAL, "the marker of task %u goes back, by %" PRId64 " ms", marker.task,
			    of->marker.watermark - marker.watermark);
	*of = (struct heard){.marker = marker, .written_ms = record->arrived_ms, .any = true};
	return 0;
}

/* How far a task can have come without the records that it took later. */
static int64_t
furthest(const struct internal *internal, const struct heard *heard, int64_t by_records)
{
	int64_t by_clock = heard->written_ms - internal->world->plan.idle_ms - WORLD_OUT_OF_ORDERNESS_MS;

	return by_clock > by_records ? by_clock : by_records;
}

static int
take_record(struct internal *internal, int partition, const struct heard *heard, const struct sim_record *record,
	    struct error *err)
{
	int number = decode(internal, internal->topic, record, &internal->passed_on);
	struct bytes key = bytes_of(record->bytes, record->key_size);
	struct engagement_arrivals *arrivals;
	const struct arrival *arrival;
	const struct heard *of;

	if (number < 0)
		return fail(err, FATAL, "a record that was never sent");
	arrivals = &internal->engagements[number];
	if (arrivals->passed_on == arrivals->count)
		return fail(err, FATAL, "engagement e%d is there more than %d times", number, arrivals->count);
	arrival = &arrivals->arrivals[arrivals->passed_on++];
	if (!bytes_equal(key, bytes_in(&internal->passed_on, "user_id_token")) ||
	    log_partition_of(key, internal->world->plan.partitions) != partition)
		return fail(err, FATAL, "engagement e%d has the key %.*s", number, bytes_arguments(key));
	of = &heard[arrival->task];
	if (of->any && of->marker.watermark > furthest(internal, of, arrival->before))
		return fail(err, FATAL,
			    "engagement e%d stands behind a marker of its task %d at %" PRId64
			    ", but before the record the task had only come to %" PRId64,
			    number, arrival->task, of->marker.watermark, arrival->before);
	return 0;
}

static int
check_end(const struct internal *internal, const struct heard *heard, struct error *err)
{
	bool idles = internal->world->plan.idle_ms < WORLD_NEVER_MS;

	for (int i = 0; i < internal->world->plan.partitions; i++) {
		const struct marker *marker = &heard[i].marker;

		if (!heard[i].any && (idles || internal->come[i] != TIME_MIN))
			return fail(err, FATAL, "task %d was never heard", i);
		if (!heard[i].any)
			continue;
		if (idles && !marker->idle)
			return fail(err, FATAL, "task %d never says that it is idle", i);
		if (marker->watermark < internal->come[i])
			return fail(err, FATAL, "the last marker of task %d is %" PRId64 " ms behind its end", i,
				    time_add(internal->come[i], -marker->watermark));
	}
	return 0;
}

static int
check_partition(struct internal *internal, int number, struct error *err)
{
	const struct sim_partition *partition = partition_of(internal, internal->topic, number);
	struct heard heard[TASKS_MAX] = {{.any = false}};

	for (int64_t at = 0; at < partition->count; at++) {
		const struct sim_record *record = &partition->records[at];
		int result = 0;

		if (!sim_is_visible(record))
			continue;
		result = record->has_key ? take_record(internal, number, heard, record, err)
					 : take_marker(internal, heard, record, err);
		if (result < 0)
			return fail_in(err, "%s[%d] offset %" PRId64, internal->topic->name, number, at);
	}
	if (check_end(internal, heard, err) < 0)
		return fail_in(err, "%s[%d]", internal->topic->name, number);
	return 0;
}

static int
check_all_passed_on(const struct internal *internal, struct error *err)
{
	for (int i = 0; i < internal->world->feed.engagement_count; i++) {
		const struct engagement_arrivals *arrivals = &internal->engagements[i];

		if (arrivals->passed_on != arrivals->count)
			return fail(err, FATAL, "%s: engagement e%d is there %d times, not %d", internal->topic->name,
				    i, arrivals->passed_on, arrivals->count);
	}
	return 0;
}

int
check_internal(struct world *world, const char *source, const char *topic, struct error *err)
{
	struct internal internal = {
		.world = world,
		.source = topic_of(world, source),
		.topic = topic_of(world, topic),
		.engagements = memory_new_array((size_t)world->feed.engagement_count,
						sizeof(struct engagement_arrivals)),
	};
	int result = 0;

	insist(world->plan.partitions <= TASKS_MAX);
	record_init(&internal.sent, internal.source->schema->root);
	record_init(&internal.passed_on, internal.topic->schema->root);
	for (int i = 0; i < world->plan.partitions && result == 0; i++)
		result = read_source(&internal, i, err);
	for (int i = 0; i < world->plan.partitions && result == 0; i++)
		result = check_partition(&internal, i, err);
	if (result == 0)
		result = check_all_passed_on(&internal, err);
	record_fini(&internal.sent);
	record_fini(&internal.passed_on);
	arena_fini(&internal.arena);
	memory_free(&internal.engagements);
	return result;
}
