#include "tests/log/log_fixture.h"

#include <stdio.h>
#include <stdlib.h>

struct log *
fixture_open(const char *directory, bool read_only)
{
	struct log_config config = {.type = "embedded",
				    .directory = directory,
				    .read_only = read_only,
				    .memory_bytes = 16 << 20,
				    .clock = &clock_system};
	struct log *log = NULL;
	struct error err;

	check_ok(log_open(&config, &log, &err));
	return log;
}

int
fixture_topic(struct log *log, const char *name, int partitions, bool compacted)
{
	struct topic_spec spec = {.name = name,
				  .partitions = partitions,
				  .compacted = compacted,
				  .retention_ms = LOG_RETENTION_FOREVER,
				  .retention_bytes = LOG_RETENTION_FOREVER};
	struct error err;
	int topic;

	check_ok(log_create_topic(log, &spec, &err));
	check_ok(log_topic(log, name, &topic, &err));
	return topic;
}

void
fixture_append(struct transaction *transaction, int topic, int partition, int64_t first, int count, size_t size,
	       int keys)
{
	struct error err;

	for (int64_t number = first; number < first + count; number++) {
		char key[32];
		struct buffer *buffer;
		size_t before;

		snprintf(key, sizeof(key), "k%lld", (long long)(number % keys));
		buffer = transaction_append_begin(transaction, topic, partition, bytes_of_text(key), 1000 + number);
		before = buffer->size;
		buffer_print(buffer, "%lld", (long long)number);
		while (buffer->size - before < size)
			buffer_put_u8(buffer, ' ');
		check_ok(transaction_append_end(transaction, &err));
	}
	transaction_keep(transaction);
}

void
fixture_commit(struct transaction *transaction)
{
	struct error err;

	check_ok(transaction_commit(transaction, &err));
}

int64_t
fixture_number(const struct log_record *record)
{
	char text[24] = "";
	size_t size = record->value.size < sizeof(text) - 1 ? record->value.size : sizeof(text) - 1;

	memcpy(text, record->value.data, size);
	return atoll(text);
}

int64_t
fixture_count(struct log *log, int topic, int partition, int64_t offset, int64_t *last)
{
	struct reader *reader;
	struct log_batch batch;
	struct error err;
	int64_t count = 0;

	*last = -1;
	check_ok(log_reader_open(log, topic, partition, offset, &reader, &err));
	do {
		check_ok(reader_fetch(reader, 0, &batch, &err));
		count += (int64_t)batch.count;
		if (batch.count != 0)
			*last = fixture_number(&batch.records[batch.count - 1]);
	} while (batch.count != 0);
	check(batch.at_end);
	reader_close(&reader);
	return count;
}
