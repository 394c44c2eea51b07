/*
 * What the files of the simulated log share: here the cluster, in sim_client.h a process of it.
 *
 *     sim.c              the cluster as a whole: time, chance, notes, handles
 *     sim_broker.c       partitions: records, markers, offsets
 *     sim_coordinator.c  transactions as the cluster sees them: producers, epochs, decisions
 *     sim_group.c        groups as the cluster sees them: generations, sessions, assignments, positions
 *     sim_place.c        reading a partition
 *     sim_transaction.c  struct transaction: the commit, step by step
 *     sim_member.c       struct member
 */
#ifndef LOG_SIM_LOG_H
#define LOG_SIM_LOG_H

#include "log/log_ops.h"
#include "log/sim.h"

/* ---- the cluster ---- */

struct sim_record {
	int64_t timestamp_ms;
	int64_t arrived_ms;  /* true time when the partition got it, for whoever checks a run */
	struct sim_run *run; /* NULL: of no transaction */
	bool marker, has_key, deletion;
	uint8_t *bytes; /* key, value */
	size_t key_size, value_size;
};

/* A transaction of which the partition has no marker yet. */
struct sim_pending {
	struct sim_run *run;
	int64_t first;	    /* offset */
	int64_t mark_at_ms; /* after the decision */
};

struct sim_partition {
	struct sim_topic *topic;
	int number;
	struct sim_record *records; /* by offset; those before `start` are gone for readers */
	int64_t count, capacity;
	int64_t start;
	int64_t gone_until_ms; /* it has no leader */
	struct sim_pending *pending;
	int pending_count, pending_capacity;
};

struct sim_topic {
	char *name;
	int number;
	int partition_count;
	struct sim_partition *partitions;
};

enum sim_outcome { SIM_OPEN, SIM_COMMITTED, SIM_ABORTED };

struct sim_position {
	struct sim_group *group;
	int topic, partition;
	int64_t offset;
	uint64_t order; /* in which the cluster was given them */
};

/* A transaction, as the cluster sees it. */
struct sim_run {
	struct sim_run *next; /* the one before */
	uint64_t number;
	struct sim_producer *producer;
	int epoch;
	enum sim_outcome outcome;
	int64_t began_ms;
	int64_t commit_at_ms; /* a request to commit arrives then; TIME_MAX: none is under way */
	int unmarked;	      /* partitions without its marker */
	struct sim_position *positions;
	int position_count, position_capacity;
	int64_t positions_at_ms; /* after the decision: when they count; TIME_MAX: they do */
};

/* Whoever has this transactional id now. */
struct sim_producer {
	struct sim_producer *next;
	char *id;
	int epoch;
	struct sim_run *run; /* the last one */
};

/* A member, as the group sees it. */
struct sim_seat {
	struct sim_seat *next;
	uint64_t number;
	uint64_t rank;		   /* ranges are given out in this order */
	struct sim_member *client; /* NULL: the process is gone */
	int64_t expires_ms;
	bool joined; /* ... the rebalance that is going on */
	int generation;
	bool *assigned, *owned; /* by partition; owned: what it said it had when it joined */
};

struct sim_group {
	struct sim_group *next;
	struct sim *sim;
	char *name;
	int partition_count;
	int generation;
	bool rebalancing;
	int64_t complete_after_ms, complete_before_ms;
	struct sim_seat *seats;
	struct sim_position *positions;
	int position_count, position_capacity;
};

struct sim {
	struct sim_config config;
	struct clock_manual clock;
	struct sim_random random;
	bool faults;
	uint64_t hash;
	char *problem;
	struct sim_topic **topics;
	int topic_count;
	struct sim_run *runs;
	uint64_t run_count, seat_count, position_count;
	uint64_t changes; /* of ends, counted */
	struct sim_producer *producers;
	struct sim_group *groups;
};

/* Steady time: what the cluster measures, sessions and transactions, is durations. */
static inline int64_t
sim_now(struct sim *sim)
{
	return clock_steady_ms(&sim->clock.clock);
}

/* What a clock says that is right: of whoever feeds the topics. */
static inline int64_t
sim_true_time(struct sim *sim)
{
	return sim->config.start_ms + sim_now(sim) - CLOCK_MANUAL_STEADY_MS;
}

bool sim_chance(struct sim *sim, int per_mille);     /* false while there are no faults */
int64_t sim_delay(struct sim *sim, int64_t most_ms); /* 0 while there are none */
void sim_set_problem(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- sim_broker.c ---- */

struct sim_partition *sim_partition(struct sim *sim, int topic, int partition);
void sim_topics_free(struct sim *sim);
/* Copies the record to the end of the partition, for `run` or for none; the offset that it got. */
int64_t sim_append(struct sim *sim, int topic, int partition, struct sim_run *run, const struct sim_record *record);
void sim_run_mark(struct sim *sim, struct sim_run *run, bool all); /* writes markers whose time has come */
int64_t sim_stable_end(const struct sim_partition *partition);
bool sim_is_visible(const struct sim_record *record);

int sim_create_topic(struct log *log, const struct topic_spec *spec, struct error *err);
int sim_topic(struct log *log, const char *name, int *topic, struct error *err);
int sim_topic_partitions(struct log *log, int topic);
const char *sim_topic_name(struct log *log, int topic);
int sim_partition_ends(struct log *log, int topic, int partition, struct partition_ends *out, struct error *err);
int sim_partition_info(struct log *log, int topic, int partition, struct partition_info *out, struct error *err);
int sim_offset_at(struct log *log, int topic, int partition, int64_t time_ms, int64_t *offset, struct error *err);
int sim_trim(struct log *log, int topic, int partition, int64_t offset, struct error *err);

/* ---- sim_coordinator.c ---- */

struct sim_producer *sim_producer(struct sim *sim, const char *id);
/* Ends what the id left open, and fences whoever had it: the new epoch. */
int sim_producer_init(struct sim *sim, struct sim_producer *producer);
struct sim_run *sim_run_begin(struct sim *sim, struct sim_producer *producer);
void sim_run_decide(struct sim *sim, struct sim_run *run, bool commit);
void sim_run_position(struct sim *sim, struct sim_run *run, const struct sim_position *position);
void sim_coordinator_tick(struct sim *sim);
void sim_producers_free(struct sim *sim);

/* ---- sim_group.c ---- */

struct sim_group *sim_group(struct sim *sim, const char *name); /* made where there is none */
struct sim_seat *sim_group_join(struct sim_group *group, struct sim_member *client, int partitions);
void sim_group_rejoin(struct sim_group *group, struct sim_seat *seat);
void sim_group_leave(struct sim_group *group, struct sim_seat *seat);
/* Whether positions of this member are taken. */
bool sim_group_allows(const struct sim_group *group, uint64_t seat, int generation);
void sim_group_apply(struct sim_group *group, const struct sim_position *position);
void sim_groups_tick(struct sim *sim);
void sim_groups_free(struct sim *sim);
int sim_position(struct log *log, const char *group, int topic, int partition, int64_t *offset, struct error *err);

#endif
