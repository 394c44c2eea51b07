/*
 * A topology: one YAML file, loaded, checked and resolved into what the runtime works with. Everything that can be
 * found wrong without opening the log is found here, all of it in one go, each as
 *
 *     topologies/x.yaml:12:5: what is wrong; what was expected; did you mean ...
 *
 * `--set path.to.key=value` changes are applied to the document before it is read; "--set:2:20" is byte 20 of the
 * second. Schemas are looked for in the directory that `schemas:` names, beside the topology file, in ../schemas from
 * there, and in PREFIX/share/isotope/schemas.
 * Immutable once loaded; shared by all threads.
 */
#ifndef DATAFLOW_TOPOLOGY_H
#define DATAFLOW_TOPOLOGY_H

#include "base/buffer.h"
#include "dataflow/bounds.h"
#include "dataflow/operator.h"
#include "record/codec.h"

#define TOPOLOGY_FILE_SIZE_MAX 1048576 /* bytes */
#define TOPOLOGY_TOPICS_MAX 1000
#define TOPOLOGY_OPERATORS_MAX 200
#define TOPOLOGY_PORTS_MAX 16  /* inputs, outputs, tables of one operator */
#define TOPOLOGY_STORES_MAX 16 /* likewise */

enum guarantee { EXACTLY_ONCE, AT_LEAST_ONCE };
enum on_lost { ON_LOST_CONTINUE, ON_LOST_STOP };

#define TOPOLOGY_LAG_UNSET (-1)				      /* the default of what the topic is for */
#define TOPOLOGY_TABLE_LAG_MS ((int64_t)7 * 24 * 3600 * 1000) /* of the topic of a global table */

struct topology_topic {
	char *name;	/* what the topology calls it, and so do commands and messages */
	char *log_name; /* what the log calls it */
	struct schema_document *schema;
	struct codec *codec;
	struct bounds *bounds;		  /* of its values; NULL: none */
	struct schema_document **writers; /* further schemas that values may be written with; the codec knows them */
	int writer_count;
	char *schema_file; /* as found */
	char *key;	   /* field whose text is the key; NULL: records have none */
	char *time;	   /* field of event time, NULL: the message timestamp */
	struct field key_field, time_field;
	int64_t partitions;
	int framing;	   /* enum framing */
	int64_t schema_id; /* confluent */
	int64_t out_of_orderness_ms;
	int64_t max_ahead_ms;
	int64_t not_before_ms; /* since 1970 */
	int64_t max_jump_ms;   /* at least out_of_orderness_ms */
	int64_t idle_after_ms;
	bool compacted;
	bool internal; /* a stream between operators: their tasks write markers into it (marker.h) */
	int64_t retention_ms, retention_bytes; /* LOG_RETENTION_FOREVER: none; _UNSET: what the broker has */
	int64_t compaction_lag_ms;	       /* TOPOLOGY_LAG_UNSET: not written */
	int64_t table_size, table_versions;    /* of a global table of it: bytes at most, versions of a key */
};

struct topology_operator {
	char *name;
	const struct operator_type *type;
	void *self; /* type->self_size bytes with the options set: a template, open() was not called */
	int inputs[TOPOLOGY_PORTS_MAX]; /* index of the topic at each port, -1: not connected */
	int outputs[TOPOLOGY_PORTS_MAX];
	int tables[TOPOLOGY_PORTS_MAX];
	int *generation;	  /* of its journal, as the log has it (journals.h); 1 until it was asked */
	int64_t tasks;		  /* partitions of its inputs; of a source: its `tasks` key, default 1 */
	int64_t workers;	  /* threads */
	double dead_letter_limit; /* ratio of the recent records of an input */
	int stage; /* place in the order of the graph: an operator's stage is above those it reads from */
};

struct topology {
	char *file;
	char *name;
	char *log_type;		      /* "embedded" or "kafka" */
	char **log_properties;	      /* name, value, ..., NULL: whatever else stands under `log:` */
	int guarantee;		      /* enum guarantee */
	char *instance;		      /* static membership under this name; NULL: dynamic */
	int on_lost;		      /* enum on_lost: what retention takes away before it was read */
	int64_t outage_ms;	      /* how long the log may be out of reach */
	int64_t stalled_partition_ms; /* without records of a partition that has some, before it is fetched anew */
	int64_t store_keep_ms;	      /* how long the stores of a task that has moved away stay */
	int64_t commit_interval_ms;   /* default 200 embedded, 1000 kafka */
	int64_t commit_bytes;	      /* commit early when a transaction has so many bytes */
	int64_t memory_bytes;
	int64_t disk_bytes;    /* embedded log: of its directory; 0: no bound */
	int64_t workers;       /* default for operators */
	int64_t merge_wait_ms; /* live: how long a task waits for an input whose data is on its way */
	struct topology_topic *topics;
	int topic_count;
	struct topology_operator *operators;
	int operator_count;
	int dead_letters; /* index of the topic "dead_letters"; declared implicitly where it isn't. On the log it is
			     the application's own, APPLICATION.dead_letters, unless it is given another name */
};

/*
 * Loads and checks. `operators` is the NULL-terminated table of types; `overrides` the texts of --set, NULL-terminated,
 * or NULL. On failure the error's text is the first problem and `problems` (may be NULL) has all of them, one a line.
 */
int topology_load(const char *file, const char *const *overrides, const struct operator_type *const *operators,
		  struct topology **out, struct buffer *problems, struct error *err);
/*
 * The same, and each operator of a topology that is sound otherwise goes through `check`: what it finds wrong (FATAL)
 * is one more problem. Where the text begins with the name of an option, or the path to one, its place is the
 * option's.
 */
typedef int topology_check_operator(const struct topology *topology, int number, struct error *err);
int topology_load_checked(const char *file, const char *const *overrides, const struct operator_type *const *operators,
			  topology_check_operator *check, struct topology **out, struct buffer *problems,
			  struct error *err);
void topology_free(struct topology **topology);

int topology_topic_find(const struct topology *topology, const char *name);    /* index or -1 */
bool topology_reads(const struct topology_operator *operator, int topic);      /* has an input of that topic */
bool topology_writes(const struct topology_operator *operator, int topic);     /* has an output to it */
int topology_operator_find(const struct topology *topology, const char *name); /* index or -1 */

#endif
