#include "log/embedded_log.h"
#include "tests/log/log_fixture.h"

static struct transaction *
writer(struct log *log)
{
	struct transaction *transaction;
	struct error err;

	check_ok(log_transaction_open(log, "test", &transaction, &err));
	return transaction;
}

TEST(trimming_forgets_records_and_the_rest_is_read_from_the_start)
{
	struct log *log = fixture_open(test_directory(), false);
	int topic = fixture_topic(log, "numbers", 1, false);
	struct transaction *transaction = writer(log);
	struct partition_info info;
	struct error err;
	int64_t last;

	for (int i = 0; i < 10; i++) {
		fixture_append(transaction, topic, 0, i * 100, 100, 100, 7);
		fixture_commit(transaction);
	}
	check_ok(log_trim(log, topic, 0, 250, &err));
	check_int(fixture_count(log, topic, 0, 0, &last), 750);
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check_int(info.start, 250);
	check_int(info.records, 750);
	check_fails(log_trim(log, topic, 0, 1001, &err), "cannot be trimmed to offset 1001: it has 250 to 1000");
	check_ok(log_trim(log, topic, 0, 1000, &err));
	check_int(fixture_count(log, topic, 0, 0, &last), 0);
	transaction_close(&transaction);
	log_close(&log);

	log = fixture_open(test_directory(), false);
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check(info.start == 1000 && info.end == 1000 && info.records == 0);
	transaction = writer(log);
	fixture_append(transaction, topic, 0, 1000, 1, 10, 7);
	fixture_commit(transaction);
	check_int(transaction_first_offset(transaction, topic, 0), 1000);
	transaction_close(&transaction);
	log_close(&log);
}

TEST(a_reader_that_is_behind_what_was_taken_away_hears_of_it_once)
{
	struct log *log = fixture_open(NULL, false);
	int topic = fixture_topic(log, "numbers", 1, false);
	struct transaction *transaction = writer(log);
	struct reader *reader;
	struct log_batch batch;
	struct error err;

	for (int i = 0; i < 3; i++) {
		fixture_append(transaction, topic, 0, i * 100, 100, 100, 7);
		fixture_commit(transaction);
	}
	check_ok(log_reader_open(log, topic, 0, 0, &reader, &err));
	check_ok(reader_fetch(reader, 0, &batch, &err));
	check_int(batch.next, 100);
	check_int(batch.lost.to, 0);
	check_ok(log_trim(log, topic, 0, 250, &err));
	check_ok(reader_fetch(reader, 0, &batch, &err));
	check_int(batch.lost.from, 100);
	check_int(batch.lost.to, 250);
	check_int(batch.records[0].offset, 250);
	check_ok(reader_fetch(reader, 0, &batch, &err));
	check_int(batch.lost.to, 0);
	reader_close(&reader);
	transaction_close(&transaction);
	log_close(&log);
}

/* A log of one topic, by a clock that the test moves. */
static struct log *
open_by(struct clock_manual *clock, const char *directory, const struct topic_spec *spec, int *topic)
{
	struct log_config config = {
		.type = "embedded", .directory = directory, .memory_bytes = 16 << 20, .clock = &clock->clock};
	struct error err;
	struct log *log;

	check_ok(log_open(&config, &log, &err));
	check_ok(log_create_topic(log, spec, &err));
	check_ok(log_topic(log, spec->name, topic, &err));
	return log;
}

TEST(retention_keeps_what_is_young_and_what_fits)
{
	struct clock_manual clock;
	struct topic_spec spec = {.name = "numbers", .partitions = 1, .retention_ms = -1, .retention_bytes = 10000};
	struct transaction *transaction;
	struct partition_info info;
	struct error err;
	struct log *log;
	int topic;

	clock_manual_init(&clock, 0);
	log = open_by(&clock, NULL, &spec, &topic);
	transaction = writer(log);
	for (int i = 0; i < 50; i++) {
		fixture_append(transaction, topic, 0, i * 10, 10, 100, 7);
		fixture_commit(transaction);
	}
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check(info.bytes >= 10000 && info.bytes < 12000 && info.end == 500);
	spec.retention_bytes = -1;
	spec.retention_ms = 1000;
	check_ok(log_create_topic(log, &spec, &err));
	clock_manual_pass(&clock, 1480 + 1000); /* record n has the time 1000 + n */
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check_int(info.start, 480);
	transaction_close(&transaction);
	log_close(&log);
}

TEST(a_wall_clock_that_jumps_ahead_makes_nothing_old_until_it_has_held)
{
	struct clock_manual clock;
	struct topic_spec spec = {.name = "numbers", .partitions = 1, .retention_ms = 7200000, .retention_bytes = -1};
	struct transaction *transaction;
	struct partition_info info;
	struct error err;
	struct log *log;
	int topic;

	clock_manual_init(&clock, 0);
	log = open_by(&clock, NULL, &spec, &topic);
	transaction = writer(log);
	fixture_append(transaction, topic, 0, 0, 10, 100, 7);
	fixture_commit(transaction);
	check_ok(embedded_sweep(embedded_of(log), &err));
	clock_manual_jump(&clock, 365 * 86400000ll);
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check_int(info.records, 10);
	clock_manual_pass(&clock, WALL_GUARD_HOLD_MS);
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check_int(info.records, 0);
	transaction_close(&transaction);
	log_close(&log);
}

