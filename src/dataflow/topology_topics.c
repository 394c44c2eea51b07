/* The section `topics:` of a topology. */
#include "dataflow/topology_read.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dataflow/topology_keys.h"
#include "dataflow/topology_option.h"
#include "log/log.h"
#include "record/json.h"

#define MIB 1048576.0
#define MINUTE 60000.0 /* in ms, as all below */
#define DAY (1440 * MINUTE)
#define MAX_JUMP_MS_MAX ((int64_t)(36500 * DAY)) /* as good as no bound */

static const char *const framings[] = {
	[FRAMING_SINGLE_OBJECT] = "single-object",
	[FRAMING_CONFLUENT] = "confluent",
	[FRAMING_RAW] = "raw",
	NULL,
};
enum cleanup { CLEANUP_DELETE, CLEANUP_COMPACT };
static const char *const cleanups[] = {[CLEANUP_DELETE] = "delete", [CLEANUP_COMPACT] = "compact", NULL};

static const struct option topic_options[] = {
	{.name = "name",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topology_topic, log_name),
	 .initial = "",
	 .help = "What the log calls it. Commands and messages call it by the key it stands under. Default: that key; "
		 "of dead_letters APPLICATION.dead_letters, so that each application has its own."},
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
	 .help = "Header in front of the Avro bytes of a value: framing."},
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
	 .max = (double)MAX_JUMP_MS_MAX,
	 .unit = "ms",
	 .help = "A record that lies further ahead of those before it in its partition is a dead letter if the next "
		 "one is back on course, and moves the watermark only if its timestamp or the next record bears it "
		 "out. At least out_of_orderness. Compacted topics have no bound unless they say so: their rows come a "
		 "commit at a time, by key and not by time."},
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
	 .help = "Memory limit of a global table of this topic per process, all versions of all keys together, on top "
		 "of "
		 "`memory`; a run that exceeds it stops."},
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
	char *compaction_lag;
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
	{.name = "compaction_lag",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topic_wording, compaction_lag),
	 .initial = "",
	 .help = "For how long a record of a compacted topic is kept after a later one of its key has come, a "
		 "duration: what an operator finds in a global table as of an event that far back. Default: 7d for "
		 "the topics of global tables, as long as the embedded log keeps events; 0ms for others. On Kafka it "
		 "is the min.compaction.lag.ms of topics that are created."},
	{.name = "not_before",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct topic_wording, not_before),
	 .initial = "1980-01-01",
	 .help = "A record whose event time is earlier is a dead letter, as is one whose producer writes seconds where "
		 "milliseconds belong: a date, an ISO 8601 time with zone, or milliseconds since 1970."},
	OPTION_END,
};

const struct option *const topology_topic_keys[] = {topic_options, topic_wording_options, NULL};

static const struct option milliseconds_option = {
	.name = "not_before",
	.type = OPTION_INTEGER,
	.min = -(double)EVENT_TIME_MAX_MS,
	.max = (double)EVENT_TIME_MAX_MS,
};

static const char *const topic_others[] = {"writers", NULL};

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

static const struct option compaction_lag_option = {
	.name = "compaction_lag",
	.type = OPTION_DURATION,
	.min = 0,
	.max = 36500 * DAY,
};

static void
read_compaction_lag(struct topology_loading *loading, const struct yaml_node *map, const struct topic_wording *wording,
		    struct topology_topic *topic)
{
	struct error err;

