#include "dataflow/runtime.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dataflow/watchdog.h"
#include "tests/dataflow/adder.h"
#include "tests/dataflow/capture.h"
#include "tests/test.h"

static struct error err;

/* The adder's topology in the test's directory, and a run of it over a log that is kept in data/. */
static struct topology *
load_with(const struct operator_type *const *table, const char *const *overrides)
{
	struct driver *driver = adder_open(NULL); /* writes the files */
	char *path = memory_format("%s/adder.yaml", test_directory());
	struct topology *topology;

	driver_close(&driver);
	check_ok(topology_load(path, overrides, table, &topology, NULL, &err));
	memory_free(&path);
	return topology;
}

static struct topology *
load(const char *const *overrides)
{
	return load_with(adder_table, overrides);
}

static struct runtime *
open_runtime_at(const struct topology *topology, bool until_end, const char *const *operators, struct clock *clock)
{
	char *directory = memory_format("%s/data", test_directory());
	struct runtime_config config = {
		.topology = topology,
		.directory = directory,
		.operators = operators,
		.until_end = until_end,
		.clock = clock,
	};
	struct runtime *runtime = NULL;
	int result = runtime_open(&config, &runtime, &err);

	memory_free(&directory);
	return result == 0 ? runtime : NULL;
}

static struct runtime *
open_runtime(const struct topology *topology, bool until_end, const char *const *operators)
{
	return open_runtime_at(topology, until_end, operators, &clock_system);
}

/* Appends events "a", one per ms of event time, with value 1. */
static void
append(struct runtime *runtime, const struct topology *topology, const char *topic_name, int count)
{
	const struct topology_topic *spec = &topology->topics[topology_topic_find(topology, topic_name)];
	struct log *log = runtime_log(runtime);
	struct transaction *transaction;
	struct record record = {0};
	int topic;

	check_ok(log_topic(log, topic_name, &topic, &err));
	check_ok(log_transaction_open(log, "test", &transaction, &err));
	record_init(&record, spec->schema->root);
	for (int i = 0; i < count; i++) {
		struct buffer *buffer;

		record.slots[0].bytes = bytes_of_text("a");
		record.slots[1].integer = DRIVER_START_MS + i;
		record.slots[2].integer = 1;
		buffer = transaction_append_begin(transaction, topic, 0, bytes_of_text("a"), DRIVER_START_MS);
		check_ok(codec_encode(spec->codec, &record, buffer, &err));
		check_ok(transaction_append_end(transaction, &err));
		transaction_keep(transaction);
	}
	check_ok(transaction_commit(transaction, &err));
	transaction_close(&transaction);
	record_fini(&record);
}

TEST(a_bounded_run_ends_by_itself_and_the_next_one_goes_on_behind_it)
{
	struct topology *topology = load(NULL);

	for (int run = 0; run < 2; run++) {
		struct runtime *runtime = open_runtime(topology, true, NULL);
		struct operator_figures figures;

		append(runtime, topology, "left", 1000);
		check_ok(runtime_run(runtime, &err));
		runtime_figures(runtime, 0, &figures);
		check_int(figures.records_in, 1000);
		check_int(figures.records_out, 1001); /* and the timer's row at the end */
		check_int(figures.counters[0], 1000);
		check_int(figures.lag, 0);
		runtime_close(&runtime);
	}
	topology_free(&topology);
}

static void *
stop_when_it_has_read(void *argument)
{
	struct runtime *runtime = argument;
	struct operator_figures figures = {0};

	while (figures.records_in < 1000)
		runtime_figures(runtime, 0, &figures);
	runtime_stop(runtime);
	return NULL;
}

TEST(a_live_run_that_is_stopped_commits_what_it_has_done)
{
	const char *const overrides[] = {"commit_interval=10min", NULL};
	struct topology *topology = load(overrides);
	struct runtime *runtime = open_runtime(topology, false, NULL);
	struct operator_figures figures;
	struct partition_info info;
	pthread_t thread;
	int topic;

	append(runtime, topology, "left", 1000);
	pthread_create(&thread, NULL, stop_when_it_has_read, runtime);
	check_ok(runtime_run(runtime, &err));
	pthread_join(thread, NULL);
	runtime_figures(runtime, 0, &figures);
	check_int(figures.commits, 1);
	check_ok(log_topic(runtime_log(runtime), "sums", &topic, &err));
	check_ok(log_partition_info(runtime_log(runtime), topic, 0, &info, &err));
	check_int(info.end, 1000);
	runtime_close(&runtime);
	topology_free(&topology);
}

TEST(an_operator_that_the_topology_lacks_cannot_be_selected)
{
	const char *const operators[] = {"sub", NULL};
	struct topology *topology = load(NULL);

	check(open_runtime(topology, false, operators) == NULL);
	check_contains(err.text, "has no operator named sub");
	topology_free(&topology);
}

TEST(without_its_journal_old_state_counts_for_nothing)
{
	struct topology *topology = load(NULL);
	struct runtime *runtime = open_runtime(topology, true, NULL);
	char *old = memory_format("%s/data/log", test_directory());
	char *away = memory_format("%s/away", test_directory());

	append(runtime, topology, "left", 10);
	check_ok(runtime_run(runtime, &err));
	runtime_close(&runtime);
	check_int(rename(old, away), 0); /* the state stays, its journal and topics are gone */
	runtime = open_runtime(topology, true, NULL);
	append(runtime, topology, "left", 5);
	check_ok(runtime_run(runtime, &err)); /* begins anew: the journal is the truth */
	runtime_close(&runtime);
	memory_free(&old);
	memory_free(&away);
	topology_free(&topology);
}

/* ---- a worker that stands still ---- */

#define STALL_US_MAX 60000000

static struct clock_manual manual;
static bool stalled, said;

/* Its first record takes until the watchdog has said so. */
static int
stalling_process(const void *self, int input, const struct record *record, struct context *context, struct error *error)
{
	int64_t began_us = clock_monotonic_us();

	if (!stalled)
		clock_manual_pass(&manual, 2 * WATCHDOG_SLOW_MS);
	while (!stalled && !said && clock_monotonic_us() - began_us < STALL_US_MAX) {
		said = strstr(capture_text(), "slow_step operator=add worker=0 phase=running for_ms=20000\n");
		sched_yield();
	}
	stalled = true;
	return adder_table[0]->process(self, input, record, context, error);
}

TEST(a_worker_that_stands_still_is_named_meanwhile)
{
	struct operator_type stalling = *adder_table[0];
	const struct operator_type *const table[] = {&stalling, NULL};
	struct topology *topology;
	struct runtime *runtime;
	int result;

	stalling.process = stalling_process;
	clock_manual_init(&manual, DRIVER_START_MS);
	topology = load_with(table, NULL);
	runtime = open_runtime_at(topology, true, NULL, &manual.clock);
	append(runtime, topology, "left", 10);
	capture_begin();
	result = runtime_run(runtime, &err);
	capture_end();
	check_ok(result);
	check(said);
	runtime_close(&runtime);
	topology_free(&topology);
}
