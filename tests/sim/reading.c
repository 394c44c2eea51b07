#include "tests/sim/reading.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "record/json.h"

/* ---- reading ---- */

const struct topology_topic *
topic_of(const struct world *world, const char *name)
{
	int index = topology_topic_find(world->topology, name);

	insist(index >= 0);
	return &world->topology->topics[index];
}

int
topic_number(struct world *world, const char *name)
{
	struct error err;
	int number;

	insist(log_topic(world->feeder, name, &number, &err) == 0);
	return number;
}

static bool
is_marker(const struct topology_topic *topic, const struct log_record *record)
{
	return topic->internal && !record->key.data;
}

static int
read_partition(struct world *world, const struct topology_topic *topic, int partition, on_row *each, void *argument,
	       struct error *err)
{
	struct record record = {0};
	struct arena arena = {0};
	struct reader *reader;
	struct log_batch batch;
	int number, result;

	if (log_topic(world->feeder, topic->log_name, &number, err) < 0 ||
	    log_reader_open(world->feeder, number, partition, 0, &reader, err) < 0)
		return -1;
	record_init(&record, topic->schema->root);
	do {
		result = reader_fetch(reader, 0, &batch, err);
		for (size_t i = 0; i < batch.count && result == 0; i++) {
			if (is_marker(topic, &batch.records[i]))
				continue;
			arena_reset(&arena);
			record.key = key_of(batch.records[i].key);
			record.partition = partition;
			result = codec_decode(topic->codec, batch.records[i].value, &record, &arena, err);
			if (result == 0)
				result = each(argument, &record, err);
		}
	} while (result == 0 && !batch.at_end);
	record_fini(&record);
	arena_fini(&arena);
	reader_close(&reader);
	return result;
}

int
read_topic(struct world *world, const char *name, on_row *each, void *argument, struct error *err)
{
	const struct topology_topic *topic = topic_of(world, name);

	for (int i = 0; i < topic->partitions; i++)
		if (read_partition(world, topic, i, each, argument, err) < 0)
			return fail_in(err, "%s[%d]", name, i);
	return 0;
}

/* ---- positions ---- */

int
read_position(struct world *world, const char *group, const char *topic, int partition, struct error *err)
{
	struct partition_ends ends;
	struct reader *reader;
	struct log_batch batch;
	int64_t position;
	int number, result;

	if (log_topic(world->feeder, topic, &number, err) < 0 ||
	    log_position(world->feeder, group, number, partition, &position, err) < 0 ||
	    log_partition_ends(world->feeder, number, partition, &ends, err) < 0)
		return -1;
	if (ends.end != ends.pending_end || position > ends.end)
		return fail(err, FATAL, "%s[%d]: position %" PRId64 ", committed to %" PRId64 ", ends at %" PRId64,
			    topic, partition, position, ends.end, ends.pending_end);
	if (log_reader_open(world->feeder, number, partition, position < 0 ? 0 : position, &reader, err) < 0)
		return -1;
	result = reader_fetch(reader, 0, &batch, err);
	for (size_t i = 0; i < batch.count && result == 0; i++)
		if (batch.records[i].key.data) /* else a marker: no reason for a commit */
			result = fail(err, FATAL, "%s[%d]: offset %" PRId64 " is there behind position %" PRId64, topic,
				      partition, batch.records[i].offset, position);
	reader_close(&reader);
	return result;
}

/* ---- the fields of a row ---- */

struct field
field_of(const struct record *record, const char *name, enum schema_type type)
{
	struct field field;
	struct error err;

	if (record_field(record->schema, name, type, &field, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return field;
}

int64_t
integer_of(const struct record *record, const char *name)
{
	return record_integer(record, field_of(record, name, SCHEMA_LONG));
}

bool
truth_of(const struct record *record, const char *name)
{
	return record_integer(record, field_of(record, name, SCHEMA_BOOLEAN)) != 0;
}

double
real_of(const struct record *record, const char *name)
{
	return record_real(record, field_of(record, name, SCHEMA_DOUBLE));
}

struct bytes
bytes_in(const struct record *record, const char *name)
{
	return record_bytes(record, field_of(record, name, SCHEMA_STRING));
}

int
number_of(const struct record *record, const char *name, int count)
{
	struct bytes text = record_bytes(record, field_of(record, name, SCHEMA_STRING));
	char copy[FEED_ID_SIZE] = "";
	int number;

	if (text.size < 2 || text.size >= sizeof(copy))
		return -1;
	memcpy(copy, text.data, text.size);
	number = atoi(copy + 1);
	return number >= 0 && number < count ? number : -1;
}

char *
text_of(const struct record *record)
{
	struct buffer text = {0};
	char *copy;

	json_write(record, &text);
	copy = memory_format("%.*s", bytes_arguments(buffer_bytes(&text)));
	buffer_fini(&text);
	return copy;
}
