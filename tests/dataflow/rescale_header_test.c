/* What the first headers of new tasks say. */
#include "dataflow/rescale_header.h"

#include "base/clock.h"
#include "base/memory.h"
#include "tests/test.h"

static struct error err;
static char records_name[] = "records", by_user_name[] = "by_user", operator_name[] = "history";
static const struct port inputs[] = {{.name = "left"}, {.name = "right"}, {.name = NULL}};
static const struct operator_type type = {.name = "adder", .inputs = inputs};
static struct topology_topic topics[] = {{.name = records_name, .log_name = records_name},
					 {.name = by_user_name, .log_name = by_user_name}};
static struct topology topology = {.topics = topics, .topic_count = 2};
static struct topology_operator operator = {.name = operator_name, .type = &type, .inputs = {0, 1}};

/* A task that has read so far of both inputs. */
static struct buffer
header_of(int64_t watermark, int64_t position, int64_t time_max, struct upstream upstream, int tasks)
{
	struct buffer out = {0};
	struct task_letters letters[] = {
		{.port = bytes_of_text("t"), .topic = bytes_of_text("t"), .partition = 5, .next = 9}};
	struct task_header header = {
		.incarnation = (uint64_t)position,
		.watermark = watermark,
		.input_count = 2,
		.inputs = {{.port = bytes_of_text("left"),
			    .topic = bytes_of_text("records"),
			    .position = position,
			    .time_max = time_max,
			    .mark = {.offset = position - 1, .checksum = 7},
			    .window = bytes_of_text("runs")},
			   {.port = bytes_of_text("right"),
			    .topic = bytes_of_text("by_user"),
			    .position = 2 * position,
			    .time_max = time_max + 1,
			    .upstream = upstream,
			    .mark = {.offset = -1}}},
		.letters = letters,
		.letters_count = 1,
		.operator_type = bytes_of_text("adder"),
		.tasks = tasks,
		.partitioner = bytes_of_text("murmur2"),
		.options = bytes_of_text("a=1\n"),
	};

	task_header_write(&header, &out);
	return out;
}

static void
put(struct rescale_headers *headers, int task, struct buffer header)
{
	check_ok(rescale_headers_put(headers, task, buffer_bytes(&header), &err));
	buffer_fini(&header);
}

static struct task_header
written(const struct rescale_headers *headers, int task, int tasks, struct buffer *bytes)
{
	struct task_header header;

	buffer_clear(bytes);
	rescale_headers_write(headers, task, tasks, bytes);
	check_ok(task_header_read(buffer_bytes(bytes), &header, &err));
	return header;
}

TEST(a_new_task_begins_with_the_least_times_of_all_and_its_own_partitions_positions)
{
	struct upstream_task heard[] = {{100, true, false}, {50, true, true}},
			     less[] = {{70, true, false}, {90, true, false}};
	struct rescale_headers headers;
	struct task_header header;
	struct buffer bytes = {0};

	rescale_headers_init(&headers, &topology, &operator, 3);
	put(&headers, 0, header_of(1000, 10, 2000, (struct upstream){heard, 2}, 3));
	put(&headers, 1, header_of(900, 20, 1900, (struct upstream){less, 2}, 3));
	header = written(&headers, 1, 5, &bytes);
	check_int(header.tasks, 5);
	check_int(header.watermark, 900);
	check_int((int64_t)header.incarnation, 20);
	check_int(header.inputs[0].position, 20);
	check_int(header.inputs[0].mark.offset, 19);
	check_bytes(header.inputs[0].window, bytes_of_text("runs"));
	check_int(header.inputs[0].time_max, 1900);
	check_int(header.inputs[1].position, 40);
	check_int(header.inputs[1].upstream.count, 2);
	check_int(header.inputs[1].upstream.tasks[0].watermark, 70);
	check_int(header.inputs[1].upstream.tasks[1].watermark, 50);
	check(!header.inputs[1].upstream.tasks[1].idle);
	check_bytes(header.options, bytes_of_text("a=1\n"));
	check_int((int64_t)header.letters_count, 0);
	task_header_fini(&header);
	header = written(&headers, 4, 5, &bytes);
	check_int((int64_t)header.inputs[0].window.size, 0);
	check_int(header.inputs[0].position, 0);
	check_int(header.inputs[0].mark.offset, -1);
	check_int(header.inputs[0].time_max, 1900);
	task_header_fini(&header);
	header = written(&headers, 0, 5, &bytes);
	check(header.letters_count > 0);
	check_int(header.letters[0].partition, 5);
	task_header_fini(&header);
	buffer_fini(&bytes);
	rescale_headers_fini(&headers);
}

TEST(tasks_that_have_committed_nothing_say_nothing_of_times)
{
	struct rescale_headers headers;
	struct task_header header;
	struct buffer bytes = {0};

	rescale_headers_init(&headers, &topology, &operator, 2);
	header = written(&headers, 0, 1, &bytes);
	check_int(header.watermark, TIME_MIN);
	check_int(header.inputs[0].position, 0);
	check_int(header.inputs[0].time_max, TIME_MIN);
	task_header_fini(&header);
	buffer_fini(&bytes);
	rescale_headers_fini(&headers);
}

TEST(a_journal_of_other_tasks_is_refused)
{
	struct rescale_headers headers;
	struct buffer bytes = header_of(1, 1, 1, (struct upstream){0}, 4);

	rescale_headers_init(&headers, &topology, &operator, 2);
	check_fails(rescale_headers_put(&headers, 0, buffer_bytes(&bytes), &err), "was written by 4 tasks");
	buffer_fini(&bytes);
	rescale_headers_fini(&headers);
}
