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

static const char *
time_name(const struct topology_topic *topic)
{
	return topic->time ? topic->time : "the message's timestamp";
}

static int
refuse_early(const struct topology_topic *topic, int64_t time_ms, struct error *err)
{
	char time[32], earliest[32];

	json_format_time(time_ms, time);
	json_format_time(topic->not_before_ms, earliest);
	return fail(err, SKIP,
		    "%s %" PRId64 " (%s) is before not_before (%s); expected milliseconds since 1970: are these seconds"
		    " or microseconds?",
		    time_name(topic), time_ms, time, earliest);
}

static int
refuse_ahead(const struct topology_topic *topic, int64_t time_ms, const char *of, int64_t of_ms, struct error *err)
{
	char time[32], other[32];

	json_format_time(time_ms, time);
	json_format_time(of_ms, other);
	return fail(err, SKIP, "%s %s is more than max_ahead (%" PRId64 " ms) ahead of %s %s%s", time_name(topic), time,
		    topic->max_ahead_ms, of, other,
		    time_ms / 1000 >= topic->not_before_ms && time_ms / 1000 <= of_ms + topic->max_ahead_ms
			    ? "; expected milliseconds since 1970: are these microseconds?"
			    : "");
}

static int
check_time(const struct topology_topic *topic, const struct record *record, int64_t now_ms, struct error *err)
{
	int64_t time_ms = record->time_ms;

	if (time_ms < -EVENT_TIME_MAX_MS || time_ms > EVENT_TIME_MAX_MS)
		return fail(err, SKIP,
			    "%s %" PRId64 " is no time; expected milliseconds since 1970: are these microseconds, or"
			    " is it unset?",
			    time_name(topic), time_ms);
	if (topic->internal)
		return 0;
	if (time_ms < topic->not_before_ms)
		return refuse_early(topic, time_ms, err);
	/* One phone with a clock in 2099 must not make everything late. */
	if (time_ms > time_add(record->timestamp_ms, topic->max_ahead_ms))
		return refuse_ahead(topic, time_ms, "the log's timestamp", record->timestamp_ms, err);
	if (time_ms > time_add(now_ms, topic->max_ahead_ms))
		return refuse_ahead(topic, time_ms, "this machine's clock", now_ms, err);
	return 0;
}

int
topic_record_decode(const struct topology_topic *topic, const struct log_record *from, int64_t now_ms,
		    struct record *record, struct arena *arena, struct error *err)
{
	record->timestamp_ms = record->time_ms = from->timestamp_ms == LOG_TIMESTAMP_NONE ? now_ms : from->timestamp_ms;
	record->offset = from->offset;
	if (!from->value.data)
		return fail(err, SKIP, "the record is a deletion (no value), which this operator cannot process");
	if (codec_decode(topic->codec, from->value, record, arena, err) < 0)
		return -1;
	if (topic->time)
		record->time_ms = record_integer(record, topic->time_field);
	if (check_key(topic, record, err) < 0 || check_time(topic, record, now_ms, err) < 0)
		return -1;
	return topic->internal ? 0 : bounds_check(topic->bounds, record, err);
}
