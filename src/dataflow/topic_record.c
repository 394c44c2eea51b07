#include "dataflow/topic_record.h"

#include <inttypes.h>

#include "record/json.h"

static int
check_key(const struct topology_topic *topic, const struct record *record, struct error *err)
{
	struct bytes field;

	if (!topic->key)
		return 0;
	if (!record->key.bytes.data)
		return fail(err, SKIP, "the record has no key; topic %s is keyed by %s", topic->name, topic->key);
	field = record_bytes(record, topic->key_field);
	if (!bytes_equal(record->key.bytes, field))
		return fail(err, SKIP, "the record's key \"%.*s\" is not its %s \"%.*s\"",
			    bytes_arguments(record->key.bytes), topic->key, bytes_arguments(field));
	return 0;
}

/* One phone with a clock in 2099 must not make everything late. */
static int
check_ahead(const struct topology_topic *topic, const struct record *record, struct error *err)
{
	int64_t latest = time_add(record->timestamp_ms, topic->max_ahead_ms);
	char time[32], timestamp[32];

	if (!topic->time || record->time_ms <= latest)
		return 0;
	json_format_time(record->time_ms, time);
	json_format_time(record->timestamp_ms, timestamp);
	return fail(err, SKIP, "%s %s is more than max_ahead (%" PRId64 " ms) ahead of the log's timestamp %s",
		    topic->time, time, topic->max_ahead_ms, timestamp);
}

int
topic_record_decode(const struct topology_topic *topic, const struct log_record *from, struct record *record,
		    struct arena *arena, struct error *err)
{
	record->timestamp_ms = record->time_ms = from->timestamp_ms;
	record->offset = from->offset;
	if (!from->value.data)
		return fail(err, SKIP, "the record is a deletion (no value), which this operator cannot process");
	if (codec_decode(topic->codec, from->value, record, arena, err) < 0)
		return -1;
	if (topic->time)
		record->time_ms = record_integer(record, topic->time_field);
	if (check_key(topic, record, err) < 0)
		return -1;
	return check_ahead(topic, record, err);
}
