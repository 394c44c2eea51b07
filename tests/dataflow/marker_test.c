#include "dataflow/marker.h"

#include "tests/test.h"

static struct error err;

static void
hear(struct upstream *upstream, uint32_t task, uint32_t tasks, int64_t watermark, bool idle)
{
	struct marker marker = {.task = task, .tasks = tasks, .watermark = watermark, .idle = idle}, got;
	struct buffer bytes = {0};

	marker_write(&marker, &bytes);
	check_int((int64_t)bytes.size, MARKER_SIZE);
	check_ok(marker_read(buffer_bytes(&bytes), &got, &err));
	upstream_hear(upstream, &got);
	buffer_fini(&bytes);
}

TEST(the_watermark_is_the_least_of_all_upstream_tasks)
{
	struct upstream upstream = {0};

	check_int(upstream_watermark(&upstream), TIME_MIN);
	hear(&upstream, 0, 3, 100, false);
	hear(&upstream, 2, 3, 90, false);
	check_int(upstream_watermark(&upstream), TIME_MIN);
	hear(&upstream, 1, 3, 95, false);
	check_int(upstream_watermark(&upstream), 90);
	hear(&upstream, 2, 3, 120, false);
	check_int(upstream_watermark(&upstream), 95);
	upstream_fini(&upstream);
}

TEST(an_idle_task_holds_nobody_back)
{
	struct upstream upstream = {0};

	hear(&upstream, 0, 2, 100, false);
	hear(&upstream, 1, 2, 10, true);
	check_int(upstream_watermark(&upstream), 100);
	check(!upstream_idle(&upstream));
	hear(&upstream, 0, 2, 100, true);
	check(upstream_idle(&upstream));
	check_int(upstream_watermark(&upstream), 10);
	hear(&upstream, 1, 2, 101, false);
	check(!upstream_idle(&upstream));
	check_int(upstream_watermark(&upstream), 101);
	upstream_fini(&upstream);
}

TEST(another_count_of_tasks_begins_anew)
{
	struct upstream upstream = {0};

	hear(&upstream, 0, 1, 100, false);
	check_int(upstream_watermark(&upstream), 100);
	hear(&upstream, 1, 2, 50, false);
	check_int(upstream_watermark(&upstream), TIME_MIN);
	upstream_fini(&upstream);
}

TEST(what_was_heard_survives_a_restart)
{
	struct upstream upstream = {0}, again = {0};
	struct buffer bytes = {0};
	struct cursor cursor;

	hear(&upstream, 0, 2, 100, true);
	hear(&upstream, 1, 2, 70, false);
	upstream_write(&upstream, &bytes);
	cursor = cursor_of(buffer_bytes(&bytes));
	upstream_read(&again, &cursor);
	check(!cursor.bad && cursor_left(&cursor) == 0);
	check_int(upstream_watermark(&again), 70);
	check(again.tasks[0].idle);
	for (size_t size = 0; size < bytes.size; size++) {
		cursor = cursor_of(bytes_of(bytes.data, size));
		upstream_read(&again, &cursor);
		check(cursor.bad);
	}
	upstream_fini(&upstream);
	upstream_fini(&again);
	buffer_fini(&bytes);
}

TEST(what_is_no_marker_is_refused)
{
	struct marker marker = {.task = 1, .tasks = 2, .watermark = 5}, got;
	struct buffer bytes = {0};

	check_fails(marker_read(bytes_of_text("hello"), &got, &err), "no marker");
	marker_write(&marker, &bytes);
	bytes.data[2] = 9;
	check_fails(marker_read(buffer_bytes(&bytes), &got, &err), "version 9");
	bytes.data[2] = 1;
	bytes.data[4] = 2;
	check_fails(marker_read(buffer_bytes(&bytes), &got, &err), "task 2 of 2");
	check(err.action == SKIP);
	buffer_fini(&bytes);
}

TEST(an_idle_task_holds_what_is_stored_back)
{
	struct upstream upstream = {0};

	check_int(upstream_stands(&upstream), TIME_MIN);
	upstream_hear(&upstream, &(struct marker){.task = 0, .tasks = 3, .watermark = 100, .idle = true});
	upstream_hear(&upstream, &(struct marker){.task = 1, .tasks = 3, .watermark = TIME_MIN, .idle = true});
	upstream_hear(&upstream, &(struct marker){.task = 2, .tasks = 3, .watermark = 300});
	check_int(upstream_watermark(&upstream), 300);
	check_int(upstream_stands(&upstream), 100);
	upstream_fini(&upstream);
}
