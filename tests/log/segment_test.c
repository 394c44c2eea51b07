#include "log/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "log/segment_files.h"
#include "tests/test.h"

#define TOPIC 3

static struct error err;
static const char header[] = "0123456789abcdef";

/* In place of the C library's. */
static int failing_syncs;

int
fdatasync(int fd)
{
	if (failing_syncs > 0) {
		failing_syncs--;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

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
	check(segments_removable(segments, TOPIC, segments_first_unindexed(segments, TOPIC), refers_to, &kept));
	check_ok(segments_remove(segments, TOPIC, segments_first_unindexed(segments, TOPIC), refers_to, &kept, &err));
	check(!segments_removable(segments, TOPIC, segments_first_unindexed(segments, TOPIC), refers_to, &kept));
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
	check_ok(segments_remove(segments, TOPIC, before, refers_to, &none, &err));
	check_text(read_text(segments, &place), "new");
	check_ok(segments_remove(segments, TOPIC, segments_first_unindexed(segments, TOPIC), refers_to, &none, &err));
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
		check_fails(
			segments_read(segments, TOPIC, &place, &body, &gone, &err),
			"segments/3-0 does not have at byte 0 the 28 bytes that were written there (their checksum is");
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
	check_fails(segments_read(segments, TOPIC, &place, &body, &gone, &err),
		    "segments/3-0 does not have at byte 0 the 28 bytes that were written there (the file ends before");
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

TEST(a_size_that_no_batch_has_is_damage_and_not_a_lack_of_memory)
{
	struct segments *segments = open_segments(false);
	struct segment_place place = append(segments, "some records");
	struct buffer body = {0};
	bool gone;

	place.size = UINT64_MAX / 2;
	check_fails(segments_read(segments, TOPIC, &place, &body, &gone, &err), "(its size cannot be right)");
	place.size = 15;
	check_fails(segments_read(segments, TOPIC, &place, &body, &gone, &err), "(its size cannot be right)");
	buffer_fini(&body);
	segments_close(&segments);
}

TEST(what_cannot_be_opened_is_an_error_and_not_gone)
{
	struct segments *segments = open_segments(true), *writer = open_segments(false);
	struct segment_place place = append(writer, "some records");
	char *path = memory_format("%s/segments/3-0", test_directory());
	char *aside = memory_format("%s/aside", test_directory());
	struct buffer body = {0};
	bool gone;

	check_int(rename(path, aside), 0);
	check_int(symlink(path, path), 0);
	check_fails(segments_read(segments, TOPIC, &place, &body, &gone, &err), "Too many levels of symbolic links");
	check_contains(err.text, "segments/3-0: it cannot be opened");
	check_int(err.action, FATAL);
	check_int(unlink(path), 0);
	check_text(read_text(segments, &place), "gone");
	check_int(rename(aside, path), 0);
	check_text(read_text(segments, &place), "some records");
	memory_free(&path);
	memory_free(&aside);
	buffer_fini(&body);
	segments_close(&segments);
	segments_close(&writer);
}

static int
count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	check(directory != NULL);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void
limit_descriptors(rlim_t limit)
{
	struct rlimit now;

	check_int(getrlimit(RLIMIT_NOFILE, &now), 0);
	now.rlim_cur = limit;
	check_int(setrlimit(RLIMIT_NOFILE, &now), 0);
}

/* The text of the one batch of each of many topics. */
static void
check_topics(struct segments *segments, const struct segment_place *places, int topics)
{
	for (int topic = 0; topic < topics; topic++) {
		struct buffer body = {0};
		char text[32];
		bool gone;

		snprintf(text, sizeof(text), "0123456789abcdeftopic %d", topic);
		check_ok(segments_read(segments, topic, &places[topic], &body, &gone, &err));
		check(!gone);
		check_bytes(buffer_bytes(&body), bytes_of_text(text));
		buffer_fini(&body);
	}
}

TEST(few_descriptors_do_for_many_topics)
{
	enum { TOPICS = 200, LIMIT = 64 };
	struct segment_place places[TOPICS];
	struct segments *segments;
	int before = count_descriptors();

	limit_descriptors(LIMIT);
	segments = open_segments(false);
	for (int round = 0; round < 2; round++)
		for (int topic = 0; topic < TOPICS; topic++) {
			char text[32];

			snprintf(text, sizeof(text), "topic %d", topic);
			check_ok(segments_append(segments, topic, bytes_of(header, 16), bytes_of_text(text),
						 &places[topic], &err));
			check_ok(segments_sync(segments, topic, &err));
			check(count_descriptors() <= before + 1 + LIMIT / 4);
		}
	check_topics(segments, places, TOPICS);
	check_int((int64_t)places[TOPICS - 1].number, 0); /* it went on in the file that had been closed */
	segments_close(&segments);
}

TEST(without_a_descriptor_left_a_call_may_be_made_again)
{
	struct segments *segments = open_segments(true), *writer = open_segments(false);
	struct segment_place place = append(writer, "some records"), other;
	struct buffer body = {0};
	int taken[1024], count = 0;
	bool gone;

	check_ok(segments_append(writer, TOPIC, bytes_of(header, 16), bytes_of_text("not durable"), &other, &err));
	limit_descriptors(64);
	while ((taken[count] = dup(STDERR_FILENO)) >= 0)
		count++;
	check_fails(segments_read(segments, TOPIC, &place, &body, &gone, &err), "Too many open files");
	check_int(err.action, RETRY);
	check_fails(segments_append(writer, TOPIC + 1, bytes_of(header, 16), bytes_of_text("x"), &other, &err),
		    "Too many open files");
	check_int(err.action, RETRY);
	close(taken[--count]);
	check_text(read_text(segments, &place), "some records");
	while (count > 0)
		close(taken[--count]);
	buffer_fini(&body);
	segments_close(&segments);
	segments_close(&writer);
}

TEST(a_failed_sync_fails_the_log_for_good_whoever_met_it)
{
	struct segments *segments = open_segments(false);
	struct segment_place place, kept = append(segments, "before");

	check_ok(segments_append(segments, TOPIC, bytes_of(header, 16), bytes_of_text("new"), &place, &err));
	failing_syncs = 1;
	check_fails(segments_sync(segments, TOPIC, &err),
		    "segments/3-0: it cannot be made durable: Input/output error");
	check_int(err.action, FATAL);
	check_fails(segments_sync(segments, TOPIC, &err), "cannot be written to since: ");
	check_fails(segments_sync(segments, TOPIC + 1, &err), "it cannot be made durable");
	check_fails(segments_append(segments, TOPIC + 1, bytes_of(header, 16), bytes_of_text("x"), &place, &err),
		    "cannot be written to since: ");
	check_text(read_text(segments, &kept), "before");
	segments_close(&segments);
}
