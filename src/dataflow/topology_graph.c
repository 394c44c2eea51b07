#include "dataflow/topology_graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "log/log.h"

enum side_kind { INPUTS, OUTPUTS, TABLES, SIDES };

/* Inputs, outputs or global tables of an operator. */
struct side {
	enum side_kind kind;
	const char *key;  /* of the topology: "inputs" */
	const char *word; /* "input" */
	const struct port *ports;
	int *topics; /* by port */
};

static const struct port no_ports[] = {{.name = NULL}};

static struct side
side_of(struct topology_operator *operator, enum side_kind kind)
{
	const struct operator_type *type = operator->type;
	struct side sides[SIDES] = {
		[INPUTS] = {.key = "inputs", .word = "input", .ports = type->inputs, .topics = operator->inputs},
		[OUTPUTS] = {.key = "outputs", .word = "output", .ports = type->outputs, .topics = operator->outputs},
		[TABLES] = {.key = "tables", .word = "table", .ports = type->tables, .topics = operator->tables},
	};

	sides[kind].kind = kind;
	if (!sides[kind].ports)
		sides[kind].ports = no_ports;
	return sides[kind];
}

static int
port_count(const struct port *ports)
{
	int count = 0;

	while (ports[count].name)
		count++;
	insist(count <= TOPOLOGY_PORTS_MAX);
	return count;
}

/* Where `port: topic` stands; where it doesn't, the operator's name. */
static struct yaml_place
place_of_port(const struct topology_loading *loading, int number, const struct side *side, const char *port)
{
	const struct yaml_entry *entry = loading->operator_entries[number];
	const struct yaml_entry *map = yaml_find(entry->value, side->key);
	const struct yaml_entry *found = map ? yaml_find(map->value, port) : NULL;

	return found ? found->value->place : map ? map->place : entry->place;
}

/* ---- connecting ---- */

static int
find_port(struct topology_loading *loading, const struct topology_operator *operator, const struct side *side,
	  const struct yaml_entry *entry)
{
	const char *names[TOPOLOGY_PORTS_MAX + 1];
	char list[TOPOLOGY_HINT_SIZE];
	const char *closest;
	int count = port_count(side->ports);

	for (int i = 0; i < count; i++) {
		if (strcmp(side->ports[i].name, entry->name) == 0)
			return i;
		names[i] = side->ports[i].name;
	}
	names[count] = NULL;
	closest = option_closest(entry->name, names);
	yaml_problems_add(&loading->problems, entry->place, "operator %s (%s) has no %s \"%.100s\"%s%s%s%s",
			  operator->name, operator->type->name, side->word, entry->name,
			  count ? topology_hint(list, "", names) : "; expected none",
			  closest ? "; did you mean \"" : "", closest ? closest : "", closest ? "\"?" : "");
	return -1;
}

static int
find_topic(struct topology_loading *loading, const struct side *side, const struct yaml_entry *entry)
{
	const struct topology *topology = loading->topology;
	const char *names[TOPOLOGY_TOPICS_MAX + 2];
	char hint[TOPOLOGY_HINT_SIZE];
	int found;

	if (entry->value->kind != YAML_TEXT || entry->value->empty) {
		yaml_problems_add(&loading->problems, entry->value->place, "%s \"%s\" %s; expected the name of a topic",
				  side->word, entry->name,
				  entry->value->kind == YAML_TEXT ? "has no value" : "is no text");
		return -1;
	}
	found = topology_topic_find(topology, entry->value->text);
	if (found >= 0)
		return found;
	for (int i = 0; i < topology->topic_count; i++)
		names[i] = topology->topics[i].name;
	names[topology->topic_count] = NULL;
	yaml_problems_add(&loading->problems, entry->value->place, "unknown topic \"%.100s\"%s", entry->value->text,
			  topology_hint(hint, entry->value->text, names));
	return -1;
}

