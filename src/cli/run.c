/*
 * run: the job itself.
 *
 * The workers are the runtime's threads. This file adds a watcher: a thread that draws the summary or the progress of a
 * bounded run, and stops the job when its time is over (--for).
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/condition.h"
#include "base/logger.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "base/stop.h"
#include "cli/summary.h"
#include "cli/tell.h"
#include "log/log_disk.h"

#define TICK_TERMINAL_MS 500
#define TICK_LINES_MS 2000

struct run_options {
	bool until_end, keep_open, new_journal, short_journal, new_topics, old_partitions;
	char *operators;
	int64_t for_ms; /* 0: no end */
	char *instance; /* "": what the topology says */
	bool summary;
};

static const struct option run_options[] = {
	{.name = "until-end",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct run_options, until_end),
	 .initial = "false",
	 .help = "Process every input up to its end at the start, close all windows, commit, and exit."},
	{.name = "keep-open",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct run_options, keep_open),
	 .initial = "false",
	 .help = "With --until-end, for input that comes in pieces: windows, waits and deadlines that the records "
		 "have not passed yet stay pending for the next run, instead of closing now. An input at its end holds "
		 "the watermark where it stands; one that never had a record holds it at nothing. The last run, behind "
		 "which nothing comes, goes without it."},
	{.name = "new-journal",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct run_options, new_journal),
	 .initial = "false",
	 .help = "A task whose journal is empty although it had state starts with empty state, at the beginning of "
		 "its inputs, instead of being refused."},
	{.name = "short-journal",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct run_options, short_journal),
	 .initial = "false",
	 .help = "A task whose journal has lost its last blocks resumes from the last one that is left, instead of "
		 "being refused: rows written after it are written again. First remove other data directories that "
		 "the application has run with."},
	{.name = "new-topics",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct run_options, new_topics),
	 .initial = "false",
	 .help = "An input whose topic was deleted and created again is read from its beginning, instead of being "
		 "refused."},
	{.name = "old-partitions",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct run_options, old_partitions),
	 .initial = "false",
	 .help = "With --until-end, before a rescale whose topics were raised too early: source topics may have more "
		 "partitions than the topology says, of which only as many as it says are read. A record there whose "
		 "key belongs to another partition, because it was written later, stops the run."},
	{.name = "operators",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct run_options, operators),
	 .unit = "A,B",
	 .help = "Run only these operators of the topology."},
	{.name = "for",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct run_options, for_ms),
	 .min = 1,
	 .max = (double)INT64_MAX,
	 .help = "Stop after so long, as SIGTERM would."},
	{.name = "instance",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct run_options, instance),
	 .initial = "",
	 .unit = "NAME",
	 .help = "A name for this process on Kafka, unique in the application: its members are then static, so that a "
		 "restart within session.timeout.ms moves no task."},
	{.name = "summary",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct run_options, summary),
	 .initial = "false",
	 .help = "Show rates, lag, watermarks and counters of every operator while it runs."},
	OPTION_END,
};

struct watcher {
	const struct run_options *options;
	struct runtime *runtime;
	struct summary *summary;
	struct progress progress;
	int64_t started_us;
	bool stopped; /* the time of --for was over */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool over; /* under lock: the run has ended */
};

/* ---- the watcher ---- */

static void
show_progress(struct watcher *watcher)
{
	char done_text[OUTPUT_NUMBER_SIZE], all_text[OUTPUT_NUMBER_SIZE], rate_text[OUTPUT_NUMBER_SIZE],
		left_text[OUTPUT_NUMBER_SIZE];
	int64_t us = clock_monotonic_us() - watcher->started_us;
	int64_t done, left;
	double rate;

	summary_progress(watcher->summary, &done, &left);
	rate = (double)done * 1e6 / (double)(us > 0 ? us : 1);
	if (done + left == 0 || rate <= 0)
		return;
	progress_show(&watcher->progress, "%3.0f %%  %s of %s records, %s/s, %s left",
		      100.0 * (double)done / (double)(done + left), output_count(done_text, done),
		      output_count(all_text, done + left), output_count(rate_text, (int64_t)rate),
		      output_duration(left_text, (int64_t)((double)left * 1000 / rate)));
}

