#include "tests/sim/world.h"

#include "base/crash_point.h"
#include "base/memory.h"
#include "log/sim_log.h"
#include "record/json.h"
#include "tests/sim/breaks.h"
#include "tests/sim/scenario.h"
#include "tests/sim/world_processes.h"

#define TURN_MS 30		     /* between two turns, at most */
#define REST_STEP_MS 250	     /* when everything comes to rest */
#define REST_TURNS 4		     /* of each worker in such a step */
#define DEPTH_MAX 2		     /* turns inside turns */
#define FEED_BATCH_MAX 20	     /* events sent at once */
#define CLOCK_BACK_MS_MAX 240000     /* wrong by less than max_ahead: what is right must not be refused */
#define CLOCK_AHEAD_MS_MAX 100000000 /* more than a day */
#define RARE_TIMES 5		     /* a crash point that is passed seldom strikes so much more often */

static int64_t
now_ms(const struct world *world)
{
	return sim_true_time(world->sim);
}

static int64_t
between(struct sim_random *random, int64_t least, int64_t most)
{
	return least + sim_random_below(random, most - least + 1);
}

/* ---- the plan ---- */

struct world_plan
world_plan(uint64_t seed, const struct scenario *scenario, bool verbose)
{
	struct sim_random random = {.state = seed * 2 + 1};
	static const int64_t commits[] = {50, 200, 1000};
	static const int64_t states[] = {2000, 20000, 1000000};

	struct sim_random times = {.state = seed * 2};
	bool idles = scenario->idles || sim_random_chance(&times, 700);
	bool expires = idles && sim_random_chance(&times, 300);
	int bounded = (int)sim_random_below(&times, 500);

	return (struct world_plan){
		.seed = seed,
		.scenario = scenario,
		.partitions = (int)between(&random, 2, 6),
		.workers = (int)between(&random, 1, WORLD_WORKERS_MAX),
		.impressions = (int)between(&random, 60, 400),
		.span_ms = between(&random, 40000, 160000),
		.fault_ms = between(&random, 10000, 30000),
		.calm_ms = between(&random, 4000, 15000),
		.kill = (int)sim_random_below(&random, 20),
		.pause = (int)sim_random_below(&random, 16),
		.trouble = (int)sim_random_below(&random, 120),
		.commit_ms = commits[sim_random_below(&random, 3)],
		.store_keep_ms = between(&random, 0, 30000),
		.bounded = scenario->bounded ? bounded : 0,
		.clock = (int)sim_random_below(&times, 20),
		.idle_ms = idles ? WORLD_IDLE_MS : WORLD_NEVER_MS,
		.ttl_ms = expires ? WORLD_TTL_MS : WORLD_NEVER_MS,
		.state_bytes = states[sim_random_below(&random, 3)],
		.verbose = verbose,
	};
}

static struct sim_config
sim_plan(struct world *world)
{
	struct sim_random *random = &world->random;
	bool rough = sim_random_chance(random, 700);

	return (struct sim_config){
		.seed = sim_random_next(random),
		.start_ms = WORLD_START_MS,
		.session_ms = between(random, 3000, 10000),
		.rebalance_ms = between(random, 10000, 20000),
		.poll_ms = between(random, 4000, 12000),
		.transaction_ms = between(random, 2000, 12000),
		.cooperative = sim_random_chance(random, 500),
		.rates = {.retry = rough ? (int)sim_random_below(random, 10) : 0,
			  .unknown = rough ? (int)sim_random_below(random, 100) : 0,
			  .refused = rough ? (int)sim_random_below(random, 3) : 0,
			  .partial = (int)sim_random_below(random, 400),
			  .slow = (int)sim_random_below(random, 20),
			  .slow_ms = between(random, 0, 8000),
			  .gone = rough ? (int)sim_random_below(random, 5) : 0,
			  .gone_ms = between(random, 0, 8000),
			  .marker_ms = between(random, 0, 1500),
			  .early = (int)sim_random_below(random, 500),
			  .hear_ms = between(random, 0, 3 * world->plan.commit_ms),
			  .gather_ms = between(random, 0, 2000)},
		.verbose = world->plan.verbose,
	};
}

