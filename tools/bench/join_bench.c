/*
 * The join's benchmark: one program, three things it can do, each printed as one line of JSON.
 *
 *     join_bench generate DIR IMPRESSIONS [--set ...]       an hour of event time into the topics of an embedded log
 *     join_bench run      DIR [--set ...]                   a bounded run over what is there
 *     join_bench paced    DIR RATE SECONDS STEP_MS [...]    a live run, fed RATE events/s by a thread beside it
 *
 * CPU is user + system time of the whole process while the run lasts, RocksDB's threads included; in the paced run the
 * feeding and the reading thread's own CPU is taken off. tools/bench/run calls it and prints the tables.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/runtime.h"
#include "operators/operators.h"
#include "tools/bench/generate.h"

#define TOPOLOGY "topologies/engagement.yaml"
#define START_MS 1767225600000 /* 2026-01-01: event time of generated files */
#define HOUR_US 3600000000.0
#define EVENTS_PER_IMPRESSION 1.459
#define LATENCY_SAMPLES_MAX 4000000

static _Noreturn void
give_up(const struct error *err)
{
	fprintf(stderr, "join_bench: %s\n", err->text);
	exit(1);
}

static struct topology *
load(const char *const *overrides)
{
	struct topology *topology;
	struct error err;

	if (topology_load(TOPOLOGY, overrides, operators_table, &topology, NULL, &err) < 0)
		give_up(&err);
	return topology;
}

static int
generate(const struct topology *topology, const char *directory, int64_t impressions)
{
	const struct generator_config config = {
		.start_ms = START_MS,
		.step_us = HOUR_US / (double)impressions,
		.jitter_ms = 2000,
		.delay_mean_ms = 90000,
		.delay_ms_max = 600000,
	};
	struct generator *generator;
	struct log *log;
	struct error err;

	if (runtime_open_log(topology, directory, false, &clock_system, &log, &err) < 0 ||
	    generator_new(topology, log, &config, &generator, &err) < 0 ||
	    generator_append(generator, TIME_MAX, impressions, &err) < 0 || generator_finish(generator, &err) < 0)
		give_up(&err);
	printf("{\"impressions\": %" PRId64 ", \"events\": %" PRId64 ", \"bytes\": %" PRId64 "}\n",
	       generator_impressions(generator), generator_events(generator), generator_bytes(generator));
	generator_free(&generator);
	log_close(&log);
	return 0;
}

static int64_t
memory_peak_bytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss * 1024;
}

static void
print_run(struct runtime *runtime, int64_t cpu_us, int64_t wall_us)
{
	struct operator_figures figures;

	runtime_figures(runtime, 0, &figures);
	printf("{\"events\": %" PRId64 ", \"bytes_in\": %" PRId64 ", \"rows\": %" PRId64 ", \"cpu_us\": %" PRId64
	       ", \"wall_us\": %" PRId64 ", \"state_entries\": %" PRId64 ", \"state_bytes\": %" PRId64
	       ", \"restored_bytes\": %" PRId64 ", \"restore_ms\": %" PRId64 ", \"commits\": %" PRId64
	       ", \"rss_bytes\": %" PRId64,
	       figures.records_in, figures.bytes_in, figures.records_out, cpu_us, wall_us, figures.state_entries,
	       figures.state_bytes, figures.restored_bytes, figures.restore_ms, figures.commits, memory_peak_bytes());
}

/* State is largest before the drain: the most that was seen while it ran. */
struct watch {
	struct runtime *runtime;
	atomic_bool over;
	int64_t entries, bytes, cpu_us;
};

static void *
watch_main(void *argument)
{
	struct watch *watch = argument;
	const struct timespec step = {.tv_nsec = 20000000};

	while (!atomic_load(&watch->over)) {
		struct operator_figures figures;

		runtime_figures(watch->runtime, 0, &figures);
		if (figures.state_entries > watch->entries) {
			watch->entries = figures.state_entries;
			watch->bytes = figures.state_bytes;
		}
		nanosleep(&step, NULL);
	}
	watch->cpu_us = clock_thread_cpu_us();
	return NULL;
}

