/* on_clock, by an operator that counts its calls in a store and tells of each. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tests/dataflow/adder.h"
#include "tests/test.h"

#define WAIT_MS 100
#define PENDING_CALLS 5 /* a bounded run is held until there were so many */
#define WRONG_CALL 7

static struct error err;

struct ticker {
	struct field id, value;
};

static int
ticker_open(void *self, struct context *context, struct error *error)
{
	struct ticker *ticker = self;

	if (record_field(context_output_schema(context, 0), "id", SCHEMA_STRING, &ticker->id, error) < 0)
		return -1;
	return record_field(context_output_schema(context, 0), "value", SCHEMA_INT, &ticker->value, error);
}

static int
ticker_process(const void *self, int input, const struct record *record, struct context *context, struct error *error)
{
	(void)self, (void)input, (void)record, (void)context, (void)error;
	return 0;
}

static int
ticker_on_clock(const void *self, struct context *context, int64_t *wait_ms, bool *pending, struct error *error)
{
	const struct ticker *ticker = self;
	struct store *store = context_store(context, 0);
	struct record *row = context_row(context, 0);
	struct entry *entry;
	uint8_t *calls;
	bool added;

	if (store_add(store, key_of(bytes_of_text("calls")), 1, &entry, &added, error) < 0)
		return -1;
	calls = entry_edit(store, &entry, 1);
	calls[0]++;
	*wait_ms = WAIT_MS;
	*pending = calls[0] < PENDING_CALLS;
	record_set_bytes(row, ticker->id, bytes_of_text("call"));
	record_set_integer(row, ticker->value, calls[0]);
	if (context_emit(context, 0, bytes_of_text("call"), row, error) < 0)
		return -1;
	return calls[0] == WRONG_CALL ? fail(error, SKIP, "no such call") : 0;
}

static const struct port inputs[] = {{"left", "event", "id", true, "events"}, {.name = NULL}};
static const struct port outputs[] = {{"sums", "event", "id", true, "calls"}, {.name = NULL}};
static const struct store_spec stores[] = {{"calls", "how many there were", false}, {.name = NULL}};
static const struct option options[] = {OPTION_END};

static const struct operator_type ticker_type = {
	.name = "ticker",
	.help = "counts",
	.options = options,
	.inputs = inputs,
	.outputs = outputs,
	.stores = stores,
	.self_size = sizeof(struct ticker),
	.open = ticker_open,
	.process = ticker_process,
	.on_clock = ticker_on_clock,
};
static const struct operator_type *const table[] = {&ticker_type, NULL};

static struct driver *
open_ticker(void)
{
	struct driver *driver = adder_open(NULL); /* writes the schemas */
	char *path = memory_format("%s/ticker.yaml", test_directory());
	FILE *file = fopen(path, "w");

	driver_close(&driver);
	fputs("name: ticker\ntopics:\n"
	      "  left: {schema: event.avsc, key: id, time: at}\n"
	      "  sums: {schema: event.avsc, key: id, time: at}\n"
	      "operators:\n"
	      "  tick: {type: ticker, inputs: {left: left}, outputs: {sums: sums}}\n",
	      file);
	fclose(file);
	check_ok(driver_open(path, NULL, table, &driver, &err));
	memory_free(&path);
	return driver;
}

/* The number in the next row; 0: there is none. */
static int
next_call(struct driver *driver)
{
	const char *row = driver_read(driver, "sums");
	const char *value = row ? strstr(row, "\"value\":") : NULL;
	int number = 0;

	check(!row || (value && sscanf(value, "\"value\":%d", &number) == 1));
	return number;
}

TEST(it_is_called_when_the_task_is_there_and_then_after_the_time_it_asks_for)
{
	struct driver *driver = open_ticker();

	check_ok(driver_run(driver, &err));
	check_int(next_call(driver), 1);
	check_ok(driver_advance(driver, WAIT_MS - 1, &err));
	check_int(next_call(driver), 0);
	check_ok(driver_advance(driver, 1, &err));
	check_int(next_call(driver), 2);
	check_int(next_call(driver), 0);
	driver_close(&driver);
}

TEST(what_it_changed_is_there_after_a_crash)
{
	struct driver *driver = open_ticker();

	check_ok(driver_run(driver, &err));
	check_ok(driver_advance(driver, WAIT_MS, &err));
	check_ok(driver_crash(driver, &err));
	check_ok(driver_run(driver, &err));
	for (int call = 1; call <= 3; call++)
		check_int(next_call(driver), call);
	check_int(next_call(driver), 0);
	driver_close(&driver);
}

TEST(a_bounded_run_goes_on_while_it_is_pending)
{
	struct driver *driver = open_ticker();

	adder_send(driver, "left", "a", 0, 1);
	check_ok(driver_finish(driver, &err));
	for (int call = 1; call <= PENDING_CALLS; call++)
		check_int(next_call(driver), call);
	check_int(next_call(driver), 0);
	driver_close(&driver);
}

TEST(it_may_not_skip)
{
	struct driver *driver = open_ticker();

	check_ok(driver_run(driver, &err));
	for (int call = 2; call < WRONG_CALL; call++)
		check_ok(driver_advance(driver, WAIT_MS, &err));
	check_fails(driver_advance(driver, WAIT_MS, &err), "on_clock of operator tick may not skip");
	check_int(err.action, FATAL);
	driver_close(&driver);
}
