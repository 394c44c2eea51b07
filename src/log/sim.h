/*
 * The simulated log: Kafka's semantics in memory, for simulations with crashes and errors that are the same every
 * time.
 *
 * `struct sim` is the cluster: topics with offsets that markers take too, transactions with epochs and timeouts, a
 * last stable offset, groups with generations and sessions. A process opens a handle to it (sim_log_open) and uses
 * that as any log (log.h). Nothing happens by itself: time moves with sim_advance alone, and every choice (who is told
 * when, which call fails, what an answer that never came has done) is drawn from the seed.
 *
 *     sim_new(&config)                        the cluster
 *     sim_log_open(sim, "process-1", &log)    a process; log_close(&log) ends it
 *     sim_log_set(log, SIM_PAUSED)            its heartbeats stop; after sim_advance(sim, ...) it is expelled
 *     sim_log_set(log, SIM_DEAD)              what it closes from now on closes in silence, as kill -9 would
 *
 * One thread's.
 */
#ifndef LOG_SIM_H
#define LOG_SIM_H

#include "log/log.h"

/* A sequence of numbers that a seed decides. */
struct sim_random {
	uint64_t state;
};

uint64_t sim_random_next(struct sim_random *random);
int64_t sim_random_below(struct sim_random *random, int64_t bound); /* 0 to bound - 1 */
bool sim_random_chance(struct sim_random *random, int per_mille);

/* How often what goes wrong goes wrong: of a thousand. */
struct sim_rates {
	int retry;	   /* a call that reaches nobody */
	int unknown;	   /* a commit or an abort without an answer: done, not done, or done later */
	int refused;	   /* a record that the cluster does not take: the transaction is lost */
	int partial;	   /* a fetch that brings a few records only */
	int slow;	   /* a fetch after which a partition brings nothing for a while */
	int64_t slow_ms;   /* ... that long at most */
	int gone;	   /* a question to a partition that finds it without a leader, for a while */
	int64_t gone_ms;   /* ... that long at most */
	int64_t marker_ms; /* markers reach a partition up to so long after the decision */
	int early;	   /* records that are sent when they are kept, not at the commit */
	int64_t hear_ms;   /* a member hears what the group has to say up to so long after it was said */
	int64_t gather_ms; /* a rebalance that all have joined takes up to so long */
};

struct sim_config {
	uint64_t seed;
	int64_t start_ms;	/* wall time */
	int64_t session_ms;	/* without a heartbeat: expelled */
	int64_t rebalance_ms;	/* a member that has not joined again by then is expelled */
	int64_t poll_ms;	/* one that has not been polled for so long leaves by itself; 0: never */
	int64_t transaction_ms; /* an open transaction is aborted then, and its producer fenced */
	bool cooperative;	/* only what moves is revoked; else everything, and shared out in ranges */
	struct sim_rates rates;
	bool verbose; /* every note goes to standard error */
};

struct sim;

struct sim *sim_new(const struct sim_config *config);
void sim_free(struct sim **sim); /* every handle was closed before */

struct clock *sim_clock(struct sim *sim);
void sim_advance(struct sim *sim, int64_t ms);
void sim_jump_clock(struct sim *sim, int64_t ms); /* the wall clock is set: by so much, also back */
void sim_set_faults(struct sim *sim, bool on);	  /* off: nothing goes wrong any more, everybody hears at once */

/* Deletes the topic and makes it anew, empty, from offset 0 on. Nothing is pending in it, and nobody reads it. */
void sim_renew_topic(struct sim *sim, const char *name);
/* Forgets the records from `offset` on, as a broker that becomes leader without them; `regrown`: aborts have taken
 * their offsets. Likewise. */
void sim_lose_tail(struct sim *sim, int topic, int partition, int64_t offset, bool regrown);

/* What happens is noted: the notes' hash is the same for every run of a seed. */
void sim_note(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t sim_trace_hash(const struct sim *sim);
/* What the cluster saw that no correct client does (a group's position that goes back), or NULL. */
const char *sim_problem(const struct sim *sim);

enum sim_process {
	SIM_UP,
	SIM_CUT,    /* reaches nobody: every call is RETRY, and no heartbeats */
	SIM_PAUSED, /* does nothing, and no heartbeats */
	SIM_DEAD, /* killed: its transactions stay open, its members stay in their groups, until their times run out */
};

void sim_log_open(struct sim *sim, const char *process, struct log **out);
void sim_log_set(struct log *log, enum sim_process state);

#endif
