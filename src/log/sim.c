/* The simulated cluster as a whole: time, chance, notes, and the handles of processes. */
#include "log/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "log/sim_client.h"

#define NOTE_SIZE_MAX 400

/* ---- chance ---- */

/* splitmix64: small, fast, and good for any seed. */
uint64_t
sim_random_next(struct sim_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int64_t
sim_random_below(struct sim_random *random, int64_t bound)
{
	insist(bound > 0);
	return (int64_t)(sim_random_next(random) % (uint64_t)bound);
}

bool
sim_random_chance(struct sim_random *random, int per_mille)
{
	return sim_random_below(random, 1000) < per_mille;
}

bool
sim_chance(struct sim *sim, int per_mille)
{
	return sim->faults && per_mille > 0 && sim_random_chance(&sim->random, per_mille);
}

int64_t
sim_delay(struct sim *sim, int64_t most_ms)
{
	return sim->faults && most_ms > 0 ? sim_random_below(&sim->random, most_ms + 1) : 0;
}

/* ---- notes ---- */

void
sim_note(struct sim *sim, const char *format, ...)
{
	char text[NOTE_SIZE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (const char *at = text; *at; at++)
		sim->hash = (sim->hash ^ (uint8_t)*at) * 0x100000001b3u;
	sim->hash ^= (uint64_t)sim_now(sim);
	if (sim->config.verbose)
		fprintf(stderr, "%9.3f %s\n", (double)(sim_now(sim) - CLOCK_MANUAL_STEADY_MS) / 1000, text);
}

uint64_t
sim_trace_hash(const struct sim *sim)
{
	return sim->hash;
}

void
sim_set_problem(struct sim *sim, const char *format, ...)
{
	char text[NOTE_SIZE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	sim_note(sim, "problem: %s", text);
	if (!sim->problem)
		sim->problem = memory_text(text);
}

const char *
sim_problem(const struct sim *sim)
{
	return sim->problem;
}

/* ---- the cluster ---- */

struct sim *
sim_new(const struct sim_config *config)
{
	struct sim *sim = memory_new(sizeof(*sim));

	sim->config = *config;
	sim->faults = true;
	sim->random.state = config->seed;
	sim->hash = 0xcbf29ce484222325u;
	clock_manual_init(&sim->clock, config->start_ms);
	return sim;
}

void
sim_free(struct sim **pointer)
{
	struct sim *sim = *pointer;

	if (!sim)
		return;
	sim_groups_free(sim);
	sim_producers_free(sim);
	sim_topics_free(sim);
	memory_free(&sim->problem);
	memory_free(pointer);
}

struct clock *
sim_clock(struct sim *sim)
{
	return &sim->clock.clock;
}

void
sim_advance(struct sim *sim, int64_t ms)
{
	clock_manual_pass(&sim->clock, ms);
	sim_coordinator_tick(sim);
	sim_groups_tick(sim);
}

void
sim_jump_clock(struct sim *sim, int64_t ms)
{
	sim_note(sim, "the wall clock jumps by %" PRId64 " ms", ms);
	clock_manual_jump(&sim->clock, ms);
}

void
sim_set_faults(struct sim *sim, bool on)
{
	sim->faults = on;
	sim_note(sim, "faults %s", on ? "on" : "off");
}

/* ---- processes ---- */

static void
close_log(struct log *base)
{
	struct sim_log *log = sim_log_of(base);

	memory_free(&log->process);
	memory_free(&log);
}

static const char *
identity(struct log *base)
{
	return sim_log_of(base)->process;
}

static const struct log_ops ops = {
	.type = "sim",
	.identity = identity,
	.is_private = true,
	.close = close_log,
	.create_topic = sim_create_topic,
	.topic = sim_topic,
	.topic_partitions = sim_topic_partitions,
	.topic_name = sim_topic_name,
	.partition_info = sim_partition_info,
	.partition_ends = sim_partition_ends,
	.offset_at = sim_offset_at,
	.trim = sim_trim,
	.position = sim_position,
	.reader_open = sim_reader_open,
	.reader_fetch = sim_reader_fetch,
	.reader_close = sim_reader_close,
	.transaction_open = sim_transaction_open,
	.transaction_close = sim_transaction_close,
	.append_begin = sim_append_begin,
	.append_end = sim_append_end,
	.append_cancel = sim_append_cancel,
	.keep = sim_keep,
	.undo = sim_undo,
	.bytes = sim_bytes,
	.set_position = sim_set_position,
	.expect = sim_expect,
	.commit = sim_commit,
	.abort = sim_abort,
	.first_offset = sim_first_offset,
	.member_open = sim_member_open,
	.member_close = sim_member_close,
	.member_transaction = sim_member_transaction,
	.member_poll = sim_member_poll,
	.member_start = sim_member_start,
	.member_stop = sim_member_stop,
	.member_fetch = sim_member_fetch,
};

void
sim_log_open(struct sim *sim, const char *process, struct log **out)
{
	struct sim_log *log = memory_new(sizeof(*log));

	log->log.ops = &ops;
	log->sim = sim;
	log->process = memory_text(process);
	*out = &log->log;
}

void
sim_log_set(struct log *base, enum sim_process state)
{
	static const char *const names[] = {"up", "cut", "paused", "dead"};
	struct sim_log *log = sim_log_of(base);

	sim_note(log->sim, "%s is %s", log->process, names[state]);
	log->state = state;
}

int
sim_reach(struct sim_log *log, const char *what, struct error *err)
{
	if (log->state != SIM_CUT && !sim_chance(log->sim, log->sim->config.rates.retry))
		return 0;
	sim_note(log->sim, "%s: no answer to %s", log->process, what);
	return fail(err, RETRY, "no answer to %s", what);
}
