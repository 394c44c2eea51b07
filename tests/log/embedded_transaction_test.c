#include <pthread.h>

#include "tests/log/log_fixture.h"

TEST(committed_records_are_read_back_as_they_were_appended)
{
	struct log *log = fixture_open(NULL, false);
	int topic = fixture_topic(log, "numbers", 2, false);
	struct transaction *transaction;
	struct reader *reader;
	struct log_batch batch;
	struct error err;

	check_ok(log_transaction_open(log, "test", &transaction, &err));
	transaction_append_begin(transaction, topic, 1, (struct bytes){0}, 5);
	check_ok(transaction_append_end(transaction, &err));
	buffer_put_bytes(transaction_append_begin(transaction, topic, 1, bytes_of_text("key"), -7),
			 bytes_of_text("value"));
	check_ok(transaction_append_end(transaction, &err));
	check_ok(transaction_append_deletion(transaction, topic, 1, bytes_of_text(""), 9, &err));
	transaction_keep(transaction);
	fixture_commit(transaction);
	check_int(transaction_first_offset(transaction, topic, 1), 0);
	check_int(transaction_first_offset(transaction, topic, 0), -1);
	check_int((int64_t)transaction_bytes(transaction), 0);

	check_ok(log_reader_open(log, topic, 1, 0, &reader, &err));
	check_ok(reader_fetch(reader, 0, &batch, &err));
	check_int((int64_t)batch.count, 3);
	check_int(batch.next, 3);
	check(batch.at_end);
	check(!batch.records[0].key.data && batch.records[0].value.data);
	check_int((int64_t)batch.records[0].value.size, 0);
	check_int(batch.records[1].timestamp_ms, -7);
	check_int(batch.records[1].offset, 1);
	check_bytes(batch.records[1].key, bytes_of_text("key"));
	check_bytes(batch.records[1].value, bytes_of_text("value"));
	check(batch.records[2].key.data && !batch.records[2].value.data);
	reader_close(&reader);
	transaction_close(&transaction);
	log_close(&log);
}

TEST(a_partition_that_somebody_else_has_written_to_is_noticed_before_the_commit)
{
	struct log *log = fixture_open(NULL, false);
	int topic = fixture_topic(log, "journal", 1, false);
	struct transaction *first, *second;
	struct error err;
	int64_t last;

	check_ok(log_transaction_open(log, "first", &first, &err));
	check_ok(log_transaction_open(log, "second", &second, &err));
	transaction_expect(first, topic, 0, 0);
	for (int i = 0; i < 3; i++) {
		fixture_append(first, topic, 0, i, 1, 10, 7);
		fixture_commit(first);
	}
	fixture_append(second, topic, 0, 3, 1, 10, 7);
	fixture_commit(second);
	fixture_append(first, topic, 0, 4, 1, 10, 7);
	check_fails(transaction_commit(first, &err), "journal partition 0 ends at 4, not at 3");
	check_int(err.action, ABORT);
	check_ok(transaction_abort(first, &err));
	check_int(fixture_count(log, topic, 0, 0, &last), 4);
	transaction_expect(first, topic, 0, 4);
	fixture_append(first, topic, 0, 4, 1, 10, 7);
	fixture_commit(first);
	transaction_close(&first);
	transaction_close(&second);
	log_close(&log);
}

