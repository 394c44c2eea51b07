/*
 * A cluster, the processes of an application on it, and what befalls them: who has a turn next, who is killed where,
 * who stands still until the others think that he is gone. All of it is drawn from one seed.
 *
 * A process is a job and its workers. Killed, its workers are gone and its disk is not; with its job, the disk is.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "dataflow/worker.h"
#include "tests/sim/feed.h"

#define WORLD_PROCESSES_MAX 4
#define WORLD_WORKERS_MAX 2 /* of an operator in one process */
#define WORLD_OPERATORS_MAX 3
#define WORLD_SLOTS_MAX (WORLD_WORKERS_MAX * WORLD_OPERATORS_MAX)
#define WORLD_START_MS 1767225600000

#define WORLD_OUT_OF_ORDERNESS_MS 1000
#define WORLD_IDLE_MS 4000	  /* unless nothing is ever idle */
#define WORLD_NEVER_MS 2592000000 /* 30 d */
#define WORLD_TTL_MS 300000	  /* longer than anything happens, shorter than the rest that follows; or never */
#define WORLD_ACTIONS_KEPT 6
#define WORLD_LAST_ACTIONS_KEPT 2
#define WORLD_PER_REQUEST 3 /* there are fewer responses than impressions */

#define WORLD_LIVE (-1)

struct scenario;

struct world_plan {
	uint64_t seed;
	const struct scenario *scenario;
	int partitions, workers;
	int impressions;
	int64_t span_ms;
	int64_t fault_ms, calm_ms; /* faults come in spells */
	int kill, pause;	   /* at a crash point, of a thousand */
	int bounded;		   /* a spell ends with a bounded run: of a thousand */
	int trouble;		   /* between turns: something befalls a process, of ten thousand */
	int clock;		   /* ... the wall clock is set: of a hundred thousand */
	int64_t commit_ms, store_keep_ms;
	int64_t idle_ms;     /* a topic is idle when it is silent for so long */
	int64_t ttl_ms;	     /* of a user's actions */
	int64_t state_bytes; /* state is written out from so many bytes of journal on */
	bool verbose;
};

struct process {
	char name[16];
	struct log *log; /* NULL: no such process */
	bool other;	 /* of the other version */
	struct job *job;
	struct worker *workers[WORLD_SLOTS_MAX]; /* operator by operator; NULL: killed */
	enum sim_process state;
	int64_t until_ms; /* the state ends then */
	bool in_turn[WORLD_SLOTS_MAX];
	int64_t stalled_until_ms[WORLD_SLOTS_MAX]; /* a thread that hangs; the others go on */
	int busy;				   /* workers inside a turn */
	bool dying;				   /* it was killed inside a turn */
	bool gave_up;				   /* a bounded run that found out that it has a rival */
	bool doomed; /* another one was started in its place while it stood still: it comes back, for a moment */
};

struct world {
	struct world_plan plan;
	struct sim *sim;
	struct sim_random random, clocks;
	int64_t wrong_ms; /* the wall clock is ahead of the true time by so much */
	struct topology *topology;
	struct topology *other; /* of the other version */
	int stage;		/* WORLD_LIVE, or of the bounded run that is going on */
	int kills_left;		/* in this stage of it */
	int slots;		/* of each process: for the workers of all operators */
	struct feed feed;
	struct log *feeder; /* the process that feeds */
	struct transaction *feeding;
	struct codec *codecs[FEED_TOPICS];
	struct process processes[WORLD_PROCESSES_MAX];
	struct process *running; /* whose turn it is, or NULL */
	int running_worker;
	bool faults;
	int64_t spell_until_ms;
	int depth; /* of turns inside turns */
	int names; /* given to processes */
	int kills, pauses, stalls, leaves, twins, turns, bounded, rivals;
	bool failed; /* a worker could not go on for no reason of ours */
	struct error failure;
};

/* Everything that the seed decides about the run as a whole. */
struct world_plan world_plan(uint64_t seed, const struct scenario *scenario, bool verbose);

int world_open(struct world *world, const struct world_plan *plan, struct error *err);
void world_close(struct world *world);

/* Feeds, with all that may happen, then lets everything come to rest. */
int world_run(struct world *world, struct error *err);
int world_feed(struct world *world, struct error *err); /* what is due */
int world_start_some(struct world *world, struct error *err);
/* All processes leave, and one alone runs to the end of what is there; then some begin again. */
int world_run_bounded(struct world *world, struct error *err);
/*
 * After all is over and checked: a journal loses blocks that it needs, or a topic that is read is made anew. Fails
 * where a process that is started then does not refuse to run.
 */
int world_lose(struct world *world, struct error *err);

#endif
