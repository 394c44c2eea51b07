#include "dataflow/input.h"

#include <inttypes.h>

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/jump.h"
#include "dataflow/topic_record.h"
#include "record/json.h"

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
	input->doubted_ms = TIME_MIN;
}

void
input_fini(struct input *input)
{
	record_fini(&input->head);
	arena_fini(&input->arena);
	upstream_fini(&input->upstream);
	buffer_fini(&input->held_bytes);
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

static void
refuse_misplaced(struct input *input, int partition)
{
	input->wrong_set = true;
	fail(&input->wrong, FATAL,
	     "topic %s partition %d offset %" PRId64
	     " has a key that belongs to another of %d partitions: it was written "
	     "after the topic was raised, and behind it nothing can be read with the old number (--old-partitions). "
	     "Start the operator under another name, and replay its inputs",
	     input->topic->name, partition, input_record(input)->offset, (int)input->topic->partitions);
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

const struct log_record *
input_record(const struct input *input)
{
	return input->head_is_held ? &input->held : &input->batch.records[input->at];
}

/* Of an internal topic upstream says when it is idle. */
static void
end_silence(struct input *input)
{
	int64_t silent_ms = input->quiet_until_ms - input->time.quiet_since_ms;

	if (!input->topic->internal && silent_ms >= input->time.idle_after_ms)
		input->silent_ms = silent_ms;
	input->time.quiet_since_ms = TIME_MAX;
}

static void
make_ready(struct input *input, int partition)
{
	const struct log_record *from = input_record(input);
	struct record *head = &input->head;

	arena_reset(&input->arena);
	head->key = input->head_is_held ? key_of(from->key)
					: (struct key){.bytes = from->key, .hash = input->hashes[input->at]};
	head->partition = partition;
	head->behind = false;
	input->doubted = input->wrong_set = false;
	input->deletion = !from->value.data;
	if (input->deletion) {
		head->offset = from->offset;
		head->timestamp_ms = from->timestamp_ms == LOG_TIMESTAMP_NONE ? input->now_ms : from->timestamp_ms;
		head->time_ms = TIME_MIN;
	} else {
		input->wrong_set = topic_record_decode(input->topic, from, input->now_ms, head, &input->arena,
						       &input->wrong) < 0;
	}
	if (input->topic->key && from->key.data && !input->head_is_held &&
	    log_partition_of(from->key, (int)input->topic->partitions) != partition) {
		note_misplaced(input, partition);
		if (input->stop_on_misplaced)
			refuse_misplaced(input, partition);
	}
	/* What has no event time of its own goes first: it waits for nobody and moves no watermark. */
	if (input->wrong_set)
		head->time_ms = TIME_MIN;
	input->order_ms = head->time_ms;
	input->ready = true;
	if (input->time.quiet_since_ms != TIME_MAX)
		end_silence(input);
}

/* ---- records that jump ---- */

static struct jump_facts
facts_of(const struct input *input)
{
	return (struct jump_facts){
		.max_jump_ms = input->topic->max_jump_ms,
		.course_ms = input->time.time_max,
		.doubted_ms = input->doubted_ms,
		.time_ms = input->head.time_ms,
		.timestamp_ms = input->head.timestamp_ms,
	};
}

static struct bytes
copy_held(struct buffer *to, struct bytes from)
{
	size_t at = to->size;

	if (!from.data)
		return from;
	buffer_put_bytes(to, from);
	return bytes_of(to->data + at, from.size);
}

/* The head is no head until the record behind it was looked at, which may be in another batch. */
static void
hold(struct input *input)
{
	const struct log_record *from = &input->batch.records[input->at];

	input_mark(input); /* of the one before it */
	buffer_clear(&input->held_bytes);
	buffer_reserve(&input->held_bytes,
		       from->key.size + from->value.size + 1); /* what is copied stays where it is */
	input->held = *from;
	input->held.key = copy_held(&input->held_bytes, from->key);
	input->held.value = copy_held(&input->held_bytes, from->value);
	input->holding = true;
	input->ready = false;
	input->at++;
}

static void
refuse_jump(struct input *input, const struct jump_facts *facts)
{
	char time[32], next[32], course[32] = "nothing yet";

	json_format_time(facts->time_ms, time);
	json_format_time(facts->next_ms, next);
	if (facts->course_ms != TIME_MIN)
		json_format_time(facts->course_ms, course);
	fail(&input->wrong, SKIP,
	     "%s %s is more than max_jump (%" PRId64
	     " ms) ahead of the record behind it (%s); those before it had come to"
	     " %s: was the clock wrong?",
	     input->topic->time ? input->topic->time : "the message's timestamp", time, facts->max_jump_ms, next,
	     course);
	input->wrong_set = true;
	input->order_ms = TIME_MIN;
}

/* `held` becomes the head. What is behind it, if anything, is decoded again when its turn comes. */
static void
release(struct input *input, int partition, enum jump_next next)
{
	struct jump_facts facts;
	int64_t next_ms = input->head.time_ms;

	input->holding = false;
	input->head_is_held = true;
	make_ready(input, partition);
	if (input->wrong_set)
		return;
	facts = facts_of(input);
	facts.next = next;
	facts.next_ms = next_ms;
	switch (jump_decide(&facts)) {
	case JUMP_REFUSE:
		refuse_jump(input, &facts);
		break;
	case JUMP_DOUBT:
		input->doubted = true;
		input->doubted_ms = facts.time_ms;
		input->order_ms = TIME_MIN;
		break;
	case JUMP_TAKE:
		input->doubted_ms = TIME_MIN;
		break;
	case JUMP_WAIT:
		insist(!"what comes next is known");
	}
}

/* Decodes the record at `at` only to know its time. */
static enum jump_next
look_behind(struct input *input)
{
	struct error none;

	arena_reset(&input->arena);
	input->head.key = key_of(input->batch.records[input->at].key);
	return topic_record_decode(input->topic, &input->batch.records[input->at], input->now_ms, &input->head,
				   &input->arena, &none) < 0
		       ? JUMP_NEXT_NONE
		       : JUMP_NEXT_KNOWN;
}

/* Bounded: what was to be read is read. Live: it is idle; the first record of all waits for no longer than to the end,
 * since with none behind it it is taken as it is. */
static bool
is_over(const struct input *input, bool stopped, struct clock *clock)
{
	if (input->stop_at != TIME_MAX)
		return stopped || input->batch.next >= input->stop_at;
	return input->time.time_max == TIME_MIN ? input->batch.at_end
						: watermark_input_idle(&input->time, clock_steady_ms(clock));
}

/* ---- filling ---- */

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

static void
mark(struct input *input, const struct log_record *last)
{
	input->mark = (struct task_header_mark){
		.offset = last->offset, .timestamp_ms = last->timestamp_ms, .checksum = log_record_checksum(last)};
}

const struct task_header_mark *
input_mark(struct input *input)
{
	const struct log_record *last;

	/* What is held was read and not taken. */
	if (input->at == 0 || input->batch.count == 0 || input->holding || input->head_is_held)
		return &input->mark;
	last = &input->batch.records[input->at - 1];
	if (last->offset != input->mark.offset)
		mark(input, last);
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
	if (input->batch.stalled > 0)
		atomic_fetch_add_explicit(input->stalls, 1, memory_order_relaxed);
	input->at = 0;
	input->hashed = 0;
	input->end = input->batch.end;
	if (input->batch.count > input->hashes_capacity) {
		input->hashes_capacity = input->batch.count;
		input->hashes = memory_resize_array(input->hashes, input->hashes_capacity, sizeof(*input->hashes));
	}
	if (input->batch.count != 0)
		return 0;
	if (input->batch.next > input->position && !input->holding)
		input->position = input->batch.next;
	if (!input->batch.quiet || (input->topic->internal && !upstream_idle(&input->upstream)))
		input->time.quiet_since_ms = TIME_MAX;
	else if (input->time.quiet_since_ms == TIME_MAX)
		input->time.quiet_since_ms = clock_steady_ms(clock); /* the turn may have begun long ago */
	input->quiet_until_ms = asked_ms;
	return 0;
}

/* Whether there is a record at `at`, after a fetch where need be. *stopped: there is, but it is not to be read. */
static int
find_record(struct input *input, struct member *member, int partition, bool again, struct clock *clock, bool *found,
	    bool *stopped, struct error *err)
{
	*found = *stopped = false;
	do {
		if (input->at >= input->batch.count) {
			if (input->batch.at_end && !again)
				return 0;
			if (fetch(input, member, partition, clock, err) < 0)
				return -1;
			if (input->batch.count == 0)
				return 0;
		}
		*stopped = input->batch.records[input->at].offset >= input->stop_at;
		if (*stopped)
			return 0;
	} while (take_marker(input));
	*found = true;
	return 0;
}

int
input_fill(struct input *input, struct member *member, int partition, struct state *state, bool again,
	   struct clock *clock, struct error *err)
{
	bool found, stopped;

	if (input->ready || input->time.ended)
		return 0;
	if (input->position >= input->stop_at) {
		input->time.ended = true;
		return 0;
	}
	while (!input->ready) {
		struct jump_facts facts;

		if (find_record(input, member, partition, again, clock, &found, &stopped, err) < 0)
			return -1;
		if (!found && input->holding && is_over(input, stopped, clock)) {
			if (input->keep_open) {
				input->time.ended = true;
				return 0;
			}
			release(input, partition, JUMP_NEXT_NONE);
		}
		if (!found) {
			input->time.ended |= stopped && !input->ready;
			return 0;
		}
		if (input->holding) {
			release(input, partition, look_behind(input));
			return 0;
		}
		look_ahead(input, state);
		make_ready(input, partition);
		facts = facts_of(input);
		if (!input->wrong_set && !input->deletion && !input->topic->internal && jump_is_open(&facts))
			hold(input);
	}
	return 0;
}

void
input_take(struct input *input)
{
	insist(input->ready);
	if (!input->wrong_set && !input->doubted && !input->deletion && !input->topic->internal &&
	    input->head.time_ms > input->time.time_max)
		input->time.time_max = input->head.time_ms;
	input->position = input->head.offset + 1;
	input->taken++;
	if (input->head_is_held)
		mark(input, &input->held);
	else
		input->at++;
	input->head_is_held = false;
	if (input->at >= input->batch.count && input->batch.next > input->position)
		input->position = input->batch.next;
	input->ready = false;
	if (input->position >= input->stop_at)
		input->time.ended = true;
}

void
input_wait(struct input *input, const struct patience_owner *owner, int64_t now_ms)
{
	const struct log_batch *batch = &input->batch;

	bool wants = input->stop_at != TIME_MAX && !input->ready && !input->time.ended && input->at >= batch->count;

	if (!wants || batch->next != input->open_at) {
		input->open_wait = (struct patience){0};
		input->open_at = batch->next;
	}
	/* While the log has not confirmed an end nothing is known. */
	if (!wants || !batch->at_end || batch->quiet || !patience_wait(&input->open_wait, now_ms))
		return;
	logger_warn("transaction_wait",
		    "operator=%s task=%d topic=%s partition=%d position=%" PRId64 " end=%" PRId64 " for_ms=%" PRId64
		    " reason=\"a transaction of another writer is open: the run ends when it has ended\"",
		    owner->operator, owner->task, input->topic->name, owner->task, batch->next, input->stop_at,
		    now_ms - input->open_wait.since_ms);
}

bool
input_pending(const struct input *input)
{
	return !input->ready && !input->time.ended && !(input->at >= input->batch.count && input->batch.at_end);
}
