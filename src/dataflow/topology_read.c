#include "dataflow/topology_read.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dataflow/topology_keys.h"
#include "dataflow/topology_option.h"
#include "log/log.h"

#define MIB 1048576.0
#define SECOND 1000.0 /* in ms, as all below */
#define MINUTE (60 * SECOND)
#define DAY (1440 * MINUTE)

static const char *const guarantees[] = {[EXACTLY_ONCE] = "exactly_once", [AT_LEAST_ONCE] = "at_least_once", NULL};
static const char *const on_lost[] = {[ON_LOST_CONTINUE] = "continue", [ON_LOST_STOP] = "stop", NULL};
static const struct option topology_options[] = {
	{.name = "name",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topology, name),
	 .help = "The application's name: journals and groups are named after it."},
	{.name = "guarantee",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct topology, guarantee),
	 .initial = "exactly_once",
	 .choices = guarantees,
	 .help = "What a crash may do to the output: nothing, or repeat rows."},
	{.name = "commit_interval",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct topology, commit_interval_ms),
	 .initial = "0ms",
	 .min = 0,
	 .max = 10 * MINUTE,
	 .unit = "ms",
	 .help = "How often outputs, state and positions are made visible together. Default (0): 200ms on the embedded "
		 "log, 1s on Kafka, where it is at most half of transaction.timeout.ms."},
	{.name = "instance",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topology, instance),
	 .initial = "",
	 .help = "A name for this process on Kafka, unique in the application: its members are then static, so that a "
		 "restart moves no task."},
	{.name = "on_lost",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct topology, on_lost),
	 .initial = "continue",
	 .choices = on_lost,
	 .help = "When retention removes records of an input before they were read: continue behind them, or stop. "
		 "Either way an error is logged with topic, partition and offsets, and they are counted."},
	{.name = "outage",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct topology, outage_ms),
	 .initial = "1h",
	 .min = 1000,
	 .max = 30 * DAY,
	 .unit = "ms",
	 .help = "How long the log may be out of reach before the run gives up; until then it waits and says so."},
	{.name = "stalled_partition",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct topology, stalled_partition_ms),
	 .initial = "1min",
	 .min = 1000,
	 .max = DAY,
	 .unit = "ms",
	 .help = "On Kafka: a partition of an input that has records, by the word of its leader, and delivers none for "
		 "so long is fetched anew, the second time in a row together with all that its worker reads. It is "
		 "looked at every 5 s."},
	{.name = "store_keep",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct topology, store_keep_ms),
	 .initial = "10min",
	 .min = 0,
	 .max = 30 * DAY,
	 .unit = "ms",
	 .help = "How long the stores of a task that has moved to another process stay here, for its return."},
	{.name = "commit_bytes",
	 .type = OPTION_SIZE,
	 .offset = offsetof(struct topology, commit_bytes),
	 .initial = "64MiB",
	 .min = MIB / 16,
	 .max = 1024 * MIB,
	 .unit = "bytes",
	 .help = "A commit comes earlier when a transaction has grown to so much. Not set: no more than a quarter "
		 "of memory, shared by the workers."},
	{.name = "memory",
	 .type = OPTION_SIZE,
	 .offset = offsetof(struct topology, memory_bytes),
	 .initial = "512MiB",
	 .min = 16 * MIB,
	 .max = 16 * 1024 * 1024 * MIB,
	 .unit = "bytes",
	 .help = "The budget of state and log together; what does not fit goes to disk."},
	{.name = "disk",
	 .type = OPTION_SIZE,
	 .offset = offsetof(struct topology, disk_bytes),
	 .initial = "0",
	 .min = 0,
	 .max = 1024 * 1024 * 1024 * MIB,
	 .unit = "bytes",
	 .help = "A bound for the directory of the embedded log: beyond it the oldest records of topics that have a "
		 "retention go early. Topics that keep everything, compacted ones and journals are left alone. Default "
		 "(0): no bound; a full disk is waited for."},
	{.name = "workers",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct topology, workers),
	 .initial = "1",
	 .min = 1,
	 .max = 256,
	 .help = "Threads of an operator that does not say so itself."},
	{.name = "merge_wait",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct topology, merge_wait_ms),
	 .initial = "100ms",
	 .min = 0,
	 .max = MINUTE,
	 .unit = "ms",
	 .help = "How long a live task waits for an input whose records are on their way."},
	OPTION_END,
};