/* ---- opening ---- */

/* Whoever is at a crash point dies there, or stands still while the world goes on. */
static crash_hook at_crash_point;

int
world_open(struct world *world, const struct world_plan *plan, struct error *err)
{
	struct sim_config config;

	*world = (struct world){.plan = *plan,
				.random = {.state = plan->seed},
				.clocks = {.state = ~plan->seed},
				.faults = true,
				.stage = WORLD_LIVE};
	config = sim_plan(world);
	world->sim = sim_new(&config);
	world->spell_until_ms = WORLD_START_MS + plan->fault_ms;
	breaks_state_bytes(plan->state_bytes);
	sim_log_open(world->sim, "feeder", &world->feeder);
	if (scenario_load(plan->scenario, &world->plan, false, &world->topology, err) < 0 ||
	    scenario_load(plan->scenario, &world->plan, true, &world->other, err) < 0 ||
	    runtime_topics(world->topology, world->feeder, true, err) < 0 ||
	    log_transaction_open(world->feeder, "feed", &world->feeding, err) < 0)
		return -1;
	world->slots = WORLD_WORKERS_MAX * world->topology->operator_count;
	insist(world->slots <= WORLD_SLOTS_MAX);
	if (plan->scenario->kinds & 1u << FEED_DELIVERY)
		feed_make_deliveries(&world->feed, &world->random, plan->impressions / WORLD_PER_REQUEST,
				     WORLD_START_MS, plan->span_ms);
	else
		feed_make(&world->feed, &world->random, plan->impressions, WORLD_START_MS, plan->span_ms);
	feed_keep(&world->feed, plan->scenario->kinds);
	crash_install(at_crash_point, world);
	return 0;
}

void
world_close(struct world *world)
{
	crash_install(NULL, NULL);
	for (int i = 0; i < WORLD_PROCESSES_MAX; i++) {
		struct process *process = &world->processes[i];

		for (int k = 0; k < WORLD_SLOTS_MAX; k++)
			worker_close(&process->workers[k]);
		job_close(&process->job);
		log_close(&process->log);
	}
	if (world->feeding)
		transaction_close(&world->feeding);
	log_close(&world->feeder);
	feed_fini(&world->feed);
	topology_free(&world->topology);
	topology_free(&world->other);
	sim_free(&world->sim);
}

/* ---- feeding ---- */

static int
send(struct world *world, const struct feed_event *event, struct error *err)
{
	enum feed_topic which = feed_topic_of(&world->feed, event);
	const struct topology_topic *topic =
		&world->topology->topics[topology_topic_find(world->topology, feed_topics[which])];
	struct bytes key = bytes_of_text(feed_key_of(&world->feed, event));
	struct arena arena = {0};
	struct record record = {0};
	struct buffer *to;
	char *json;
	int number, result;

	if (log_topic(world->feeder, topic->log_name, &number, err) < 0)
		return -1;
	to = transaction_append_begin(world->feeding, number, log_partition_of(key, world->plan.partitions), key,
				      now_ms(world));
	if (event->kind == FEED_RUBBISH) {
		buffer_put_bytes(to, bytes_of_text("rubbish"));
		return transaction_append_end(world->feeding, err);
	}
	json = feed_json(&world->feed, event);
	record_init(&record, topic->schema->root);
	result = json_read(bytes_of_text(json), &record, &arena, err);
	if (result == 0)
		result = codec_encode(topic->codec, &record, to, err);
	record_fini(&record);
	arena_fini(&arena);
	memory_free(&json);
	return result < 0 ? -1 : transaction_append_end(world->feeding, err);
}

static int
commit_feed(struct world *world, struct error *err)
{
	int result;

	do
		result = transaction_commit(world->feeding, err);
	while (result < 0 && err->action == RETRY);
	return result;
}

static int
abort_feed(struct world *world, struct error *err)
{
	int result;

	do
		result = transaction_abort(world->feeding, err);
	while (result < 0 && err->action == RETRY);
	return result;
}

