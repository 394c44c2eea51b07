/* What a transaction does while librdkafka has no room, on librdkafka's own mock of a broker, at least once. */
#include "log/kafka_transaction.h"

#include <librdkafka/rdkafka_mock.h>

#include "tests/test.h"

#define RECORDS 350
#define RECORD_BYTES 10000
#define COMMITS_MAX 200

static struct error err;

struct cluster {
	rd_kafka_t *host;
	rd_kafka_mock_cluster_t *mock;
	struct log *log;
	int topic;
	struct transaction *transaction;
};

static void
open_cluster(struct cluster *cluster)
{
	char text[256];
	const char *properties[] = {"bootstrap.servers", NULL, NULL};
	struct log_config config = {
		.type = "kafka",
		.directory = test_directory(),
		.memory_bytes = 1 << 20,
		.clock = &clock_system,
		.application = "test",
		.at_least_once = true,
		.properties = properties,
	};

	test_skip_under_the_thread_sanitizer();
	cluster->host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	check(cluster->host != NULL);
	cluster->mock = rd_kafka_mock_cluster_new(cluster->host, 1);
	check(rd_kafka_mock_topic_create(cluster->mock, "rows", 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
	properties[1] = rd_kafka_mock_cluster_bootstraps(cluster->mock);
	check_ok(log_open(&config, &cluster->log, &err));
	check_ok(log_topic(cluster->log, "rows", &cluster->topic, &err));
	check_ok(kafka_transaction_make(kafka_of(cluster->log), "id", -1, NULL, NULL, &cluster->transaction, &err));
}

static void
close_cluster(struct cluster *cluster)
{
	transaction_close(&cluster->transaction);
	log_close(&cluster->log);
	rd_kafka_mock_cluster_destroy(cluster->mock);
	rd_kafka_destroy(cluster->host);
}

static void
append(struct cluster *cluster, int number)
{
	struct buffer *to = transaction_append_begin(cluster->transaction, cluster->topic, 0, bytes_of_text("k"), 1);

	buffer_put_u32(to, (uint32_t)number);
	memset(buffer_reserve(to, RECORD_BYTES), 'x', RECORD_BYTES);
	to->size += RECORD_BYTES;
	check_ok(transaction_append_end(cluster->transaction, &err));
	transaction_keep(cluster->transaction);
}

/* Each once, and in order. */
static void
check_records(struct cluster *cluster, int count)
{
	struct reader *reader;
	struct log_batch batch;
	int seen = 0;

	check_ok(log_reader_open(cluster->log, cluster->topic, 0, 0, &reader, &err));
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
	struct cluster cluster;
	int64_t began_us;
	int result = -1;

	open_cluster(&cluster);
	rd_kafka_mock_broker_set_down(cluster.mock, 1);
	for (int i = 0; i < RECORDS; i++)
		append(&cluster, i);
	check((int64_t)transaction_bytes(cluster.transaction) > (int64_t)RECORDS * RECORD_BYTES);
	for (int i = 0; i < 2; i++) {
		began_us = clock_monotonic_us();
		check_fails(transaction_commit(cluster.transaction, &err), "the producer's queue, 1024 KiB, is full");
		check(err.action == RETRY);
		check(clock_monotonic_us() - began_us < 60 * 1000000);
		check(!transaction_undecided(cluster.transaction));
	}
	rd_kafka_mock_broker_set_up(cluster.mock, 1);
	for (int i = 0; i < COMMITS_MAX && result < 0; i++) {
		result = transaction_commit(cluster.transaction, &err);
		check(result == 0 || err.action == RETRY);
	}
	check_int(result, 0);
	check_int((int64_t)transaction_bytes(cluster.transaction), 0);
	check_records(&cluster, RECORDS);
	close_cluster(&cluster);
}

TEST(what_has_no_room_is_gone_with_an_abort_and_the_transaction_goes_on)
{
	struct cluster cluster;
	int result = -1;

	open_cluster(&cluster);
	rd_kafka_mock_broker_set_down(cluster.mock, 1);
	for (int i = 0; i < RECORDS; i++)
		append(&cluster, i);
	check_fails(transaction_commit(cluster.transaction, &err), "is full");
	check_ok(transaction_abort(cluster.transaction, &err));
	rd_kafka_mock_broker_set_up(cluster.mock, 1);
	append(&cluster, 0);
	for (int i = 0; i < COMMITS_MAX && result < 0; i++)
		result = transaction_commit(cluster.transaction, &err);
	check_int(result, 0);
	check_records(&cluster, 1);
	close_cluster(&cluster);
}
