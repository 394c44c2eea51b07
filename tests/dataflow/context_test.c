/* What the runtime tells an operator. */
#include <stdio.h>

#include "dataflow/driver.h"
#include "dataflow/operator.h"
#include "tests/test.h"

static struct error err;

enum { LEFT, RIGHT };
enum { RIGHT_TIME, STORES_KNOWN };

/* A record from the left counts how far the right has come, and one for each entry that knows its store. */
static int
listener_process(const void *self, int input, const struct record *record, struct context *context, struct error *error)
{
	int64_t right = context_input_time(context, RIGHT);
	struct entry *entry;
	bool added;

	(void)self;
	if (input != LEFT)
		return 0;
	context_count(context, RIGHT_TIME, right == TIME_MIN ? -1 : right - DRIVER_START_MS);
	for (int store = 0; store < 2; store++) {
		if (store_add(context_store(context, store), record->key, 1, &entry, &added, error) < 0)
			return -1;
		context_count(context, STORES_KNOWN, entry_store(entry) == store);
	}
	return 0;
}

static int
listener_open(void *self, struct context *context, struct error *error)
{
	(void)self;
	(void)context;
	(void)error;
	return 0;
}

static const struct option options[] = {OPTION_END};
static const struct port inputs[] = {
	[LEFT] = {"left", "delivery", "request_id", true, "asks"},
	[RIGHT] = {"right", "delivery", "request_id", false, "is asked about"},
	{.name = NULL},
};
static const struct port outputs[] = {{.name = NULL}};
static const struct store_spec stores[] = {
	{.name = "first", .help = "first"}, {.name = "second", .help = "second"}, {.name = NULL}};
static const struct counter_spec counters[] = {
	[RIGHT_TIME] = {"right_time", "ms"}, [STORES_KNOWN] = {"stores_known", "entries"}, {.name = NULL}};

static const struct operator_type listener_type = {
	.name = "listener",
	.help = "listens",
	.options = options,
	.inputs = inputs,
	.outputs = outputs,
	.stores = stores,
	.counters = counters,
	.self_size = 8,
	.open = listener_open,
	.process = listener_process,
};

static const struct operator_type *const table[] = {&listener_type, NULL};

static struct driver *
open_listener(const char *ports)
{
	struct driver *driver;
	char path[4200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/listener.yaml", test_directory());
	file = fopen(path, "w");
	check(file != NULL);
	fprintf(file,
		"name: t\nschemas: %s/schemas\ntopics:\n"
		"  left: {schema: delivery.avsc, key: request_id, time: logged_at, idle_after: 1s}\n"
		"  right: {schema: delivery.avsc, key: request_id, time: logged_at, idle_after: 1s}\n"
		"operators:\n  listen: {type: listener, inputs: {%s}}\n",
		test_source_root(), ports);
	fclose(file);
	check_ok(driver_open(path, NULL, table, &driver, &err));
	return driver;
}

static void
send(struct driver *driver, const char *topic, int64_t ms)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{\"impression_id\": \"i\", \"request_id\": \"r\", \"stage\": \"returned\", \"user_id_token\": \"u\", "
		 "\"item_id\": \"v\", \"position\": 0, \"logged_at\": %lld}",
		 (long long)(DRIVER_START_MS + ms));
	check_ok(driver_send(driver, topic, json, &err));
	check_ok(driver_run(driver, &err));
}

TEST(an_operator_sees_how_far_each_input_has_come)
{
	struct driver *driver = open_listener("left: left, right: right");

	send(driver, "left", 10);
	check_int(driver_counter(driver, "listen", "right_time"), -1);
	send(driver, "right", 5000);
	send(driver, "right", 3000); /* does not go back */
	send(driver, "left", 20);
	check_int(driver_counter(driver, "listen", "right_time"), -1 + 5000);
	check_ok(driver_crash(driver, &err));
	send(driver, "left", 30);
	check_int(driver_counter(driver, "listen", "right_time"), -1 + 5000 + 5000);
	driver_close(&driver);
}

TEST(an_input_that_is_not_connected_has_no_time)
{
	struct driver *driver = open_listener("left: left");

	send(driver, "left", 10);
	check_int(driver_counter(driver, "listen", "right_time"), -1);
	driver_close(&driver);
}

TEST(an_entry_knows_its_store)
{
	struct driver *driver = open_listener("left: left, right: right");

	send(driver, "left", 10);
	check_int(driver_counter(driver, "listen", "stores_known"), 2);
	driver_close(&driver);
}
