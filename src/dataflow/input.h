/*
 * One input of a task: partition p of one topic, read ahead in batches, handed out a record at a time.
 *
 * The record at the head is decoded before it is this input's turn, since its event time decides whose turn it is. What
 * is wrong with it (bytes that do not decode, a key that is not the key field's, an event time too far ahead) is
 * kept beside it and comes out when it is taken, as a SKIP. One thread's.
 *
 * A record that jumps (jump.h) is copied and held until the one behind it was looked at. It is no head until then; the
 * position stays before it.
 */
#ifndef DATAFLOW_INPUT_H
#define DATAFLOW_INPUT_H

#include <stdatomic.h>

#include "dataflow/dead_letter.h"
#include "dataflow/marker.h"
#include "dataflow/patience.h"
#include "dataflow/task_header.h"
#include "dataflow/topology.h"
#include "dataflow/watermark.h"
#include "log/log.h"
#include "state/state.h"

struct input {
	const struct topology_topic *topic;
	int port;		/* number of the input in the operator's table */
	int slot;		/* number of the input for the member: connected inputs only */
	struct log_batch batch; /* fetched ahead */
	size_t at;		/* of the head, in batch.records */
	uint64_t *hashes;	/* of the keys of batch.records, as far as `hashed` */
	size_t hashes_capacity;
	size_t hashed;
	bool keyed_state; /* some store is keyed like this input: look keys up ahead */

	bool ready; /* there is a head: */
	struct record head;
	struct arena arena; /* what the head points to */
	struct error wrong; /* action SKIP: why the head can't be processed; else `wrong_set` is false */
	bool wrong_set;
	bool deletion;	  /* the head has no value, and so neither fields nor an event time */
	bool doubted;	  /* the head jumps, and nobody can tell: it moves no watermark */
	int64_t order_ms; /* whose turn it is: the head's event time; TIME_MIN: it waits for nobody */

	bool holding;	   /* `held` jumps and is not decided: `at` is that of the record behind it */
	bool head_is_held; /* `held` is the head */
	struct log_record held;
	struct buffer held_bytes; /* key and value of `held` */
	int64_t doubted_ms;	  /* event time of the last one that was doubted; TIME_MIN: none since the last jump */

	int64_t position;	       /* offset of the next record to take */
	int64_t noted;		       /* the position in the last block */
	int64_t stop_at;	       /* bounded run: do not read from here on; TIME_MAX: no bound */
	int64_t end;		       /* the partition's end as last known */
	int64_t taken;		       /* records */
	_Atomic int64_t *records_lost; /* of the operator: removed before they were read */
	_Atomic int64_t *stalls;       /* of the operator: partitions that delivered nothing, and were fetched anew */
	bool keep_open; /* bounded run: a record that is held at the end stays for the next run, which can tell */
	bool stop_on_lost;
	bool renewed;		    /* its topic is another one than in the last block */
	bool compared;		    /* the record before the position was still there */
	_Atomic int64_t *misplaced; /* of the topic, in all tasks: records found on the wrong partition for their key */
	bool stop_on_misplaced;	    /* such a record ends the run */
	int64_t now_ms;		    /* wall time that event times are held against; set by the task */
	struct watermark_input time;
	int64_t silent_ms;	      /* before the head, where that was longer than idle_after; else 0 */
	int64_t quiet_until_ms;	      /* steady time: up to then time.quiet_since_ms was seen to hold */
	struct upstream upstream;     /* of an internal topic: what its markers said */
	struct task_header_mark mark; /* the last record taken, as far as input_mark has looked */
	struct patience open_wait;    /* bounded run: for somebody's open transaction */
	int64_t open_at;	      /* offset behind which it is */
	struct dead_letter_window window;
	int64_t pass_until; /* offset: what failed before it does not count towards the limit (dead_letter_pass.h) */
};

void input_init(struct input *input, const struct topology_topic *topic, int port, int slot);
void input_fini(struct input *input);

/*
 * Makes the head ready if it can: from the batch at hand, else by a fetch, unless the input is known to be at its
 * end and `again` is false (an input at its end is asked again once a turn, not once a record).
 */
int input_fill(struct input *input, struct member *member, int partition, struct state *state, bool again,
	       struct clock *clock, struct error *err);

/* Offsets that the log removed before they were read: logs and counts them. FATAL where the topology says stop. */
int input_lost(struct input *input, int partition, struct log_gap gap, struct error *err);

/* The head as it stands in the log. */
const struct log_record *input_record(const struct input *input);

/* What upstream tasks said is known again: after a restart. */
void input_heard(struct input *input);

/* The head was taken: moves on and, unless the record was `wrong`, moves the input's highest event time. */
void input_take(struct input *input);

/* The last record that was taken, for the next block: what the topic is known by. */
const struct task_header_mark *input_mark(struct input *input);

/*
 * Bounded run, once a turn that ends for want of records: where the log shows no more of the partition, since a
 * transaction is open in it, but its end as of the start is not reached, logs that (`transaction_wait`).
 */
void input_wait(struct input *input, const struct patience_owner *owner, int64_t now_ms);

/* There is data in the log that has not come here yet: a merge in event-time order has to wait for it. */
bool input_pending(const struct input *input);

#endif
