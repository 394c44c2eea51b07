/*
 * What the files of the simulated log share.
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

static inline int64_t
sim_now(struct sim *sim)
{
	return clock_now_ms(&sim->clock.clock);
}

bool sim_chance(struct sim *sim, int per_mille);	/* false while there are no faults */
int64_t sim_delay(struct sim *sim, int64_t most_ms);	/* 0 while there are none */
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

/* ---- a process ---- */

struct sim_log {
	struct log log;
	struct sim *sim;
	char *process;
	enum sim_process state;
	int transactions; /* opened, for their names */
};

static inline struct sim_log *
sim_log_of(struct log *log)
{
	return (struct sim_log *)log;
}

/* Whether a call gets through; else RETRY. */
int sim_reach(struct sim_log *log, const char *what, struct error *err);

/* ---- sim_place.c ---- */

struct sim_place {
	struct sim_log *log;
	struct sim_partition *partition;
	int64_t next;
	int64_t slow_until_ms;
	struct log_record *records;
	size_t capacity;
};

void sim_place_init(struct sim_place *place, struct sim_log *log, int topic, int partition, int64_t offset);
void sim_place_fini(struct sim_place *place);
int sim_place_fetch(struct sim_place *place, struct log_batch *out, struct error *err);
int sim_reader_open(struct log *log, int topic, int partition, int64_t offset, struct reader **out, struct error *err);
int sim_reader_fetch(struct reader *reader, int64_t wait_ms, struct log_batch *out, struct error *err);
void sim_reader_close(struct reader *reader);

/* ---- sim_transaction.c ---- */

/* `member` NULL: positions go without a generation. */
void sim_transaction_make(struct sim_log *log, const char *id, struct sim_member *member, struct transaction **out);
int sim_transaction_prepare(struct transaction *transaction, struct error *err);
int sim_transaction_open(struct log *log, const char *id, struct transaction **out, struct error *err);
void sim_transaction_close(struct transaction *transaction);
struct buffer *sim_append_begin(struct transaction *transaction, int topic, int partition, struct bytes key,
				int64_t timestamp_ms);
int sim_append_end(struct transaction *transaction, bool deletion, struct error *err);
void sim_append_cancel(struct transaction *transaction);
void sim_keep(struct transaction *transaction);
void sim_undo(struct transaction *transaction);
size_t sim_bytes(const struct transaction *transaction);
void sim_set_position(struct transaction *transaction, const char *group, int topic, int partition, int64_t offset);
int sim_commit(struct transaction *transaction, struct error *err);
int sim_abort(struct transaction *transaction, struct error *err);
int64_t sim_first_offset(const struct transaction *transaction, int topic, int partition);

/* ---- sim_member.c ---- */

struct sim_member {
	struct member member;
	struct sim_log *log;
	struct sim_group *group; /* NULL: fixed */
	struct sim_seat *seat;	 /* NULL: expelled */
	uint64_t seat_number;	 /* as this side knows it */
	int generation;
	struct transaction *transaction;
	int *topics;
	int input_count, partition_count;
	struct sim_place **places; /* by partition; NULL: not started; else input_count of them */
	uint8_t *held;		   /* by partition: enum held of sim_member.c */
	int leaving;
	int64_t polled_ms;
	bool must_rejoin;  /* when the last one has left */
	int64_t hears_ms; /* what the group has to say is heard then; TIME_MAX: it has nothing to say */
	struct member_event *events;
	int event_count, event_at, event_capacity;
	uint64_t seen; /* changes of ends */
};

int sim_member_open(struct log *log, const struct member_spec *spec, struct member **out, struct error *err);
void sim_member_close(struct member *member);
struct transaction *sim_member_transaction(struct member *member);
int sim_member_poll(struct member *member, int64_t wait_ms, struct member_event *event, struct error *err);
int sim_member_start(struct member *member, int partition, const int64_t *positions, struct error *err);
int sim_member_stop(struct member *member, int partition, struct error *err);
int sim_member_fetch(struct member *member, int partition, int input, struct log_batch *out, struct error *err);

#endif