static int
run(const struct topology *topology, const char *directory)
{
	struct runtime_config config = {
		.topology = topology,
		.directory = directory,
		.until_end = true,
		.clock = &clock_system,
	};
	struct watch watch = {0};
	struct runtime *runtime;
	struct error err;
	pthread_t thread;
	int64_t cpu_us = clock_process_cpu_us(), wall_us = clock_monotonic_us();

	if (runtime_open(&config, &runtime, &err) < 0)
		give_up(&err);
	watch.runtime = runtime;
	pthread_create(&thread, NULL, watch_main, &watch);
	if (runtime_run(runtime, &err) < 0)
		give_up(&err);
	atomic_store(&watch.over, true);
	pthread_join(thread, NULL);
	print_run(runtime, clock_process_cpu_us() - cpu_us - watch.cpu_us, clock_monotonic_us() - wall_us);
	printf(", \"live_keys_max\": %" PRId64 ", \"live_bytes_max\": %" PRId64 "}\n", watch.entries, watch.bytes);
	runtime_close(&runtime);
	return 0;
}

/* ---- paced ---- */

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
		give_up(&err);
	for (int64_t now_ms = started_ms; now_ms < started_ms + paced->seconds * 1000;) {
		const struct timespec step = {.tv_nsec = paced->step_ms * 1000000};

		if (generator_append(generator, now_ms, INT64_MAX, &err) < 0)
			give_up(&err);
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
			give_up(&err);
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
		give_up(&err);
	for (int i = 0; i < spec->partitions; i++)
		if (log_reader_open(paced->log, topic, i, 0, &readers[i], &err) < 0)
			give_up(&err);
	while (!atomic_load(&paced->over))
		for (int i = 0; i < spec->partitions; i++) {
			struct log_batch batch;

			if (reader_fetch(readers[i], 1, &batch, &err) < 0)
				give_up(&err);
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

static int
run_paced(const struct topology *topology, const char *directory, int64_t rate, int64_t seconds, int64_t step_ms)
{
	struct runtime_config config = {.topology = topology, .directory = directory, .clock = &clock_system};
	struct paced paced = {.topology = topology, .rate = rate, .seconds = seconds, .step_ms = step_ms};
	pthread_t feeder, reader, stopper;
	struct error err;
	int64_t cpu_us = clock_process_cpu_us(), wall_us = clock_monotonic_us();

	paced.latencies_ms = memory_new_array(LATENCY_SAMPLES_MAX, sizeof(*paced.latencies_ms));
	if (runtime_open(&config, &paced.runtime, &err) < 0)
		give_up(&err);
	paced.log = runtime_log(paced.runtime);
	pthread_create(&feeder, NULL, feed_main, &paced);
	pthread_create(&reader, NULL, read_main, &paced);
	pthread_create(&stopper, NULL, stop_main, &paced);
	if (runtime_run(paced.runtime, &err) < 0)
		give_up(&err);
	atomic_store(&paced.over, true);
	pthread_join(feeder, NULL);
	pthread_join(reader, NULL);
	pthread_join(stopper, NULL);
	print_run(paced.runtime, clock_process_cpu_us() - cpu_us - paced.feed_cpu_us - paced.read_cpu_us,
		  clock_monotonic_us() - wall_us);
	print_latencies(&paced);
	runtime_close(&paced.runtime);
	memory_free(&paced.latencies_ms);
	return 0;
}

static int
usage(void)
{
	fprintf(stderr, "usage: join_bench generate DIR IMPRESSIONS | run DIR | paced DIR RATE SECONDS STEP_MS, "
			"then key=value ...\n");
	return 2;
}

int
main(int argc, char **argv)
{
	bool generating = argc > 3 && strcmp(argv[1], "generate") == 0;
	bool pacing = argc > 5 && strcmp(argv[1], "paced") == 0;
	bool running = argc > 2 && strcmp(argv[1], "run") == 0;
	int result;
	struct topology *topology;

	if (!generating && !pacing && !running)
		return usage();
	logger_set_level(LOGGER_WARN);
	topology = load((const char *const *)&argv[generating ? 4 : pacing ? 6 : 3]);
	if (generating)
		result = generate(topology, argv[2], atoll(argv[3]));
	else if (pacing)
		result = run_paced(topology, argv[2], atoll(argv[3]), atoll(argv[4]), atoll(argv[5]));
	else
		result = run(topology, argv[2]);
	topology_free(&topology);
	return result;
}
