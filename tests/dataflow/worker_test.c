/* A sink whose system is out of reach, in a group that shares the work out anew: on the simulated log. */
#include "dataflow/worker.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "log/sim_log.h"
#include "record/json.h"
#include "tests/dataflow/capture.h"
#include "tests/test.h"

#define PARTITIONS 2
#define TURNS 40
#define TURN_MS 100
#define TIMERS_UNTIL_MS (-1000000) /* long before any row: due at once */
#define SESSION_MS 60000

static struct error err;

struct process {
	struct log *log;
	struct job *job;
	struct worker *worker;
};

static struct sim *sim;
static struct process one, two;

/* ---- a sink that counts what its system has taken, by partition ---- */

static struct {
	bool away;
	int taken[PARTITIONS];
	int asked; /* while it was away */
	bool refuses;
	bool slow;		/* a record takes as long as a commit interval */
	int timers;		/* so many are still to fire, each sets the next and takes a millisecond */
	int64_t uncommitted_ms; /* the longest at a timer */
	int stops_at;		/* so many timers before the last a stop is requested */
	int timers_at_record;	/* so many were still to fire when the last record came */
} outside;

struct sink {
	int *gathered; /* by partition */
};

static int
sink_open(void *self, struct context *context, struct error *error)
{
	struct sink *sink = self;

	(void)context;
	(void)error;
	sink->gathered = memory_new_array(PARTITIONS, sizeof(*sink->gathered));
	return 0;
}

static int
set_timers(const struct record *record, struct context *context, struct error *error)
{
	struct entry *entry;
	bool added;

	if (store_add(context_store(context, 0), record->key, sizeof(int), &entry, &added, error) < 0)
		return -1;
	entry_set_timer(context_store(context, 0), entry, TIMERS_UNTIL_MS - outside.timers);
	return 0;
}

static int
sink_process(const void *self, int input, const struct record *record, struct context *context, struct error *error)
{
	const struct sink *sink = self;

	(void)input;
	(void)context;
	outside.timers_at_record = outside.timers;
	if (outside.refuses)
		return fail(error, SKIP, "it is refused");
	if (outside.timers > 0 && set_timers(record, context, error) < 0)
		return -1;
	if (outside.slow)
		sim_advance(sim, TURN_MS);
	sink->gathered[record->partition]++;
	return 0;
}

static int
sink_on_timer(const void *self, struct entry *entry, struct context *context, struct error *error)
{
	int64_t uncommitted_ms = clock_steady_ms(sim_clock(sim)) - one.worker->committed_ms;

	(void)self;
	(void)error;
	sim_advance(sim, 1);
	if (outside.timers == outside.stops_at)
		atomic_store(&one.job->stopping, true);
	if (uncommitted_ms > outside.uncommitted_ms)
		outside.uncommitted_ms = uncommitted_ms;
	if (--outside.timers > 0)
		entry_set_timer(context_store(context, 0), entry, TIMERS_UNTIL_MS - outside.timers);
	else
		entry_remove(context_store(context, 0), entry);
	return 0;
}

static int
sink_flush(const void *self, struct context *context, struct error *error)
{
	const struct sink *sink = self;

	(void)context;
	if (outside.away) {
		outside.asked++;
		return fail(error, RETRY, "it is away");
	}
	for (int i = 0; i < PARTITIONS; i++) {
		outside.taken[i] += sink->gathered[i];
		sink->gathered[i] = 0;
	}
	return 0;
}

static void
sink_drop(const void *self)
{
	const struct sink *sink = self;

	for (int i = 0; i < PARTITIONS; i++)
		sink->gathered[i] = 0;
}

static void
sink_close(void *self)
{
	struct sink *sink = self;

	memory_free(&sink->gathered);
}

static const struct option options[] = {OPTION_END};
static const struct port inputs[] = {{"rows", "engagement", "impression_id", true, "rows"},
				     {"more", "engagement", "impression_id", false, "others"},
				     {.name = NULL}};
static const struct store_spec stores[] = {{"timers", "a timer", true}, {.name = NULL}};
static const struct operator_type sink_type = {
	.name = "sink",
	.help = "counts",
	.options = options,
	.inputs = inputs,
	.stores = stores,
	.self_size = sizeof(struct sink),
	.open = sink_open,
	.process = sink_process,
	.on_timer = sink_on_timer,
	.flush = sink_flush,
	.drop = sink_drop,
	.close = sink_close,
};
static const struct operator_type *const table[] = {&sink_type, NULL};

/* ---- a cluster with two processes of one worker ---- */

static struct topology *topology;
static bool two_inputs;

