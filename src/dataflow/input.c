#include "dataflow/input.h"

#include <inttypes.h>

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/topic_record.h"

#define INPUT_PREFETCH_AHEAD 12 /* records: far enough for a cache miss to be over when the record's turn comes */

void
input_init(struct input *input, const struct topology_topic *topic, int port, int slot)
{
	*input = (struct input){
		.topic = topic, .port = port, .slot = slot, .stop_at = TIME_MAX, .end = -1, .mark = {.offset = -1}};
	record_init(&input->head, topic->schema->root);
	input->time.time_max = TIME_MIN;
	input->time.out_of_orderness_ms = topic->internal ? 0 : topic->out_of_orderness_ms;
	input->time.idle_after_ms = topic->internal ? 0 : topic->idle_after_ms;
	input->time.quiet_since_ms = TIME_MAX;
}

void
input_fini(struct input *input)
{
	record_fini(&input->head);
	arena_fini(&input->arena);
	upstream_fini(&input->upstream);
	memory_free(&input->hashes);
}

/* Hashes keys some records ahead of the head and begins to look them up, so that memory is there when it is needed. */
static void
look_ahead(struct input *input, struct state *state)
{
	size_t until = input->at + INPUT_PREFETCH_AHEAD;

	if (until > input->batch.count)
		until = input->batch.count;
	if (input->hashed < input->at)
		input->hashed = input->at; /* markers in between */
	for (; input->hashed < until; input->hashed++) {
		struct key key = key_of(input->batch.records[input->hashed].key);

		input->hashes[input->hashed] = key.hash;
		if (input->keyed_state)
			state_prefetch(state, key);
	}
}

static void
note_misplaced(struct input *input, int partition)
{
	if (atomic_fetch_add_explicit(input->misplaced, 1, memory_order_relaxed) != 0)
		return;
	logger_warn("misplaced_key",
		    "topic=%s partition=%d offset=%" PRId64
		    " reason=\"the key belongs to another partition by murmur2; was it written by a client with another"
		    " partitioner? joins on it find nothing\"",
		    input->topic->name, partition, input->head.offset);
}

/* Upstream speaks: from an internal topic no other thing moves the watermark, and silence is not idleness. */
void
input_heard(struct input *input)
{
	input->time.time_max = upstream_watermark(&input->upstream);
	input->time.quiet_since_ms = TIME_MAX;
}

/* A marker takes its place in the order of the records; it is no record. What is damaged is left to
 * topic_record_decode. */
static bool
take_marker(struct input *input)
{
	const struct log_record *from = &input->batch.records[input->at];
	struct marker marker;
	struct error none;

	if (!input->topic->internal || from->key.data || marker_read(from->value, &marker, &none) < 0)
		return false;
	upstream_hear(&input->upstream, &marker);
	input_heard(input);
	input->position = from->offset + 1;
	input->at++;
	if (input->at >= input->batch.count && input->batch.next > input->position)
		input->position = input->batch.next;
	return true;
}

static void
make_ready(struct input *input, int partition, struct state *state)
{
	const struct log_record *from = &input->batch.records[input->at];
	struct record *head = &input->head;

	look_ahead(input, state);
	arena_reset(&input->arena);
	head->key = (struct key){.bytes = from->key, .hash = input->hashes[input->at]};
	head->partition = partition;
	head->behind = false;
	input->wrong_set = topic_record_decode(input->topic, from, input->now_ms, head, &input->arena, &input->wrong) <
			   0;
	if (input->topic->key && from->key.data &&
	    log_partition_of(from->key, (int)input->topic->partitions) != partition)
		note_misplaced(input, partition);
	/* What has no event time of its own goes first: it waits for nobody and moves no watermark. */
	if (input->wrong_set)
		head->time_ms = TIME_MIN;
	input->ready = true;
	input->time.quiet_since_ms = TIME_MAX;
}

