#include "dataflow/topology_read.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dataflow/topology_option.h"
#include "log/log.h"
#include "record/json.h"

#define MIB 1048576.0
#define SECOND 1000.0 /* in ms, as all below */
#define MINUTE (60 * SECOND)
#define DAY (1440 * MINUTE)

static const char *const guarantees[] = {[EXACTLY_ONCE] = "exactly_once", [AT_LEAST_ONCE] = "at_least_once", NULL};
static const char *const framings[] = {
	[FRAMING_SINGLE_OBJECT] = "single-object",
	[FRAMING_CONFLUENT] = "confluent",
	[FRAMING_RAW] = "raw",
	NULL,
};
static const char *const on_lost[] = {[ON_LOST_CONTINUE] = "continue", [ON_LOST_STOP] = "stop", NULL};
enum cleanup { CLEANUP_DELETE, CLEANUP_COMPACT };
static const char *const cleanups[] = {[CLEANUP_DELETE] = "delete", [CLEANUP_COMPACT] = "compact", NULL};

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

static const struct option topic_options[] = {
	{.name = "schema",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topology_topic, schema_file),
	 .help = "The file with the Avro schema of its records."},
	{.name = "key",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topology_topic, key),
	 .initial = "",
	 .help = "The field whose text is the key of a record."},
	{.name = "time",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topology_topic, time),
	 .initial = "",
	 .help = "The field with the event time; without it the message's timestamp is the event time."},
	{.name = "partitions",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct topology_topic, partitions),
	 .initial = "1",
	 .min = 1,
	 .max = LOG_PARTITIONS_MAX,
	 .help = "How many partitions it has."},
	{.name = "internal",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct topology_topic, internal),
	 .initial = "false",
	 .help = "A stream between two operators of this topology, as behind a rekey: its watermark is what the "
		 "tasks that write it say, and what its only reader has committed is removed."},
	{.name = "framing",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct topology_topic, framing),
	 .initial = "single-object",
	 .choices = framings,
	 .help = "What stands before the Avro bytes of a value."},
	{.name = "schema_id",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct topology_topic, schema_id),
	 .initial = "0",
	 .min = 0,
	 .max = INT32_MAX,
	 .help = "The schema's id in the registry, with confluent framing."},
	{.name = "out_of_orderness",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct topology_topic, out_of_orderness_ms),
	 .initial = "5s",
	 .min = 0,
	 .max = 30 * DAY,
	 .unit = "ms",
	 .help = "How far a record may lie behind the highest event time of its partition and still be in time: the "
		 "watermark stays so far behind."},
	{.name = "max_ahead",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct topology_topic, max_ahead_ms),
	 .initial = "5min",
	 .min = 0,
	 .max = 36500 * DAY,
	 .unit = "ms",
	 .help = "A record is a dead letter if its event time is further ahead than this of the timestamp, or "
		 "of the clock of the machine that reads it."},
	{.name = "max_jump",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct topology_topic, max_jump_ms),
	 .initial = "1d",
	 .min = 1,
	 .max = 36500 * DAY,
	 .unit = "ms",
	 .help = "A record that lies further ahead of those before it in its partition is a dead letter if the next "
		 "one is back on course, and moves the watermark only if its timestamp or the next record bears it "
		 "out. At least out_of_orderness."},
	{.name = "idle_after",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct topology_topic, idle_after_ms),
	 .initial = "30s",
	 .min = 1,
	 .max = 36500 * DAY,
	 .unit = "ms",
	 .help = "A partition that was read to its end and brings nothing for so long no longer holds the watermark "
		 "back; while all are silent, the watermark moves with the clock. What it brings afterwards "
		 "may be late: it counts as behind, and is logged (input_back). A bounded run waits for every input, "
		 "however long its gaps are."},
	{.name = "retention_bytes",
	 .type = OPTION_SIZE,
	 .offset = offsetof(struct topology_topic, retention_bytes),
	 .initial = "0",
	 .min = 0,
	 .max = 1024 * 1024 * 1024 * MIB,
	 .unit = "bytes",
	 .help = "What is kept of a partition; 0: everything (on Kafka: what the broker has)."},
	{.name = "table_size",
	 .type = OPTION_SIZE,
	 .offset = offsetof(struct topology_topic, table_size),
	 .initial = "256MiB",
	 .min = MIB / 16,
	 .max = 1024 * 1024 * MIB,
	 .unit = "bytes",
	 .help = "Held of it as a global table by each process, at most, all versions of all keys together, beside "
		 "`memory`; a run that needs more ends."},
	{.name = "table_versions",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct topology_topic, table_versions),
	 .initial = "16",
	 .min = 1,
	 .max = 1000,
	 .help = "Versions of each key that a global table of it holds, the newest by event time, within table_size: "
		 "each takes 32 bytes and what the operator holds of a record. An event whose version is no longer "
		 "held never finds a younger one instead."},
	OPTION_END,
};

