#include "log/batch.h"

#include "base/memory.h"
#include "tests/test.h"

static struct batch_records records;
static struct buffer data;
static struct error err;
static int64_t next;

/* A batch of compaction: so many records, `distance` of the last one. */
static int
read_sparse(uint32_t count, uint32_t span, int64_t distance)
{
	const struct log_record record = {.timestamp_ms = 1, .key = bytes_of_text("k"), .value = bytes_of_text("v")};

	buffer_clear(&data);
	batch_header_write(buffer_reserve(&data, BATCH_HEADER_SIZE), count, span, BATCH_SPARSE, 0);
	data.size += BATCH_HEADER_SIZE;
	batch_put_record(&data, &record, distance);
	return batch_read(buffer_bytes(&data), 100, 0, &records, &next, &err);
}

TEST(records_lie_within_the_offsets_of_their_batch)
{
	check_ok(read_sparse(1, 10, 9));
	check_int(records.items[0].offset, 109);
	check_int(next, 110);
	check_fails(read_sparse(1, 10, 10), "the batch at offset 100 cannot be read");
	check_fails(read_sparse(1, 10, 0x7fffffff), "the batch at offset 100 cannot be read");
}

TEST(a_batch_has_no_more_records_than_bytes_or_offsets)
{
	check_fails(read_sparse(11, 10, 0), "the batch at offset 100 cannot be read");
	check_fails(read_sparse(0x7fffffff, 0x7fffffff, 0), "the batch at offset 100 cannot be read");
	memory_free(&records.items);
	buffer_fini(&data);
}