static void
tick(struct watcher *watcher)
{
	int64_t elapsed_ms = (clock_monotonic_us() - watcher->started_us) / 1000;

	if (watcher->options->summary)
		summary_draw(watcher->summary);
	else if (watcher->options->until_end && watcher->progress.terminal)
		show_progress(watcher);
	if (watcher->options->for_ms > 0 && elapsed_ms >= watcher->options->for_ms && !watcher->stopped) {
		watcher->stopped = true;
		runtime_stop(watcher->runtime);
	}
}

static int64_t
tick_ms(const struct watcher *watcher)
{
	int64_t ms = watcher->progress.terminal ? TICK_TERMINAL_MS : TICK_LINES_MS;
	int64_t left_ms;

	if (watcher->options->for_ms == 0 || watcher->stopped)
		return ms;
	left_ms = watcher->options->for_ms - (clock_monotonic_us() - watcher->started_us) / 1000;
	left_ms = left_ms < 1 ? 1 : left_ms;
	return left_ms < ms ? left_ms : ms;
}

static void *
watch(void *argument)
{
	struct watcher *watcher = argument;

	pthread_mutex_lock(&watcher->lock);
	while (!watcher->over) {
		int64_t until_us = clock_monotonic_us() + tick_ms(watcher) * 1000;

		while (!watcher->over && condition_wait(&watcher->wake, &watcher->lock, until_us))
			;
		if (watcher->over)
			break;
		pthread_mutex_unlock(&watcher->lock);
		tick(watcher);
		pthread_mutex_lock(&watcher->lock);
	}
	pthread_mutex_unlock(&watcher->lock);
	return NULL;
}

static int
watcher_start(struct watcher *watcher, struct error *err)
{
	int result;

	watcher->started_us = clock_monotonic_us();
	pthread_mutex_init(&watcher->lock, NULL);
	pthread_cond_init(&watcher->wake, NULL);
	result = pthread_create(&watcher->thread, NULL, watch, watcher);
	if (result != 0) {
		pthread_mutex_destroy(&watcher->lock);
		pthread_cond_destroy(&watcher->wake);
		return fail(err, FATAL, "a thread cannot be started: %s", strerror(result));
	}
	return 0;
}

static void
watcher_stop(struct watcher *watcher)
{
	pthread_mutex_lock(&watcher->lock);
	watcher->over = true;
	pthread_cond_signal(&watcher->wake);
	pthread_mutex_unlock(&watcher->lock);
	pthread_join(watcher->thread, NULL);
	pthread_mutex_destroy(&watcher->lock);
	pthread_cond_destroy(&watcher->wake);
	progress_clear(&watcher->progress);
}

/* ---- the run ---- */

static void
stop_runtime(void *runtime)
{
	runtime_stop(runtime);
}

/* How long the disk lasts, where the log is on one of this machine. */
static void
say_disk(struct runtime *runtime)
{
	char size[OUTPUT_NUMBER_SIZE], growth[OUTPUT_NUMBER_SIZE], left[OUTPUT_NUMBER_SIZE];
	struct log_disk disk;

	if (!log_disk(runtime_log(runtime), &disk) || disk.bytes_per_minute <= 0)
		return;
	tell(LOGGER_INFO, "disk_lasts", "log: %s on disk, growing by %s a minute: %s lasts %s",
	     output_bytes(size, disk.bytes), output_bytes(growth, disk.bytes_per_minute),
	     disk.limit_bytes > 0 ? "its bound (disk)" : "the disk", output_duration(left, disk.lasts_ms));
}

/* What the process took beside `memory`: see README.md, "Where a process's memory goes". */
static void
say_memory(const struct topology *topology)
{
	int64_t now_bytes, peak_bytes;

	memory_resident(&now_bytes, &peak_bytes);
	logger_info("memory", "budget_bytes=%" PRId64 " peak_bytes=%" PRId64 " resident_bytes=%" PRId64,
		    topology->memory_bytes, peak_bytes, now_bytes);
}

