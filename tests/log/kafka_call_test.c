/* A call of librdkafka that does not come back when it should. */
#include "log/kafka_call.h"

#include "base/bytes.h"
#include "tests/test.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool released;
static int positions_sent, commits;

/* Instead of librdkafka's: this one waits until the test lets it go, whatever its timeout. */
rd_kafka_error_t *
rd_kafka_send_offsets_to_transaction(rd_kafka_t *handle, const rd_kafka_topic_partition_list_t *positions,
				     const rd_kafka_consumer_group_metadata_t *metadata, int timeout_ms)
{
	(void)handle, (void)metadata, (void)timeout_ms;
	pthread_mutex_lock(&lock);
	positions_sent += positions->cnt;
	while (!released)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* ... and this one fails. */
rd_kafka_error_t *
rd_kafka_commit_transaction(rd_kafka_t *handle, int timeout_ms)
{
	(void)handle, (void)timeout_ms;
	commits++;
	return rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE, "test");
}

static struct error err;
static struct kafka_caller caller;
static rd_kafka_topic_partition_list_t *positions;

static int
send_positions(rd_kafka_error_t **error)
{
	return kafka_call_positions(&caller, positions, rd_kafka_consumer_group_metadata_new("g"), error, &err);
}

TEST(who_calls_does_not_wait_with_a_call_that_hangs_and_takes_its_result_later)
{
	rd_kafka_error_t *error;
	enum kafka_call call;

	kafka_caller_init(&caller);
	positions = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(positions, "topic", 0)->offset = 7;
	for (int i = 0; i < 2; i++) {
		check_fails(send_positions(&error), "has not come back from send_offsets_to_transaction");
		check_int(err.action, RETRY);
	}
	check(kafka_call_ms(&caller, &call) > 0);
	check_int(call, KAFKA_CALL_POSITIONS);
	check_fails(kafka_call(&caller, KAFKA_CALL_COMMIT, &error, &err), "from send_offsets_to_transaction");
	check_int(commits, 0);
	pthread_mutex_lock(&lock);
	released = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	while (send_positions(&error) < 0) /* however busy the machine is */
		check_int(err.action, RETRY);
	check(!error);
	check_int(positions_sent, 1);
	check_int(kafka_call_ms(&caller, &call), 0);
	while (kafka_call(&caller, KAFKA_CALL_COMMIT, &error, &err) < 0)
		check_int(err.action, RETRY);
	check_int(rd_kafka_error_code(error), RD_KAFKA_RESP_ERR__STATE);
	check_int(commits, 1);
	rd_kafka_error_destroy(error);
	rd_kafka_topic_partition_list_destroy(positions);
	kafka_caller_fini(&caller);
}
