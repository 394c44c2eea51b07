/* The join, live: fed by one thread, read by another; their own CPU is taken off. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "tools/bench/bench.h"
#include "tools/bench/generate_join.h"

#define EVENTS_PER_IMPRESSION 1.459
#define LATENCY_SAMPLES_MAX 4000000

struct paced {
	const struct topology *topology;
	struct log *log;
	struct runtime *runtime;
	int64_t rate, seconds, step_ms;
	atomic_bool fed, over;
	int64_t feed_cpu_us, read_cpu_us;
	int32_t *latencies_ms;
	size_t latency_count;
};

static void *
feed_main(void *argument)
{
	struct paced *paced = argument;
	struct generator *generator;
	struct error err;
	int64_t started_ms = clock_now_ms(&clock_system);
	const struct generator_config config = {
		.start_ms = started_ms,
		.step_us = 1e6 * EVENTS_PER_IMPRESSION / (double)paced->rate,
		.delay_mean_ms = 1000,
		.delay_ms_max = 5000,
	};

	if (generator_new(paced->topology, paced->log, &config, &generator, &err) < 0)
		bench_give_up(&err);
	for (int64_t now_ms = started_ms; now_ms < started_ms + paced->seconds * 1000;) {
		const struct timespec step = {.tv_nsec = paced->step_ms * 1000000};

		if (generator_append(generator, now_ms, INT64_MAX, &err) < 0)
			bench_give_up(&err);
		nanosleep(&step, NULL);
		now_ms = clock_now_ms(&clock_system);
	}
	generator_free(&generator);
	paced->feed_cpu_us = clock_thread_cpu_us();
	atomic_store(&paced->fed, true);
	return NULL;
}

/*
 * A provisional row without engagements comes of an impression that was just shown: in the paced feed shown_at is
 * the time at which the feeder had it ready. From there, through its commit, the join and the join's commit, to
 * this reader.
 */
static void
note_latencies(struct paced *paced, const struct topology_topic *topic, const struct log_batch *batch,
	       struct record *record, struct arena *arena)
{
	int64_t now_ms = clock_now_ms(&clock_system);
	int count = schema_field_find(record->schema, "n_engagements")->slot;
	int shown_at = schema_field_find(record->schema, "shown_at")->slot;
	int final = schema_field_find(record->schema, "final")->slot;
	struct error err;

	for (size_t i = 0; i < batch->count && paced->latency_count < LATENCY_SAMPLES_MAX; i++) {
		arena_reset(arena);
		if (codec_decode(topic->codec, batch->records[i].value, record, arena, &err) < 0)
			bench_give_up(&err);
		if (record->slots[count].integer == 0 && !record->slots[final].integer)
			paced->latencies_ms[paced->latency_count++] = (int32_t)(now_ms -
										record->slots[shown_at].integer);
	}
}

static void *
read_main(void *argument)
{
	struct paced *paced = argument;
	const struct topology_topic *spec = &paced->topology->topics[topology_topic_find(paced->topology, "outcomes")];
	struct reader **readers = memory_new_array((size_t)spec->partitions, sizeof(*readers));
	struct record record = {0};
	struct arena arena = {0};
	struct error err;
	int topic;

	record_init(&record, spec->schema->root);
	if (log_topic(paced->log, "outcomes", &topic, &err) < 0)
		bench_give_up(&err);
	for (int i = 0; i < spec->partitions; i++)
		if (log_reader_open(paced->log, topic, i, 0, &readers[i], &err) < 0)
			bench_give_up(&err);
	while (!atomic_load(&paced->over))
		for (int i = 0; i < spec->partitions; i++) {
			struct log_batch batch;

			if (reader_fetch(readers[i], 1, &batch, &err) < 0)
				bench_give_up(&err);
			note_latencies(paced, spec, &batch, &record, &arena);
		}
	for (int i = 0; i < spec->partitions; i++)
		reader_close(&readers[i]);
	memory_free(&readers);
	record_fini(&record);
	arena_fini(&arena);
	paced->read_cpu_us = clock_thread_cpu_us();
	return NULL;
}

static void *
stop_main(void *argument)
{
	struct paced *paced = argument;
	const struct timespec step = {.tv_nsec = 100000000};

	while (!atomic_load(&paced->fed))
		nanosleep(&step, NULL);
	runtime_stop(paced->runtime);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

static void
print_latencies(const struct paced *paced)
{
	qsort(paced->latencies_ms, paced->latency_count, sizeof(*paced->latencies_ms), compare);
	if (paced->latency_count != 0)
		printf(", \"latency_rows\": %zu, \"latency_ms_p50\": %d, \"latency_ms_p99\": %d", paced->latency_count,
		       paced->latencies_ms[paced->latency_count / 2],
		       paced->latencies_ms[paced->latency_count * 99 / 100]);
	printf("}\n");
}

void
bench_paced(const struct topology *topology, const char *directory, int64_t rate, int64_t seconds, int64_t step_ms)
{
	struct runtime_config config = {.topology = topology, .directory = directory, .clock = &clock_system};
	struct paced paced = {.topology = topology, .rate = rate, .seconds = seconds, .step_ms = step_ms};
	pthread_t feeder, reader, stopper;
	struct error err;
	int64_t cpu_us = clock_process_cpu_us(), wall_us = clock_monotonic_us();

	paced.latencies_ms = memory_new_array(LATENCY_SAMPLES_MAX, sizeof(*paced.latencies_ms));
	if (runtime_open(&config, &paced.runtime, &err) < 0)
		bench_give_up(&err);
	paced.log = runtime_log(paced.runtime);
	pthread_create(&feeder, NULL, feed_main, &paced);
	pthread_create(&reader, NULL, read_main, &paced);
	pthread_create(&stopper, NULL, stop_main, &paced);
	if (runtime_run(paced.runtime, &err) < 0)
		bench_give_up(&err);
	atomic_store(&paced.over, true);
	pthread_join(feeder, NULL);
	pthread_join(reader, NULL);
	pthread_join(stopper, NULL);
	bench_print_run(paced.runtime, 0, clock_process_cpu_us() - cpu_us - paced.feed_cpu_us - paced.read_cpu_us,
			clock_monotonic_us() - wall_us);
	print_latencies(&paced);
	runtime_close(&paced.runtime);
	memory_free(&paced.latencies_ms);
}