static const struct option loading_options[] = {
	{.name = "schemas",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topology_loading, schemas),
	 .initial = "",
	 .help = "A directory that schemas are looked for in first, relative to the topology file."},
	OPTION_END,
};

static const struct option operator_options[] = {
	{.name = "workers",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct topology_operator, workers),
	 .initial = "1",
	 .min = 1,
	 .max = 256,
	 .help = "Its threads; as many as the topology says by default."},
	{.name = "tasks",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct topology_operator, tasks),
	 .initial = "1",
	 .min = 1,
	 .max = LOG_PARTITIONS_MAX,
	 .help = "Tasks of a source; other operators have one a partition."},
	{.name = "dead_letter_limit",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct topology_operator, dead_letter_limit),
	 .initial = "0.01",
	 .min = 0,
	 .max = 1,
	 .help = "The operator stops when more than this part of the last 10000 records of a partition of an input "
		 "are dead letters, and more than 100. Earlier runs count. `isotope deadletter TOPOLOGY pass` has it "
		 "go on past what is there."},
	OPTION_END,
};

const struct option *const topology_keys[] = {topology_options, loading_options, NULL};
const struct option *const topology_operator_keys[] = {operator_options, NULL};

/* Keys of these maps that are no options. */
static const char *const topology_others[] = {"log", "topics", "operators", NULL};
static const char *const operator_others[] = {"type", "inputs", "outputs", "tables", NULL};

const char *
topology_hint(char to[TOPOLOGY_HINT_SIZE], const char *name, const char *const *names)
{
	const char *closest = option_closest(name, names);
	size_t used = 0;

	to[0] = 0;
	if (closest)
		snprintf(to, TOPOLOGY_HINT_SIZE, "; did you mean \"%s\"?", closest);
	for (int i = 0; !closest && names[i] && used < TOPOLOGY_HINT_SIZE; i++)
		used += (size_t)snprintf(to + used, TOPOLOGY_HINT_SIZE - used, "%s%s",
					 i	    ? ", "
					 : names[1] ? "; expected one of "
						    : "; expected ",
					 names[i]);
	return to;
}

