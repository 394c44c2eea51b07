/*
 * Simulations of topologies on a simulated Kafka:
 *
 *     sim_tool --seeds 1000 [--first 1] [--jobs N]   as many, on all cores
 *     sim_tool --seed 7 [--verbose]                  one, with all that happens
 *     sim_tool --seed 7 --dump                       one; the feed and the rows as JSON, for tests/reference
 *     ... --topology join|features|reconcile   this one, not the one that the seed chooses
 *     ... --break order|fence|position|...           with the protocol broken on purpose: breaks.h
 *
 * Each seed decides everything: how many processes and partitions, what is sent, who is killed or stands still where.
 * At the end the committed rows must be those of a plain computation over all that was sent; on the way no watermark
 * may pass what was said upstream (watch.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/logger.h"
#include "base/memory.h"
#include "tests/sim/breaks.h"
#include "tests/sim/check.h"
#include "tests/sim/runner.h"
#include "tests/sim/scenario.h"
#include "tests/sim/watch.h"

static struct {
	bool verbose, dump;
	bool one;
	uint64_t seed, first, seeds;
	int jobs;
	const char *broken, *topology;
} options = {.first = 1, .seeds = 100};

static void
run(uint64_t seed, struct runner_result *out)
{
	struct world_plan plan = world_plan(seed, scenario_find(options.topology, seed), options.verbose);
	struct world *world = memory_new(sizeof(*world));
	struct error err;
	int result;

	breaks_reset(seed);
	watch_reset();
	result = world_open(world, &plan, &err);
	if (result == 0)
		result = world_run(world, &err);
	if (result == 0)
		result = check_world(world, &err);
	if (result == 0 && options.dump)
		result = check_dump(world, &err);
	if (result == 0)
		result = world_lose(world, &err);
	out->failed = result < 0;
	if (out->failed)
		snprintf(out->text, sizeof(out->text), "%.*s", (int)sizeof(out->text) - 1, err.text);
	out->hash = sim_trace_hash(world->sim);
	if (options.one && !options.dump)
		printf("seed %" PRIu64 ": %s, %d events, %d turns, %d kills, %d pauses, %d stalls, %d twins, "
		       "%d leaves, %d bounded runs, %d with a rival\n",
		       seed, plan.scenario->name, world->feed.event_count, world->turns, world->kills, world->pauses,
		       world->stalls, world->twins, world->leaves, world->bounded, world->rivals);
	world_close(world);
	memory_free(&world);
}

static uint64_t
number(const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end) {
		fprintf(stderr, "\"%s\" is not a number\n", text);
		exit(2);
	}
	return value;
}

static bool
is(const char *argument, const char *name)
{
	return strcmp(argument, name) == 0;
}

/* An option with a value, or false. */
static bool
read_valued(const char *name, const char *value)
{
	if (is(name, "--seeds"))
		options.seeds = number(value);
	else if (is(name, "--first"))
		options.first = number(value);
	else if (is(name, "--seed"))
		options.seed = number(value);
	else if (is(name, "--jobs"))
		options.jobs = (int)number(value);
	else if (is(name, "--break"))
		options.broken = value;
	else if (is(name, "--topology"))
		options.topology = value;
	else
		return false;
	options.one |= is(name, "--seed");
	return true;
}

static void
read_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (is(argv[i], "--verbose")) {
			options.verbose = true;
		} else if (is(argv[i], "--dump")) {
			options.dump = true;
		} else if (i + 1 < argc && read_valued(argv[i], argv[i + 1])) {
			i++;
		} else {
			fprintf(stderr, "%s is no option, or lacks its value\n", argv[i]);
			exit(2);
		}
	}
}

static int
run_one(void)
{
	struct runner_result result = {.seed = options.seed};

	run(options.seed, &result);
	if (!options.dump)
		printf("trace %016" PRIx64 "\n", result.hash);
	if (!result.failed)
		return 0;
	fprintf(stderr, "seed %" PRIu64 ": %s\n", options.seed, result.text);
	return 1;
}

int
main(int argc, char **argv)
{
	char *again;
	uint64_t failed;

	read_options(argc, argv);
	if (options.broken && !breaks_set(options.broken)) {
		fprintf(stderr, "there is no break \"%s\"\n", options.broken);
		return 2;
	}
	if (!scenario_find(options.topology, 0)) {
		fprintf(stderr, "there is no topology \"%s\"\n", options.topology);
		return 2;
	}
	logger_set_level(options.verbose ? LOGGER_DEBUG : LOGGER_ERROR);
	if (options.one)
		return run_one();
	if (options.jobs <= 0)
		options.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
	again = memory_format("%s%s%s%s%s", argv[0], options.topology ? " --topology " : "",
			      options.topology ? options.topology : "", options.broken ? " --break " : "",
			      options.broken ? options.broken : "");
	failed = runner_run(run, options.first, options.seeds, options.jobs, again);
	memory_free(&again);
	return failed > 0;
}
