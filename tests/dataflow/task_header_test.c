#include "dataflow/task_header.h"

#include "base/clock.h"
#include "tests/test.h"

static struct buffer
sample(void)
{
	struct buffer out = {0};
	struct task_letters letters[] = {
		{.port = bytes_of_text("vectors"), .topic = bytes_of_text("v"), .partition = 1, .next = 40},
		{.port = bytes_of_text("vectors"), .topic = bytes_of_text("v"), .partition = 5, .next = 0},
	};
	struct task_header header = {
		.letters = letters,
		.letters_count = 2,
		.incarnation = 7,
		.watermark = -5,
		.input_count = 2,
		.inputs =
			{
				{.port = bytes_of_text("impressions"),
				 .topic = bytes_of_text("shown"),
				 .position = 12,
				 .time_max = 99},
				{.port = bytes_of_text("scores"),
				 .topic = bytes_of_text("s"),
				 .position = 0,
				 .time_max = TIME_MIN},
			},
	};

	task_header_write(&header, &out);
	return out;
}

TEST(what_is_written_is_read)
{
	struct buffer bytes = sample();
	struct task_header got = {0};
	struct error err;

	check_ok(task_header_read(buffer_bytes(&bytes), &got, &err));
	check_int((int64_t)got.incarnation, 7);
	check_int(got.watermark, -5);
	check_int(got.input_count, 2);
	check_bytes(got.inputs[0].port, bytes_of_text("impressions"));
	check_bytes(got.inputs[0].topic, bytes_of_text("shown"));
	check_int(got.inputs[0].position, 12);
	check_int(got.inputs[0].time_max, 99);
	check_int(got.inputs[1].time_max, TIME_MIN);
	check_int((int64_t)got.letters_count, 2);
	check_bytes(got.letters[0].port, bytes_of_text("vectors"));
	check_bytes(got.letters[0].topic, bytes_of_text("v"));
	check_int(got.letters[0].partition, 1);
	check_int(got.letters[0].next, 40);
	check_int(got.letters[1].partition, 5);
	task_header_fini(&got);
	buffer_fini(&bytes);
}

TEST(a_header_cut_anywhere_is_refused)
{
	struct buffer bytes = sample();
	struct task_header got = {0};
	struct error err;

	for (size_t size = 1; size < bytes.size; size++) {
		check_fails(task_header_read(bytes_of(bytes.data, size), &got, &err), "damaged");
		task_header_fini(&got);
	}
	buffer_fini(&bytes);
}

TEST(another_format_is_refused_and_named)
{
	struct buffer bytes = sample();
	struct task_header got = {0};
	struct error err;

	bytes.data[0] = 9;
	check_fails(task_header_read(buffer_bytes(&bytes), &got, &err), "written in format 9");
	buffer_fini(&bytes);
}
