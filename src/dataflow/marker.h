/*
 * Markers: how far event time has come upstream, written between the records of an internal topic.
 *
 * The highest event time of a rekeyed stream says nothing: the rows of a slow upstream task would be late behind those
 * of a fast one. So each upstream task writes its watermark into every partition, in the transaction of its rows, and
 * the reader takes the least over all of them (`struct upstream`), minus infinity until each was heard. A task whose
 * inputs are all idle says so, and no longer holds its readers back.
 *
 * A marker is a record without a key:
 *
 *     u8 0xC3 | u8 0x4D | u8 version (1) | u8 flags (1: idle) | u32 task | u32 tasks | i64 watermark     little-endian
 */
#ifndef DATAFLOW_MARKER_H
#define DATAFLOW_MARKER_H

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"

#define MARKER_SIZE 20 /* bytes */
#define MARKER_TASKS_MAX 4096

struct marker {
	uint32_t task, tasks; /* of the upstream operator: this one's number, and how many there are */
	int64_t watermark;    /* ms; TIME_MIN: none yet, of a task that is idle */
	bool idle;
};

void marker_write(const struct marker *marker, struct buffer *out);
/* SKIP: the value is no marker, or one that makes no sense. */
int marker_read(struct bytes value, struct marker *out, struct error *err);

/* What a reader has heard, by upstream task. All zero bytes: of nobody. */
struct upstream_task {
	int64_t watermark; /* TIME_MIN: it has none yet */
	bool heard, idle;
};

struct upstream {
	struct upstream_task *tasks;
	uint32_t count;
};

void upstream_fini(struct upstream *upstream);
/* Another count of tasks than before begins anew: they share out the work in another way. */
void upstream_hear(struct upstream *upstream, const struct marker *marker);
/*
 * The least watermark of the tasks that are not idle; where all are, of those that have one. TIME_MIN: somebody was not
 * heard yet, or nobody has one.
 */
int64_t upstream_watermark(const struct upstream *upstream);
/* The least watermark of all tasks that have one, idle or not: no idle task lets what is stored go on without it. */
int64_t upstream_stands(const struct upstream *upstream);
bool upstream_idle(const struct upstream *upstream); /* all are */

/* As part of a block header: varint count | per task: i64 watermark | u8 (1: idle, 2: heard). */
void upstream_write(const struct upstream *upstream, struct buffer *out);
void upstream_read(struct upstream *upstream, struct cursor *cursor); /* cursor->bad: it is damaged */

#endif
