/*
 * The benches: one program, three things it can do, each printed as one line of JSON.
 *
 *     bench generate TOPOLOGY KIND DIR COUNT [key=value ...]    input into the topics of an embedded log
 *     bench run TOPOLOGY OPERATOR DIR [key=value ...]           a bounded run of the operator over what is there
 *     bench paced TOPOLOGY DIR RATE SECONDS STEP_MS [...]       a live run of the join, fed RATE events/s beside it
 *
 * CPU is user + system time of the whole process while the run lasts, RocksDB's threads included. tools/bench/run calls
 * it and prints the tables.
 */
#include "tools/bench/bench.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/logger.h"
#include "operators/operators.h"
#include "tools/bench/generate.h"
#include "tools/bench/generate_join.h"

void
bench_give_up(const struct error *err)
{
	fprintf(stderr, "bench: %s\n", err->text);
	exit(1);
}

/* ---- generate ---- */

static int
generate_impressions(struct log *log, const struct topology *topology, int64_t count, struct error *err)
{
	const struct generator_config config = {
		.start_ms = GENERATE_START_MS,
		.step_us = GENERATE_HOUR_US / (double)count,
		.jitter_ms = 2000,
		.delay_mean_ms = 90000,
		.delay_ms_max = 600000,
	};
	struct generator *generator;

	if (generator_new(topology, log, &config, &generator, err) < 0 ||
	    generator_append(generator, TIME_MAX, count, err) < 0 || generator_finish(generator, err) < 0)
		return -1;
	generator_free(&generator);
	return 0;
}

static const struct {
	const char *kind;
	int (*generate)(struct feed *feed, int64_t count, struct error *err);
} kinds[] = {
	{"engagements", generate_engagements},
	{"vectors", generate_vectors},
	{"deliveries", generate_deliveries},
	{NULL, NULL},
};

static int
generate_kind(struct log *log, const struct topology *topology, const char *kind, int64_t count, struct error *err)
{
	struct feed feed;
	int i = 0;

	if (strcmp(kind, "impressions") == 0)
		return generate_impressions(log, topology, count, err);
	while (kinds[i].kind && strcmp(kinds[i].kind, kind) != 0)
		i++;
	if (!kinds[i].kind)
		return fail(err, FATAL, "nothing generates %s", kind);
	if (feed_open(topology, log, &feed, err) < 0 || kinds[i].generate(&feed, count, err) < 0 ||
	    feed_commit(&feed, err) < 0)
		return -1;
	feed_close(&feed);
	return 0;
}

static void
generate(const struct topology *topology, const char *kind, const char *directory, int64_t count)
{
	struct log *log;
	struct error err;

	if (runtime_open_log(topology, directory, false, &clock_system, &log, &err) < 0 ||
	    generate_kind(log, topology, kind, count, &err) < 0)
		bench_give_up(&err);
	log_close(&log);
	printf("{\"count\": %" PRId64 "}\n", count);
}

/* ---- run ---- */

static int64_t
memory_peak_bytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss * 1024;
}

void
bench_print_run(struct runtime *runtime, int operator_index, int64_t cpu_us, int64_t wall_us)
{
	struct operator_figures figures;

	runtime_figures(runtime, operator_index, &figures);
	printf("{\"events\": %" PRId64 ", \"bytes_in\": %" PRId64 ", \"rows\": %" PRId64 ", \"cpu_us\": %" PRId64
	       ", \"wall_us\": %" PRId64 ", \"state_entries\": %" PRId64 ", \"state_bytes\": %" PRId64
	       ", \"restored_bytes\": %" PRId64 ", \"restore_ms\": %" PRId64 ", \"commits\": %" PRId64
	       ", \"dead_letters\": %" PRId64 ", \"rss_bytes\": %" PRId64,
	       figures.records_in, figures.bytes_in, figures.records_out, cpu_us, wall_us, figures.state_entries,
	       figures.state_bytes, figures.restored_bytes, figures.restore_ms, figures.commits, figures.dead_letters,
	       memory_peak_bytes());
}

/* State is largest before the drain: the most that was seen while it ran. */
struct watch {
	struct runtime *runtime;
	int operator_index;
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

		runtime_figures(watch->runtime, watch->operator_index, &figures);
		if (figures.state_entries > watch->entries) {
			watch->entries = figures.state_entries;
			watch->bytes = figures.state_bytes;
		}
		nanosleep(&step, NULL);
	}
	watch->cpu_us = clock_thread_cpu_us();
	return NULL;
}

static void
run(const struct topology *topology, const char *operator, const char *directory)
{
	struct runtime_config config = {
		.topology = topology,
		.directory = directory,
		.operators = (const char *const[]){operator, NULL},
		.until_end = true,
		.clock = &clock_system,
	};
	struct watch watch = {.operator_index = topology_operator_find(topology, operator)};
	struct runtime *runtime;
	struct error err;
	pthread_t thread;
	int64_t cpu_us = clock_process_cpu_us(), wall_us = clock_monotonic_us();

	if (watch.operator_index < 0) {
		fail(&err, FATAL, "%s has no operator %s", topology->file, operator);
		bench_give_up(&err);
	}
	if (runtime_open(&config, &runtime, &err) < 0)
		bench_give_up(&err);
	watch.runtime = runtime;
	pthread_create(&thread, NULL, watch_main, &watch);
	if (runtime_run(runtime, &err) < 0)
		bench_give_up(&err);
	atomic_store(&watch.over, true);
	pthread_join(thread, NULL);
	bench_print_run(runtime, watch.operator_index, clock_process_cpu_us() - cpu_us - watch.cpu_us,
			clock_monotonic_us() - wall_us);
	printf(", \"live_keys_max\": %" PRId64 ", \"live_bytes_max\": %" PRId64 "}\n", watch.entries, watch.bytes);
	runtime_close(&runtime);
}

/* ---- the command line ---- */

static int
usage(void)
{
	fprintf(stderr, "usage: bench generate TOPOLOGY KIND DIR COUNT | run TOPOLOGY OPERATOR DIR | "
			"paced TOPOLOGY DIR RATE SECONDS STEP_MS, then key=value ...\n");
	return 2;
}

int
main(int argc, char **argv)
{
	bool generating = argc > 5 && strcmp(argv[1], "generate") == 0;
	bool pacing = argc > 6 && strcmp(argv[1], "paced") == 0;
	bool running = argc > 4 && strcmp(argv[1], "run") == 0;
	const char *const *overrides;
	struct topology *topology;
	struct error err;

	if (!generating && !pacing && !running)
		return usage();
	logger_set_level(LOGGER_WARN);
	overrides = (const char *const *)&argv[generating ? 6 : pacing ? 7 : 5];
	if (topology_load(argv[2], overrides, operators_table, &topology, NULL, &err) < 0)
		bench_give_up(&err);
	if (generating)
		generate(topology, argv[3], argv[4], atoll(argv[5]));
	else if (pacing)
		bench_paced(topology, argv[3], atoll(argv[4]), atoll(argv[5]), atoll(argv[6]));
	else
		run(topology, argv[3], argv[4]);
	topology_free(&topology);
	return 0;
}
