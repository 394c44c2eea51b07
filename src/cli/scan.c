#include "cli/scan.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/logger.h"
#include "base/stop.h"

#define WAIT_MS 500
#define OPEN_WAIT_US ((int64_t)10 * 1000 * 1000) /* for transactions that were open when the scan began */

void
scan_note_lost(struct log *log, int topic, int partition, struct log_gap lost)
{
	if (lost.to > lost.from)
		logger_warn("records_lost",
			    "topic=%s partition=%d from=%" PRId64 " to=%" PRId64 " count=%" PRId64
			    " reason=\"retention removed records before they were read\"",
			    log_topic_name(log, topic), partition, lost.from, lost.to, lost.to - lost.from);
}

static int
visit_batch(const struct log_batch *batch, int64_t to, scan_visit *visit, void *argument, struct error *err)
{
	for (size_t i = 0; i < batch->count && batch->records[i].offset < to; i++) {
		int result = visit(argument, &batch->records[i], err);

		if (result != 0)
			return result;
	}
	return 0;
}

int
scan_partition(struct log *log, int topic, int partition, int64_t from, int64_t to, scan_visit *visit, void *argument,
	       struct error *err)
{
	struct reader *reader;
	int64_t next = from, moved_us = clock_monotonic_us();
	int result = 0;

	if (from >= to)
		return 0;
	if (log_reader_open(log, topic, partition, from, &reader, err) < 0)
		return -1;
	while (result == 0 && next < to) {
		struct log_batch batch;

		if (stop_requested()) {
			result = 1;
			break;
		}
		result = reader_fetch(reader, WAIT_MS, &batch, err);
		if (result == 0)
			scan_note_lost(log, topic, partition, batch.lost);
		if (result == 0)
			result = visit_batch(&batch, to, visit, argument, err);
		if (result == 0 && batch.at_end && (to == INT64_MAX || clock_monotonic_us() - moved_us > OPEN_WAIT_US))
			break;
		if (result == 0 && batch.next != next)
			moved_us = clock_monotonic_us();
		next = batch.next;
	}
	reader_close(&reader);
	return result;
}
