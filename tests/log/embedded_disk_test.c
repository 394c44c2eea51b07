#include "log/embedded_log.h"
#include "log/segment_files.h"
#include "tests/log/log_fixture.h"

#define MIB (1 << 20)
#define LIMIT_BYTES (24 * MIB)

static struct error err;

static struct log *
open_log(void)
{
	struct log_config config = {.type = "embedded",
				    .directory = test_directory(),
				    .memory_bytes = 16 << 20,
				    .disk_bytes = LIMIT_BYTES,
				    .clock = &clock_system};
	struct log *log;

	check_ok(log_open(&config, &log, &err));
	return log;
}

static int
make_topic(struct log *log, const char *name, int64_t retention_ms)
{
	struct topic_spec spec = {
		.name = name, .partitions = 2, .retention_ms = retention_ms, .retention_bytes = LOG_RETENTION_FOREVER};
	int topic;

	check_ok(log_create_topic(log, &spec, &err));
	check_ok(log_topic(log, name, &topic, &err));
	return topic;
}

/* So many MiB into both partitions together. */
static void
fill(struct log *log, int topic, int mib)
{
	struct transaction *transaction;

	check_ok(log_transaction_open(log, "test", &transaction, &err));
	for (int i = 0; i < mib; i++) {
		fixture_append(transaction, topic, i % 2, 0, 1024, 1024, 7);
		fixture_commit(transaction);
	}
	transaction_close(&transaction);
}

static int64_t
start_of(struct log *log, int topic, int partition)
{
	struct partition_ends ends;

	check_ok(log_partition_ends(log, topic, partition, &ends, &err));
	return ends.start;
}

TEST(beyond_the_bound_the_oldest_go_of_topics_that_have_a_retention)
{
	struct log *log = open_log();
	int dated = make_topic(log, "dated", 7LL * 24 * 3600 * 1000), kept = make_topic(log, "kept", -1);
	struct log_disk disk;
	int64_t last;

	fill(log, kept, 4);
	fill(log, dated, 50);
	check_ok(embedded_disk_look(embedded_of(log), &err));
	check(log_disk(log, &disk));
	check(disk.bytes <= LIMIT_BYTES && disk.bytes > LIMIT_BYTES / 2);
	check_int(disk.limit_bytes, LIMIT_BYTES);
	for (int i = 0; i < 2; i++) {
		check(start_of(log, dated, i) > 5 * 1024);
		check_int(start_of(log, kept, i), 0);
		check_int(fixture_count(log, dated, i, 0, &last), 25 * 1024 - start_of(log, dated, i));
		check_int(fixture_count(log, kept, i, 0, &last), 2 * 1024);
	}
	log_close(&log);
}

TEST(what_has_to_be_kept_is_kept_beyond_the_bound_too)
{
	struct log *log = open_log();
	int kept = make_topic(log, "kept", -1);
	struct log_disk disk;
	int64_t last;

	fill(log, kept, 30);
	check_ok(embedded_disk_look(embedded_of(log), &err));
	check(log_disk(log, &disk) && disk.bytes > LIMIT_BYTES);
	check_int(fixture_count(log, kept, 0, 0, &last), 15 * 1024);
	log_close(&log);
}

static int64_t
segments_of(struct log *log, int topic)
{
	return (int64_t)embedded_of(log)->segments->streams[topic].count;
}

/* Batches of one record, so that there are more of them than the sweeper looks at. */
static void
append_each(struct log *log, int topic, int partition, int count)
{
	struct transaction *transaction;

	check_ok(log_transaction_open(log, "test", &transaction, &err));
	for (int i = 0; i < count; i++) {
		fixture_append(transaction, topic, partition, i, 1, 1024, 7);
		fixture_commit(transaction);
	}
	transaction_close(&transaction);
}

TEST(segments_go_that_have_lost_their_batches_and_no_others)
{
	struct log_config config = {
		.type = "embedded", .memory_bytes = 16 << 20, .disk_bytes = MIB, .clock = &clock_system};
	const int many = 4000;
	struct log *log;
	int64_t last, files;
	int topic;

	check_ok(log_open(&config, &log, &err));
	topic = make_topic(log, "numbers", LOG_RETENTION_FOREVER);
	append_each(log, topic, 1, 1);
	append_each(log, topic, 0, many);
	files = segments_of(log, topic);
	check(files >= 4);
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_int(segments_of(log, topic), files);
	check_int(fixture_count(log, topic, 0, 0, &last), many);
	check_ok(log_trim(log, topic, 0, many - 10, &err));
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_int(segments_of(log, topic), 2); /* the first one, for the other partition, and the last one */
	check_int(fixture_count(log, topic, 0, 0, &last), 10);
	check_int(fixture_count(log, topic, 1, 0, &last), 1);
	append_each(log, topic, 0, many);
	append_each(log, topic, 1, 1);
	check_ok(log_trim(log, topic, 1, 1, &err));
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_int(fixture_count(log, topic, 0, 0, &last), 10 + many);
	check_int(fixture_count(log, topic, 1, 0, &last), 1);
	check_ok(log_trim(log, topic, 0, many + many, &err));
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_int(segments_of(log, topic), 1);
	log_close(&log);
}

TEST(growth_says_how_long_the_disk_lasts)
{
	struct clock_manual clock;
	struct log_config config = {.type = "embedded",
				    .directory = test_directory(),
				    .memory_bytes = 16 << 20,
				    .disk_bytes = (int64_t)1024 * MIB,
				    .clock = &clock.clock};
	struct log_disk disk;
	struct log *log;

	clock_manual_init(&clock, 0);
	check_ok(log_open(&config, &log, &err));
	fill(log, make_topic(log, "numbers", -1), 20);
	clock_manual_pass(&clock, 30000);
	check(log_disk(log, &disk));
	check(disk.bytes_per_minute >= 40 * MIB && disk.bytes_per_minute < 80 * MIB);
	check(disk.lasts_ms > 10 * 60000 && disk.lasts_ms < 30 * 60000); /* 1,000 MiB at 40 a minute, or more */
	clock_manual_pass(&clock, 60000);
	check(log_disk(log, &disk));
	clock_manual_pass(&clock, 60000);
	check(log_disk(log, &disk)); /* nothing came in the last minute */
	check_int(disk.bytes_per_minute, 0);
	check_int(disk.lasts_ms, TIME_MAX);
	log_close(&log);
}
