#include "dataflow/topology.h"

#include <string.h>

#include "base/memory.h"
#include "dataflow/topology_graph.h"
#include "dataflow/topology_limits.h"
#include "dataflow/topology_read.h"
#include "dataflow/topology_schema.h"

int
topology_topic_find(const struct topology *topology, const char *name)
{
	for (int i = 0; i < topology->topic_count; i++)
		if (strcmp(topology->topics[i].name, name) == 0)
			return i;
	return -1;
}

int
topology_operator_find(const struct topology *topology, const char *name)
{
	for (int i = 0; i < topology->operator_count; i++)
		if (strcmp(topology->operators[i].name, name) == 0)
			return i;
	return -1;
}

static void
free_topic(struct topology_topic *topic)
{
	codec_free(&topic->codec);
	bounds_free(&topic->bounds);
	for (int i = 0; i < topic->writer_count; i++)
		schema_free(&topic->writers[i]);
	memory_free(&topic->writers);
	schema_free(&topic->schema);
	memory_free(&topic->name);
	memory_free(&topic->log_name);
	memory_free(&topic->schema_file);
	memory_free(&topic->key);
	memory_free(&topic->time);
}

static void
free_operator(struct topology_operator *operator)
{
	if (operator->self)
		option_free(operator->type->options, operator->self);
	memory_free(&operator->self);
	memory_free(&operator->generation);
	memory_free(&operator->name);
}

void
topology_free(struct topology **topology)
{
	struct topology *old = *topology;

	if (!old)
		return;
	for (int i = 0; i < old->topic_count; i++)
		free_topic(&old->topics[i]);
	for (int i = 0; i < old->operator_count; i++)
		free_operator(&old->operators[i]);
	for (char **at = old->log_properties; at && *at; at++)
		memory_free(at);
	memory_free(&old->topics);
	memory_free(&old->operators);
	memory_free(&old->log_properties);
	memory_free(&old->log_type);
	memory_free(&old->instance);
	memory_free(&old->name);
	memory_free(&old->file);
	memory_free(topology);
}

static char *
directory_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *directory;

	if (!slash)
		return memory_text(".");
	directory = memory_text(slash == file ? "/" : file);
	if (slash != file)
		directory[slash - file] = 0;
	return directory;
}

/* Where what a text is about stands in a map: the deepest of the keys that its first word is a path of. */
static struct yaml_place
place_in(const struct yaml_entry *entry, const char *text)
{
	struct yaml_place place = entry->place;
	const struct yaml_node *map = entry->value;

	for (int i = 0; map->kind == YAML_MAP && i < map->count; i++) {
		const struct yaml_entry *inner = &map->entries[i];
		size_t size = strlen(inner->name);

		if (strncmp(text, inner->name, size) != 0 || !text[size] || !strchr(" .:", text[size]))
			continue;
		if (inner->value->kind == YAML_TEXT)
			return inner->value->place;
		place = inner->place;
		map = inner->value;
		text += size + 1;
		text += strspn(text, " ");
		i = -1;
	}
	return place;
}

static void
check_operators(struct topology_loading *loading, topology_check_operator *check)
{
	const struct topology *topology = loading->topology;
	struct error err;

	for (int i = 0; i < topology->operator_count; i++)
		if (check(topology, i, &err) < 0)
			yaml_problems_add(&loading->problems, place_in(loading->operator_entries[i], err.text),
					  "operator %s: %s", topology->operators[i].name, err.text);
}

/* Each step adds what it finds wrong; the next goes on with what is sound. */
static void
load(struct topology_loading *loading, const char *const *overrides, topology_check_operator *check)
{
	bool sound;

	if (yaml_load(&loading->yaml, loading->topology->file, TOPOLOGY_FILE_SIZE_MAX, &loading->problems) < 0)
		return;
	for (int i = 0; overrides && overrides[i]; i++)
		yaml_override(&loading->yaml, overrides[i], i + 1, "log", &loading->problems);
	topology_read(loading);
	topology_read_schemas(loading);
	topology_connect(loading);
	sound = loading->problems.count == 0;
	topology_check_log(loading);
	if (sound)
		topology_check_limits(loading);
	if (sound && check)
		check_operators(loading, check);
}

/* The first problem becomes the error; all of them go to `problems`. */
static int
report(struct topology_loading *loading, struct buffer *problems, struct error *err)
{
	struct buffer lines = {0};
	const char *end;

	yaml_problems_print(&loading->problems, &lines);
	end = memchr(lines.data, '\n', lines.size);
	insist(end);
	if (problems)
		buffer_put_bytes(problems, buffer_bytes(&lines));
	fail(err, FATAL, "%.*s", (int)(end - (const char *)lines.data), (const char *)lines.data);
	buffer_fini(&lines);
	return -1;
}

int
topology_load(const char *file, const char *const *overrides, const struct operator_type *const *operators,
	      struct topology **out, struct buffer *problems, struct error *err)
{
	return topology_load_checked(file, overrides, operators, NULL, out, problems, err);
}

int
topology_load_checked(const char *file, const char *const *overrides, const struct operator_type *const *operators,
		      topology_check_operator *check, struct topology **out, struct buffer *problems, struct error *err)
{
	struct topology_loading loading = {.types = operators, .problems.file = file};
	int result = 0;

	loading.topology = memory_new(sizeof(*loading.topology));
	loading.topology->file = memory_text(file);
	loading.directory = directory_of(file);
	load(&loading, overrides, check);
	if (loading.problems.count > 0) {
		result = report(&loading, problems, err);
		topology_free(&loading.topology);
	} else {
		*out = loading.topology;
	}
	yaml_problems_fini(&loading.problems);
	yaml_fini(&loading.yaml);
	memory_free(&loading.directory);
	memory_free(&loading.schemas);
	memory_free(&loading.topic_entries);
	memory_free(&loading.operator_entries);
	return result;
}

bool
topology_reads(const struct topology_operator *operator, int topic)
{
	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		if (operator->type && operator->inputs[i] == topic)
			return true;
	return false;
}

bool
topology_writes(const struct topology_operator *operator, int topic)
{
	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		if (operator->type && operator->outputs[i] == topic)
			return true;
	return false;
}
