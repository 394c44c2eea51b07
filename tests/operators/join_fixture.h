/*
 * What the tests of engagement_join share: a driver over topologies/engagement.yaml with one partition, no disorder and
 * short times; records in short; outcomes in short. For one file a program.
 */
#ifndef TESTS_OPERATORS_JOIN_FIXTURE_H
#define TESTS_OPERATORS_JOIN_FIXTURE_H

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "dataflow/driver.h"
#include "operators/operators.h"
#include "tests/test.h"

static struct error err;
static struct driver *driver;

/* One partition; window 10 s, before 1 s, grace 1 s, horizon 60 s, orphan_wait 5 s, no disorder; then what is given. */
static inline void
open_join(const char *override)
{
	const char *overrides[] = {"operators.join.window=10s",
				   "operators.join.before=1s",
				   "operators.join.grace=1s",
				   "operators.join.correction_horizon=60s",
				   "operators.join.orphan_wait=5s",
				   "topics.impressions.partitions=1",
				   "topics.engagements.partitions=1",
				   "topics.ranker_scores.partitions=1",
				   "topics.outcomes.partitions=1",
				   "topics.impressions.out_of_orderness=0ms",
				   "topics.engagements.out_of_orderness=0ms",
				   "topics.ranker_scores.out_of_orderness=0ms",
				   override,
				   NULL};

	check_ok(driver_open("topologies/engagement.yaml", overrides, operators_table, &driver, &err));
}

static inline void
send(const char *topic, const char *format, ...)
{
	char json[8192];
	va_list args;

	va_start(args, format);
	check(vsnprintf(json, sizeof(json), format, args) < (int)sizeof(json));
	va_end(args);
	check_ok(driver_send(driver, topic, json, &err));
}

static inline long long
at(int64_t ms)
{
	return (long long)(DRIVER_START_MS + ms);
}

static inline void
show(const char *id, int64_t ms)
{
	send("impressions",
	     "{\"impression_id\": \"%s\", \"user_id_token\": \"u\", \"item_id\": \"x\", \"position\": 1, \"shown_at\": "
	     "%lld, \"source\": \"ranked\", \"duration_seconds\": 20}",
	     id, at(ms));
}

static inline void
engage(const char *engagement, const char *id, const char *action, int64_t ms, double watched)
{
	send("engagements",
	     "{\"engagement_id\": \"%s\", \"impression_id\": \"%s\", \"user_id_token\": \"u\", \"item_id\": \"x\", "
	     "\"action\": \"%s\", \"watched_seconds\": %g, \"occurred_at\": %lld}",
	     engagement, id, action, watched, at(ms));
}

static inline void
score(const char *id, const char *model, int64_t ms)
{
	send("ranker_scores",
	     "{\"impression_id\": \"%s\", \"model_version\": \"%s\", \"predicted_watch_seconds\": 3, "
	     "\"predicted_engage_prob\": 0.5, \"scored_at\": %lld}",
	     id, model, at(ms));
}

/* Moves W past `ms`, by 1 ms, and lets everything due happen. */
static inline void
pass(int64_t ms)
{
	char clock[32];

	snprintf(clock, sizeof(clock), "clock%lld", (long long)ms);
	show(clock, ms + 1);
	engage(clock, clock, "view", ms + 1, 0);
	score(clock, "clock", ms + 1);
	check_ok(driver_run(driver, &err));
}

/* The next outcome but those of the clock, as "id revision engaged n_engagements watched completed skipped". */
static inline const char *
outcome(void)
{
	static char text[256];
	const char *row;

	while ((row = driver_read(driver, "outcomes")) != NULL) {
		json_t *object = json_loads(row, 0, NULL);
		const char *id = json_string_value(json_object_get(object, "impression_id"));
		bool clock = strncmp(id, "clock", 5) == 0;

		snprintf(text, sizeof(text), "%s r%lld%s%s n%lld w%g%s%s scores%zu", id,
			 (long long)json_integer_value(json_object_get(object, "revision")),
			 json_is_true(json_object_get(object, "final")) ? "" : " provisional",
			 json_is_true(json_object_get(object, "engaged")) ? " engaged" : "",
			 (long long)json_integer_value(json_object_get(object, "n_engagements")),
			 json_real_value(json_object_get(object, "watched_seconds")),
			 json_is_true(json_object_get(object, "completed")) ? " completed" : "",
			 json_is_true(json_object_get(object, "skipped")) ? " skipped" : "",
			 json_array_size(json_object_get(object, "scores")));
		json_decref(object);
		if (!clock)
			return text;
	}
	return "";
}

/* Engagements `from` to `to` - 1 of an impression, views of two seconds, a millisecond apart. */
static inline void
engage_many(const char *id, int from, int to)
{
	char engagement[16];

	for (int i = from; i < to; i++) {
		snprintf(engagement, sizeof(engagement), "e%d", i);
		engage(engagement, id, "view", 500 + i, 2);
	}
}

static inline void
check_no_letters(void)
{
	check(driver_read(driver, "dead_letters") == NULL);
}

#endif