/* What a topic is told in other words than it keeps. */
struct topic_wording {
	int cleanup; /* enum cleanup */
	char *retention;
	char *not_before;
};

static const struct option topic_wording_options[] = {
	{.name = "cleanup",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct topic_wording, cleanup),
	 .initial = "delete",
	 .choices = cleanups,
	 .help = "Whether only the last record of each key must be kept."},
	{.name = "retention",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topic_wording, retention),
	 .initial = "",
	 .help = "How long records are kept: a duration, or forever. Default: 7d on the embedded log, on Kafka what "
		 "the broker has; compacted and internal topics: forever."},
	{.name = "not_before",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topic_wording, not_before),
	 .initial = "1980-01-01",
	 .help = "A record whose event time is earlier is a dead letter, as is one whose producer writes seconds where "
		 "milliseconds belong: a date, an ISO 8601 time with zone, or milliseconds since 1970."},
	OPTION_END,
};

static const struct option milliseconds_option = {
	.name = "not_before",
	.type = OPTION_INTEGER,
	.min = -(double)EVENT_TIME_MAX_MS,
	.max = (double)EVENT_TIME_MAX_MS,
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
		 "are dead letters, and more than 100. Earlier runs count."},
	OPTION_END,
};

/* Keys of these maps that are no options. */
static const char *const topology_others[] = {"log", "topics", "operators", NULL};
static const char *const topic_others[] = {"writers", NULL};
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

/* Letters, digits and . _ -, as Kafka has it. */
static void
check_name(struct topology_loading *loading, struct yaml_place place, const char *what, const char *name)
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

/* ---- topics ---- */

/* An option with "" for "not given" becomes NULL. */
static void
drop_empty(char **text)
{
	if (*text && !**text)
		memory_free(text);
}

static bool
parse_not_before(const char *text, int64_t *out)
{
	char longer[40];
	struct error err;

	if (strlen(text) == strlen("1980-01-01") && text[4] == '-')
		snprintf(longer, sizeof(longer), "%.10sT00:00:00Z", text);
	else
		snprintf(longer, sizeof(longer), "%.39s", text);
	if (json_parse_time(longer, out, &err) < 0 && option_parse(&milliseconds_option, text, out, &err) < 0)
		return false;
	return *out >= -EVENT_TIME_MAX_MS && *out <= EVENT_TIME_MAX_MS;
}

static void
read_not_before(struct topology_loading *loading, const struct yaml_node *map, const struct topic_wording *wording,
		struct topology_topic *topic)
{
	const struct yaml_entry *entry = yaml_find(map, "not_before");

	if (!parse_not_before(wording->not_before, &topic->not_before_ms))
		yaml_problems_add(&loading->problems, entry->value->place,
				  "not_before is \"%.60s\"; expected a date such as 1980-01-01, a time such as "
				  "1980-01-01T00:00:00Z, or milliseconds since 1970",
				  wording->not_before);
}

static void
check_schema_id(struct topology_loading *loading, const struct yaml_entry *entry, const struct topology_topic *topic)
{
	const struct yaml_entry *given = yaml_find(entry->value, "schema_id");

	if (topic->framing == FRAMING_CONFLUENT && !given)
		yaml_problems_add(&loading->problems, entry->place,
				  "topic %s has no \"schema_id\"; confluent framing "
				  "writes it before each value: expected the schema's id in the registry",
				  topic->name);
	else if (topic->framing != FRAMING_CONFLUENT && given)
		yaml_problems_add(&loading->problems, given->place,
				  "schema_id means nothing with %s framing; expected "
				  "\"framing: confluent\" beside it",
				  framings[topic->framing]);
}