int
input_lost(struct input *input, int partition, struct log_gap gap, struct error *err)
{
	int64_t count = gap.to - gap.from;

	if (count <= 0)
		return 0;
	logger_error("records_lost",
		     "topic=%s partition=%d from=%" PRId64 " to=%" PRId64 " count=%" PRId64
		     " reason=\"retention removed records before they were read\"",
		     input->topic->name, partition, gap.from, gap.to, count);
	atomic_fetch_add_explicit(input->records_lost, count, memory_order_relaxed);
	if (!input->stop_on_lost)
		return 0;
	return fail(err, FATAL,
		    "topic %s partition %d has lost the records from offset %" PRId64 " to %" PRId64
		    " before they were read (retention); to go on behind them, run with --set on_lost=continue",
		    input->topic->name, partition, gap.from, gap.to - 1);
}

const struct task_header_mark *
input_mark(struct input *input)
{
	const struct log_record *last;

	if (input->at == 0 || input->batch.count == 0)
		return &input->mark;
	last = &input->batch.records[input->at - 1];
	if (last->offset != input->mark.offset)
		input->mark = (struct task_header_mark){.offset = last->offset,
							.timestamp_ms = last->timestamp_ms,
							.checksum = log_record_checksum(last)};
	return &input->mark;
}

static int
fetch(struct input *input, struct member *member, int partition, struct clock *clock, struct error *err)
{
	int64_t asked_ms = clock_steady_ms(clock);

	input_mark(input); /* the batch goes */
	if (member_fetch(member, partition, input->slot, &input->batch, err) < 0)
		return -1;
	/* Internal topics are trimmed behind what their readers committed. Who meets a gap there is not its reader any
	 * more, or somebody has meddled: opening the task again tells which. */
	if (input->topic->internal && input->batch.lost.to > input->batch.lost.from)
		return fail(err, ABORT,
			    "topic %s partition %d begins at offset %" PRId64 " now, behind what was to be read next",
			    input->topic->name, partition, input->batch.lost.to);
	if (input_lost(input, partition, input->batch.lost, err) < 0)
		return -1;
	input->at = 0;
	input->hashed = 0;
	input->end = input->batch.end;
	if (input->batch.count > input->hashes_capacity) {
		input->hashes_capacity = input->batch.count;
		input->hashes = memory_resize_array(input->hashes, input->hashes_capacity, sizeof(*input->hashes));
	}
	if (input->batch.count != 0)
		return 0;
	if (input->batch.next > input->position)
		input->position = input->batch.next;
	if (!input->batch.quiet || (input->topic->internal && !upstream_idle(&input->upstream)))
		input->time.quiet_since_ms = TIME_MAX;
	else if (input->time.quiet_since_ms == TIME_MAX)
		input->time.quiet_since_ms = clock_steady_ms(clock); /* the turn may have begun long ago */
	input->quiet_until_ms = asked_ms;
	return 0;
}

int
input_fill(struct input *input, struct member *member, int partition, struct state *state, bool again,
	   struct clock *clock, struct error *err)
{
	if (input->ready || input->time.ended)
		return 0;
	if (input->position >= input->stop_at) {
		input->time.ended = true;
		return 0;
	}
	do {
		if (input->at >= input->batch.count) {
			if (input->batch.at_end && !again)
				return 0;
			if (fetch(input, member, partition, clock, err) < 0)
				return -1;
			if (input->batch.count == 0)
				return 0;
		}
		if (input->batch.records[input->at].offset >= input->stop_at) {
			input->time.ended = true;
			return 0;
		}
	} while (take_marker(input));
	make_ready(input, partition, state);
	return 0;
}

void
input_take(struct input *input)
{
	insist(input->ready);
	if (!input->wrong_set && !input->topic->internal && input->head.time_ms > input->time.time_max)
		input->time.time_max = input->head.time_ms;
	input->position = input->head.offset + 1;
	input->taken++;
	input->at++;
	if (input->at >= input->batch.count && input->batch.next > input->position)
		input->position = input->batch.next;
	input->ready = false;
	if (input->position >= input->stop_at)
		input->time.ended = true;
}

bool
input_pending(const struct input *input)
{
	return !input->ready && !input->time.ended && !(input->at >= input->batch.count && input->batch.at_end);
}