/* What is due, as one transaction; or it is aborted and sent again another time. */
int
world_feed(struct world *world, struct error *err)
{
	struct feed *feed = &world->feed;
	int until = feed->next, most = (int)between(&world->random, 1, FEED_BATCH_MAX);

	while (until < feed->event_count && until - feed->next < most && feed->events[until].send_ms <= now_ms(world))
		until++;
	if (until == feed->next)
		return 0;
	for (int i = feed->next; i < until; i++)
		if (send(world, &feed->events[i], err) < 0)
			return -1;
	transaction_keep(world->feeding);
	if (world->faults && sim_random_chance(&world->random, 50))
		return abort_feed(world, err);
	if (commit_feed(world, err) == 0) {
		feed->next = until;
		return 0;
	}
	return err->action == ABORT || err->action == FENCED ? abort_feed(world, err) : -1;
}

/* ---- what befalls them ---- */

static struct process *
any_process(struct world *world)
{
	return &world->processes[sim_random_below(&world->random, WORLD_PROCESSES_MAX)];
}

static int
trouble(struct world *world, struct error *err)
{
	struct process *process = any_process(world);
	int64_t long_ms = between(&world->random, 0, 15000);

	if (!process->log)
		return process_start(world, process, NULL, err);
	if (!process_is_idle(process) || process->state != SIM_UP || process->doomed)
		return 0;
	switch (sim_random_below(&world->random, 7)) {
	case 0:
		process_kill(world, process, sim_random_chance(&world->random, 200));
		break;
	case 1:
		world->pauses++;
		process_set(world, process, SIM_PAUSED, long_ms);
		break;
	case 2:
		process_set(world, process, SIM_CUT, long_ms);
		break;
	case 3:
		process_leave(world, process);
		break;
	case 4:
		process_set(world, process, SIM_PAUSED, long_ms);
		return process_replace(world, process, err);
	case 5:
		world->stalls++;
		process->stalled_until_ms[sim_random_below(&world->random, world->slots)] = now_ms(world) + long_ms;
		break;
	default: /* a short stop: the session lasts longer */
		process_set(world, process, SIM_PAUSED, long_ms / 10);
		break;
	}
	return 0;
}

/* Somebody sets the wall clock: right, ahead by anything, or back by a little. */
static void
set_clock(struct world *world)
{
	int64_t wrong_ms = 0;

	if (sim_random_chance(&world->clocks, 400))
		wrong_ms = between(&world->clocks, 0, CLOCK_AHEAD_MS_MAX) >> sim_random_below(&world->clocks, 16);
	else if (sim_random_chance(&world->clocks, 700))
		wrong_ms = -between(&world->clocks, 0, CLOCK_BACK_MS_MAX);
	sim_jump_clock(world->sim, wrong_ms - world->wrong_ms);
	world->wrong_ms = wrong_ms;
}

/* Faults come in spells, so that what they hold up is made good before it is too late for the feed. */
static int
change_spell(struct world *world, struct error *err)
{
	if (now_ms(world) < world->spell_until_ms)
		return 0;
	world->faults = !world->faults;
	sim_set_faults(world->sim, world->faults);
	world->spell_until_ms = now_ms(world) + (world->faults ? world->plan.fault_ms : world->plan.calm_ms);
	if (world->faults)
		return 0;
	if (processes_tick(world, true, err) < 0)
		return -1;
	if (world->depth > 0 || !sim_random_chance(&world->random, world->plan.bounded))
		return 0;
	return world_run_bounded(world, err);
}

static void
any_turn(struct world *world)
{
	struct process *process = any_process(world);

	process_turn(world, process, (int)sim_random_below(&world->random, world->slots));
}

static int
step(struct world *world, struct error *err)
{
	if (sim_random_chance(&world->random, 500))
		sim_advance(world->sim, sim_random_below(&world->random, TURN_MS));
	if (change_spell(world, err) < 0 || processes_tick(world, false, err) < 0 || world_feed(world, err) < 0)
		return -1;
	if (world->faults && sim_random_below(&world->random, 10000) < world->plan.trouble && trouble(world, err) < 0)
		return -1;
	if (sim_random_below(&world->clocks, 100000) < world->plan.clock)
		set_clock(world);
	any_turn(world);
	if (!world->failed)
		return 0;
	*err = world->failure;
	return -1;
}

