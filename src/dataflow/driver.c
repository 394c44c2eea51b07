#include "dataflow/driver.h"

#include <inttypes.h>

#include "base/memory.h"
#include "dataflow/job_tables.h"
#include "dataflow/worker.h"
#include "record/json.h"

/* A topic that the test reads: where it is in each partition. */
struct driver_topic {
	struct reader **readers; /* one per partition, opened at the first read */
	struct log_batch *batches;
	size_t *at;
};

struct driver {
	struct topology *topology;
	struct job *job;
	struct clock_manual clock;
	struct worker **workers; /* all workers of all operators, stage by stage */
	size_t worker_count;
	struct transaction *transaction; /* of what the test sends */
	struct driver_topic *topics;
	struct arena arena;
	struct buffer text;
};

static int
open_workers(struct driver *driver, struct error *err)
{
	const struct topology *topology = driver->topology;

	for (int stage = 0; stage < job_stage_count(driver->job); stage++)
		for (int i = 0; i < topology->operator_count; i++) {
			struct job_operator *operator = &driver->job->operators[i];

			for (int index = 0; topology->operators[i].stage == stage && index < operator->workers;
			     index++) {
				driver->workers = memory_resize_array(driver->workers, driver->worker_count + 1,
								      sizeof(*driver->workers));
				if (worker_open(driver->job, operator, index, &driver->workers[driver->worker_count],
						err) < 0)
					return -1;
				driver->worker_count++;
			}
		}
	return 0;
}

static void
close_workers(struct driver *driver)
{
	while (driver->worker_count > 0)
		worker_close(&driver->workers[--driver->worker_count]);
	memory_free(&driver->workers);
}

static int
open_all(struct driver *driver, struct error *err)
{
	struct runtime_config config = {.topology = driver->topology, .clock = &driver->clock.clock};

	if (job_open(&config, &driver->job, err) < 0)
		return -1;
	if (log_transaction_open(driver->job->log, "driver", &driver->transaction, err) < 0 ||
	    job_tables_open(driver->job, -1, NULL, NULL, err) < 0)
		return -1;
	return open_workers(driver, err);
}

int
driver_open(const char *topology_file, const char *const *overrides, const struct operator_type *const *operators,
	    struct driver **out, struct error *err)
{
	struct driver *driver = memory_new(sizeof(*driver));

	*out = driver;
	clock_manual_init(&driver->clock, DRIVER_START_MS);
	if (topology_load(topology_file, overrides, operators, &driver->topology, NULL, err) < 0) {
		memory_free(out);
		return -1;
	}
	driver->topics = memory_new_array((size_t)driver->topology->topic_count, sizeof(*driver->topics));
	if (open_all(driver, err) < 0) {
		driver_close(out);
		return -1;
	}
	return 0;
}

static void
close_topic(struct driver_topic *topic, int64_t partitions)
{
	for (int64_t i = 0; topic->readers && i < partitions; i++)
		reader_close(&topic->readers[i]);
	memory_free(&topic->readers);
	memory_free(&topic->batches);
	memory_free(&topic->at);
}

void
driver_close(struct driver **pointer)
{
	struct driver *driver = *pointer;

	if (!driver)
		return;
	close_workers(driver);
	if (driver->transaction)
		transaction_close(&driver->transaction);
	for (int i = 0; i < driver->topology->topic_count; i++)
		close_topic(&driver->topics[i], driver->topology->topics[i].partitions);
	memory_free(&driver->topics);
	job_close(&driver->job);
	topology_free(&driver->topology);
	arena_fini(&driver->arena);
	buffer_fini(&driver->text);
	memory_free(pointer);
}

/* ---- sending ---- */

static int
find_topic(const struct driver *driver, const char *name, int *index, struct error *err)
{
	*index = topology_topic_find(driver->topology, name);
	if (*index < 0)
		return fail(err, FATAL, "%s has no topic %s", driver->topology->file, name);
	return 0;
}

