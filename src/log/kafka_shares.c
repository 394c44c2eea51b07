#include "log/kafka_shares.h"

static int64_t
between(int64_t bytes, int64_t least, int64_t most)
{
	return bytes < least ? least : bytes > most ? most : bytes;
}

void
kafka_shares_of(const struct log_config *config, struct kafka_shares *out)
{
	const struct log_load *load = &config->load;
	int parts = load->tasks + load->table_partitions;
	int writers = load->writers > 0 ? load->writers : 1;
	int queues = load->queues > load->tasks ? load->queues
						: load->tasks; /* journals are read where inputs are not */
	int64_t fetched = config->memory_bytes * KAFKA_FETCHED_PERCENT / 100;

	out->parts = parts > 0 ? parts : KAFKA_READERS;
	out->fetched_bytes = fetched;
	out->part_bytes = fetched / out->parts / KAFKA_RECORD_FACTOR;
	out->producer_bytes = between((config->memory_bytes - fetched) / writers / KAFKA_PRODUCED_FACTOR,
				      KAFKA_PRODUCER_BYTES_MIN, KAFKA_PRODUCER_BYTES_MAX);
	out->least_bytes = (queues + load->table_partitions) * KAFKA_QUEUE_BYTES_MIN * KAFKA_RECORD_FACTOR;
}

int64_t
kafka_shares_queue(const struct kafka_shares *shares, int queues)
{
	return between(shares->part_bytes / (queues > 0 ? queues : 1), KAFKA_QUEUE_BYTES_MIN, KAFKA_QUEUE_BYTES_MAX);
}
