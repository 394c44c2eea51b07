/*
 * What the tests of embedding_update share: a driver over one operator whose vectors have two components, with a half
 * life of an hour and no disorder; engagements and item vectors in short, at times from DRIVER_START_MS on; rows in
 * short.
 */
#ifndef TESTS_OPERATORS_EMBEDDING_FIXTURE_H
#define TESTS_OPERATORS_EMBEDDING_FIXTURE_H

#include <jansson.h>
#include <stdio.h>

#include "base/buffer.h"
#include "dataflow/driver.h"
#include "operators/operators.h"
#include "tests/test.h"

#define HALF_LIFE 3600000 /* ms */

static struct error err;
static struct driver *driver;

static const char topology[] =
	"name: embeddings\n"
	"log: {type: embedded}\n"
	"schemas: %s/schemas\n"
	"topics:\n"
	"  engagements: {schema: engagement.avsc, key: user_id_token, time: occurred_at, partitions: 2,"
	" out_of_orderness: 0ms, max_ahead: 365d}\n"
	"  item_vectors: {schema: item_vector.avsc, key: item_id, time: updated_at, partitions: 3, cleanup: compact,"
	" max_ahead: 365d}\n"
	"  embeddings: {schema: user_embedding.avsc, key: user_id_token, time: updated_at, partitions: 2,"
	" cleanup: compact}\n"
	"  unmatched: {schema: engagement.avsc, key: user_id_token, time: occurred_at, partitions: 1}\n"
	"  late: {schema: engagement.avsc, key: user_id_token, time: occurred_at, partitions: 1}\n"
	"operators:\n"
	"  embedding:\n"
	"    type: embedding_update\n"
	"    inputs: {engagements: engagements}\n"
	"    tables: {item_vectors: item_vectors}\n"
	"    outputs: {embeddings: embeddings, unmatched: unmatched, late: late}\n"
	"    dimensions: 2\n"
	"    half_life: 1h\n"
	"    weights: \"view: 1, like: 3\"\n"
	"    waiting_max: 3\n";

static inline void
open_with(const char *override)
{
	const char *overrides[] = {override, NULL};

	check_ok(driver_open(test_topology_file(topology), overrides, operators_table, &driver, &err));
}

static inline void
act(const char *user, const char *id, const char *item, const char *action, int64_t ms)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{\"engagement_id\": \"%s\", \"impression_id\": \"i\", \"user_id_token\": \"%s\", \"item_id\": \"%s\","
		 " \"action\": \"%s\", \"occurred_at\": %lld}",
		 id, user, item, action, (long long)(DRIVER_START_MS + ms));
	check_ok(driver_send(driver, "engagements", json, &err));
}

/* `vector`: "1, 2" */
static inline void
item(const char *name, const char *vector, const char *space, int64_t ms)
{
	char json[1024];

	snprintf(json, sizeof(json), "{\"item_id\": \"%s\", \"vector\": [%s], \"updated_at\": %lld, \"space\": \"%s\"}",
		 name, vector, (long long)(DRIVER_START_MS + ms), space);
	check_ok(driver_send(driver, "item_vectors", json, &err));
}

static inline void
run(void)
{
	check_ok(driver_run(driver, &err));
}

/* Moves W past `ms`, by 1 ms, by actions that do not count; users are in both partitions. */
static inline void
pass(int64_t ms)
{
	for (int i = 0; i < 8; i++) {
		char user[8];

		snprintf(user, sizeof(user), "clock%d", i);
		act(user, "clock", "x", "skip", ms + 1);
	}
	run();
}

/* The next row as "u r1 n2 w1.5 @5000 v1: 0.5 1", or "". */
static inline const char *
row(void)
{
	static char text[512];
	const char *json = driver_read(driver, "embeddings");
	json_t *object = json ? json_loads(json, 0, NULL) : NULL, *component;
	size_t size, i;

	if (!object)
		return "";
	size = (size_t)snprintf(text, sizeof(text), "%s r%lld n%lld w%.4g @%lld %s:",
				json_string_value(json_object_get(object, "user_id_token")),
				json_integer_value(json_object_get(object, "revision")),
				json_integer_value(json_object_get(object, "n_actions")),
				json_number_value(json_object_get(object, "weight")),
				json_integer_value(json_object_get(object, "updated_at")) - DRIVER_START_MS,
				json_string_value(json_object_get(object, "space")));
	json_array_foreach(json_object_get(object, "vector"), i, component)
		size += (size_t)snprintf(text + size, sizeof(text) - size, " %.5g", json_number_value(component));
	json_decref(object);
	return text;
}

static inline int64_t
counted(const char *counter)
{
	return driver_counter(driver, "embedding", counter);
}

/* The engagement_id of the next row of a topic, or "". */
static inline const char *
id_in(const char *topic)
{
	static char id[64];
	const char *json = driver_read(driver, topic);
	json_t *object = json ? json_loads(json, 0, NULL) : NULL;

	snprintf(id, sizeof(id), "%s", object ? json_string_value(json_object_get(object, "engagement_id")) : "");
	json_decref(object);
	return id;
}

#endif
