#include "dataflow/partition_read.h"

#include <inttypes.h>

#include "base/stop.h"

#define WAIT_MS 500
#define WAITS_MAX 60 /* in a row, without getting on */

int
partition_read(struct log *log, int topic, int partition, int64_t from, int64_t to, partition_visit *visit,
	       void *argument, struct error *err)
{
	struct reader *reader;
	int64_t next = from;
	int result = 0, waits = 0;

	if (from >= to)
		return 0;
	if (log_reader_open(log, topic, partition, from, &reader, err) < 0)
		return -1;
	while (result == 0 && next < to) {
		struct log_batch batch;

		result = reader_fetch(reader, WAIT_MS, &batch, err);
		if (result < 0)
			break;
		for (size_t i = 0; i < batch.count && batch.records[i].offset < to && result == 0; i++)
			result = visit(argument, &batch.records[i], err);
		waits = batch.next == next ? waits + 1 : 0;
		if (waits > 0 && stop_requested() && result == 0)
			result = fail(err, RETRY, "stopped while topic %s partition %d was read at offset %" PRId64,
				      log_topic_name(log, topic), partition, next);
		else if (waits == WAITS_MAX && result == 0)
			result = fail(err, RETRY,
				      "topic %s partition %d cannot be read beyond offset %" PRId64
				      ": is a transaction open in it?",
				      log_topic_name(log, topic), partition, next);
		next = batch.next;
	}
	reader_close(&reader);
	return result;
}
