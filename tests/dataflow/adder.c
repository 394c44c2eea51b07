#include "tests/dataflow/adder.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tests/test.h"

struct adder {
	struct field id, at, value;
	struct field out_id, out_at, out_value;
};

static int
adder_operator_open(void *self, struct context *context, struct error *err)
{
	struct adder *adder = self;
	const struct schema *in = context_input_schema(context, 0), *out = context_output_schema(context, 0);

	if (record_field(in, "id", SCHEMA_STRING, &adder->id, err) < 0 ||
	    record_field(in, "at", SCHEMA_LONG, &adder->at, err) < 0 ||
	    record_field(in, "value", SCHEMA_INT, &adder->value, err) < 0 ||
	    record_field(out, "id", SCHEMA_STRING, &adder->out_id, err) < 0 ||
	    record_field(out, "at", SCHEMA_LONG, &adder->out_at, err) < 0)
		return -1;
	return record_field(out, "value", SCHEMA_INT, &adder->out_value, err);
}

static int
emit(const struct adder *adder, struct context *context, struct bytes key, int64_t at, int64_t value, struct error *err)
{
	struct record *row = context_row(context, 0);

	record_set_bytes(row, adder->out_id, key);
	record_set_integer(row, adder->out_at, at);
	record_set_integer(row, adder->out_value, value);
	return context_emit(context, 0, key, row, err);
}

static int64_t
sum_of(const struct entry *entry)
{
	int64_t sum;

	memcpy(&sum, entry_value(entry).data, sizeof(sum));
	return sum;
}

static int
adder_process(const void *self, int input, const struct record *record, struct context *context, struct error *err)
{
	const struct adder *adder = self;
	struct store *store = context_store(context, 0);
	int64_t at = record_integer(record, adder->at), value = record_integer(record, adder->value), sum;
	struct entry *entry;
	bool added;

	if (store_add(store, record->key, sizeof(sum), &entry, &added, err) < 0)
		return -1;
	sum = sum_of(entry) + value;
	memcpy(entry_edit(store, &entry, sizeof(sum)), &sum, sizeof(sum));
	entry_set_timer(store, entry, at + 1000);
	context_count(context, input, 1);
	if (emit(adder, context, record->key.bytes, at, sum, err) < 0)
		return -1;
	return value == 13 ? fail(err, SKIP, "13 is not a number I add") : 0;
}

static int
adder_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	if (emit(self, context, entry_key(entry), DRIVER_START_MS, -sum_of(entry), err) < 0)
		return -1;
	entry_remove(context_store(context, 0), entry);
	return 0;
}

static const struct port inputs[] = {
	{"left", "event", "id", true, "events"},
	{"right", "event", "id", true, "events"},
	{.name = NULL},
};
static const struct port outputs[] = {{"sums", "event", "id", true, "sums"}, {.name = NULL}};
static const struct store_spec stores[] = {{"sums", "a sum per id", true}, {.name = NULL}};
static const struct counter_spec counters[] = {{"left", "from the left"}, {"right", "from the right"}, {.name = NULL}};
static const struct option options[] = {OPTION_END};

static const struct operator_type adder_type = {
	.name = "adder",
	.help = "adds",
	.options = options,
	.inputs = inputs,
	.outputs = outputs,
	.stores = stores,
	.counters = counters,
	.self_size = sizeof(struct adder),
	.open = adder_operator_open,
	.process = adder_process,
	.on_timer = adder_on_timer,
};

const struct operator_type *const adder_table[] = {&adder_type, NULL};

static void
write_file(const char *name, const char *text)
{
	char path[4200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
	file = fopen(path, "w");
	check(file != NULL);
	fputs(text, file);
	fclose(file);
}

struct driver *
adder_open(const char *const *overrides)
{
	struct driver *driver;
	struct error err;
	char path[4200];

	write_file("event.avsc",
		   "{\"type\": \"record\", \"name\": \"event\", \"fields\": ["
		   "{\"name\": \"id\", \"type\": \"string\"},"
		   "{\"name\": \"at\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}},"
		   "{\"name\": \"value\", \"type\": \"int\"}]}");
	write_file(
		"dead_letter.avsc",
		"{\"type\": \"record\", \"name\": \"dead_letter\", \"fields\": ["
		"{\"name\": \"topic\", \"type\": \"string\"}, {\"name\": \"partition\", \"type\": \"int\"},"
		"{\"name\": \"offset\", \"type\": \"long\"}, {\"name\": \"operator\", \"type\": \"string\"},"
		"{\"name\": \"reason\", \"type\": \"string\"},"
		"{\"name\": \"key\", \"type\": [\"null\", \"bytes\"], \"default\": null},"
		"{\"name\": \"value\", \"type\": \"bytes\"},"
		"{\"name\": \"record_time\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}},"
		"{\"name\": \"failed_at\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}}]}");
	write_file("adder.yaml", "name: test\n"
				 "topics:\n"
				 "  left: {schema: event.avsc, key: id, time: at,"
				 " out_of_orderness: 10ms, idle_after: 1s, max_ahead: 1min}\n"
				 "  right: {schema: event.avsc, key: id, time: at,"
				 " out_of_orderness: 10ms, idle_after: 1s, max_ahead: 1min}\n"
				 "  sums: {schema: event.avsc, key: id, time: at}\n"
				 "operators:\n"
				 "  add: {type: adder, inputs: {left: left, right: right}, outputs: {sums: sums}}\n");
	snprintf(path, sizeof(path), "%s/adder.yaml", test_directory());
	check_ok(driver_open(path, overrides, adder_table, &driver, &err));
	return driver;
}

void
adder_send(struct driver *driver, const char *topic, const char *id, int64_t at, int value)
{
	struct error err;
	char json[256];

	snprintf(json, sizeof(json), "{\"id\": \"%s\", \"at\": %lld, \"value\": %d}", id,
		 (long long)DRIVER_START_MS + at, value);
	check_ok(driver_send(driver, topic, json, &err));
}

const char *
adder_read(struct driver *driver)
{
	static char text[128];
	const char *row = driver_read(driver, "sums");
	json_t *object;

	if (!row)
		return "";
	object = json_loads(row, 0, NULL);
	snprintf(text, sizeof(text), "%s %lld %lld", json_string_value(json_object_get(object, "id")),
		 (long long)json_integer_value(json_object_get(object, "at")) - DRIVER_START_MS,
		 (long long)json_integer_value(json_object_get(object, "value")));
	json_decref(object);
	return text;
}
