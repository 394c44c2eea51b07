/*
 * Dead letters: records that cannot be processed, kept in the topic that topologies and commands call `dead_letters`
 * with the reason, in the transaction of the commit that passes over them.
 *
 * And the limit: when more than `dead_letter_limit` of the last DEAD_LETTER_WINDOW records of an input have failed, and
 * at least DEAD_LETTER_COUNT_MIN, the operator stops: what was done before is committed, letters too, and the record
 * that is one too many stays where it is. A bad deployment must not drain a topic into the dead letters. The next run
 * meets that record first and stops with the same words, unless it is told to go on (dead_letter_pass.h).
 * An input is a task's: one partition. What it came to is in the task's blocks, so that neither a restart nor a move
 * begins the count anew, and an abort takes it back.
 */
#ifndef DATAFLOW_DEAD_LETTER_H
#define DATAFLOW_DEAD_LETTER_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/error.h"

#define DEAD_LETTER_WINDOW 10000	  /* records that the limit looks back on */
#define DEAD_LETTER_COUNT_MIN 100	  /* so many failures are always bearable */
#define DEAD_LETTER_REASONS 3		  /* first reasons kept for the message when an operator stops */
#define DEAD_LETTER_VALUE_SIZE_MAX 900000 /* bytes of a value that are kept: the letter must fit into its topic */
#define DEAD_LETTER_REST_SIZE 2560	  /* bytes of a letter besides its key and its value, at most */
#define DEAD_LETTER_KEY_SIZE_MAX (DEAD_LETTER_VALUE_SIZE_MAX / 16) /* likewise, of a key */

struct context;

struct dead_letter {
	const char *topic;
	int partition;
	int64_t offset; /* -1: a row that was to be written */
	int64_t record_time_ms;
	struct bytes key; /* data NULL: none */
	struct bytes value;
	size_t value_size; /* of which `value` is the beginning; 0: it is all */
	const char *reason;
};

/* Behind the reason of a letter whose value had to be cut: it cannot be replayed. */
#define DEAD_LETTER_CUT " bytes of its value are kept)"

/* As much of a key, of a value, as a letter has. */
struct bytes dead_letter_cut_key(struct bytes key);
struct bytes dead_letter_cut_value(struct bytes value);
int dead_letter_write(struct context *context, const struct dead_letter *letter, struct error *err);

/* What the recent records of one input came to. All zero bytes: nothing seen yet. */
struct dead_letter_window {
	uint8_t failed[DEAD_LETTER_WINDOW / 8]; /* a bit a record, a ring */
	int64_t seen;
	int64_t failures; /* bits set */
	struct {
		int64_t record; /* by `seen` */
		char text[256];
	} reasons[DEAD_LETTER_REASONS]; /* of the oldest failures that lie within the window */
	int reason_count;
};

void dead_letter_window_add(struct dead_letter_window *window, bool failed, const char *reason);
/* One of the last records that counted as good has failed after all, such as a row that a sink's system refuses. */
void dead_letter_window_fail(struct dead_letter_window *window, const char *reason);
/* The limit is passed. */
bool dead_letter_window_is_over(const struct dead_letter_window *window, double limit_ratio);
/*
 * FATAL with the first reasons, once the limit is passed. Asked after a failure only: a limit that was lowered since
 * does not stop an operator whose records are good.
 */
int dead_letter_window_check(const struct dead_letter_window *window, double limit_ratio, const char *operator_name,
			     const char *topic, struct error *err);

/* Its records, without the reasons: varint good ones, varint failed ones, and so on, from the oldest. */
void dead_letter_window_write(const struct dead_letter_window *window, struct buffer *out);
/* In place of what the window held. FATAL: not understood. */
int dead_letter_window_read(struct bytes bytes, struct dead_letter_window *out, struct error *err);
/* The reasons: varint records since, varint size, text, and so on. */
void dead_letter_reasons_write(const struct dead_letter_window *window, struct buffer *out);
/* After dead_letter_window_read. */
int dead_letter_reasons_read(struct bytes bytes, struct dead_letter_window *window, struct error *err);

#endif