TEST(a_log_that_is_opened_with_a_clock_far_ahead_keeps_its_records_until_that_has_held)
{
	struct topic_spec spec = {.name = "numbers", .partitions = 1, .retention_ms = 7200000, .retention_bytes = -1};
	struct clock_manual clock;
	struct transaction *transaction;
	struct partition_info info;
	struct error err;
	struct log *log;
	int topic;

	clock_manual_init(&clock, 1000);
	for (int run = 0; run < 2; run++) {
		log = open_by(&clock, test_directory(), &spec, &topic);
		if (run == 0) {
			transaction = writer(log);
			fixture_append(transaction, topic, 0, 0, 10, 100, 7);
			fixture_commit(transaction);
			transaction_close(&transaction);
			log_close(&log);
			clock_manual_jump(&clock, 365 * 86400000ll);
		}
	}
	for (int i = 0; i < 4; i++) {
		check_ok(embedded_sweep(embedded_of(log), &err));
		check_ok(log_partition_info(log, topic, 0, &info, &err));
		check_int(info.records, i < 3 ? 10 : 0);
		clock_manual_pass(&clock, WALL_GUARD_HOLD_MS / 3 + 1);
	}
	log_close(&log);
}

TEST(compaction_keeps_the_last_record_of_each_key_and_the_offsets)
{
	struct log *log = fixture_open(NULL, false);
	int topic = fixture_topic(log, "numbers", 1, true);
	struct transaction *transaction = writer(log);
	struct partition_info info;
	struct reader *reader;
	struct log_batch batch;
	struct error err;
	int64_t expected = 993;

	for (int i = 0; i < 10; i++) {
		fixture_append(transaction, topic, 0, i * 100, 100, 100, 7);
		fixture_commit(transaction);
	}
	check_ok(transaction_append_deletion(transaction, topic, 0, bytes_of_text("k0"), 0, &err));
	transaction_keep(transaction);
	fixture_commit(transaction);
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check_int(info.records, 6); /* the deletion is older than a day */
	check_int(info.end, 1001);
	check_ok(log_reader_open(log, topic, 0, 0, &reader, &err));
	while (expected < 1000) {
		check_ok(reader_fetch(reader, 0, &batch, &err));
		check(batch.count != 0);
		check_int(batch.lost.to, 0); /* what is older than the last of its key is not lost */
		for (size_t i = 0; i < batch.count; i++, expected++) {
			expected += expected % 7 == 0; /* deleted */
			check_int(batch.records[i].offset, expected);
			check_int(fixture_number(&batch.records[i]), expected);
		}
	}
	check_ok(reader_fetch(reader, 0, &batch, &err));
	check(batch.count == 0 && batch.at_end && batch.next == 1001);
	reader_close(&reader);
	transaction_close(&transaction);
	log_close(&log);
}

TEST(compaction_keeps_what_was_replaced_within_the_lag)
{
	struct clock_manual clock;
	struct topic_spec spec = {.name = "versions",
				  .partitions = 1,
				  .compacted = true,
				  .compaction_lag_ms = 200000,
				  .retention_ms = LOG_RETENTION_FOREVER,
				  .retention_bytes = LOG_RETENTION_FOREVER};
	struct transaction *transaction;
	struct partition_info info;
	struct error err;
	struct log *log;
	int topic;

	clock_manual_init(&clock, 1000);
	log = open_by(&clock, test_directory(), &spec, &topic);
	transaction = writer(log);
	for (int i = 0; i < 200; i++, clock_manual_pass(&clock, 999)) { /* of two keys in turn */
		fixture_append(transaction, topic, 0, (int64_t)999 * i, 1, 100, 2);
		fixture_commit(transaction);
	}
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check_int(info.records, 200);
	transaction_close(&transaction);
	log_close(&log);

	log = open_by(&clock, test_directory(), &spec, &topic);
	clock_manual_pass(&clock, 60000);
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check_int(info.records, 2 + 140); /* of what is older than the lag the last of each key, and all within it */
	check_int(info.end, 200);
	clock_manual_pass(&clock, WALL_GUARD_HOLD_MS + 1);
	check_ok(embedded_sweep(embedded_of(log), &err));
	check_ok(log_partition_info(log, topic, 0, &info, &err));
	check_int(info.records, 2);
	log_close(&log);
}

TEST(a_topic_keeps_its_lag_for_whoever_opens_the_log_without_it)
{
	struct topic_spec spec = {.name = "versions",
				  .partitions = 1,
				  .compacted = true,
				  .compaction_lag_ms = 5000,
				  .retention_ms = LOG_RETENTION_FOREVER,
				  .retention_bytes = 7};
	struct clock_manual clock;
	struct log *log;
	int topic;

	clock_manual_init(&clock, 1000);
	log = open_by(&clock, test_directory(), &spec, &topic);
	log_close(&log);
	log = fixture_open(test_directory(), false);
	check_int(embedded_of(log)->topics[topic]->compaction_lag_ms, 5000);
	check_int(embedded_of(log)->topics[topic]->retention_bytes, 7);
	log_close(&log);
}
