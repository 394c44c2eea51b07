/* The door: which event times get through it. */
#include "dataflow/topic_record.h"

#include <inttypes.h>
#include <stdio.h>

#include "operators/operators.h"
#include "record/json.h"
#include "tests/test.h"

#define NOW 1767225600000 /* 2026-01-01 */
#define MINUTE 60000
#define YEAR (365 * 86400000ll)

static struct error err;
static struct topology *topology;
static struct record head;
static struct arena arena;

static struct topology_topic *
open_topic(const char *override)
{
	const char *overrides[] = {override, NULL};
	char path[4200];
	struct topology_topic *topic;

	snprintf(path, sizeof(path), "%s/topologies/engagement.yaml", test_source_root());
	check_ok(topology_load(path, overrides, operators_table, &topology, NULL, &err));
	topic = &topology->topics[topology_topic_find(topology, "ranker_scores")];
	record_init(&head, topic->schema->root);
	return topic;
}

static void
close_topic(void)
{
	record_fini(&head);
	arena_fini(&arena);
	topology_free(&topology);
}

/* What becomes of a score of that time and message timestamp; NULL: it gets through. */
static const char *
refusal(const struct topology_topic *topic, int64_t time_ms, int64_t timestamp_ms)
{
	struct log_record from = {.timestamp_ms = timestamp_ms, .key = bytes_of_text("i")};
	struct arena texts = {0};
	struct buffer value = {0};
	struct record row = {0};
	char text[300];
	int result;

	snprintf(text, sizeof(text),
		 "{\"impression_id\": \"i\", \"model_version\": \"m\", \"predicted_watch_seconds\": 1, "
		 "\"predicted_engage_prob\": 0.5, \"scored_at\": %" PRId64 "}",
		 time_ms);
	record_init(&row, topic->schema->root);
	check_ok(json_read(bytes_of_text(text), &row, &texts, &err));
	check_ok(codec_encode(topic->codec, &row, &value, &err));
	from.value = buffer_bytes(&value);
	head.key = key_of(from.key);
	result = topic_record_decode(topic, &from, NOW, &head, &arena, &err);
	check(result == 0 || err.action == SKIP);
	record_fini(&row);
	buffer_fini(&value);
	arena_fini(&texts);
	return result == 0 ? NULL : err.text;
}

TEST(a_time_far_from_1970_or_an_unset_one_does_not_get_through)
{
	struct topology_topic *topic = open_topic("topics.ranker_scores.not_before=-1125899906842624");
	const int64_t out[] = {INT64_MIN, INT64_MIN + 1, -EVENT_TIME_MAX_MS - 1, EVENT_TIME_MAX_MS + 1, INT64_MAX};

	topic->max_ahead_ms = INT64_MAX;
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		check(strstr(refusal(topic, out[i], NOW), "is no time; expected milliseconds since 1970"));
	check(!refusal(topic, -EVENT_TIME_MAX_MS, NOW));
	check(!refusal(topic, EVENT_TIME_MAX_MS, NOW));
	close_topic();
}

TEST(seconds_and_microseconds_are_asked_about)
{
	struct topology_topic *topic = open_topic(NULL);

	check(strstr(refusal(topic, NOW / 1000, NOW), "(1970-01-21T10:53:45.600Z) is before not_before "
						      "(1980-01-01T00:00:00.000Z); expected milliseconds since 1970: "
						      "are these seconds or microseconds?"));
	check(strstr(refusal(topic, NOW * 1000, NOW), "are these microseconds"));
	check(strstr(refusal(topic, 400000000000 * 1000, NOW),
		     "ahead of the log's timestamp 2026-01-01T00:00:00.000Z; "
		     "expected milliseconds since 1970: are these microseconds?"));
	check(strstr(refusal(topic, 315532799999, NOW), "before not_before"));
	check(!refusal(topic, 315532800000, NOW)); /* 1980-01-01 */
	close_topic();
}

TEST(not_before_is_the_topics)
{
	struct topology_topic *topic = open_topic("topics.ranker_scores.not_before=2025-06-01T02:00:00+02:00");

	check_int(topic->not_before_ms, 1748736000000);
	check(strstr(refusal(topic, 1748735999999, NOW), "before not_before (2025-06-01T00:00:00.000Z)"));
	check(!refusal(topic, 1748736000000, NOW));
	close_topic();
	topic = open_topic("topics.ranker_scores.not_before=0");
	check(!refusal(topic, 0, NOW));
	check(refusal(topic, -1, NOW));
	close_topic();
}

TEST(a_timestamp_from_the_same_hand_as_the_event_time_says_nothing)
{
	struct topology_topic *topic = open_topic(NULL);
	int64_t far = NOW + 73 * YEAR;

	check(strstr(refusal(topic, far, far), "ahead of this machine's clock 2026-01-01T00:00:00.000Z"));
	check(strstr(refusal(topic, NOW + 6 * MINUTE, NOW), "ahead of the log's timestamp"));
	check(!refusal(topic, NOW + 5 * MINUTE, NOW + 5 * MINUTE));
	check(!refusal(topic, NOW - YEAR, NOW - YEAR));
	close_topic();
}

TEST(without_a_time_field_the_timestamp_goes_through_the_same_door)
{
	struct topology_topic *topic = open_topic(NULL);
	char *time = topic->time;

	topic->time = NULL;
	check(strstr(refusal(topic, 0, NOW + 6 * MINUTE),
		     "the message's timestamp 2026-01-01T00:06:00.000Z is more than"));
	check(strstr(refusal(topic, 0, 7), "before not_before"));
	check(!refusal(topic, 0, NOW));
	check_int(head.time_ms, NOW);
	topic->time = time;
	close_topic();
}

TEST(a_timestamp_of_minus_one_is_none_and_the_clock_stands_in)
{
	struct topology_topic *topic = open_topic(NULL);
	char *time = topic->time;

	check(!refusal(topic, NOW + MINUTE, LOG_TIMESTAMP_NONE));
	check_int(head.timestamp_ms, NOW);
	check(strstr(refusal(topic, NOW + 6 * MINUTE, LOG_TIMESTAMP_NONE), "ahead of the log's timestamp 2026-01-01"));
	topic->time = NULL;
	check(!refusal(topic, 0, LOG_TIMESTAMP_NONE));
	check_int(head.time_ms, NOW);
	topic->time = time;
	close_topic();
}

TEST(what_came_through_a_door_before_is_not_asked_again)
{
	struct topology_topic *topic = open_topic(NULL);

	topic->internal = true;
	check(!refusal(topic, NOW + YEAR, NOW));
	check(!refusal(topic, 0, NOW));
	check(refusal(topic, INT64_MIN, NOW));
	topic->internal = false;
	close_topic();
}
