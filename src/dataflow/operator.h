/*
 * The operator author's whole world: this file, record/record.h and state/store.h.
 *
 * An operator is one `const struct operator_type` at the end of one file in operators/, and a line in
 * operators/operators.c. Everything that changes while it runs lives in stores; `self` holds what open() resolved
 * (parameters, field indexes) and is constant afterwards, so that an abort or a move of a task loses nothing. The
 * runtime calls all hooks of one task from one thread at a time; `self` is one per worker.
 *
 * A sink hands rows to a system outside the log: process() gathers them, flush() sees to it that they have arrived.
 * What it has gathered is the one thing that may live behind `self`: until it is committed the log has it too.
 *
 * process(), on_timer() and on_commit() return 0: what they emitted and changed is kept; or -1: all of it is undone,
 * and the error says what becomes of the record (SKIP: a dead letter; on_timer and on_commit may not SKIP).
 */
#ifndef DATAFLOW_OPERATOR_H
#define DATAFLOW_OPERATOR_H

#include "base/buffer.h"
#include "base/option.h"
#include "record/record.h"
#include "state/store.h"

struct context; /* the task, as its operator may see it */

/* An input, an output or a global table. A list of ports ends with a row without a name. */
struct port {
	const char *name;
	const char *schema; /* name of the record it carries: "impression" */
	const char *key;    /* field that its topic must be keyed by; NULL: any */
	bool required;
	const char *help;
};

/* What an operator counts besides what the runtime counts for it; ends with a row without a name. */
struct counter_spec {
	const char *name;
	const char *help;
};

/* A histogram of durations that an operator keeps; a list ends with a row without a name. */
struct histogram_spec {
	const char *name;
	const char *help;
};

struct operator_type {
	const char *name;
	const char *help;	      /* one sentence */
	const char *manual;	      /* what it promises, for `isotope operators`; paragraphs end with a line feed */
	const struct option *options; /* parameters; offsets into self */
	const struct port *inputs, *outputs;
	/* Global tables, or NULL: topics, whatever their partitions, that each process holds in full and looks up in
	 * (context_lookup). Their records never come to process(). */
	const struct port *tables;
	const struct store_spec *stores;
	const struct counter_spec *counters;	 /* or NULL */
	const struct histogram_spec *histograms; /* or NULL */
	size_t self_size;			 /* zeroed, then options are set, then open() */
	/* Resolves and checks, and looks at nothing outside but the files that options name: `validate` calls it too.
	 * The error's text begins with the name of the option that is wrong, or its path ("rules.lost: ..."): by that
	 * its place in the topology is found. */
	int (*open)(void *self, struct context *context, struct error *err);
	/* After open(), where the operator is to run; or NULL. Sinks open there what lies outside. */
	int (*start)(void *self, struct context *context, struct error *err);
	int (*process)(const void *self, int input, const struct record *record, struct context *context,
		       struct error *err);
	/* A record without a value: the key is deleted. NULL, and where the record has no key: it is counted and passed
	 * over. It has no event time, and moves no watermark. */
	int (*on_deletion)(const void *self, int input, struct bytes key, struct context *context, struct error *err);
	int (*on_timer)(const void *self, struct entry *entry, struct context *context, struct error *err);
	/* Before the work so far is committed: once for each entry that context_at_commit named since the last
	 * commit and that is still there. So a key that changes often gives one row a commit. */
	int (*on_commit)(const void *self, struct entry *entry, struct context *context, struct error *err);
	/* Sinks, before a commit, for each task that has something to commit: 0: all that process() gathered of this
	 * task is settled outside. RETRY: the other side is out of reach; nothing is committed and nothing more
	 * processed until it works. */
	int (*flush)(const void *self, struct context *context, struct error *err);
	/* Sinks: what was gathered and not committed is given up; it comes again, to this task or to another one. */
	void (*drop)(const void *self);
	/* Operators with a global table: what is to be held of its record goes to the end of *out, and is what
	 * context_lookup gives. *series: the name of the series it belongs to (context_series), borrowed from the
	 * record; empty data: none. SKIP: the record is a dead letter, and what was held of its key before stays.
	 * Called on another thread and with another self than the other hooks. */
	int (*hold)(const void *self, int table, const struct record *record, struct buffer *out, struct bytes *series,
		    struct error *err);
	/* For dealings with the outside that have times of their own (an answer that is awaited, a notification that is
	 * repeated): called when the task is there, and *wait_ms later, and so on. It may do what
	 * process() may, and not SKIP. Never for logic on events. *pending: a bounded run is not over yet. */
	int (*on_clock)(const void *self, struct context *context, int64_t *wait_ms, bool *pending, struct error *err);
	void (*close)(void *self);
	/* Appends the entry's value as JSON, for `isotope state`; NULL: it is shown as base64. */
	void (*show)(const struct entry *entry, struct buffer *out);
	/* Sources (no inputs) only: emits the next records, as many as it sees fit; called again and again.
	 * *wait_ms: how long there is nothing to do; *done: there will be no more. Where it stands is in its stores. */
	int (*generate)(const void *self, struct context *context, int64_t *wait_ms, bool *done, struct error *err);
};

