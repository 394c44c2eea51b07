/*
 * The runtime's side of operator.h: what stands behind the `struct context` that operators are handed. One per task; it
 * knows the task's stores and the worker's transaction, and nothing of inputs or commits. One thread's.
 */
#ifndef DATAFLOW_CONTEXT_H
#define DATAFLOW_CONTEXT_H

#include "dataflow/at_commit.h"
#include "dataflow/job.h"
#include "dataflow/operator.h"
#include "state/state.h"

struct context_output {
	const struct topology_topic *topic; /* NULL: not connected */
	int log_topic;
	struct record row;
	union slot *blank; /* the row's defaults */
	struct arena defaults;
};

struct context_input {
	const struct topology_topic *topic; /* NULL: not connected */
	struct encoder *encoder;	    /* for context_body of records that another schema version wrote */
	const struct input *from;	    /* of the task; NULL: the context is none's */
	int64_t refused;		    /* by context_refuse, not yet looked at by the worker */
	char refused_for[256];		    /* the last one's reason */
};

struct context {
	struct job *job;
	struct job_operator *operator;
	int task;
	struct state *state;
	struct transaction *transaction;
	int64_t watermark_ms;
	int64_t now_ms;	    /* wall time */
	int64_t steady_ms;  /* for durations */
	bool commit_soon;   /* the operator asked for it */
	bool in_process;    /* process is running; a row too large of another hook is dead-lettered itself */
	struct arena arena; /* lives until the hook returns */
	struct buffer body; /* of context_body */
	struct context_input inputs[TOPOLOGY_PORTS_MAX];
	struct context_output outputs[TOPOLOGY_PORTS_MAX];
	struct at_commit at_commit;
	/* Counting costs an atomic a turn, not one a record: what this hook counted, what the turn has kept so far. */
	bool counted;
	int64_t emitted, emitted_kept;
	int64_t counts[RUNTIME_COUNTERS_MAX], counts_kept[RUNTIME_COUNTERS_MAX];
};

int context_init(struct context *context, struct job *job, struct job_operator *operator, int task,
		 struct transaction *transaction, struct error *err);
void context_fini(struct context *context);

/* After a hook: what it took is free again; what it did and counted is kept, or undone and forgotten. */
void context_end(struct context *context, bool kept);
/* Only process() has a record to refuse: a SKIP of another hook becomes FATAL. Returns the result. */
int context_no_skip(const struct context *context, const char *hook, int result, struct error *err);

/* Before a commit: on_commit for every entry that it was asked for. Called again after a failure, it goes on. */
int context_before_commit(struct context *context, const void *self, struct error *err);

/* After a turn: what was counted goes to the figures that others read. */
void context_publish(struct context *context);

#endif
