/* What a transaction does while librdkafka has no room, on librdkafka's own mock of a broker, at least once. */
#include "log/kafka_transaction.h"

#include "tests/log/kafka_cluster.h"
#include "tests/test.h"

#define RECORDS 350
#define RECORD_BYTES 10000
#define COMMITS_MAX 200

static struct error err;

static struct cluster cluster;
static struct transaction *transaction;

static void
open_transaction(void)
{
	cluster_open(&cluster);
	check_ok(kafka_transaction_make(kafka_of(cluster.log), "id", -1, NULL, NULL, &transaction, &err));
}

static void
close_transaction(void)
{
	transaction_close(&transaction);
	cluster_close(&cluster);
}

static void
append(int number)
{
	struct buffer *to = transaction_append_begin(transaction, cluster.topic, 0, bytes_of_text("k"), 1);

	buffer_put_u32(to, (uint32_t)number);
	memset(buffer_reserve(to, RECORD_BYTES), 'x', RECORD_BYTES);
	to->size += RECORD_BYTES;
	check_ok(transaction_append_end(transaction, &err));
	transaction_keep(transaction);
}

/* Each once, and in order. */
static void
check_records(int count)
{
	struct reader *reader;
	struct log_batch batch;
	int seen = 0;

	check_ok(log_reader_open(cluster.log, cluster.topic, 0, 0, &reader, &err));
	do {
		check_ok(reader_fetch(reader, 1000, &batch, &err));
		for (size_t i = 0; i < batch.count; i++)
			check_int((int64_t)load_u32(batch.records[i].value.data), seen++);
	} while (seen < count || !batch.at_end);
	check_int(seen, count);
	reader_close(&reader);
}

TEST(a_full_queue_holds_back_the_commit_and_nothing_is_lost_or_out_of_order)
{
	int64_t began_us;
	int result = -1;

	open_transaction();
	rd_kafka_mock_broker_set_down(cluster.mock, 1);
	for (int i = 0; i < RECORDS; i++)
		append(i);
	check((int64_t)transaction_bytes(transaction) > (int64_t)RECORDS * RECORD_BYTES);
	for (int i = 0; i < 2; i++) {
		began_us = clock_monotonic_us();
		check_fails(transaction_commit(transaction, &err), "the producer's queue, 1024 KiB, is full");
		check(err.action == RETRY);
		check(clock_monotonic_us() - began_us < 60 * 1000000);
		check(!transaction_undecided(transaction));
	}
	rd_kafka_mock_broker_set_up(cluster.mock, 1);
	for (int i = 0; i < COMMITS_MAX && result < 0; i++) {
		result = transaction_commit(transaction, &err);
		check(result == 0 || err.action == RETRY);
	}
	check_int(result, 0);
	check_int((int64_t)transaction_bytes(transaction), 0);
	check_records(RECORDS);
	close_transaction();
}

TEST(what_has_no_room_is_gone_with_an_abort_and_the_transaction_goes_on)
{
	int result = -1;

	open_transaction();
	rd_kafka_mock_broker_set_down(cluster.mock, 1);
	for (int i = 0; i < RECORDS; i++)
		append(i);
	check_fails(transaction_commit(transaction, &err), "is full");
	check_ok(transaction_abort(transaction, &err));
	rd_kafka_mock_broker_set_up(cluster.mock, 1);
	append(0);
	for (int i = 0; i < COMMITS_MAX && result < 0; i++)
		result = transaction_commit(transaction, &err);
	check_int(result, 0);
	check_records(1);
	close_transaction();
}
