/*
 * A running topology: opens the log and the database, creates what is missing, starts the workers of every operator and
 * lives until it is stopped, has reached the end (bounded run), or a worker meets a fatal error.
 *
 * runtime_stop may be called from a signal handler and from any thread; figures may be read by any thread while it
 * runs.
 */
#ifndef DATAFLOW_RUNTIME_H
#define DATAFLOW_RUNTIME_H

#include "base/histogram.h"
#include "dataflow/topology.h"
#include "log/log.h"

struct runtime;

struct runtime_config {
	const struct topology *topology;
	const char *directory;	      /* holds log/, state/ and what sinks keep; NULL: all in memory */
	const char *const *operators; /* only these, by name, NULL-terminated; NULL: all */
	bool until_end;		      /* bounded run */
	bool keep_open;		      /* ... over input that comes in pieces: nothing fires before its time */
	bool new_journal;	      /* tasks whose journals are gone begin with empty state */
	bool short_journal;	      /* tasks whose journals have lost their last blocks go on without them */
	bool new_topics;	      /* inputs that were made anew are read from their beginning */
	bool old_partitions;	      /* bounded run: sources may have more partitions than the topology says */
	struct log *log;	      /* borrowed; NULL: opened as the topology says */
	struct clock *clock;
};

int runtime_open(const struct runtime_config *config, struct runtime **out, struct error *err);
int runtime_run(struct runtime *runtime, struct error *err); /* returns when it is over */
void runtime_stop(struct runtime *runtime);		     /* commit and leave */
void runtime_close(struct runtime **runtime);

/* What an operator has done since the start, summed over its tasks; counters beyond that are the operator's own, in the
 * order of its counter_spec table. Consistent in each number, not between them. */
#define RUNTIME_COUNTERS_MAX 16
#define RUNTIME_HISTOGRAMS_MAX 4

struct operator_figures {
	int64_t records_in, records_out;
	int64_t bytes_in;
	int64_t dead_letters;
	int64_t behind;	      /* records that lay behind the watermark: what became of them the operator counts */
	int64_t deletions;    /* records without a value, of its inputs */
	int64_t records_lost; /* of its inputs, removed by the log before they were read */
	int64_t stalls;	      /* of partitions of its inputs, which had records and delivered none */
	int64_t letters_lost; /* refused records of its tables that share one dead letter with others */
	int64_t commits;
	int64_t lag;			    /* records between positions and ends of its inputs */
	int64_t watermark_ms;		    /* least over its tasks; TIME_MIN: none yet */
	int64_t state_entries, state_bytes; /* in memory */
	int64_t pending; /* after a bounded run: entries whose timer (window, wait, horizon) the next run fires */
	int held_by;	 /* likewise: the port of the input that holds watermark_ms where it is; -1: none */
	int64_t restored_bytes, restore_ms;
	int64_t counters[RUNTIME_COUNTERS_MAX];
	struct histogram_counts histograms[RUNTIME_HISTOGRAMS_MAX];
};

/* The open log, for threads that feed or watch the topics of the run; valid until runtime_close. */
struct log *runtime_log(struct runtime *runtime);

void runtime_figures(struct runtime *runtime, int operator_index, struct operator_figures *out);

/* Where the log and the stores live below `directory`. The caller frees it (memory_free). */
char *runtime_log_directory(const char *directory);
char *runtime_state_directory(const char *directory);
/* Opens the log as `run` does: for commands beside it. */
int runtime_open_log(const struct topology *topology, const char *directory, bool read_only, struct clock *clock,
		     struct log **out, struct error *err);
/* The same without a look at the topics: for a rescale, which makes them fit. */
int runtime_open_log_only(const struct topology *topology, const char *directory, bool read_only, struct clock *clock,
			  struct log **out, struct error *err);
/*
 * Every topic that the topology needs: its own, and the internal ones of its operators. Missing ones are created
 * (create), or refused with the command that creates them. A wrong count of partitions is refused either way.
 */
int runtime_topics(const struct topology *topology, struct log *log, bool create, struct error *err);

#endif