	topic->compaction_lag_ms = TOPOLOGY_LAG_UNSET;
	if (wording->compaction_lag[0] &&
	    option_parse(&compaction_lag_option, wording->compaction_lag, &topic->compaction_lag_ms, &err) < 0)
		yaml_problems_add(&loading->problems, yaml_find(map, "compaction_lag")->value->place, "%s", err.text);
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

/* Everything about the dead letters has a default: whoever declares them says only what is to be different. */
static void
dead_letter_options(struct option *options)
{
	memcpy(options, topic_options, sizeof(topic_options));
	for (; options->name; options++) {
		if (strcmp(options->name, "schema") == 0)
			options->initial = TOPOLOGY_DEAD_LETTER_SCHEMA;
		else if (strcmp(options->name, "key") == 0)
			options->initial = "topic";
	}
}

/* What the log calls it. */
static void
read_log_name(struct topology_loading *loading, const struct yaml_entry *entry, struct topology_topic *topic)
{
	const struct yaml_entry *given = yaml_find(entry->value, "name");
	const char *application = loading->topology->name;
	bool letters = strcmp(topic->name, TOPOLOGY_DEAD_LETTERS) == 0;

	if (*topic->log_name) {
		topology_check_name(loading, given->value->place, "a topic", topic->log_name);
		return;
	}
	memory_free(&topic->log_name);
	topic->log_name = letters && application ? memory_format("%s." TOPOLOGY_DEAD_LETTERS, application)
						 : memory_text(topic->name);
}

static void
read_topic(struct topology_loading *loading, const struct yaml_entry *entry, struct topology_topic *topic)
{
	struct option options[sizeof(topic_options) / sizeof(topic_options[0])];
	bool letters = strcmp(entry->name, TOPOLOGY_DEAD_LETTERS) == 0;
	struct topic_wording wording = {0};
	struct topology_table tables[] = {
		{letters ? options : topic_options, topic}, {topic_wording_options, &wording}, {NULL, NULL}};
	const struct yaml_node *map = entry->value;
	char what[2 * LOG_TOPIC_NAME_SIZE_MAX];
	int problems_before = loading->problems.count;

	snprintf(what, sizeof(what), "topic %s", entry->name);
	topic->name = memory_text(entry->name);
	topology_check_name(loading, entry->place, "a topic", entry->name);
	if (map->kind != YAML_MAP) {
		yaml_problems_add(&loading->problems, map->place,
				  "%s is %s; expected a map such as {schema: x.avsc, key: id}", what,
				  yaml_kind_name(map->kind));
		return;
	}
	dead_letter_options(options);
	topology_read_map(loading, map, entry->place, what, tables, topic_others);
	read_log_name(loading, entry, topic);
	check_schema_id(loading, entry, topic);
	topic->compacted = wording.cleanup == CLEANUP_COMPACT;
	topology_read_retention(loading, map, wording.retention, topic);
	if (letters && !yaml_find(map, "retention"))
		topic->retention_ms = TOPOLOGY_DEAD_LETTER_RETENTION_MS;
	read_not_before(loading, map, &wording, topic);
	read_compaction_lag(loading, map, &wording, topic);
	if (topic->compacted && !yaml_find(map, "max_jump"))
		topic->max_jump_ms = MAX_JUMP_MS_MAX;
	if (topic->max_jump_ms < topic->out_of_orderness_ms)
		topic->max_jump_ms = topic->out_of_orderness_ms;
	topology_drop_empty(&topic->key);
	topology_drop_empty(&topic->time);
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
	memory_free(&topic->log_name);
	topic->log_name = memory_format("%s." TOPOLOGY_DEAD_LETTERS, topology->name ? topology->name : "");
	memory_free(&topic->time);
	memory_free(&topic->key);
	topic->key = memory_text("topic");
	topic->schema_file = memory_text(TOPOLOGY_DEAD_LETTER_SCHEMA);
	topic->retention_ms = TOPOLOGY_DEAD_LETTER_RETENTION_MS;
	topic->retention_bytes = LOG_RETENTION_FOREVER;
}

/* Two topics that are one on the log. */
static void
check_log_names(struct topology_loading *loading)
{
	const struct topology *topology = loading->topology;

	for (int i = 0; i < topology->topic_count; i++)
		for (int j = 0; j < i; j++) {
			const struct topology_topic *one = &topology->topics[j], *other = &topology->topics[i];
			const struct yaml_entry *entry = loading->topic_entries[i] ? loading->topic_entries[i]
										   : loading->topic_entries[j];

			if (one->log_name && other->log_name && strcmp(one->log_name, other->log_name) == 0)
				yaml_problems_add(&loading->problems, entry->place,
						  "topics %s and %s are both %.100s on the log; expected a \"name\" of "
						  "its own for each",
						  one->name, other->name, other->log_name);
		}
}

void
topology_read_topics(struct topology_loading *loading)
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
	check_log_names(loading);
}
