/* The wall clock of the host is set while a join runs: on the simulated log, whose time goes on regardless. */
#include <stdio.h>

#include "dataflow/task.h"
#include "dataflow/worker.h"
#include "log/sim_log.h"
#include "operators/operators.h"
#include "record/json.h"
#include "tests/test.h"

#define TURN_MS 100
#define HOUR_MS 3600000
#define START_MS 1767225600000

static struct error err;
static struct sim *sim;
static struct topology *topology;
static struct log *cluster;
static struct job *job;
static struct worker *worker;

static void
start_job(void)
{
	check_ok(job_open(&(struct runtime_config){.topology = topology, .clock = sim_clock(sim), .log = cluster}, &job,
			  &err));
	check_ok(worker_open(job, &job->operators[0], 0, &worker, &err));
}

static void
open_join(void)
{
	static const struct sim_config config = {
		.start_ms = START_MS,
		.session_ms = 10 * HOUR_MS,
		.rebalance_ms = 10 * HOUR_MS,
		.transaction_ms = 10 * HOUR_MS,
	};
	const char *overrides[] = {"topics.impressions.partitions=1",
				   "topics.engagements.partitions=1",
				   "topics.ranker_scores.partitions=1",
				   "topics.impressions.idle_after=1s",
				   "topics.engagements.idle_after=1s",
				   "topics.ranker_scores.idle_after=1s",
				   "topics.impressions.out_of_orderness=100ms",
				   "topics.engagements.out_of_orderness=100ms",
				   "operators.join.window=1s",
				   "operators.join.grace=0s",
				   "operators.join.correction_horizon=10s",
				   "commit_interval=200ms",
				   "workers=1",
				   NULL};
	char path[4200];

	snprintf(path, sizeof(path), "%s/topologies/engagement.yaml", test_source_root());
	check_ok(topology_load(path, overrides, operators_table, &topology, NULL, &err));
	sim = sim_new(&config);
	sim_set_faults(sim, false);
	sim_log_open(sim, "one", &cluster);
	check_ok(runtime_topics(topology, cluster, true, &err));
	start_job();
}

/* Its stores are gone with it: the next one restores from the journal. */
static void
stop_job(void)
{
	check_ok(worker_leave(worker, &err));
	worker_close(&worker);
	job_close(&job);
}

static void
close_join(void)
{
	check(sim_problem(sim) == NULL);
	worker_close(&worker);
	job_close(&job);
	log_close(&cluster);
	topology_free(&topology);
	sim_free(&sim);
}

/* Shown, and stamped by the producer, at the right time: its clock is another one. */
static void
send(int from, int count)
{
	const struct topology_topic *spec = &topology->topics[topology_topic_find(topology, "impressions")];
	struct transaction *transaction;
	int topic;

	check_ok(log_topic(cluster, "impressions", &topic, &err));
	check_ok(log_transaction_open(cluster, "feed", &transaction, &err));
	for (int i = from; i < from + count; i++) {
		struct record record = {0};
		struct arena arena = {0};
		char text[300];
		struct bytes key;

		snprintf(text, sizeof(text),
			 "{\"impression_id\": \"i%d\", \"user_id_token\": \"u\", \"item_id\": \"v\", \"position\": 1, "
			 "\"shown_at\": %lld, \"source\": \"ranked\"}",
			 i, (long long)sim_true_time(sim));
		record_init(&record, spec->schema->root);
		check_ok(json_read(bytes_of_text(text), &record, &arena, &err));
		key = record_bytes(&record, spec->key_field);
		check_ok(codec_encode(spec->codec, &record,
				      transaction_append_begin(transaction, topic, 0, key, sim_true_time(sim)), &err));
		check_ok(transaction_append_end(transaction, &err));
		record_fini(&record);
		arena_fini(&arena);
	}
	transaction_keep(transaction);
	check_ok(transaction_commit(transaction, &err));
	transaction_close(&transaction);
}

static void
pass(int64_t ms)
{
	for (; ms > 0; ms -= TURN_MS) {
		sim_advance(sim, TURN_MS);
		check_ok(worker_turn(worker, 0, &err));
	}
}

static int64_t
records(const char *name)
{
	struct partition_info info;
	int64_t count = 0;
	int topic;

	check_ok(log_topic(cluster, topology->topics[topology_topic_find(topology, name)].log_name, &topic, &err));
	for (int i = 0; i < log_topic_partitions(cluster, topic); i++) {
		check_ok(log_partition_info(cluster, topic, i, &info, &err));
		count += info.records;
	}
	return count;
}

TEST(a_clock_that_is_set_back_stops_no_commit_and_refuses_nothing)
{
	int64_t commits;

	open_join();
	send(0, 10);
	pass(5000);
	check_int(records("outcomes"), 10);
	sim_jump_clock(sim, -HOUR_MS);
	commits = atomic_load(&job->operators[0].figures.commits);
	for (int i = 1; i <= 4; i++) {
		send(i * 10, 10);
		pass(5000);
		check_int(records("outcomes"), 10 + i * 10);
	}
	check(atomic_load(&job->operators[0].figures.commits) >= commits + 8);
	check_int(records("dead_letters"), 0);
	close_join();
}

TEST(a_clock_that_is_ahead_for_a_second_moves_no_watermark)
{
	open_join();
	send(0, 10);
	pass(5000);
	sim_jump_clock(sim, 2 * HOUR_MS);
	pass(1000);
	sim_jump_clock(sim, -2 * HOUR_MS);
	pass(1000);
	check(worker->tasks[0]->watermark.at <= sim_true_time(sim));
	for (int i = 1; i <= 3; i++) {
		send(i * 10, 10);
		pass(5000);
		check_int(records("outcomes"), 10 + i * 10);
	}
	check_int(records("late_engagements"), 0);
	check_int(records("dead_letters"), 0);
	check(worker->tasks[0]->watermark.at <= sim_true_time(sim));
	close_join();
}

TEST(a_start_whose_clock_is_behind_the_last_commit_refuses_nothing_and_says_so)
{
	open_join();
	send(0, 10);
	pass(5000);
	stop_job();
	sim_jump_clock(sim, -24 * HOUR_MS);
	start_job();
	pass(1000);
	check(job->clock_said);
	send(10, 10);
	pass(5000);
	check_int(records("outcomes"), 20);
	check_int(records("dead_letters"), 0);
	close_join();
}

TEST(a_start_long_after_the_last_commit_says_so_and_a_pause_of_a_day_is_none)
{
	open_join();
	send(0, 10);
	pass(5000);
	for (int days = 1; days <= 100; days += 99) {
		stop_job();
		sim_jump_clock(sim, days * 24ll * HOUR_MS);
		start_job();
		pass(1000);
		check_int(job->clock_said, days == 100);
	}
	close_join();
}