static void
connect_ports(struct topology_loading *loading, struct topology_operator *operator, const struct side *side,
	      const struct yaml_entry *section)
{
	const struct yaml_node *map = section ? section->value : NULL;

	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		side->topics[i] = -1;
	if (!map || (map->kind == YAML_TEXT && map->empty))
		return;
	if (map->kind != YAML_MAP) {
		yaml_problems_add(&loading->problems, map->place,
				  "%s of operator %s is %s; expected a map of ports and topics such as {%s: TOPIC}",
				  side->key, operator->name, yaml_kind_name(map->kind),
				  side->ports[0].name ? side->ports[0].name : "port");
		return;
	}
	for (int i = 0; i < map->count; i++) {
		int port = find_port(loading, operator, side, &map->entries[i]);
		int topic = find_topic(loading, side, &map->entries[i]);

		if (port >= 0)
			side->topics[port] = topic;
	}
}

/* ---- what flows ---- */

static const char *
unqualified(const char *full_name)
{
	const char *dot = strrchr(full_name, '.');

	return dot ? dot + 1 : full_name;
}

static void
check_key(struct topology_loading *loading, const struct topology_operator *operator, const struct side *side,
	  const struct port *port, const struct topology_topic *topic, struct yaml_place place)
{
	if (!port->key || (topic->key && strcmp(port->key, topic->key) == 0))
		return;
	if (!topic->key)
		yaml_problems_add(&loading->problems, place,
				  "%s %s of operator %s must be keyed by %s; topic %s has no "
				  "key: give it \"key: %s\"",
				  side->word, port->name, operator->name, port->key, topic->name, port->key);
	else if (side->kind == INPUTS)
		yaml_problems_add(&loading->problems, place,
				  "input %s of operator %s must be keyed by %s; topic %s is "
				  "keyed by %s; put a rekey operator in between",
				  port->name, operator->name, port->key, topic->name, topic->key);
	else
		yaml_problems_add(&loading->problems, place,
				  "%s %s of operator %s is keyed by %s; topic %s is keyed "
				  "by %s: give it \"key: %s\"",
				  side->word, port->name, operator->name, port->key, topic->name, topic->key,
				  port->key);
}

/* Of a table's topic the last record of a key is enough, and must stay. */
static void
check_table(struct topology_loading *loading, const struct topology_operator *operator, const struct port *port,
	    const struct topology_topic *topic, struct yaml_place place)
{
	if (!topic->compacted)
		yaml_problems_add(&loading->problems, place,
				  "topic %s is table %s of operator %s and is not compacted; give it "
				  "\"cleanup: compact\"",
				  topic->name, port->name, operator->name);
	if (topic->internal)
		yaml_problems_add(&loading->problems, place,
				  "topic %s is table %s of operator %s and internal; expected \"internal: false\"",
				  topic->name, port->name, operator->name);
}

static void
check_port(struct topology_loading *loading, int number, const struct side *side, int index)
{
	const struct topology_operator *operator = &loading->topology->operators[number];
	const struct port *port = &side->ports[index];
	struct yaml_place place = place_of_port(loading, number, side, port->name);
	const struct topology_topic *topic;
	const char *record;

	if (side->topics[index] < 0) {
		const struct yaml_entry *section = yaml_find(loading->operator_entries[number]->value, side->key);

		/* A port with an unknown topic, and a section that is no map, have their problem already. */
		if (port->required && !(section && yaml_find(section->value, port->name)) &&
		    !(section && section->value->kind != YAML_MAP && !section->value->empty))
			yaml_problems_add(&loading->problems, place,
					  "%s \"%s\" of operator %s (%s) is not connected; expected %s: {%s: TOPIC}",
					  side->word, port->name, operator->name, operator->type->name, side->key,
					  port->name);
		return;
	}
	topic = &loading->topology->topics[side->topics[index]];
	if (!topic->codec)
		return;
	record = unqualified(topic->schema->root->name);
	if (port->schema && strcmp(port->schema, record) != 0)
		yaml_problems_add(&loading->problems, place,
				  "%s %s of operator %s carries records \"%s\"; topic %s has \"%s\" (%s)", side->word,
				  port->name, operator->name, port->schema, topic->name, record, topic->schema_file);
	else
		check_key(loading, operator, side, port, topic, place);
	if (side->kind == TABLES)
		check_table(loading, operator, port, topic, place);
}

