#include "tests/operators/reconcile_fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "operators/operators.h"
#include "tests/test.h"

struct error err;
struct driver *driver;
struct counted counted;
int64_t detected_at_ms;

#define OVERRIDES_MAX 64

/* One partition, no disorder; window 10 s, max_hold 40 s, horizon 200 s, idle_after 2 s; then what is given. */
void
open_reconcile_with(const char *const *given)
{
	const char *overrides[OVERRIDES_MAX] = {
		"operators.reconcile.window=10s",
		"operators.reconcile.settle=0",	  /* a window's length */
		"operators.reconcile.max_hold=0", /* four windows */
		"operators.reconcile.correction_horizon=200s",
		"topics.engine_log.partitions=1",
		"topics.server_log.partitions=1",
		"topics.client_log.partitions=1",
		"topics.mismatches.partitions=1",
		"topics.integrity_counts.partitions=1",
		"topics.integrity_counts.internal=false", /* so that a test can read it */
		"topics.engine_log.out_of_orderness=0ms",
		"topics.server_log.out_of_orderness=0ms",
		"topics.client_log.out_of_orderness=0ms",
		"topics.engine_log.idle_after=2s",
		"topics.server_log.idle_after=2s",
		"topics.client_log.idle_after=2s",
	};
	int count = 0;

	while (overrides[count])
		count++;
	for (int i = 0; given[i]; i++) {
		check(count < OVERRIDES_MAX - 1);
		overrides[count++] = given[i];
	}
	check_ok(driver_open("topologies/integrity.yaml", overrides, operators_table, &driver, &err));
}

void
open_reconcile(const char *override)
{
	open_reconcile_with((const char *const[]){override, NULL});
}

void
log_as(const char *stage, const char *id, int64_t ms, struct delivery delivery)
{
	const char *topic = strcmp(stage, "returned") == 0    ? "engine_log"
			    : strcmp(stage, "delivered") == 0 ? "server_log"
							      : "client_log";
	char json[1024];

	/* The response is what stands before the dash of an impression's id. */
	snprintf(json, sizeof(json),
		 "{\"impression_id\": \"%s\", \"request_id\": \"%.*s\", \"stage\": \"%s\", \"user_id_token\": \"%s\", "
		 "\"item_id\": \"%s\", \"position\": %d, \"experiment_group\": \"%s\", \"strategy_id\": \"s\", "
		 "\"model_version\": \"m\", \"platform\": \"%s\", \"logged_at\": %lld}",
		 id, (int)strcspn(id, "-"), id, stage, delivery.user ? delivery.user : "u", delivery.item,
		 delivery.position, delivery.group, delivery.platform ? delivery.platform : "web",
		 (long long)(DRIVER_START_MS + ms));
	check_ok(driver_send(driver, topic, json, &err));
}

/* The position is what stands behind the dash. */
void
logs(const char *stage, const char *id, int64_t ms)
{
	log_as(stage, id, ms, (struct delivery){.item = "v", .group = "a", .position = atoi(strchr(id, '-') + 1)});
}

/* Returned, delivered and received. */
void
matches(const char *id, int64_t ms)
{
	logs("returned", id, ms);
	logs("delivered", id, ms + 20);
	logs("received", id, ms + 100);
}

void
run(void)
{
	check_ok(driver_run(driver, &err));
}

/* Moves W to about `ms`, by a response that is sound. */
void
pass(int64_t ms)
{
	char id[32];

	snprintf(id, sizeof(id), "clock%lld-0", (long long)ms);
	matches(id, ms);
	run();
}

static const char *
text_of(json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static long long
number_of(json_t *object, const char *name)
{
	return (long long)json_integer_value(json_object_get(object, name));
}

/* The next mismatch as "id kind hop [field expected>actual] xcount rrevision". */
const char *
mismatch(void)
{
	static char text[512];
	const char *row = driver_read(driver, "mismatches");
	json_t *object = row ? json_loads(row, 0, NULL) : NULL;
	char altered[256] = "", count[32] = "";

	if (!object)
		return "";
	detected_at_ms = number_of(object, "detected_at") - DRIVER_START_MS;
	if (*text_of(object, "field"))
		snprintf(altered, sizeof(altered), " %s %s>%s", text_of(object, "field"), text_of(object, "expected"),
			 text_of(object, "actual"));
	if (number_of(object, "count") != 1)
		snprintf(count, sizeof(count), " x%lld", number_of(object, "count"));
	snprintf(text, sizeof(text), "%s %s %s%s%s r%lld", text_of(object, "impression_id"), text_of(object, "kind"),
		 text_of(object, "hop"), altered, count, number_of(object, "revision"));
	json_decref(object);
	return text;
}

/* ---- counts ---- */

static void
read_silent(json_t *object)
{
	size_t index;
	json_t *log;

	if (json_array_size(json_object_get(object, "silent")) == 0)
		return;
	counted.silent[0] = '\0';
	json_array_foreach(json_object_get(object, "silent"), index, log)
	{
		strcat(counted.silent, index ? "," : "");
		strcat(counted.silent, json_string_value(log));
	}
}

/* Adds up the rows, since the last call, of the window that begins at `ms`. */
void
read_counts(int64_t ms, const char *dimension, const char *value)
{
	const char *row;

	memset(&counted, 0, sizeof(counted));
	while ((row = driver_read(driver, "integrity_counts")) != NULL) {
		json_t *object = json_loads(row, 0, NULL), *bucket;
		size_t index;

		if (number_of(object, "window_start") == DRIVER_START_MS + ms &&
		    strcmp(text_of(object, "dimension"), dimension) == 0 &&
		    strcmp(text_of(object, "value"), value) == 0) {
			counted.rows++;
			counted.held += json_is_true(json_object_get(object, "held"));
			counted.returned += number_of(object, "returned");
			counted.delivered += number_of(object, "delivered");
			counted.received += number_of(object, "received");
			counted.exposed += number_of(object, "exposed");
			counted.matched += number_of(object, "matched");
			counted.not_reached += number_of(object, "not_reached");
			counted.lost += number_of(object, "lost_engine_server");
			counted.lost += number_of(object, "lost_server_client");
			counted.duplicated += number_of(object, "duplicated");
			counted.phantom += number_of(object, "phantom");
			counted.differing += number_of(object, "differing");
			counted.phantom_reached += number_of(object, "phantom_reached");
			counted.negative_latencies += number_of(object, "negative_latencies");
			counted.late += number_of(object, "late");
			counted.unlisted += number_of(object, "unlisted");
			json_array_foreach(json_object_get(object, "latency_engine_server"), index, bucket)
			{
				counted.latencies += number_of(bucket, "count");
			}
			read_silent(object);
		}
		json_decref(object);
	}
}