static void
open_cluster(void)
{
	static const struct sim_config config = {
		.session_ms = SESSION_MS,
		.rebalance_ms = SESSION_MS,
		.transaction_ms = SESSION_MS,
		.cooperative = true,
	};
	char path[4200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/t.yaml", test_directory());
	file = fopen(path, "w");
	check(file != NULL);
	fprintf(file,
		"name: t\nschemas: %s/schemas\ncommit_interval: 100ms\nworkers: 1\ntopics:\n"
		"  rows: {schema: engagement.avsc, key: impression_id, partitions: %d, not_before: 0}\n"
		"  more: {schema: engagement.avsc, key: impression_id, partitions: %d, not_before: 0}\n"
		"operators:\n  sink: {type: sink, inputs: {rows: rows%s}}\n",
		test_source_root(), PARTITIONS, PARTITIONS, two_inputs ? ", more: more" : "");
	fclose(file);
	check_ok(topology_load(path, NULL, table, &topology, NULL, &err));
	sim = sim_new(&config);
	sim_set_faults(sim, false);
}

static void
open_as(struct process *process, const char *name, bool bounded)
{
	struct runtime_config config = {.topology = topology, .clock = sim_clock(sim), .until_end = bounded};

	sim_log_open(sim, name, &process->log);
	check_ok(runtime_topics(topology, process->log, true, &err));
	config.log = process->log;
	check_ok(job_open(&config, &process->job, &err));
	check_ok(worker_open(process->job, &process->job->operators[0], 0, &process->worker, &err));
}

static void
open_process(struct process *process, const char *name)
{
	open_as(process, name, false);
}

static void
close_process(struct process *process)
{
	worker_close(&process->worker);
	job_close(&process->job);
	log_close(&process->log);
}

static void
close_cluster(void)
{
	close_process(&one);
	close_process(&two);
	topology_free(&topology);
	sim_free(&sim);
}

/* A row to each partition, in a transaction that is open. */
static void
append_rows(struct transaction *transaction)
{
	int topic;

	check_ok(log_topic(one.log, "rows", &topic, &err));
	for (int i = 0; i < PARTITIONS; i++) {
		const struct topology_topic *spec = &topology->topics[topology_topic_find(topology, "rows")];
		struct record record = {0};
		struct arena arena = {0};

		record_init(&record, spec->schema->root);
		check_ok(json_read(bytes_of_text("{\"engagement_id\": \"e\", \"impression_id\": \"i\", "
						 "\"user_id_token\": \"u\", \"item_id\": \"v\", \"action\": \"view\", "
						 "\"occurred_at\": 1}"),
				   &record, &arena, &err));
		check_ok(codec_encode(spec->codec, &record,
				      transaction_append_begin(transaction, topic, i, bytes_of_text("i"),
							       clock_now_ms(sim_clock(sim))),
				      &err));
		check_ok(transaction_append_end(transaction, &err));
		record_fini(&record);
		arena_fini(&arena);
	}
	transaction_keep(transaction);
}

static void
send_rows(void)
{
	struct transaction *transaction;

	check_ok(log_transaction_open(one.log, "feed", &transaction, &err));
	append_rows(transaction);
	check_ok(transaction_commit(transaction, &err));
	transaction_close(&transaction);
}

static void
take_turns(int count)
{
	for (int i = 0; i < count; i++) {
		sim_advance(sim, TURN_MS);
		check_ok(worker_turn(one.worker, 0, &err));
		if (two.worker)
			check_ok(worker_turn(two.worker, 0, &err));
	}
}

static int
count_tasks(const struct process *process)
{
	int count = 0;

	for (int i = 0; i < PARTITIONS; i++)
		count += process->worker->tasks[i] && process->worker->tasks[i]->running;
	return count;
}

TEST(a_sink_that_cannot_flush_gives_up_what_is_taken_from_it)
{
	open_cluster();
	open_process(&one, "one");
	take_turns(TURNS);
	check_int(count_tasks(&one), PARTITIONS);

	outside.away = true;
	send_rows();
	take_turns(TURNS);
	check_int(one.worker->phase, WORKER_FLUSHING);
	check(outside.asked > 1);

	/* It is still away: whoever gets the partition is not kept waiting for it. */
	open_process(&two, "two");
	take_turns(TURNS);
	check_int(count_tasks(&one), 1);
	check_int(count_tasks(&two), 1);
	check_int(one.worker->leaving_count, 0);
	check_int(one.worker->phase, WORKER_FLUSHING);
	check_int(two.worker->phase, WORKER_FLUSHING);

	/* Nothing was committed: the rows are sent by the one that has them now, once. */
	outside.away = false;
	take_turns(TURNS);
	for (int i = 0; i < PARTITIONS; i++)
		check_int(outside.taken[i], 1);
	check_int(one.worker->phase, WORKER_RUNNING);
	check(!worker_changed(one.worker) && !worker_changed(two.worker));
	check(sim_problem(sim) == NULL);
	close_cluster();
}

/* Turns of one process, until one fails. */
static int
turns_of(struct process *process, int count)
{
	for (int i = 0; i < count; i++) {
		sim_advance(sim, TURN_MS);
		if (worker_turn(process->worker, 0, &err) < 0)
			return -1;
	}
	return 0;
}

TEST(a_task_that_waits_for_one_input_to_have_a_leader_has_begun_none_of_them)
{
	int more;

	two_inputs = true;
	open_cluster();
	open_process(&one, "one");
	take_turns(TURNS);
	send_rows();
	take_turns(TURNS);
	close_process(&one);
	open_process(&one, "one");
	sim_set_faults(sim, true); /* (None but this one.) */
	check_ok(log_topic(one.log, "more", &more, &err));
	for (int i = 0; i < PARTITIONS; i++)
		sim->topics[more]->partitions[i].gone_until_ms = sim_now(sim) + (TURNS + 10) * TURN_MS;
	take_turns(TURNS);
	check_int(count_tasks(&one), 0);
	take_turns(TURNS);
	check_int(count_tasks(&one), PARTITIONS);
	for (int i = 0; i < PARTITIONS; i++)
		check_int(one.worker->tasks[i]->inputs[0].window.seen, 1);
	close_cluster();
}

TEST(a_bounded_run_that_finds_blocks_of_another_process_gives_up_and_names_it)
{
	open_cluster();
	open_as(&one, "one", true);
	send_rows();
	outside.away = true; /* it has processed the rows, and cannot commit yet */
	check_ok(turns_of(&one, TURNS));
	outside.away = false;

	open_process(&two, "two");
	check_ok(turns_of(&two, TURNS));
	check(!worker_changed(two.worker));
	check_fails(turns_of(&one, TURNS), "another process has written to its journal since this run began: host=");
	check(strstr(err.text, "identity=two ") && strstr(err.text, "a bounded run needs the operator for itself"));
	check_int(err.action, FATAL);
	close_cluster();
}

/* What is not committed takes offsets, too: whoever goes on behind it has to look again. */
static void
disturb_journal(void)
{
	struct transaction *transaction;

	check_ok(log_transaction_open(one.log, "rival", &transaction, &err));
	for (int i = 0; i < PARTITIONS; i++) {
		transaction_append_begin(transaction, one.job->operators[0].journal, i, (struct bytes){0}, 0);
		check_ok(transaction_append_end(transaction, &err));
	}
	transaction_keep(transaction);
	check_fails((transaction_expect(transaction, one.job->operators[0].journal, 0, 0),
		     transaction_commit(transaction, &err)),
		    "another process has written");
	check_ok(transaction_abort(transaction, &err));
	transaction_close(&transaction);
}

TEST(one_that_loses_again_and_again_names_who_wrote_the_last_block)
{
	int result = 0;

	open_cluster();
	open_process(&one, "one");
	open_process(&two, "two");
	send_rows();
	worker_close(&one.worker);
	check_ok(turns_of(&two, TURNS));
	worker_close(&two.worker);

	check_ok(worker_open(one.job, &one.job->operators[0], 0, &one.worker, &err));
	check_ok(turns_of(&one, TURNS));
	send_rows();
	for (int i = 0; i < 20 * TURNS && result == 0; i++) {
		disturb_journal();
		result = turns_of(&one, 1);
	}
	check_fails(result, "6 transactions in a row were lost; another process writes the same journal: host=");
	check(strstr(err.text, "identity=two "));
	close_cluster();
}

#define SAYS 2 /* after a second, and 10 s later */

TEST(a_bounded_run_says_that_it_waits_for_an_open_transaction)
{
	struct transaction *transaction;
	const struct input *input;
	const char *line;
	int topic, result;

	open_cluster();
	open_process(&one, "one"); /* creates the topics */
	close_process(&one);
	one = (struct process){0};
	sim_log_open(sim, "one", &one.log);
	send_rows();
	send_rows();
	check_ok(log_topic(one.log, "rows", &topic, &err));
	/* A commit that is refused leaves the transaction open, with its rows. */
	check_ok(log_transaction_open(one.log, "hanging", &transaction, &err));
	append_rows(transaction);
	transaction_expect(transaction, topic, 0, 0);
	check_fails(transaction_commit(transaction, &err), "another process has written");

	open_as(&two, "two", true);
	capture_begin();
	result = turns_of(&two, (PATIENCE_FIRST_MS + PATIENCE_SAY_MS) / TURN_MS + TURNS);
	line = capture_end();
	check_ok(result);
	check(!worker_ended(two.worker));
	input = &two.worker->tasks[0]->inputs[0];
	check(input->position < input->stop_at);
	for (int i = 0; i < SAYS; i++) {
		line = strstr(line, "transaction_wait operator=sink task=0 topic=rows partition=0 position=");
		check(line != NULL);
		line++;
	}
	check(strstr(line, "transaction_wait operator=sink task=0 ") == NULL);

	check_ok(transaction_abort(transaction, &err));
	check_ok(turns_of(&two, TURNS));
	check(worker_ended(two.worker));
	transaction_close(&transaction);
	close_cluster();
}

static void
send_bad_rows(int count)
{
	outside.refuses = true;
	for (int i = 0; i < count; i++)
		send_rows();
}

static int64_t
failures_of(int partition)
{
	return one.worker->tasks[partition]->inputs[0].window.failures;
}

static void
start_again(void)
{
	close_process(&one);
	open_process(&one, "one");
	take_turns(TURNS);
	check_int(count_tasks(&one), PARTITIONS);
}

/* And those that met the limit are met again. */
TEST(bad_records_of_earlier_runs_count_towards_the_limit)
{
	open_cluster();
	open_process(&one, "one");
	take_turns(TURNS);
	for (int run = 0; run < 2; run++) {
		send_bad_rows(50);
		take_turns(TURNS);
		start_again();
		for (int i = 0; i < PARTITIONS; i++)
			check_int(failures_of(i), 50 * (run + 1));
	}
	send_bad_rows(1);
	for (int run = 0; run < 2; run++) {
		check_int(turns_of(&one, TURNS), -1);
		check_int(err.action, FATAL);
		check_contains(err.text, "101 of the last 101 records of topic rows could not be processed");
		check_contains(err.text, "The first reasons: (1) it is refused (2) it is refused (3) it is refused");
		close_process(&one);
		open_process(&one, "one");
	}
	outside.refuses = false; /* the cause is corrected */
	take_turns(TURNS);
	for (int i = 0; i < PARTITIONS; i++) {
		check_int(failures_of(i), 100);
		check_int(outside.taken[i], 1);
	}
	close_cluster();
}

TEST(a_bad_record_of_an_aborted_transaction_counts_once)
{
	open_cluster();
	open_process(&one, "one");
	take_turns(TURNS);
	send_bad_rows(30);
	take_turns(TURNS);
	send_bad_rows(20);
	check_ok(worker_try(one.worker, 0, &err)); /* no time has passed: nothing is committed */
	check(worker_changed(one.worker));
	check_int(failures_of(0), 50);
	one.worker->phase = WORKER_ABORTING;
	outside.refuses = false;
	take_turns(TURNS);
	for (int i = 0; i < PARTITIONS; i++) {
		check_int(failures_of(i), 30);
		check_int(outside.taken[i], 20);
	}
	close_cluster();
}

static int64_t
commits_of(const struct process *process)
{
	return atomic_load(&process->job->operators[0].figures.commits);
}

TEST(a_turn_that_takes_longer_than_the_interval_commits_between_its_tasks)
{
	int64_t before;

	open_cluster();
	open_process(&one, "one");
	take_turns(TURNS);
	before = commits_of(&one);
	outside.slow = true;
	send_rows();
	check_ok(worker_try(one.worker, 0, &err));
	check_int(commits_of(&one) - before, PARTITIONS);
	for (int i = 0; i < PARTITIONS; i++)
		check_int(outside.taken[i], 1);
	close_cluster();
}

TEST(a_turn_with_many_timers_commits_between_them)
{
	open_cluster();
	open_process(&one, "one");
	take_turns(TURNS);
	outside.timers = 2 * WORKER_TURN_TIMERS + 100;
	send_rows();
	check_ok(worker_try(one.worker, 0, &err));
	check_int(outside.timers, 0);
	check(outside.uncommitted_ms > 0);
	check(outside.uncommitted_ms <= TURN_MS + WORKER_TURN_TIMERS);
	close_cluster();
}

TEST(a_stop_is_seen_between_many_timers_and_the_rest_fire_before_the_next_record)
{
	open_cluster();
	open_process(&one, "one");
	take_turns(TURNS);
	outside.timers = 3 * WORKER_TURN_TIMERS;
	outside.stops_at = 2 * WORKER_TURN_TIMERS + 100;
	send_rows();
	check_ok(worker_try(one.worker, 0, &err));
	check_int(outside.timers, 2 * WORKER_TURN_TIMERS);
	check_ok(worker_leave(one.worker, &err));
	send_rows();
	atomic_store(&one.job->stopping, false);
	check_ok(worker_try(one.worker, 0, &err));
	check_int(outside.timers_at_record, 0);
	check_int(outside.timers, 0);
	close_cluster();
}