static int
append(struct driver *driver, int topic, int partition, struct bytes key, struct bytes value, struct error *err)
{
	int64_t now_ms = clock_now_ms(&driver->clock.clock);

	if (!value.data)
		return transaction_append_deletion(driver->transaction, topic, partition, key, now_ms, err);
	buffer_put_bytes(transaction_append_begin(driver->transaction, topic, partition, key, now_ms), value);
	return transaction_append_end(driver->transaction, err);
}

static int
send(struct driver *driver, int index, struct bytes key, struct bytes value, struct error *err)
{
	const struct topology_topic *topic = &driver->topology->topics[index];
	int partition = key.data ? log_partition_of(key, (int)topic->partitions) : 0;

	if (append(driver, driver->job->topics[index], partition, key, value, err) < 0)
		return -1;
	transaction_keep(driver->transaction);
	return 0;
}

int
driver_send_value(struct driver *driver, const char *topic, const char *key, struct bytes value, struct error *err)
{
	int index;

	if (find_topic(driver, topic, &index, err) < 0)
		return -1;
	return send(driver, index, key ? bytes_of_text(key) : (struct bytes){0}, value, err);
}

int
driver_send(struct driver *driver, const char *topic, const char *json, struct error *err)
{
	const struct topology_topic *spec;
	struct record record = {0};
	struct bytes key = {0};
	int index, result;

	if (find_topic(driver, topic, &index, err) < 0)
		return -1;
	spec = &driver->topology->topics[index];
	arena_reset(&driver->arena);
	buffer_clear(&driver->text);
	record_init(&record, spec->schema->root);
	result = json_read(bytes_of_text(json), &record, &driver->arena, err);
	if (result == 0)
		result = codec_encode(spec->codec, &record, &driver->text, err);
	if (result == 0 && spec->key)
		key = record_bytes(&record, spec->key_field);
	if (result == 0)
		result = send(driver, index, key, buffer_bytes(&driver->text), err);
	record_fini(&record);
	return result;
}

/* ---- running ---- */

/* Turns of one worker until it finds nothing more to do. */
static int
run_worker(struct worker *worker, bool *progress, struct error *err)
{
	do {
		if (worker_turn(worker, 0, err) < 0)
			return -1;
		*progress |= worker->progress;
	} while (worker->progress);
	*progress |= worker_changed(worker);
	return worker_commit(worker, err);
}

static int
feed_tables(struct driver *driver, struct error *err)
{
	bool progress;

	do
		if (job_tables_turn(driver->job, 0, &progress, err) < 0)
			return -1;
	while (progress);
	return 0;
}

/* Stage by stage, and again, since what one committed is there for the next only then. */
int
driver_run(struct driver *driver, struct error *err)
{
	bool progress;

	if (transaction_commit(driver->transaction, err) < 0)
		return -1;
	do {
		/* RETRY: a table has no room until the workers below have made a turn. */
		if (job_tables_turn(driver->job, 0, &progress, err) < 0) {
			if (err->action != RETRY)
				return -1;
			progress = true;
		}
		for (size_t i = 0; i < driver->worker_count; i++)
			if (run_worker(driver->workers[i], &progress, err) < 0)
				return -1;
	} while (progress);
	return 0;
}

int
driver_advance(struct driver *driver, int64_t ms, struct error *err)
{
	clock_manual_pass(&driver->clock, ms);
	return driver_run(driver, err);
}

int
driver_crash(struct driver *driver, struct error *err)
{
	close_workers(driver);
	return open_workers(driver, err);
}

static int
run_bounded(struct driver *driver, bool keep_open, struct error *err)
{
	int result;

	if (transaction_commit(driver->transaction, err) < 0)
		return -1;
	driver->job->bounded = true;
	driver->job->keep_open = keep_open;
	close_workers(driver);
	result = open_workers(driver, err);
	if (result == 0)
		result = feed_tables(driver, err);
	for (size_t i = 0; result == 0 && i < driver->worker_count; i++) {
		struct worker *worker = driver->workers[i];

		do
			result = worker_turn(worker, 0, err);
		while (result == 0 && !worker_ended(worker));
		if (result == 0)
			result = worker_commit(worker, err);
	}
	driver->job->bounded = driver->job->keep_open = false;
	if (result < 0)
		return -1;
	return driver_crash(driver, err);
}

