/* Global tables as operators and their users meet them. */
#include "dataflow/table_feed.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "dataflow/driver.h"
#include "dataflow/job_tables.h"
#include "dataflow/topic_list.h"
#include "tests/test.h"

static struct error err;

/* ---- an operator that finds the price of what was sold ---- */

struct seller {
	struct field id, at, vector;
};

static int
seller_open(void *self, struct context *context, struct error *error)
{
	struct seller *seller = self;

	if (record_field(context_table_schema(context, 0), "vector", SCHEMA_ARRAY, &seller->vector, error) < 0)
		return -1;
	return record_field(context_input_schema(context, 0), "item_id", SCHEMA_STRING, &seller->id, error) < 0 ||
			       record_field(context_input_schema(context, 0), "occurred_at", SCHEMA_LONG, &seller->at,
					    error) < 0
		       ? -1
		       : 0;
}

/* A price is the vector's only component. */
static int
seller_hold(const void *self, int table, const struct record *record, struct buffer *out, struct bytes *series,
	    struct error *error)
{
	const struct seller *seller = self;
	const union slot *vector = &record->slots[seller->vector.slot];
	uint64_t price;

	(void)series;
	check_int(table, 0);
	if (vector->array.count != 1)
		return fail(error, SKIP, "%zu prices; expected one", vector->array.count);
	price = (uint64_t)vector->array.items[0].real;
	buffer_put_bytes(out, bytes_of(&price, sizeof(price)));
	return 0;
}

enum { COUNT_SOLD, COUNT_EARNED };

static int
seller_process(const void *self, int input, const struct record *record, struct context *context, struct error *error)
{
	const struct seller *seller = self;
	struct table_row row;
	uint64_t price;

	if (context_lookup(context, 0, record_bytes(record, seller->id), record_integer(record, seller->at), &row) !=
	    TABLE_ROW)
		return fail(error, SKIP, "it has no price (input %d)", input);
	check_int((int64_t)row.value.size, 8);
	context_count(context, COUNT_SOLD, 1);
	memcpy(&price, row.value.data, sizeof(price));
	context_count(context, COUNT_EARNED, (int64_t)price);
	return 0;
}

static const struct port inputs[] = {{"sales", "engagement", "impression_id", true, "what was sold"}, {.name = NULL}};
static const struct port tables[] = {{"prices", "item_vector", "item_id", true, "what it costs"}, {.name = NULL}};
static const struct counter_spec counters[] = {
	[COUNT_SOLD] = {"sold", "sales"}, [COUNT_EARNED] = {"earned", "money"}, {.name = NULL}};
static const struct option options[] = {OPTION_END};

static const struct operator_type seller_type = {
	.name = "seller",
	.help = "sells",
	.options = options,
	.inputs = inputs,
	.tables = tables,
	.counters = counters,
	.self_size = sizeof(struct seller),
	.open = seller_open,
	.process = seller_process,
	.hold = seller_hold,
};

static const struct operator_type *const table[] = {&seller_type, NULL};