static int
run_watched(struct runtime *runtime, const struct topology *topology, const struct run_options *options,
	    const bool *selected, struct error *err)
{
	struct watcher watcher = {.options = options, .runtime = runtime};
	struct summary summary;
	int result;

	progress_init(&watcher.progress);
	summary_init(&summary, topology, runtime, selected, watcher.progress.terminal);
	watcher.summary = &summary;
	result = watcher_start(&watcher, err);
	if (result == 0) {
		stop_call(stop_runtime, runtime);
		result = runtime_run(runtime, err);
		stop_call(NULL, NULL);
		watcher_stop(&watcher);
		say_memory(topology);
		summary_final(&summary, options->summary, options->keep_open);
		if (!options->until_end)
			say_disk(runtime);
	}
	summary_fini(&summary);
	return result;
}

static int
run_selected(const struct call *call, const struct topology *topology, const char **names, struct error *err)
{
	const struct run_options *options = call->options;
	struct runtime_config config = {
		.topology = topology,
		.directory = call->data_directory,
		.operators = names,
		.until_end = options->until_end,
		.keep_open = options->keep_open,
		.new_journal = options->new_journal,
		.short_journal = options->short_journal,
		.new_topics = options->new_topics,
		.old_partitions = options->old_partitions,
		.clock = &clock_system,
	};
	bool *selected;
	struct runtime *runtime;
	int result = 0;

	if (options->old_partitions && !options->until_end)
		return fail(err, FATAL, "--old-partitions is for a bounded run: --until-end is missing");
	selected = memory_new_array((size_t)topology->operator_count + 1, sizeof(*selected));
	for (int i = 0; i < topology->operator_count; i++)
		selected[i] = !config.operators;
	for (int i = 0; config.operators && names[i] && result == 0; i++) {
		int index;

		result = cli_operator(topology, names[i], &index, err);
		if (result == 0)
			selected[index] = true;
	}
	if (result == 0)
		result = runtime_open(&config, &runtime, err);
	if (result == 0) {
		result = run_watched(runtime, topology, options, selected, err);
		runtime_close(&runtime);
	}
	memory_free(&selected);
	return result;
}

static enum cli_status
run(const struct call *call)
{
	const struct run_options *options = call->options;
	char *list = options->operators ? memory_text(options->operators) : NULL;
	const char **names = list ? arguments_split(list) : NULL;
	char reason[2 * ERROR_TEXT_SIZE];
	struct topology *topology;
	struct error err;
	int result = 0;

	if (options->keep_open && !options->until_end)
		return cli_misused(call, "--keep-open is for a bounded run: --until-end is missing");
	if (names && !names[0]) {
		memory_free(&names);
		memory_free(&list);
		return cli_misused(call, "--operators is \"%s\"; expected names of operators, as in join,history",
				   options->operators);
	}
	/* Log lines would tear the table apart. */
	if (options->summary && isatty(STDERR_FILENO) && call->log_level == CLI_LOG_AUTO)
		logger_set_level(LOGGER_WARN);
	stop_install();
	result = cli_install_crash(&err);
	if (result == 0)
		result = cli_load_to_run(call, &topology, &err);
	if (result == 0) {
		memory_keep_freed(topology->memory_bytes);
		if (*options->instance) {
			memory_free(&topology->instance);
			topology->instance = memory_text(options->instance);
		}
		result = run_selected(call, topology, names, &err);
		topology_free(&topology);
	}
	memory_free(&names);
	memory_free(&list);
	if (result < 0 && err.action == RETRY && stop_requested()) { /* it had not begun */
		logger_info("stopped", "waited_for=%s", logger_quote(reason, sizeof(reason), err.text));
		result = 0;
	}
	return result < 0 ? cli_failed(call, &err) : CLI_DONE;
}

const struct command command_run = {
	.name = "run",
	.arguments = "TOPOLOGY",
	.arguments_min = 1,
	.arguments_max = 1,
	.help = "Run a topology, or some of its operators, until it is stopped or has reached the end.",
	.manual = "SIGTERM, SIGINT and SIGHUP (not under nohup) commit what is done and end it; a second one ends it "
		  "at once, and what was not committed is done again by the next run. However it ends, the next run "
		  "resumes from the last commit.",
	.options = run_options,
	.options_size = sizeof(struct run_options),
	.takes_topology = true,
	.run = run,
};