int
driver_finish(struct driver *driver, struct error *err)
{
	return run_bounded(driver, false, err);
}

int
driver_keep_open(struct driver *driver, struct error *err)
{
	return run_bounded(driver, true, err);
}

/* ---- reading ---- */

static int
open_readers(struct driver *driver, int index, struct driver_topic *topic, struct error *err)
{
	size_t partitions = (size_t)driver->topology->topics[index].partitions;

	topic->readers = memory_new_array(partitions, sizeof(*topic->readers));
	topic->batches = memory_new_array(partitions, sizeof(*topic->batches));
	topic->at = memory_new_array(partitions, sizeof(*topic->at));
	for (size_t i = 0; i < partitions; i++)
		if (log_reader_open(driver->job->log, driver->job->topics[index], (int)i, 0, &topic->readers[i], err) <
		    0)
			return -1;
	return 0;
}

static const char *
show(struct driver *driver, const struct topology_topic *spec, struct bytes value, struct error *err)
{
	struct record record = {0};
	int result;

	arena_reset(&driver->arena);
	buffer_clear(&driver->text);
	record_init(&record, spec->schema->root);
	result = codec_decode(spec->codec, value, &record, &driver->arena, err);
	if (result == 0) {
		json_write(&record, &driver->text);
		buffer_put_u8(&driver->text, 0);
	}
	record_fini(&record);
	return result == 0 ? (const char *)driver->text.data : NULL;
}

const char *
driver_read(struct driver *driver, const char *name)
{
	struct error err;
	int index = topology_topic_find(driver->topology, name);
	struct driver_topic *topic = index < 0 ? NULL : &driver->topics[index];

	insist(index >= 0);
	if (!topic->readers && open_readers(driver, index, topic, &err) < 0)
		return NULL;
	for (int64_t i = 0; i < driver->topology->topics[index].partitions; i++) {
		struct log_batch *batch = &topic->batches[i];

		if (topic->at[i] >= batch->count) {
			topic->at[i] = 0;
			if (reader_fetch(topic->readers[i], 0, batch, &err) < 0)
				return NULL;
		}
		if (topic->at[i] < batch->count)
			return show(driver, &driver->topology->topics[index], batch->records[topic->at[i]++].value,
				    &err);
	}
	return NULL;
}

int64_t
driver_counter(struct driver *driver, const char *operator_name, const char *counter)
{
	int index = topology_operator_find(driver->topology, operator_name);
	const struct counter_spec *counters;

	insist(index >= 0);
	counters = driver->topology->operators[index].type->counters;
	for (int i = 0; counters && counters[i].name; i++)
		if (strcmp(counters[i].name, counter) == 0)
			return atomic_load(&driver->job->operators[index].figures.counters[i]);
	insist(!"a counter of that name");
	return 0;
}

int64_t
driver_behind(struct driver *driver, const char *operator_name)
{
	int index = topology_operator_find(driver->topology, operator_name);

	insist(index >= 0);
	return atomic_load(&driver->job->operators[index].figures.behind);
}

double
driver_quantile_ms(struct driver *driver, const char *operator_name, const char *histogram, double quantile)
{
	int index = topology_operator_find(driver->topology, operator_name);
	const struct histogram_spec *specs;
	struct histogram_counts counts;

	insist(index >= 0);
	specs = driver->topology->operators[index].type->histograms;
	for (int i = 0; specs && specs[i].name; i++)
		if (strcmp(specs[i].name, histogram) == 0) {
			histogram_read(&driver->job->operators[index].figures.histograms[i], &counts);
			return histogram_quantile_ms(&counts, quantile);
		}
	insist(!"a histogram of that name");
	return 0;
}
