#include "dataflow/task_header.h"

#include "base/clock.h"
#include "base/packed.h"
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
		.unfinished = true,
		.began_at = -70,
		.input_count = 2,
		.inputs =
			{
				{.port = bytes_of_text("impressions"),
				 .topic = bytes_of_text("shown"),
				 .position = 12,
				 .time_max = 99,
				 .topic_id = "0123456789abcde",
				 .mark = {.offset = 11, .timestamp_ms = -3, .checksum = UINT64_MAX},
				 .window = bytes_of_text("runs"),
				 .reasons = bytes_of_text("why")},
				{.port = bytes_of_text("scores"),
				 .topic = bytes_of_text("s"),
				 .position = 0,
				 .time_max = TIME_MIN,
				 .mark = {.offset = -1}},
			},
		.writer = bytes_of_text("host-1"),
		.operator_type = bytes_of_text("engagement_join"),
		.tasks = 8,
		.partitioner = bytes_of_text("murmur2"),
		.options = bytes_of_text("window=10min"),
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
	check(got.unfinished);
	check_int(got.began_at, -70);
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
	check_bytes(bytes_of(got.inputs[0].topic_id, sizeof(got.inputs[0].topic_id)), bytes_of("0123456789abcde", 16));
	check_int(got.inputs[0].mark.offset, 11);
	check_int(got.inputs[0].mark.timestamp_ms, -3);
	check(got.inputs[0].mark.checksum == UINT64_MAX);
	check_int(got.inputs[1].mark.offset, -1);
	check_bytes(got.inputs[0].window, bytes_of_text("runs"));
	check_bytes(got.inputs[0].reasons, bytes_of_text("why"));
	check_int((int64_t)got.inputs[1].window.size, 0);
	check_bytes(got.writer, bytes_of_text("host-1"));
	check_bytes(got.operator_type, bytes_of_text("engagement_join"));
	check_int(got.tasks, 8);
	check_bytes(got.partitioner, bytes_of_text("murmur2"));
	check_bytes(got.options, bytes_of_text("window=10min"));
	task_header_fini(&got);
	buffer_fini(&bytes);
}

/* Between two facts a header may end: what it has not is not known. */
TEST(a_header_cut_anywhere_is_refused_or_knows_less)
{
	struct buffer bytes = sample();
	struct task_header got = {0};
	struct error err;
	int whole = 0;

	for (size_t size = 1; size < bytes.size; size++) {
		if (task_header_read(bytes_of(bytes.data, size), &got, &err) == 0) {
			check_int((int64_t)got.letters_count, 2);
			whole++;
		} else {
			check_contains(err.text, "damaged");
		}
		task_header_fini(&got);
	}
	check_int(whole, 8);
	buffer_fini(&bytes);
}

TEST(a_fact_that_is_not_known_is_passed_over)
{
	struct buffer bytes = sample();
	struct task_header got = {0};
	struct error err;

	buffer_put_varint(&bytes, 1000);
	buffer_put_text(&bytes, bytes_of_text("of a later version"));
	check_ok(task_header_read(buffer_bytes(&bytes), &got, &err));
	check_int(got.tasks, 8);
	task_header_fini(&got);
	buffer_fini(&bytes);
}

/* u8 3 | incarnation | watermark | an input without markers | no places of letters: as 0.1.0 wrote it. */
TEST(a_header_of_version_3_is_read)
{
	struct buffer bytes = {0};
	struct task_header got = {0};
	struct error err;

	buffer_put_u8(&bytes, 3);
	buffer_put_u64(&bytes, 4);
	buffer_put_u64(&bytes, 1000);
	buffer_put_varint(&bytes, 1);
	buffer_put_text(&bytes, bytes_of_text("impressions"));
	buffer_put_text(&bytes, bytes_of_text("shown"));
	buffer_put_u64(&bytes, 12);
	buffer_put_u64(&bytes, 99);
	buffer_put_varint(&bytes, 0);
	buffer_put_varint(&bytes, 0);
	check_ok(task_header_read(buffer_bytes(&bytes), &got, &err));
	check_int(got.inputs[0].position, 12);
	check_int(got.inputs[0].mark.offset, -1);
	check_int(got.tasks, 0);
	check_int((int64_t)got.operator_type.size, 0);
	task_header_fini(&got);
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
