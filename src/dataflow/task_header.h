/*
 * The task's own part of a journal block: where it stands, and what wrote it. The state layer carries it without
 * looking inside.
 *
 *     u8 version (4) | u64 incarnation | i64 watermark | varint inputs
 *     per input: varint size, port name | varint size, topic name | i64 position | i64 highest event time |
 *                what was heard of upstream tasks (marker.h)
 *     varint places | per place: varint size, table's port name | varint size, topic name | varint partition |
 *                i64 offset up to which the task has written dead letters of refused records (task_tables.h)
 *     facts, to the end: varint tag | varint size | content
 *
 * Version 3, which 0.1.0 wrote, is the same without facts. A fact whose tag is not known is passed over, so that later
 * ones need no other version; what a reader may not pass over does.
 *
 *     1 writer       text: which process wrote the block
 *     2 operator     text: its type's name
 *     3 tasks        varint tasks of the operator | text: what shares keys out among them
 *     4 options      text: what the state depends on (state_identity.h)
 *     5 input        varint number of the input above | 16 bytes of topic id | i64 offset, i64 timestamp and u64
 *                    checksum of the record before the position
 *     6 window       varint number of the input above | what its recent records came to (dead_letter.h)
 *     7 written      i64 wall time of the commit
 *     8 began        i64 watermark that an unfinished bounded run began with
 *     9 reasons      varint number of the input above | first reasons of those that failed (dead_letter.h)
 *
 * Inputs are named by port and topic, so that a topology that gains, loses or reorders inputs still finds its
 * positions.
 */
#ifndef DATAFLOW_TASK_HEADER_H
#define DATAFLOW_TASK_HEADER_H

#include "base/buffer.h"
#include "base/error.h"
#include "dataflow/marker.h"

#define TASK_HEADER_VERSION 4
#define TASK_HEADER_VERSION_MIN 3 /* the oldest that is read */
#define TASK_HEADER_INPUTS_MAX 16
#define TASK_HEADER_LETTERS_MAX 65536
#define TASK_HEADER_TASKS_MAX 65536
#define TASK_HEADER_TOPIC_ID_SIZE 16 /* bytes */

/* The record before an input's position: it tells a topic from another of its name. */
struct task_header_mark {
	int64_t offset; /* -1: not known */
	int64_t timestamp_ms;
	uint64_t checksum; /* of key and value */
};

struct task_header_input {
	struct bytes port, topic;		     /* read: views into the header */
	int64_t position;			     /* offset of the next record to be processed */
	int64_t time_max;			     /* highest event time taken, ms; TIME_MIN: none */
	struct upstream upstream;		     /* of an internal topic; else empty */
	uint8_t topic_id[TASK_HEADER_TOPIC_ID_SIZE]; /* all zero: not known */
	struct task_header_mark mark;
	struct bytes window;  /* what dead_letter_window_write made; empty: not known */
	struct bytes reasons; /* what dead_letter_reasons_write made */
};

/* Where the letters of one partition of a global table stand. */
struct task_letters {
	struct bytes port, topic; /* read: views into the header */
	int partition;
	int feed;	   /* not stored: number of the table's port */
	int64_t next;	   /* offset of the next record whose letter is to be written */
	int64_t forgotten; /* not stored: up to where the feed has been told that letters are committed */
};

struct task_header {
	uint64_t incarnation; /* counts the openings of the task */
	int64_t watermark;    /* ms; the last finite one */
	bool unfinished;      /* it is that of a bounded run that has not come to its end, */
	int64_t began_at;     /* ... and this one it began with */
	int input_count;
	struct task_header_input inputs[TASK_HEADER_INPUTS_MAX];
	struct task_letters *letters; /* written: borrowed; read: freed by task_header_fini */
	size_t letters_count;

	/* What wrote it. Empty or 0: not known. Read: views into the header. */
	struct bytes writer;
	struct bytes operator_type;
	int tasks;
	struct bytes partitioner;
	struct bytes options;
	int64_t written_ms; /* wall time, by the clock of the process that wrote it; 0: not known */
};

void task_header_write(const struct task_header *header, struct buffer *out);
/* FATAL: not understood. The caller ends what was read with task_header_fini, failed or not. */
int task_header_read(struct bytes bytes, struct task_header *out, struct error *err);
void task_header_fini(struct task_header *header);

#endif