/* Partition p of every input is task p's, and a topic has one position in a group. */
static void
check_inputs(struct topology_loading *loading, int number)
{
	struct topology_operator *operator = &loading->topology->operators[number];
	const struct topology_topic *topics = loading->topology->topics;
	struct side side = side_of(operator, INPUTS);
	int first = -1;

	for (int i = 0; side.ports[i].name; i++) {
		struct yaml_place place = place_of_port(loading, number, &side, side.ports[i].name);
		const struct topology_topic *topic = side.topics[i] < 0 ? NULL : &topics[side.topics[i]];

		if (!topic || topic->partitions == TOPOLOGY_UNSOUND)
			continue;
		if (first < 0) {
			first = i;
			operator->tasks = topic->partitions;
		} else if (topic->partitions != operator->tasks) {
			yaml_problems_add(&loading->problems, place,
					  "inputs of operator %s must have equal numbers of "
					  "partitions: topic %s has %" PRId64 ", topic %s has %" PRId64,
					  operator->name, topics[side.topics[first]].name, operator->tasks, topic->name,
					  topic->partitions);
		}
		for (int j = 0; j < i; j++)
			if (side.topics[j] == side.topics[i])
				yaml_problems_add(&loading->problems, place,
						  "topic %s is connected to two inputs of "
						  "operator %s, %s and %s; expected one",
						  topic->name, operator->name, side.ports[j].name, side.ports[i].name);
	}
}

static void
check_source(struct topology_loading *loading, int number)
{
	const struct topology_operator *operator = &loading->topology->operators[number];
	const struct yaml_entry *entry = loading->operator_entries[number];
	const struct yaml_entry *tasks = yaml_find(entry->value, "tasks");
	struct side side = side_of(loading->topology->operators + number, INPUTS);
	int connected = 0, required = 0, count = port_count(side.ports);

	for (int i = 0; i < count; i++) {
		connected += side.topics[i] >= 0;
		required += side.ports[i].required;
	}
	if (count > 0 && tasks)
		yaml_problems_add(&loading->problems, tasks->place,
				  "tasks is for operators without inputs; operator %s "
				  "has one task for each partition of its inputs",
				  operator->name);
	if (count > 0 && connected == 0 && required == 0)
		yaml_problems_add(&loading->problems, place_of_port(loading, number, &side, ""),
				  "operator %s has no input connected; expected at least one", operator->name);
}

/* ---- order ---- */

static bool
is_among(const int *topics, int topic)
{
	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		if (topics[i] == topic)
			return true;
	return false;
}

/* The topic by which `to` reads what `from` writes, or -1. */
static int
link_between(const struct topology_operator *from, const struct topology_operator *to)
{
	for (int i = 0; from->type && to->type && i < TOPOLOGY_PORTS_MAX; i++)
		if (from->outputs[i] >= 0 &&
		    (is_among(to->inputs, from->outputs[i]) || is_among(to->tables, from->outputs[i])))
			return from->outputs[i];
	return -1;
}

/* One pass over all links: a reader stands above the writer. Returns an operator that was moved, or -1. */
static int
raise_stages(struct topology *topology)
{
	int moved = -1;

	for (int from = 0; from < topology->operator_count; from++)
		for (int to = 0; to < topology->operator_count; to++) {
			struct topology_operator *reader = &topology->operators[to];

			if (reader->stage <= topology->operators[from].stage &&
			    link_between(&topology->operators[from], reader) >= 0) {
				reader->stage = topology->operators[from].stage + 1;
				moved = to;
			}
		}
	return moved;
}

/* The highest of the operators that the one at `number` reads from. */
static int
highest_writer(const struct topology *topology, int number)
{
	int found = -1;

	for (int i = 0; i < topology->operator_count; i++)
		if (link_between(&topology->operators[i], &topology->operators[number]) >= 0 &&
		    (found < 0 || topology->operators[i].stage > topology->operators[found].stage))
			found = i;
	return found;
}

static void
report_cycle(struct topology_loading *loading, int number)
{
	const struct topology *topology = loading->topology;
	struct buffer path = {0};
	int at = number;

	/* Against the flow for as many steps as there are operators: that ends inside the cycle. */
	for (int i = 0; i < topology->operator_count; i++)
		at = highest_writer(topology, at);
	number = at;
	do {
		int writer = highest_writer(topology, at);
		int topic = link_between(&topology->operators[writer], &topology->operators[at]);

		buffer_print(&path, "%s reads %s of ", topology->operators[at].name, topology->topics[topic].name);
		at = writer;
	} while (at != number);
	buffer_print(&path, "%s", topology->operators[at].name);
	yaml_problems_add(&loading->problems, loading->operator_entries[number]->place,
			  "operators form a cycle: %.*s; expected a graph in which nothing flows back",
			  bytes_arguments(buffer_bytes(&path)));
	buffer_fini(&path);
}

