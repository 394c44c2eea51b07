/*
 * A task: one operator's work on one partition number of its inputs; the unit of state, order and recovery.
 *
 * A task takes the record with the lowest (event time, input, offset) among the heads of its inputs, processes it, lets
 * it move the watermark W, and fires the timers that W has passed (W > T), in (time, key) order. What it did is
 * nobody's business until worker.c commits it. Errors are handed up: worker.c alone decides on them. One thread's.
 */
#ifndef DATAFLOW_TASK_H
#define DATAFLOW_TASK_H

#include "dataflow/context.h"
#include "dataflow/dead_letter.h"
#include "dataflow/input.h"
#include "dataflow/task_forms.h"
#include "dataflow/task_tables.h"

/* A journal that is being read (task_restore.c). */
struct task_restore {
	struct reader *reader;		/* NULL: not begun */
	int64_t start, from, next, end; /* offsets: the journal's start, where reading began, goes on, and has to get */
	int64_t asked_us;	/* what this step asks of the log must be as of then (monotonic); 0: it has not begun */
	int64_t bytes;		/* read */
	int64_t last;		/* offset of the last record read; -1: none */
	int64_t committed;	/* the group's position of the journal; -1: none */
	int64_t short_since_ms; /* steady time since when the journal ends before that; 0: it does not */
	bool goes_on;		/* ... and that is accepted */
	int64_t started_us, said_us;
	int attempts;
	int marks_seen; /* inputs whose marks were looked at (task_marks.c) */
	struct reader *mark_reader;
};

struct task {
	struct job *job;
	struct job_operator *operator;
	struct member *member;
	const void *self;
	int partition;
	struct state *state;
	struct task_forms *forms; /* NULL: not restored yet */
	struct context context;
	struct input inputs[TOPOLOGY_PORTS_MAX];	  /* connected ones only */
	struct watermark_input times[TOPOLOGY_PORTS_MAX]; /* scratch for the watermark */
	int input_count;
	struct task_tables tables;
	struct watermark watermark;
	uint64_t incarnation;
	int64_t waiting_since_ms; /* steady time since when a merge waits for an input; TIME_MAX: it does not */
	int64_t due_ms;		  /* steady time of the next generate() or on_clock(); TIME_MAX: none */
	bool generated_all;	  /* sources: done */
	bool outside_pending;	  /* on_clock: a bounded run is not over yet */
	bool running;		  /* restored, and fetching; before that nothing but task_restore and task_close */
	struct task_restore restore;
	bool changed;			      /* there is something to commit */
	bool writes_markers;		      /* some output is an internal topic */
	struct marker marker;		      /* the last one written */
	bool marker_written;		      /* there is one */
	int64_t inputs_trimmed_ms;	      /* steady time of the last trim of internal inputs */
	bool draining, drained;		      /* the end of a bounded run */
	int64_t trimmed_to;		      /* journal offset */
	int64_t journal_next;		      /* journal offset behind the last block */
	char *other_writer;		      /* of the last block that was restored; NULL: ourselves, or nobody */
	int64_t records_in, bytes_in, behind; /* since the last publish */
	struct buffer header;
	struct buffer windows; /* of the inputs, for the header */
	struct buffer options; /* task_identity_options */
};

#define TASK_TRIM_INPUTS_MS 10000 /* internal inputs are trimmed no more often */
#define TASK_MARKERS_MAX 1000	  /* so many of an internal input are worth a commit of the position, to be trimmed */

struct task_config {
	struct job *job;
	struct job_operator *operator;
	struct member *member;
	struct transaction *transaction;
	const void *self;
	int partition;
	struct state *state; /* of the task's time before, its own from now on; NULL: none */
};

/* A task that is not running yet. */
int task_open(const struct task_config *config, struct task **out, struct error *err);
/* Drops what is not committed. */
void task_close(struct task **task);
/* Before it is closed: its state, for when it comes back (task_stores_put_aside), where that says what is committed;
 * else NULL. */
struct state *task_put_aside(struct task *task);

/*
 * Restores a slice of the task from its journal; with the last one it fetches where its last block stands, and is
 * running. Waits at most wait_ms for the log. RETRY: as ever, the same call may work later.
 */
int task_restore(struct task *task, int64_t wait_ms, struct error *err);
/* The ends of the task's partition of a topic (by the log's number), for a step of it. RETRY: not known yet. A step
 * that asks for several, and is made again for one, is given what was answered before. */
int task_restore_ends(struct task *task, int topic, struct partition_ends *out, struct error *err);

/* Reads the clock into the context: once a turn, before a flush, after a restore. */
void task_look_at_clock(struct task *task);

/*
 * The input whose head comes next, or NULL where there is none, or one has to be waited for. `again` asks inputs
 * that were at their end once more: true once a turn.
 */
int task_next(struct task *task, bool again, struct input **out, struct error *err);

/* Ends a hook: all it did is kept (result 0), or all of it is undone. Returns the result. */
int task_end_hook(struct task *task, int result);

/* Processes the head of `input` and takes it. On failure all it did is undone and it is still the head. */
int task_process(struct task *task, struct input *input, struct error *err);
/* Takes the head of `input` as a dead letter, for the reason given. */
int task_dead_letter(struct task *task, struct input *input, const struct error *reason, struct error *err);

/* Moves the watermark: after a record, and once a turn for the sake of idle inputs. */
void task_advance(struct task *task, int64_t now_ms);
/* Fires one due timer; *fired false: none is due. */
int task_fire(struct task *task, bool *fired, struct error *err);

/* Sources: one call of generate(). */
int task_generate(struct task *task, int64_t now_ms, struct error *err);
/* One call of on_clock(), where the operator has it and it is due. */
int task_clock(struct task *task, int64_t now_ms, struct error *err);

bool task_inputs_ended(const struct task *task); /* bounded run: all have */
/* Bounded run: nothing more will come (all inputs ended, or the source is done) and nothing outside is awaited. */
bool task_ended(const struct task *task);
/* Bounded run, all inputs ended: from now on every pending timer is due once. */
void task_drain(struct task *task);
/* They have, or the run keeps them open: the task is done. Counts what is pending for the next run. */
int task_drained(struct task *task, struct error *err);

/* Whether a commit would say something: records were processed, or the watermark moved that others wait for. */
bool task_has_news(const struct task *task);
/* Sinks: what the task gathered is settled outside. RETRY: call it again. */
int task_flush(struct task *task, struct error *err);
/* What the operator wants to see before a commit (on_commit); then markers, the journal block and the positions go into
 * the transaction. */
int task_block(struct task *task, struct error *err);
/* The transaction was committed. */
int task_committed(struct task *task, struct error *err);

/* Puts what the task counted where others read it. */
void task_publish(struct task *task);

#endif