/* ---- while opening ---- */

/* The schema of the topic a port is connected to; NULL where an optional port is not connected. */
const struct schema *context_input_schema(const struct context *context, int input);
const struct schema *context_output_schema(const struct context *context, int output);
const struct schema *context_table_schema(const struct context *context, int table);
/* The name of the topic an input is connected to; NULL where it is not. */
const char *context_input_topic(const struct context *context, int input);
/* The name of the field that the topic at an output is keyed by; NULL: it has no key, or is not connected. */
const char *context_output_key(const struct context *context, int output);
int context_task_count(const struct context *context); /* tasks of this operator = partitions of its inputs */
/* For what has to fit together: a duration option of the operator of that type that writes an input's topic. false: no
 * such operator of this topology does. */
bool context_writer_duration(const struct context *context, int input, const char *type, const char *option,
			     int64_t *ms);

/* ---- while running ---- */

int context_task(const struct context *context); /* this task's number = partition */
struct store *context_store(struct context *context, int store);
int64_t context_watermark(const struct context *context); /* ms; TIME_MIN: none yet */
/* The highest event time taken from an input so far, ms; TIME_MIN: none yet, or it is not connected. It tells of an
 * input that no longer holds the watermark back how far it has come. The same after a restart. */
int64_t context_input_time(const struct context *context, int input);
/* For sources and sinks, never for logic on events. Wall time: for timestamps, it may be set back or ahead at any
 * moment. Steady time: for durations; of this process only, never to be stored. */
int64_t context_now_ms(const struct context *context);
int64_t context_steady_ms(const struct context *context);
void context_count(struct context *context, int counter, int64_t by);
/* Takes effect at once: what was observed is not taken back when the hook fails. */
void context_observe(struct context *context, int histogram, int64_t ms);
/* Asks for on_commit() with this entry of this store; once, however often it is asked. Not from on_commit(). */
void context_at_commit(struct context *context, int store, const struct entry *entry);

/* A version of a row of a global table. */
struct table_row {
	struct bytes value; /* what hold() made of it; begins at a multiple of 16 */
	int64_t time_ms;    /* of the record's event */
	struct {
		const void *row, *version;
		int64_t ms;
	} at; /* the table's */
};

enum table_answer {
	TABLE_NOTHING, /* there has been no such version, as far as the topic tells */
	TABLE_GONE,    /* there was one, and it is one of more than `table_versions`: no longer kept */
	TABLE_ROW,
};

/* The version of the key's row in a table that held at `at_ms`: the newest that is not younger. Never a younger one.
 * Borrowed until the hook returns. */
enum table_answer context_lookup(const struct context *context, int table, struct bytes key, int64_t at_ms,
				 struct table_row *out);
/* The version before that one. */
enum table_answer context_lookup_before(struct table_row *row);

/* A series of a table's rows, by the name that hold() gave them. */
struct table_series {
	struct bytes name;
	int64_t began_ms; /* the least time of its rows so far; the same whatever their order */
};

/* The series number 0, 1, ... of a table, in no order; false: there are no more. At most TABLE_SERIES_MAX are known,
 * those that began last. The name lives as long as the task. */
#define TABLE_SERIES_MAX 64
bool context_series(const struct context *context, int table, int number, struct table_series *out);

/* The record's body in its own (the reader's) schema: record->body where it is known, else encoded now. Borrowed
 * until the hook returns. */
int context_body(struct context *context, int input, const struct record *record, struct bytes *out, struct error *err);

/* For the rewrite() of a store: the layout the value is in, and a body of it in today's schema, which is borrowed until
 * the next call. data NULL: its input is not connected any more. */
int stored_layout(const struct stored *stored);
int stored_body(struct stored *stored, int input, struct bytes body, struct bytes *out, struct error *err);

/*
 * A row for an output: blank (defaults) when handed out; fill it and emit it. Emitting to an output that is not
 * connected does nothing (context_row still gives a row where its port's schema is known, else NULL).
 * `key` is the bytes of the topic's key field. What the row points to must live until context_emit returns.
 */
struct record *context_row(struct context *context, int output);
int context_emit(struct context *context, int output, struct bytes key, struct record *row, struct error *err);
bool context_connected(const struct context *context, int output);
/* Room for what a row points to (arrays, texts): lives until the hook returns. */
void *context_take(struct context *context, size_t size);

/* ---- sinks ---- */

/* A record as it stands in its topic. Key and value are borrowed until process() returns. */
struct raw_record {
	int64_t offset, timestamp_ms;
	struct bytes key, value;
};

/* The record that process() has been given. */
struct raw_record context_raw(const struct context *context, int input);
/* From flush(): the record becomes a dead letter. */
int context_refuse(struct context *context, int input, const struct raw_record *record, const char *reason,
		   struct error *err);
void context_commit_soon(struct context *context); /* enough is gathered: commit after this record */
/* Where this process may keep what outlives it, in folders named after what is in them; NULL: it keeps nothing. */
const char *context_directory(const struct context *context);

#endif
