/* Sinks: what becomes of what they gathered. */
#include <stdio.h>

#include "base/memory.h"
#include "dataflow/driver.h"
#include "tests/test.h"

static struct error err;

/* ---- a sink whose system takes nothing ---- */

struct refuser {
	int64_t *offsets; /* what was gathered */
	size_t count;
};

static int
refuser_open(void *self, struct context *context, struct error *error)
{
	struct refuser *refuser = self;

	(void)context;
	(void)error;
	refuser->offsets = memory_new_array(10000, sizeof(*refuser->offsets));
	return 0;
}

/* What is gathered lives behind self, as operator.h has it. */
static int
refuser_process(const void *self, int input, const struct record *record, struct context *context, struct error *error)
{
	struct refuser *refuser = (struct refuser *)(uintptr_t)self;

	(void)record;
	(void)error;
	refuser->offsets[refuser->count++] = context_raw(context, input).offset;
	return 0;
}

static int
refuser_flush(const void *self, struct context *context, struct error *error)
{
	struct refuser *refuser = (struct refuser *)(uintptr_t)self;

	for (; refuser->count > 0; refuser->count--) {
		struct raw_record record = {.offset = refuser->offsets[refuser->count - 1]};

		if (context_refuse(context, 0, &record, "the other side takes nothing", error) < 0)
			return -1;
	}
	return 0;
}

static void
refuser_close(void *self)
{
	struct refuser *refuser = self;

	memory_free(&refuser->offsets);
}

static const struct option options[] = {OPTION_END};
static const struct port inputs[] = {{"rows", "engagement", "impression_id", true, "rows"}, {.name = NULL}};
static const struct operator_type refuser_type = {
	.name = "refuser",
	.help = "refuses",
	.options = options,
	.inputs = inputs,
	.self_size = sizeof(struct refuser),
	.open = refuser_open,
	.process = refuser_process,
	.flush = refuser_flush,
	.close = refuser_close,
};
static const struct operator_type *const table[] = {&refuser_type, NULL};

static struct driver *
open_refuser(void)
{
	struct driver *driver;
	char path[4200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/t.yaml", test_directory());
	file = fopen(path, "w");
	check(file != NULL);
	fprintf(file,
		"name: t\nschemas: %s/schemas\ntopics:\n  rows: {schema: engagement.avsc, key: impression_id}\n"
		"operators:\n  sink: {type: refuser, inputs: {rows: rows}}\n",
		test_source_root());
	fclose(file);
	check_ok(driver_open(path, NULL, table, &driver, &err));
	return driver;
}

static void
send_rows(struct driver *driver, int count)
{
	for (int i = 0; i < count; i++)
		check_ok(driver_send(driver, "rows",
				     "{\"engagement_id\": \"e\", \"impression_id\": \"i\", \"user_id_token\": \"u\", "
				     "\"item_id\": \"v\", \"action\": \"view\", \"occurred_at\": 1}",
				     &err));
}

TEST(what_the_outside_refuses_is_a_dead_letter)
{
	struct driver *driver = open_refuser();

	send_rows(driver, 3);
	check_ok(driver_run(driver, &err));
	for (int i = 0; i < 3; i++)
		check_contains(driver_read(driver, "dead_letters"), "the other side takes nothing");
	check(driver_read(driver, "dead_letters") == NULL);
	driver_close(&driver);
}

static int
count_letters(struct driver *driver)
{
	int count = 0;

	while (driver_read(driver, "dead_letters"))
		count++;
	return count;
}

TEST(an_outside_that_refuses_too_much_stops_the_operator_once_the_letters_are_kept)
{
	struct driver *driver = open_refuser();

	send_rows(driver, 200);
	check_fails(driver_run(driver, &err), "operator sink stops: 200 of the last 200");
	check_contains(err.text, "the other side takes nothing");
	check_int(count_letters(driver), 200);
	send_rows(driver, 50);
	for (int run = 1; run <= 3; run++) {
		check_ok(driver_crash(driver, &err));
		check_fails(driver_run(driver, &err), "operator sink stops");
		check_int(count_letters(driver), 1); /* it takes no more at once than it has to */
	}
	driver_close(&driver);
}
