#include "log/kafka_shares.h"

#include "tests/test.h"

#define MIB ((int64_t)1 << 20)

static struct kafka_shares shares;

/* What all queues of the load hold together, by what librdkafka needs for it. */
static int64_t
together(int64_t memory_bytes, struct log_load load, int inputs)
{
	struct log_config config = {.memory_bytes = memory_bytes, .load = load};

	kafka_shares_of(&config, &shares);
	return KAFKA_RECORD_FACTOR * (load.queues * kafka_shares_queue(&shares, inputs) +
				      load.table_partitions * kafka_shares_queue(&shares, 1)) +
	       KAFKA_PRODUCED_FACTOR * load.writers * shares.producer_bytes;
}

TEST(all_queues_of_a_process_together_keep_within_its_memory)
{
	struct log_load one = {.queues = 12, .tasks = 4, .writers = 1};
	struct log_load many = {.queues = 160, .tasks = 80, .table_partitions = 20, .writers = 8};

	check(together(100 * MIB, one, 3) <= 100 * MIB);
	check(together(13 * MIB, one, 3) <= 13 * MIB);
	check(together(100 * MIB, many, 2) <= 100 * MIB);
	check(shares.least_bytes <= shares.fetched_bytes);
}

TEST(a_restore_keeps_within_what_the_inputs_of_its_tasks_have)
{
	struct log_config config = {.memory_bytes = 100 * MIB, .load = {.queues = 24, .tasks = 8, .writers = 1}};

	kafka_shares_of(&config, &shares);
	check(kafka_shares_queue(&shares, 1) <= 3 * kafka_shares_queue(&shares, 3) + 3);
	check(KAFKA_RECORD_FACTOR * 8 * kafka_shares_queue(&shares, 1) <= shares.fetched_bytes);
}

TEST(a_queue_has_a_least_size_and_that_it_is_too_much_is_known)
{
	struct log_load load = {.queues = 192, .tasks = 64, .writers = 1};

	check(together(3 * MIB, load, 3) > 3 * MIB);
	check_int(kafka_shares_queue(&shares, 3), KAFKA_QUEUE_BYTES_MIN);
	check_int(shares.producer_bytes, KAFKA_PRODUCER_BYTES_MIN);
	check(shares.least_bytes > shares.fetched_bytes);
}

TEST(more_memory_than_queues_can_use_is_left_alone)
{
	struct log_load load = {.queues = 1, .tasks = 1, .writers = 1};

	check(together(100000 * MIB, load, 1) < 5000 * MIB);
	check_int(kafka_shares_queue(&shares, 1), KAFKA_QUEUE_BYTES_MAX);
	check_int(shares.producer_bytes, KAFKA_PRODUCER_BYTES_MAX);
}