static const char *
write_seller(const char *price_settings)
{
	static char path[4200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/seller.yaml", test_directory());
	file = fopen(path, "w");
	check(file != NULL);
	fprintf(file,
		"name: t\nschemas: %s/schemas\ntopics:\n"
		"  sales: {schema: engagement.avsc, key: impression_id, time: occurred_at, partitions: 2}\n"
		"  prices: {schema: item_vector.avsc, key: item_id, time: updated_at%s}\n"
		"operators:\n"
		"  sell: {type: seller, inputs: {sales: sales}, tables: {prices: prices}}\n",
		test_source_root(), price_settings);
	fclose(file);
	return path;
}

static int
open_seller(const char *price_settings, struct driver **driver)
{
	return driver_open(write_seller(price_settings), NULL, table, driver, &err);
}

static struct driver *
started(void)
{
	struct driver *driver;

	check_ok(open_seller(", partitions: 3, cleanup: compact", &driver));
	return driver;
}

static void
send_price(struct driver *driver, const char *item, int64_t at, const char *prices)
{
	char json[256];

	snprintf(json, sizeof(json), "{\"item_id\": \"%s\", \"vector\": [%s], \"updated_at\": %lld}", item, prices,
		 (long long)DRIVER_START_MS + at);
	check_ok(driver_send(driver, "prices", json, &err));
}

static void
send_sale(struct driver *driver, const char *item, int64_t at)
{
	static int number;
	char json[512];

	snprintf(json, sizeof(json),
		 "{\"engagement_id\": \"e%d\", \"impression_id\": \"i%d\", \"user_id_token\": \"u\", \"item_id\": "
		 "\"%s\", \"action\": \"purchase\", \"occurred_at\": %lld}",
		 number, number, item, (long long)DRIVER_START_MS + at);
	number++;
	check_ok(driver_send(driver, "sales", json, &err));
}

static int64_t
earned(struct driver *driver)
{
	return driver_counter(driver, "sell", "earned");
}

/* The reason of the next dead letter, "topic: reason"; "" where there is none. */
static const char *
next_letter(struct driver *driver)
{
	static char text[1024];
	const char *row = driver_read(driver, "dead_letters");
	json_t *object;

	if (!row)
		return "";
	object = json_loads(row, 0, NULL);
	snprintf(text, sizeof(text), "%s: %s", json_string_value(json_object_get(object, "topic")),
		 json_string_value(json_object_get(object, "reason")));
	json_decref(object);
	return text;
}

TEST(a_record_finds_the_row_that_held_at_its_time)
{
	struct driver *driver = started();

	send_price(driver, "apple", 0, "1");
	send_price(driver, "apple", 1000, "10");
	send_price(driver, "pear", 0, "100");
	check_ok(driver_run(driver, &err));
	send_sale(driver, "apple", 500);
	send_sale(driver, "apple", 1000);
	send_sale(driver, "pear", 2000);
	check_ok(driver_run(driver, &err));
	check_int(earned(driver), 111);
	send_price(driver, "pear", 3000, "1000");
	check_ok(driver_run(driver, &err));
	send_sale(driver, "pear", 4000);
	check_ok(driver_run(driver, &err));
	check_int(earned(driver), 1111);
	check_text(next_letter(driver), "");
	driver_close(&driver);
}

TEST(a_deletion_removes_the_row)
{
	struct driver *driver = started();

	send_price(driver, "apple", 0, "1");
	check_ok(driver_send_value(driver, "prices", "apple", (struct bytes){0}, &err));
	check_ok(driver_run(driver, &err));
	send_sale(driver, "apple", 10);
	check_ok(driver_run(driver, &err));
	check_int(driver_counter(driver, "sell", "sold"), 0);
	check_text(next_letter(driver), "sales: it has no price (input 0)");
	driver_close(&driver);
}

TEST(a_refused_row_is_one_dead_letter_and_the_row_before_stays)
{
	struct driver *driver = started();

	send_price(driver, "apple", 0, "7");
	send_price(driver, "apple", 1000, "1, 2");
	check_ok(driver_send_value(driver, "prices", "apple", bytes_of_text("junk"), &err));
	check_ok(driver_run(driver, &err));
	send_sale(driver, "apple", 2000);
	check_ok(driver_run(driver, &err));
	check_int(earned(driver), 7);
	check_text(next_letter(driver), "prices: 2 prices; expected one");
	check_contains(next_letter(driver), "prices: ");
	check_text(next_letter(driver), "");

	/* Whoever takes over knows which letters were written. */
	check_ok(driver_crash(driver, &err));
	send_price(driver, "pear", 1000, "");
	check_ok(driver_run(driver, &err));
	check_text(next_letter(driver), "prices: 0 prices; expected one");
	check_text(next_letter(driver), "");
	driver_close(&driver);
}

TEST(refused_records_that_had_no_room_to_wait_share_one_letter)
{
	struct driver *driver;
	char junk[2000];

	/* A quarter of the table's size is for what is refused: some 5 of these records. */
	check_ok(open_seller(", partitions: 1, cleanup: compact, table_size: 64KiB", &driver));
	memset(junk, 'j', sizeof(junk));
	for (int i = 0; i < 20; i++)
		check_ok(driver_send_value(driver, "prices", "apple", bytes_of(junk, sizeof(junk)), &err));
	check_ok(driver_run(driver, &err));
	check_contains(next_letter(driver), "prices: refused records up to offset 14, at most 15 of them, have no "
					    "letters of their own: more than 16384 bytes of them had to wait");
	for (int i = 15; i < 20; i++)
		check(next_letter(driver)[0] != 0);
	check_text(next_letter(driver), "");

	/* Those are gone for good, and their room is free again. */
	check_ok(driver_send_value(driver, "prices", "apple", bytes_of(junk, sizeof(junk)), &err));
	check_ok(driver_run(driver, &err));
	check(strstr(next_letter(driver), "no letters of their own") == NULL);
	check_text(next_letter(driver), "");
	driver_close(&driver);
}

TEST(refused_records_whose_letters_are_committed_make_room)
{
	struct driver *driver;
	char junk[2000];

	check_ok(open_seller(", partitions: 1, cleanup: compact, table_size: 64KiB", &driver));
	memset(junk, 'j', sizeof(junk));
	for (int i = 0; i < 50; i++) {
		check_ok(driver_send_value(driver, "prices", "apple", bytes_of(junk, sizeof(junk)), &err));
		check_ok(driver_run(driver, &err));
		check(strstr(next_letter(driver), "no letters of their own") == NULL);
	}
	check_text(next_letter(driver), "");
	driver_close(&driver);
}

TEST(too_many_refused_records_stop_the_operator_once_their_letters_are_kept)
{
	struct driver *driver = started();
	int letters = 0;

	for (int i = 0; i < 150; i++)
		check_ok(driver_send_value(driver, "prices", "a", bytes_of_text("rubbish"), &err));
	send_sale(driver, "a", 10);
	check_fails(driver_run(driver, &err), "operator sell stops: 101 of the last 101 records of topic prices");
	while (*next_letter(driver))
		letters++;
	check_int(letters, 100);
	check_int(driver_counter(driver, "sell", "sold"), 0); /* nothing is looked up in what was not read to its end */
	driver_close(&driver);
}

TEST(a_turn_waits_once_for_all_partitions_however_many_there_are)
{
	struct topology *topology;
	struct runtime_config config = {.clock = &clock_system};
	struct job *job;
	int64_t began_us;
	bool progress;

	check_ok(
		topology_load(write_seller(", partitions: 500, cleanup: compact"), NULL, table, &topology, NULL, &err));
	config.topology = topology;
	check_ok(job_open(&config, &job, &err));
	check_ok(job_tables_open(job, -1, NULL, NULL, &err));
	began_us = clock_monotonic_us();
	check_ok(job_tables_turn(job, 50, &progress, &err));
	check(!progress);
	check(clock_monotonic_us() - began_us >= 50 * 1000);
	job_close(&job);
	topology_free(&topology);
}

TEST(a_bounded_run_has_the_rows_of_its_beginning)
{
	struct driver *driver = started();

	send_price(driver, "apple", 0, "3");
	send_sale(driver, "apple", 10);
	check_ok(driver_finish(driver, &err));
	check_int(earned(driver), 3);
	driver_close(&driver);
}

TEST(a_table_beyond_its_size_ends_the_run)
{
	struct driver *driver;
	char item[32];

	check_ok(open_seller(", partitions: 3, cleanup: compact, table_size: 64KiB", &driver));
	for (int i = 0; i < 2000; i++) {
		snprintf(item, sizeof(item), "item %d", i);
		send_price(driver, item, 0, "1");
	}
	check_fails(driver_run(driver, &err), "the global table of topic prices needs more than its table_size");
	check_contains(err.text, "operator sell");
	driver_close(&driver);
}

TEST(what_was_fetched_waits_until_readers_have_given_back_what_was_replaced)
{
	struct driver *driver;
	char price[32];

	/* One batch that replaces more than the table has room for, while no worker makes a turn. */
	check_ok(open_seller(", partitions: 1, cleanup: compact, table_size: 64KiB", &driver));
	for (int i = 1; i <= 5000; i++) {
		snprintf(price, sizeof(price), "%d", i);
		send_price(driver, "apple", i, price);
	}
	check_ok(driver_run(driver, &err));
	send_sale(driver, "apple", 5000);
	send_sale(driver, "apple", 4999);
	check_ok(driver_run(driver, &err));
	check_int(earned(driver), 9999);
	check_text(next_letter(driver), "");
	driver_close(&driver);
}

TEST(a_table_of_a_topic_that_is_not_compacted_is_refused)
{
	struct driver *driver;

	check_fails(open_seller(", partitions: 3", &driver),
		    "topic prices is table prices of operator sell and is not compacted");
}

/* The compaction lag of each of the topics. */
static void
check_lags(const char *price_settings, int64_t sales_ms, int64_t prices_ms)
{
	struct topology *topology;
	struct topic_list list;

	check_ok(topology_load(write_seller(price_settings), NULL, table, &topology, NULL, &err));
	list = topic_list_of(topology);
	check_text(list.specs[0].name, "sales");
	check_int(list.specs[0].compaction_lag_ms, sales_ms);
	check_int(list.specs[1].compaction_lag_ms, prices_ms);
	topic_list_free(&list);
	topology_free(&topology);
}

TEST(the_topic_of_a_table_keeps_what_was_replaced_for_a_week_unless_it_says_otherwise)
{
	check_lags(", cleanup: compact", 0, 7 * 86400000LL);
	check_lags(", cleanup: compact, compaction_lag: 1h", 0, 3600000);
	check_lags(", cleanup: compact, compaction_lag: 0ms", 0, 0);
}
