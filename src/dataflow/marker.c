#include "dataflow/marker.h"

#include "base/memory.h"

#define MAGIC_0 0xC3
#define MAGIC_1 0x4D
#define VERSION 1
#define FLAG_IDLE 1
#define TASK_IDLE 1
#define TASK_HEARD 2

void
marker_write(const struct marker *marker, struct buffer *out)
{
	buffer_put_u8(out, MAGIC_0);
	buffer_put_u8(out, MAGIC_1);
	buffer_put_u8(out, VERSION);
	buffer_put_u8(out, marker->idle ? FLAG_IDLE : 0);
	buffer_put_u32(out, marker->task);
	buffer_put_u32(out, marker->tasks);
	buffer_put_u64(out, (uint64_t)marker->watermark);
}

int
marker_read(struct bytes value, struct marker *out, struct error *err)
{
	struct cursor cursor = cursor_of(value);
	uint8_t flags;

	if (value.size != MARKER_SIZE || cursor_u8(&cursor) != MAGIC_0 || cursor_u8(&cursor) != MAGIC_1)
		return fail(err, SKIP, "a record without a key in an internal topic, and no marker");
	if (cursor_u8(&cursor) != VERSION)
		return fail(err, SKIP, "a marker of version %u; this program reads %d", value.data[2], VERSION);
	flags = cursor_u8(&cursor);
	out->task = cursor_u32(&cursor);
	out->tasks = cursor_u32(&cursor);
	out->watermark = (int64_t)cursor_u64(&cursor);
	out->idle = flags & FLAG_IDLE;
	if (out->tasks == 0 || out->tasks > MARKER_TASKS_MAX || out->task >= out->tasks)
		return fail(err, SKIP, "a marker of task %u of %u: expected at most %d tasks, numbered from 0",
			    out->task, out->tasks, MARKER_TASKS_MAX);
	return 0;
}

/* ---- what was heard ---- */

void
upstream_fini(struct upstream *upstream)
{
	memory_free(&upstream->tasks);
	upstream->count = 0;
}

static void
reset(struct upstream *upstream, uint32_t count)
{
	upstream_fini(upstream);
	upstream->tasks = memory_new_array(count, sizeof(*upstream->tasks));
	upstream->count = count;
	for (uint32_t i = 0; i < count; i++)
		upstream->tasks[i].watermark = TIME_MIN;
}

void
upstream_hear(struct upstream *upstream, const struct marker *marker)
{
	if (upstream->count != marker->tasks)
		reset(upstream, marker->tasks);
	upstream->tasks[marker->task] = (struct upstream_task){
		.watermark = marker->watermark, .heard = true, .idle = marker->idle};
}

bool
upstream_idle(const struct upstream *upstream)
{
	for (uint32_t i = 0; i < upstream->count; i++)
		if (!upstream->tasks[i].idle)
			return false;
	return upstream->count > 0;
}

int64_t
upstream_watermark(const struct upstream *upstream)
{
	bool all_idle = upstream_idle(upstream);
	int64_t least = TIME_MAX;

	for (uint32_t i = 0; i < upstream->count; i++) {
		const struct upstream_task *task = &upstream->tasks[i];

		if (!task->heard)
			return TIME_MIN;
		if (all_idle ? task->watermark == TIME_MIN : task->idle)
			continue;
		if (task->watermark < least)
			least = task->watermark;
	}
	return least == TIME_MAX ? TIME_MIN : least;
}

int64_t
upstream_stands(const struct upstream *upstream)
{
	int64_t least = TIME_MAX;

	for (uint32_t i = 0; i < upstream->count; i++)
		if (upstream->tasks[i].watermark != TIME_MIN && upstream->tasks[i].watermark < least)
			least = upstream->tasks[i].watermark;
	return least == TIME_MAX ? TIME_MIN : least;
}

void
upstream_write(const struct upstream *upstream, struct buffer *out)
{
	buffer_put_varint(out, upstream->count);
	for (uint32_t i = 0; i < upstream->count; i++) {
		buffer_put_u64(out, (uint64_t)upstream->tasks[i].watermark);
		buffer_put_u8(out, (uint8_t)((upstream->tasks[i].idle ? TASK_IDLE : 0) |
					     (upstream->tasks[i].heard ? TASK_HEARD : 0)));
	}
}

void
upstream_read(struct upstream *upstream, struct cursor *cursor)
{
	uint64_t count = cursor_varint(cursor);
	uint8_t flags;

	if (count > MARKER_TASKS_MAX) {
		cursor->bad = true;
		return;
	}
	reset(upstream, (uint32_t)count);
	for (uint32_t i = 0; i < upstream->count && !cursor->bad; i++) {
		upstream->tasks[i].watermark = (int64_t)cursor_u64(cursor);
		flags = cursor_u8(cursor);
		upstream->tasks[i].idle = flags & TASK_IDLE;
		upstream->tasks[i].heard = flags & TASK_HEARD;
	}
}
