/*
 * The task's own part of a journal block: where it stands. The state layer carries it without looking inside.
 *
 *     u8 version (3) | u64 incarnation | i64 watermark | varint inputs
 *     per input: varint size, port name | varint size, topic name | i64 position | i64 highest event time |
 *                what was heard of upstream tasks (marker.h)
 *     varint places | per place: varint size, table's port name | varint size, topic name | varint partition |
 *                i64 offset up to which the task has written dead letters of refused records (task_tables.h)
 *
 * Inputs are named by port and topic, so that a topology that gains, loses or reorders inputs still finds its
 * positions.
 */
#ifndef DATAFLOW_TASK_HEADER_H
#define DATAFLOW_TASK_HEADER_H

#include "base/buffer.h"
#include "base/error.h"
#include "dataflow/marker.h"

#define TASK_HEADER_VERSION 3
#define TASK_HEADER_INPUTS_MAX 16
#define TASK_HEADER_LETTERS_MAX 65536

struct task_header_input {
	struct bytes port, topic; /* read: views into the header */
	int64_t position;	  /* offset of the next record to be processed */
	int64_t time_max;	  /* highest event time taken, ms; TIME_MIN: none */
	struct upstream upstream; /* of an internal topic; else empty */
};

/* Where the letters of one partition of a global table stand. */
struct task_letters {
	struct bytes port, topic; /* read: views into the header */
	int partition;
	int feed;     /* not stored: number of the table's port */
	int64_t next; /* offset of the next record whose letter is to be written */
};

struct task_header {
	uint64_t incarnation; /* counts the openings of the task */
	int64_t watermark;    /* ms; the last finite one */
	int input_count;
	struct task_header_input inputs[TASK_HEADER_INPUTS_MAX];
	struct task_letters *letters; /* written: borrowed; read: freed by task_header_fini */
	size_t letters_count;
};

void task_header_write(const struct task_header *header, struct buffer *out);
/* FATAL: not understood. The caller ends what was read with task_header_fini, failed or not. */
int task_header_read(struct bytes bytes, struct task_header *out, struct error *err);
void task_header_fini(struct task_header *header);

#endif