void
topology_check_name(struct topology_loading *loading, struct yaml_place place, const char *what, const char *name)
{
	static const char taken[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t size = strlen(name);

	if (size == 0 || size > LOG_TOPIC_NAME_SIZE_MAX || name[strspn(name, taken)] || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		yaml_problems_add(&loading->problems, place,
				  "the name \"%.100s\" of %s cannot be taken; expected 1 to "
				  "%d letters, digits, '.', '_' or '-'",
				  name, what, LOG_TOPIC_NAME_SIZE_MAX);
}

void
topology_drop_empty(char **text)
{
	if (*text && !**text)
		memory_free(text);
}

const struct yaml_node *
topology_section(struct topology_loading *loading, const char *name, const char *example)
{
	const struct yaml_entry *entry = yaml_find(loading->yaml.root, name);

	if (!entry || (entry->value->kind == YAML_TEXT && entry->value->empty))
		return NULL;
	if (entry->value->kind == YAML_MAP)
		return entry->value;
	yaml_problems_add(&loading->problems, entry->value->place, "%s is %s; expected a map such as %s", name,
			  yaml_kind_name(entry->value->kind), example);
	return NULL;
}

/* ---- operators ---- */

static const struct operator_type *
find_type(struct topology_loading *loading, const struct yaml_entry *entry, const char *what)
{
	const struct yaml_entry *type = yaml_find(entry->value, "type");
	const char *names[TOPOLOGY_OPERATORS_MAX + 1];
	char hint[TOPOLOGY_HINT_SIZE];
	int count = 0;

	for (const struct operator_type *const *at = loading->types; *at; at++) {
		if (type && type->value->kind == YAML_TEXT && strcmp((*at)->name, type->value->text) == 0)
			return *at;
		if (count < TOPOLOGY_OPERATORS_MAX)
			names[count++] = (*at)->name;
	}
	names[count] = NULL;
	if (!type || type->value->kind != YAML_TEXT || type->value->empty)
		yaml_problems_add(&loading->problems, type ? type->value->place : entry->place, "%s has no \"type\"%s",
				  what, topology_hint(hint, "", names));
	else
		yaml_problems_add(&loading->problems, type->value->place, "unknown operator type \"%.100s\"%s",
				  type->value->text, topology_hint(hint, type->value->text, names));
	return NULL;
}

/* Parameters of a type may not hide the keys that every operator has. */
static void
insist_distinct(const struct operator_type *type)
{
	for (const struct option *option = type->options; option && option->name; option++)
		insist(!option_find(operator_options, option->name) &&
		       !topology_is_among(option->name, operator_others));
}

static void
read_operator(struct topology_loading *loading, const struct yaml_entry *entry, struct topology_operator *operator)
{
	const struct yaml_node *map = entry->value;
	char what[2 * LOG_TOPIC_NAME_SIZE_MAX];
	struct topology_table tables[3] = {{operator_options, operator}};

	operator->name = memory_text(entry->name);
	topology_check_name(loading, entry->place, "an operator", entry->name);
	snprintf(what, sizeof(what), "operator %s", entry->name);
	if (map->kind != YAML_MAP) {
		yaml_problems_add(&loading->problems, map->place,
				  "%s is %s; expected a map such as {type: ..., inputs: {...}, outputs: {...}}", what,
				  yaml_kind_name(map->kind));
		return;
	}
	operator->type = find_type(loading, entry, what);
	if (!operator->type)
		return;
	insist_distinct(operator->type);
	snprintf(what, sizeof(what), "operator %s (%s)", entry->name, operator->type->name);
	operator->self = memory_new(operator->type->self_size);
	operator->generation = memory_new(sizeof(*operator->generation));
	*operator->generation = 1;
	if (operator->type->options)
		tables[1] = (struct topology_table){operator->type->options, operator->self};
	topology_read_map(loading, map, entry->place, what, tables, operator_others);
	if (!yaml_find(map, "workers"))
		operator->workers = loading->topology->workers;
}

static void
read_operators(struct topology_loading *loading)
{
	const struct yaml_node *map = topology_section(loading, "operators", "{join: {type: engagement_join}}");
	struct topology *topology = loading->topology;
	int count = map ? map->count : 0;

	if (count > TOPOLOGY_OPERATORS_MAX) {
		yaml_problems_add(&loading->problems, map->place, "operators has %d operators; expected at most %d",
				  count, TOPOLOGY_OPERATORS_MAX);
		count = TOPOLOGY_OPERATORS_MAX;
	}
	topology->operators = memory_new_array((size_t)count + 1, sizeof(*topology->operators));
	loading->operator_entries = memory_new_array((size_t)count + 1, sizeof(*loading->operator_entries));
	topology->operator_count = count;
	for (int i = 0; i < count; i++) {
		loading->operator_entries[i] = &map->entries[i];
		read_operator(loading, &map->entries[i], &topology->operators[i]);
	}
}

void
topology_read(struct topology_loading *loading)
{
	struct topology *topology = loading->topology;
	struct topology_table tables[] = {{topology_options, topology}, {loading_options, loading}, {NULL, NULL}};
	const struct yaml_node *root = loading->yaml.root;
	const struct yaml_entry *name = yaml_find(root, "name");

	topology_read_map(loading, root, root->place, "the topology", tables, topology_others);
	if (topology->name)
		topology_check_name(loading, name->value->place, "the topology", topology->name);
	topology_drop_empty(&topology->instance);
	topology_read_log(loading);
	topology_read_topics(loading);
	read_operators(loading);
}
