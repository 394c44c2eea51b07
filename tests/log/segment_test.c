#include "log/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/test.h"

#define TOPIC 3

static struct error err;
static const char header[] = "0123456789abcdef";

static struct segments *
open_segments(bool read_only)
{
	struct segments *segments;

	check_ok(segments_open(test_directory(), read_only, &segments, &err));
	return segments;
}

static struct segment_place
append(struct segments *segments, const char *text)
{
	struct segment_place place;

	check_ok(segments_append(segments, TOPIC, bytes_of(header, 16), bytes_of_text(text), &place, &err));
	check_ok(segments_sync(segments, TOPIC, &err));
	segments_indexed(segments, TOPIC);
	return place;
}

/* The records of the batch at the place; "gone" where its file is. */
static const char *
read_text(struct segments *segments, const struct segment_place *place)
{
	static char text[64];
	struct buffer body = {0};
	bool gone;

	check_ok(segments_read(segments, TOPIC, place, &body, &gone, &err));
	snprintf(text, sizeof(text), "%.*s", gone ? 4 : (int)body.size - 16,
		 gone ? "gone" : (const char *)body.data + 16);
	buffer_fini(&body);
	return text;
}

static bool
refers_to(void *argument, uint64_t number)
{
	return number == *(uint64_t *)argument;
}

static void
damage(const char *name, long at, char byte)
{
	char *path = memory_format("%s/segments/%s", test_directory(), name);
	int fd = open(path, O_WRONLY);

	check(fd >= 0);
	check_int(pwrite(fd, &byte, 1, at), 1);
	close(fd);
	memory_free(&path);
}

TEST(what_was_appended_is_read_by_its_place)
{
	struct segments *segments = open_segments(false);
	struct segment_place first = append(segments, "first"), second = append(segments, "second");

	check_int((int64_t)second.position, 16 + 5);
	check_text(read_text(segments, &first), "first");
	check_text(read_text(segments, &second), "second");
	segments_close(&segments);
}

TEST(another_process_reads_what_is_written_meanwhile)
{
	struct segments *writer = open_segments(false), *reader = open_segments(true);
	struct segment_place place = append(writer, "hello");

	check_text(read_text(reader, &place), "hello");
	segments_close(&reader);
	segments_close(&writer);
}

TEST(the_next_writer_begins_a_file_of_its_own)
{
	struct segments *segments = open_segments(false);
	struct segment_place first = append(segments, "first"), second;

	segments_close(&segments);
	segments = open_segments(false);
	second = append(segments, "second");
	check_int((int64_t)first.number, 0);
	check_int((int64_t)second.number, 1);
	check_text(read_text(segments, &first), "first");
	segments_close(&segments);
}

TEST(a_file_that_nothing_refers_to_is_removed_and_its_number_is_not_used_again)
{
	struct segments *segments = open_segments(false);
	struct segment_place first = append(segments, "first"), second;
	uint64_t kept;

	segments_close(&segments);
	segments = open_segments(false);
	second = append(segments, "second");
	kept = second.number;
	segments_remove(segments, TOPIC, segments_first_unindexed(segments, TOPIC), refers_to, &kept);
	check_text(read_text(segments, &first), "gone");
	check_text(read_text(segments, &second), "second");
	segments_close(&segments);
	segments = open_segments(false);
	check_int((int64_t)append(segments, "third").number, 2);
	segments_close(&segments);
}

TEST(what_has_no_row_yet_is_not_removed)
{
	struct segments *segments = open_segments(false);
	struct segment_place place;
	uint64_t none = UINT64_MAX, before = segments_first_unindexed(segments, TOPIC);

	check_ok(segments_append(segments, TOPIC, bytes_of(header, 16), bytes_of_text("new"), &place, &err));
	segments_remove(segments, TOPIC, before, refers_to, &none);
	check_text(read_text(segments, &place), "new");
	segments_remove(segments, TOPIC, segments_first_unindexed(segments, TOPIC), refers_to, &none);
	check_text(read_text(segments, &place), "new");
	segments_close(&segments);
}

TEST(a_flipped_byte_is_found_wherever_it_is)
{
	struct segments *segments = open_segments(false);
	struct segment_place place = append(segments, "some records");
	struct buffer body = {0};
	bool gone;

	for (long at = 0; at < (long)place.size; at++) {
		char byte = "0123456789abcdefsome records"[at];

		damage("3-0", at, (char)(byte ^ 4));
		check_fails(segments_read(segments, TOPIC, &place, &body, &gone, &err),
			    "the log is damaged: segment 3-0");
		damage("3-0", at, byte);
	}
	check_text(read_text(segments, &place), "some records");
	buffer_fini(&body);
	segments_close(&segments);
}

TEST(a_shortened_file_is_an_error_and_no_crash)
{
	struct segments *segments = open_segments(false);
	struct segment_place place = append(segments, "some records");
	char *path = memory_format("%s/segments/3-0", test_directory());
	struct buffer body = {0};
	bool gone;

	check_int(truncate(path, 20), 0);
	check_fails(segments_read(segments, TOPIC, &place, &body, &gone, &err), "the log is damaged: segment 3-0");
	memory_free(&path);
	buffer_fini(&body);
	segments_close(&segments);
}

TEST(in_memory_it_is_the_same)
{
	struct segments *segments;
	struct segment_place first, second;

	check_ok(segments_open(NULL, false, &segments, &err));
	first = append(segments, "first");
	second = append(segments, "second");
	check_text(read_text(segments, &first), "first");
	check_text(read_text(segments, &second), "second");
	segments_close(&segments);
}

TEST(a_place_of_another_size_is_refused)
{
	struct segment_place place;

	check_fails(segment_place_read(bytes_of(header, 16), &place, &err), "has 16 bytes, expected 32");
}