TEST(undo_takes_back_what_was_not_kept_also_across_stored_batches)
{
	struct log *log = fixture_open(NULL, false);
	int topic = fixture_topic(log, "numbers", 2, false);
	struct transaction *transaction;
	struct buffer *buffer;
	struct error err;
	size_t kept;
	int64_t last;

	check_ok(log_transaction_open(log, "test", &transaction, &err));
	fixture_append(transaction, topic, 0, 0, 1500, 1000, 7);
	kept = transaction_bytes(transaction);
	for (int i = 0; i < 700; i++) {
		buffer = transaction_append_begin(transaction, topic, i % 2, bytes_of_text("x"), 1);
		memset(buffer_reserve(buffer, 1000), 'x', 1000);
		buffer->size += 1000;
		check_ok(transaction_append_end(transaction, &err));
	}
	transaction_undo(transaction);
	check_int((int64_t)transaction_bytes(transaction), (int64_t)kept);
	fixture_append(transaction, topic, 0, 1500, 10, 1000, 7);
	fixture_commit(transaction);
	check_int(fixture_count(log, topic, 0, 0, &last), 1510);
	check_int(last, 1509);
	check_int(fixture_count(log, topic, 1, 0, &last), 0);
	check_int(fixture_count(log, topic, 0, 777, &last), 1510 - 777);

	fixture_append(transaction, topic, 0, 9, 1, 10, 7);
	check_ok(transaction_abort(transaction, &err));
	fixture_commit(transaction);
	check_int(fixture_count(log, topic, 0, 0, &last), 1510);
	check_int(transaction_first_offset(transaction, topic, 0), -1);
	transaction_close(&transaction);
	log_close(&log);
}

TEST(a_record_that_is_too_large_is_taken_back_and_said_to_be)
{
	struct log *log = fixture_open(NULL, false);
	int topic = fixture_topic(log, "numbers", 1, false);
	struct transaction *transaction;
	struct buffer *buffer;
	struct error err;
	int64_t last;

	check_ok(log_transaction_open(log, "test", &transaction, &err));
	for (size_t size = LOG_RECORD_SIZE_MAX - 1; size <= LOG_RECORD_SIZE_MAX; size++) {
		buffer = transaction_append_begin(transaction, topic, 0, bytes_of_text("k"), 1);
		memset(buffer_reserve(buffer, size), 'x', size);
		buffer->size += size;
		if (size < LOG_RECORD_SIZE_MAX)
			check_ok(transaction_append_end(transaction, &err));
		else
			check_fails(transaction_append_end(transaction, &err), "'numbers' has 1000001 bytes");
	}
	check_int(err.action, SKIP);
	transaction_append_begin(transaction, topic, 0, bytes_of_text("k"), 1);
	transaction_append_cancel(transaction);
	transaction_keep(transaction);
	fixture_commit(transaction);
	check_int(fixture_count(log, topic, 0, 0, &last), 1);
	transaction_close(&transaction);
	log_close(&log);
}

#define WRITERS 3
#define COMMITS 100

/* Each commit has as many records in both partitions. */
static void *
write_pairs(void *log)
{
	struct transaction *transaction;
	struct error err;
	int topic;

	check_ok(log_topic(log, "numbers", &topic, &err));
	check_ok(log_transaction_open(log, "test", &transaction, &err));
	for (int64_t i = 0; i < COMMITS; i++) {
		fixture_append(transaction, topic, 0, i, (int)(i % 7), 300, 7);
		fixture_append(transaction, topic, 1, i, (int)(i % 7), 300, 7);
		fixture_commit(transaction);
	}
	transaction_close(&transaction);
	return NULL;
}

TEST(offsets_are_contiguous_with_several_writers_and_a_reader_beside_them)
{
	struct log *log = fixture_open(NULL, false);
	int topic = fixture_topic(log, "numbers", 2, false);
	int64_t next = 0, total = 0, last;
	pthread_t writers[WRITERS];
	struct reader *reader;
	struct log_batch batch;
	struct error err;

	for (int i = 0; i < COMMITS; i++)
		total += WRITERS * (i % 7);
	check_ok(log_reader_open(log, topic, 0, 0, &reader, &err));
	for (int i = 0; i < WRITERS; i++)
		check_int(pthread_create(&writers[i], NULL, write_pairs, log), 0);
	while (next < total) {
		check_ok(reader_fetch(reader, 30000, &batch, &err));
		check(batch.count != 0);
		for (size_t i = 0; i < batch.count; i++)
			check_int(batch.records[i].offset, next++);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	check_int(fixture_count(log, topic, 1, 0, &last), total);
	reader_close(&reader);
	log_close(&log);
}