static void
read_topic(struct topology_loading *loading, const struct yaml_entry *entry, struct topology_topic *topic)
{
	struct topic_wording wording = {0};
	struct topology_table tables[] = {{topic_options, topic}, {topic_wording_options, &wording}, {NULL, NULL}};
	const struct yaml_node *map = entry->value;
	char what[2 * LOG_TOPIC_NAME_SIZE_MAX];
	int problems_before = loading->problems.count;

	snprintf(what, sizeof(what), "topic %s", entry->name);
	topic->name = memory_text(entry->name);
	check_name(loading, entry->place, "a topic", entry->name);
	if (map->kind != YAML_MAP) {
		yaml_problems_add(&loading->problems, map->place,
				  "%s is %s; expected a map such as {schema: x.avsc, key: id}", what,
				  yaml_kind_name(map->kind));
		return;
	}
	topology_read_map(loading, map, entry->place, what, tables, topic_others);
	check_schema_id(loading, entry, topic);
	topic->compacted = wording.cleanup == CLEANUP_COMPACT;
	topology_read_retention(loading, map, wording.retention, topic);
	read_not_before(loading, map, &wording, topic);
	if (topic->max_jump_ms < topic->out_of_orderness_ms)
		topic->max_jump_ms = topic->out_of_orderness_ms;
	drop_empty(&topic->key);
	drop_empty(&topic->time);
	option_free(topic_wording_options, &wording);
	if (loading->problems.count > problems_before)
		topic->partitions = TOPOLOGY_UNSOUND;
}

/* Dead letters are rows like others; whoever wants more partitions or a retention for them declares the topic. */
static void
add_dead_letters(struct topology *topology)
{
	struct topology_topic *topic = &topology->topics[topology->topic_count];

	topology->dead_letters = topology->topic_count++;
	option_defaults(topic_options, topic);
	topic->name = memory_text(TOPOLOGY_DEAD_LETTERS);
	memory_free(&topic->time);
	memory_free(&topic->key);
	topic->key = memory_text("topic");
	topic->schema_file = memory_text(TOPOLOGY_DEAD_LETTER_SCHEMA);
	topic->retention_ms = TOPOLOGY_DEAD_LETTER_RETENTION_MS;
	topic->retention_bytes = LOG_RETENTION_FOREVER;
}

static void
read_topics(struct topology_loading *loading)
{
	const struct yaml_node *map = topology_section(loading, "topics", "{clicks: {schema: click.avsc, key: id}}");
	struct topology *topology = loading->topology;
	int count = map ? map->count : 0;

	if (!yaml_find(loading->yaml.root, "topics"))
		yaml_problems_add(&loading->problems, loading->yaml.root->place,
				  "the topology has no \"topics\"; expected "
				  "a map such as topics: {clicks: {schema: click.avsc, key: id}}");
	if (count > TOPOLOGY_TOPICS_MAX) {
		yaml_problems_add(&loading->problems, map->place, "topics has %d topics; expected at most %d", count,
				  TOPOLOGY_TOPICS_MAX);
		count = TOPOLOGY_TOPICS_MAX;
	}
	topology->topics = memory_new_array((size_t)count + 1, sizeof(*topology->topics));
	loading->topic_entries = memory_new_array((size_t)count + 1, sizeof(*loading->topic_entries));
	topology->topic_count = count;
	for (int i = 0; i < count; i++) {
		loading->topic_entries[i] = &map->entries[i];
		read_topic(loading, &map->entries[i], &topology->topics[i]);
	}
	topology->dead_letters = topology_topic_find(topology, TOPOLOGY_DEAD_LETTERS);
	if (topology->dead_letters < 0)
		add_dead_letters(topology);
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
	check_name(loading, entry->place, "an operator", entry->name);
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
		check_name(loading, name->value->place, "the topology", topology->name);
	drop_empty(&topology->instance);
	topology_read_log(loading);
	read_topics(loading);
	read_operators(loading);
}
