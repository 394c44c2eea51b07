/*
 * The first half of loading a topology: the document's keys, through tables of options, into the structs. What needs
 * the schemas (topology_schema.h) or the graph (topology_graph.h) comes after it. For topology.c alone.
 */
#ifndef DATAFLOW_TOPOLOGY_READ_H
#define DATAFLOW_TOPOLOGY_READ_H

#include "dataflow/topology.h"
#include "dataflow/yaml.h"

#define TOPOLOGY_DEAD_LETTERS "dead_letters" /* the topic that is there even where nobody declares it */
#define TOPOLOGY_DEAD_LETTER_SCHEMA "dead_letter.avsc"
#define TOPOLOGY_DEAD_LETTER_RETENTION_MS ((int64_t)30 * 24 * 3600 * 1000) /* where nobody declares them */

/* Partitions of a topic of which something was not understood: what else depends on it is not checked, since it would
 * only repeat that in other words. */
#define TOPOLOGY_UNSOUND 0

/* A topology while it is being loaded. */
struct topology_loading {
	struct topology *topology;
	const struct operator_type *const *types;
	struct yaml yaml;
	struct yaml_problems problems;
	char *directory;			    /* the topology file's */
	char *schemas;				    /* the key of that name; "" where it isn't given */
	const struct yaml_entry **topic_entries;    /* by index of topic; NULL: declared implicitly */
	const struct yaml_entry **operator_entries; /* by index of operator */
};

void topology_read(struct topology_loading *loading);
/* The section `log:`, and what depends on the log's type. */
void topology_read_log(struct topology_loading *loading);
bool topology_log_is_known(const struct topology *topology); /* its type is one that there is */
/* The section `topics:` (topology_topics.c). */
void topology_read_topics(struct topology_loading *loading);
/* A topic's retention, as written ("": not), and what it keeps where it says nothing. */
void topology_read_retention(struct topology_loading *loading, const struct yaml_node *map, const char *retention,
			     struct topology_topic *topic);

/* Letters, digits and . _ -, as Kafka has it; else a problem. `what` is named. */
void topology_check_name(struct topology_loading *loading, struct yaml_place place, const char *what, const char *name);
/* An option with "" for "not given" becomes NULL. */
void topology_drop_empty(char **text);

/*
 * A key of the document whose value is a map; NULL where it is missing, or (a problem, with the example) something
 * else.
 */
const struct yaml_node *topology_section(struct topology_loading *loading, const char *name, const char *example);

/* "; did you mean "x"?" where one of `names` is close to `name`, else "; expected one of a, b, c", else "". */
#define TOPOLOGY_HINT_SIZE 400 /* bytes; a longer list is cut */
const char *topology_hint(char to[TOPOLOGY_HINT_SIZE], const char *name, const char *const *names);

#endif
