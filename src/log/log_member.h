/*
 * Members: one worker of an operator each. A member is told which partitions are its own, fetches their inputs, and
 * has a transaction in which outputs, journal blocks and input positions go together. Part of log.h.
 */
#ifndef LOG_LOG_MEMBER_H
#define LOG_LOG_MEMBER_H

#include "log/log.h"

struct member_spec {
	const char *group;   /* "<app>.<operator>" */
	int worker, workers; /* this one's number and how many the process has of this operator */
	bool fixed;  /* no sharing with other processes: partition p is worker p % workers'. Refused where the group
				has members */
	int journal; /* topic whose partitions are shared out: owning partition p is owning task p */
	const int *inputs; /* topics; partition p of each goes with task p */
	int input_count;
	bool old_partitions; /* inputs may have more partitions than the journal: nobody reads those */
	const int *outputs;  /* topics that its transaction writes, beside the journal: their limits are read */
	int output_count;
};

int log_member_open(struct log *log, const struct member_spec *spec, struct member **out, struct error *err);
void member_close(struct member **member);
struct transaction *member_transaction(struct member *member);

enum member_event_type {
	MEMBER_NOTHING,	 /* nothing happened in wait_ms */
	MEMBER_DATA,	 /* some started partition has something to fetch, or reached its end */
	MEMBER_ASSIGNED, /* `partition` is this member's: restore it, then member_start */
	MEMBER_REVOKED,	 /* `partition` must be given up: commit, then member_stop. Said of each before anything else */
	MEMBER_LOST,	 /* `partition` is somebody else's already: drop it, then member_stop */
};

struct member_event {
	enum member_event_type type;
	int partition;
};

/*
 * Waits at most wait_ms. MEMBER_DATA is said once for every time the end of a started partition moved, and once after
 * its start: who leaves data unread on purpose is not told again until more comes, so fetch before sleeping.
 */
int member_poll(struct member *member, int64_t wait_ms, struct member_event *event, struct error *err);

/* Begins fetching partition `partition` of every input, each from its position. */
int member_start(struct member *member, int partition, const int64_t *positions, struct error *err);
/* Ends it. Of a partition that was revoked or lost it also says that it is given up; of another (to be started again
 * elsewhere) nothing changes for the group. It need not have been started. */
int member_stop(struct member *member, int partition, struct error *err);

/* The next records of one input of a started partition; count 0 where none are here yet. Never waits. */
int member_fetch(struct member *member, int partition, int input, struct log_batch *out, struct error *err);

#endif