/* In the middle of what it does the process, or this thread of it, stands still; everything else goes on. */
static void
stand_still(struct world *world, struct process *process, enum crash_point point)
{
	int64_t until_ms = now_ms(world) + between(&world->random, 0, 20000);
	bool whole = sim_random_chance(&world->random, 500);
	int worker = world->running_worker;
	struct error err;

	sim_note(world->sim, "%s stands still at %s%s", process->name, crash_point_name(point),
		 whole ? "" : ", one thread of it");
	world->pauses++;
	world->depth++;
	world->running = NULL;
	if (whole)
		process_set(world, process, SIM_PAUSED, 0);
	while (now_ms(world) < until_ms && world->faults && !world->failed && !process->dying)
		if (step(world, &err) < 0) {
			world->failed = true;
			world->failure = err;
		}
	world->depth--;
	world->running = process;
	world->running_worker = worker;
	if (whole)
		process_set(world, process, SIM_UP, 0);
}

/* Some points are passed at every commit, others seldom. */
static bool
strikes(struct world *world, enum crash_point point, int per_mille)
{
	bool often = point >= CRASH_PROCESSED && point <= CRASH_WRITTEN;

	return (world->stage == WORLD_LIVE ? world->faults : world->kills_left > 0) &&
	       sim_random_chance(&world->random, often ? per_mille : RARE_TIMES * per_mille);
}

static int
at_crash_point(void *argument, enum crash_point point, struct error *err)
{
	struct world *world = argument;
	struct process *process = world->running;

	if (!process)
		return 0;
	if (!process->dying && strikes(world, point, world->plan.kill)) {
		sim_note(world->sim, "%s is killed at %s", process->name, crash_point_name(point));
		process->dying = true;
		world->kills_left--;
	}
	if (process->dying)
		return fail(err, FATAL, "killed at %s", crash_point_name(point));
	if (world->stage != WORLD_LIVE || world->depth >= DEPTH_MAX || process->state != SIM_UP ||
	    !strikes(world, point, world->plan.pause))
		return 0;
	stand_still(world, process, point);
	return process->dying ? fail(err, FATAL, "killed by another thread") : 0;
}

/* ---- the run ---- */

static int
come_to_rest(struct world *world, struct error *err)
{
	int64_t until_ms = now_ms(world) + world->plan.scenario->rest_ms;

	/* Twice: a worker that finds out that it is fenced when a timer fires takes up the time of its last block. */
	if (world->plan.ttl_ms < WORLD_NEVER_MS)
		until_ms += 2 * world->plan.ttl_ms;

	world->faults = false;
	sim_set_faults(world->sim, false);
	for (int i = 0; i < WORLD_PROCESSES_MAX; i++)
		memset(world->processes[i].stalled_until_ms, 0, sizeof(world->processes[i].stalled_until_ms));
	if (processes_tick(world, true, err) < 0)
		return -1;
	if (!world->processes[0].log && process_start(world, &world->processes[0], NULL, err) < 0)
		return -1;
	while (now_ms(world) < until_ms && !world->failed) {
		sim_advance(world->sim, REST_STEP_MS);
		if (world_feed(world, err) < 0)
			return -1;
		for (int turn = 0; turn < REST_TURNS; turn++)
			for (int i = 0; i < WORLD_PROCESSES_MAX; i++)
				for (int k = 0; k < world->slots && !world->failed; k++)
					process_turn(world, &world->processes[i], k);
	}
	if (!world->failed)
		return 0;
	*err = world->failure;
	return -1;
}

int
world_start_some(struct world *world, struct error *err)
{
	for (int64_t i = between(&world->random, 1, 3); i > 0; i--)
		if (process_start(world, &world->processes[i], NULL, err) < 0)
			return -1;
	return 0;
}

int
world_run(struct world *world, struct error *err)
{
	if (world_start_some(world, err) < 0)
		return -1;
	while (world->feed.next < world->feed.event_count)
		if (step(world, err) < 0)
			return -1;
	return come_to_rest(world, err);
}