/* Without a cycle the longest way has fewer steps than there are operators: what still grows then goes round. */
static void
order_operators(struct topology_loading *loading)
{
	struct topology *topology = loading->topology;
	int moved = 0;

	for (int i = 0; i < topology->operator_count; i++) {
		struct topology_operator *operator = &topology->operators[i];
		int own = link_between(operator, operator);

		if (own >= 0) {
			yaml_problems_add(&loading->problems, loading->operator_entries[i]->place,
					  "operator %s reads and "
					  "writes topic %s; expected another topic for one of them",
					  operator->name, topology->topics[own].name);
			return;
		}
	}
	for (int pass = 0; moved >= 0 && pass <= topology->operator_count; pass++)
		moved = raise_stages(topology);
	if (moved >= 0)
		report_cycle(loading, moved);
}

/* The operator that writes a topic; *count: how many do. */
static int
find_writer(const struct topology *topology, int topic, int *count)
{
	int found = -1;

	*count = 0;
	for (int i = 0; i < topology->operator_count; i++)
		if (topology->operators[i].type && is_among(topology->operators[i].outputs, topic)) {
			found = i;
			++*count;
		}
	return found;
}

/* A reader waits for what each task of the writer says of its watermark. */
static void
check_internal(struct topology_loading *loading, int number)
{
	const struct topology *topology = loading->topology;
	const struct topology_topic *topic = &topology->topics[number];
	struct yaml_place place;
	int count, writer;

	if (!topic->internal)
		return;
	place = loading->topic_entries[number]->place;
	writer = find_writer(topology, number, &count);
	if (count != 1)
		yaml_problems_add(&loading->problems, place,
				  "topic %s is internal, but %s writes it; expected exactly one operator", topic->name,
				  count == 0 ? "no operator" : "more than one operator");
	else if (!topology->operators[writer].type->inputs)
		yaml_problems_add(&loading->problems, place,
				  "topic %s is internal, but the source %s writes it, which has no watermark; expected "
				  "\"internal: false\"",
				  topic->name, topology->operators[writer].name);
	if (!topic->key)
		yaml_problems_add(&loading->problems, place,
				  "topic %s is internal and has no key; expected \"key: FIELD\"", topic->name);
}

/* An operator's journal is a topic of the log too. */
static void
check_journal(struct topology_loading *loading, int number)
{
	const struct topology *topology = loading->topology;
	struct yaml_place place = loading->operator_entries[number]->place;
	char *journal;
	int topic;

	if (!topology->name)
		return;
	journal = memory_format("%s.%s.journal", topology->name, topology->operators[number].name);
	topic = topology_topic_find(topology, journal);
	if (strlen(journal) > LOG_TOPIC_NAME_SIZE_MAX)
		yaml_problems_add(
			&loading->problems, place,
			"the journal of operator %.100s would have a name of %zu "
			"bytes, %.100s...; expected at most %d: shorten the name of the operator or the topology",
			topology->operators[number].name, strlen(journal), journal, LOG_TOPIC_NAME_SIZE_MAX);
	else if (topic >= 0)
		yaml_problems_add(&loading->problems, loading->topic_entries[topic]->place,
				  "topic %s is the journal of operator %s; expected another name", journal,
				  topology->operators[number].name);
	memory_free(&journal);
}

void
topology_connect(struct topology_loading *loading)
{
	struct topology *topology = loading->topology;

	for (int i = 0; i < topology->operator_count; i++) {
		struct topology_operator *operator = &topology->operators[i];
		const struct yaml_node *map = loading->operator_entries[i]->value;

		check_journal(loading, i);
		for (enum side_kind kind = 0; operator->type && kind < SIDES; kind++) {
			struct side side = side_of(operator, kind);

			connect_ports(loading, operator, &side, yaml_find(map, side.key));
			for (int port = 0; side.ports[port].name; port++)
				check_port(loading, i, &side, port);
		}
		if (!operator->type)
			continue;
		check_inputs(loading, i);
		check_source(loading, i);
	}
	for (int i = 0; i < topology->topic_count; i++)
		check_internal(loading, i);
	order_operators(loading);
}
