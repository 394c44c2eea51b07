#include "log/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/log/log_fixture.h"

static int
try_open(const char *directory, bool read_only, struct error *err)
{
	struct log_config config = {.type = "embedded",
				    .directory = directory,
				    .read_only = read_only,
				    .memory_bytes = 16 << 20,
				    .clock = &clock_system};
	struct log *log = NULL;
	int result = log_open(&config, &log, err);

	log_close(&log);
	return result;
}

TEST(a_log_is_found_again_with_its_topics_records_and_positions)
{
	char *directory = memory_format("%s/deep/log", test_directory());
	struct log *log = fixture_open(directory, false);
	int topic = fixture_topic(log, "numbers", 3, false);
	struct transaction *transaction;
	struct partition_info info;
	struct error err;
	int64_t last, offset;

	check_ok(log_transaction_open(log, "test", &transaction, &err));
	fixture_append(transaction, topic, 2, 0, 5000, 200, 7);
	transaction_position(transaction, "group", topic, 1, 42);
	fixture_commit(transaction);
	transaction_close(&transaction);
	log_close(&log);

	log = fixture_open(directory, false);
	check_ok(log_topic(log, "numbers", &topic, &err));
	check_int(log_topic_partitions(log, topic), 3);
	check_text(log_topic_name(log, topic), "numbers");
	check_int(fixture_count(log, topic, 2, 0, &last), 5000);
	check_int(last, 4999);
	check_ok(log_position(log, "group", topic, 1, &offset, &err));
	check_int(offset, 42);
	check_ok(log_position(log, "other", topic, 1, &offset, &err));
	check_int(offset, -1);
	check_ok(log_partition_info(log, topic, 2, &info, &err));
	check_int(info.start, 0);
	check_int(info.end, 5000);
	check_int(info.records, 5000);
	check_int(info.first_time, 1000);
	check_int(info.last_time, 5999);
	check(info.bytes > 5000 * 200);
	for (int64_t time = 990; time < 6010; time += 7) {
		check_ok(log_offset_at(log, topic, 2, time, &offset, &err));
		check_int(offset, time < 1000 ? 0 : time > 5999 ? 5000 : time - 1000);
	}
	log_close(&log);
	memory_free(&directory);
}

TEST(a_second_writer_is_refused_with_the_process_that_has_it)
{
	struct log *log = fixture_open(test_directory(), false);
	struct error err;
	char text[64];

	snprintf(text, sizeof(text), "is held by process %ld:", (long)getpid());
	check_fails(try_open(test_directory(), false, &err), text);
	log_close(&log);
	check_ok(try_open(test_directory(), false, &err));
}

TEST(a_newer_format_and_a_missing_log_are_refused)
{
	char *path = memory_format("%s/format", test_directory());
	struct error err;
	FILE *file;

	check_fails(try_open(test_directory(), true, &err), "there is no log in");
	check_ok(try_open(test_directory(), false, &err));
	file = fopen(path, "w");
	fprintf(file, "isotope log 3\n");
	fclose(file);
	check_fails(try_open(test_directory(), false, &err), "written by a newer isotope");
	file = fopen(path, "w");
	fprintf(file, "nonsense\n");
	fclose(file);
	check_fails(try_open(test_directory(), false, &err), "does not say a format version");
	memory_free(&path);
}

TEST(wrong_topics_are_refused_by_name)
{
	struct log *log = fixture_open(NULL, false);
	struct topic_spec spec = {.name = "impressions", .partitions = 4, .retention_ms = -1, .retention_bytes = -1};
	struct reader *reader;
	struct error err;
	int topic = fixture_topic(log, "impressions", 4, false);

	check_fails(log_topic(log, "impresions", &topic, &err), "did you mean 'impressions'?");
	spec.partitions = 5;
	check_fails(log_create_topic(log, &spec, &err), "has 4 partitions, not 5");
	spec.partitions = LOG_PARTITIONS_MAX + 1;
	check_fails(log_create_topic(log, &spec, &err), "expected 1 to 4096");
	spec.partitions = 1;
	spec.name = "a/b";
	check_fails(log_create_topic(log, &spec, &err), "'a/b': expected letters");
	check_ok(log_topic(log, "impressions", &topic, &err));
	check_fails(log_reader_open(log, topic, 4, 0, &reader, &err), "no partition 4");
	check_fails(log_reader_open(log, topic, 0, 1, &reader, &err), "no offset 1");
	log_close(&log);
}

/* Forked before this process has used RocksDB: its threads do not survive a fork. */
static void
write_and_trim(int ready)
{
	struct log *log = fixture_open(test_directory(), false);
	int topic = fixture_topic(log, "numbers", 1, false);
	struct transaction *transaction;
	struct error err;

	check_ok(log_transaction_open(log, "test", &transaction, &err));
	for (int i = 0; i < 200; i++) {
		fixture_append(transaction, topic, 0, i * 100, 100, 3000, 7);
		fixture_commit(transaction);
		if (i > 30)
			check_ok(log_trim(log, topic, 0, (i - 30) * 100, &err));
		if (i == 40)
			check_int(write(ready, "x", 1), 1);
	}
	transaction_close(&transaction);
	log_close(&log);
	_exit(0);
}

TEST(a_reader_follows_while_another_process_writes)
{
	struct transaction *transaction;
	struct reader *reader;
	struct log_batch batch;
	struct error err;
	struct log *log;
	int64_t next = 0;
	int ready[2], topic, status;

	test_directory(); /* made now, for both */
	check_int(pipe(ready), 0);
	if (fork() == 0)
		write_and_trim(ready[1]);
	close(ready[1]);
	check_int(read(ready[0], &(char){0}, 1), 1);
	log = fixture_open(test_directory(), true);
	check_fails(log_transaction_open(log, "test", &transaction, &err), "for reading only");
	check_ok(log_topic(log, "numbers", &topic, &err));
	check_ok(log_reader_open(log, topic, 0, 0, &reader, &err));
	while (next < 20000) {
		check_ok(reader_fetch(reader, 20000, &batch, &err));
		check(batch.count != 0);
		for (size_t i = 0; i < batch.count; i++)
			check_int(fixture_number(&batch.records[i]), batch.records[i].offset);
		next = batch.next;
	}
	check(wait(&status) > 0 && status == 0);
	reader_close(&reader);
	log_close(&log);
	close(ready[0]);
}

TEST(a_reader_that_was_killed_leaves_nothing_for_long)
{
	char *left = memory_format("%s/isotope-reader-%d-abcdef", test_directory(), INT32_MAX);
	struct error err;

	check_ok(try_open(test_directory(), false, &err));
	check_int(mkdir(left, 0700), 0);
	check_int(setenv("TMPDIR", test_directory(), 1), 0);
	check_ok(try_open(test_directory(), true, &err));
	check_int(access(left, F_OK), -1);
	memory_free(&left);
}
