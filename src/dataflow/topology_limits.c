#include "dataflow/topology_limits.h"

#include <inttypes.h>

#include "dataflow/job_memory.h"

/* Where the key stands in the map; where it doesn't, the map's own place, or that of the document. */
static struct yaml_place
place_of(const struct topology_loading *loading, const char *section, const char *key)
{
	const struct yaml_node *map = loading->yaml.root;
	const struct yaml_entry *entry = section ? yaml_find(map, section) : NULL;
	const struct yaml_entry *found;

	if (entry)
		map = entry->value;
	found = map->kind == YAML_MAP ? yaml_find(map, key) : NULL;
	return found ? found->value->place : entry ? entry->place : map->place;
}

static void
log_problem_found(void *argument, const char *property, const struct error *problem)
{
	struct topology_loading *loading = argument;
	const char *section = strcmp(property, LOG_COMMIT_INTERVAL) == 0 ? NULL : "log";

	yaml_problems_add(&loading->problems, place_of(loading, section, property), "%s", problem->text);
}

void
topology_check_log(struct topology_loading *loading)
{
	const struct topology *topology = loading->topology;
	bool sound = loading->problems.count == 0; /* the graph is: what it needs together can be told */
	struct log_config config = {
		.type = topology->log_type,
		.application = topology->name,
		.instance = topology->instance,
		.memory_bytes = job_memory_log(topology),
		.at_least_once = topology->guarantee == AT_LEAST_ONCE,
		.properties = (const char *const *)topology->log_properties,
		.commit_interval_ms = topology->commit_interval_ms,
		.load = sound ? job_memory_load(topology, NULL) : (struct log_load){0},
	};

	if (topology_log_is_known(topology))
		log_check(&config, log_problem_found, loading);
}

/* Where people say nothing it is less than its default where memory is small: transactions are held in memory. */
static void
check_commit_bytes(struct topology_loading *loading)
{
	struct topology *topology = loading->topology;

	if (!yaml_find(loading->yaml.root, "commit_bytes")) {
		topology->commit_bytes = job_memory_commit(topology);
		return;
	}
	if (topology->commit_bytes <= topology->memory_bytes)
		return;
	yaml_problems_add(&loading->problems, place_of(loading, NULL, "commit_bytes"),
			  "commit_bytes %" PRId64 " is more than memory %" PRId64
			  ", and a transaction is held in memory until it is committed; expected at most as much",
			  topology->commit_bytes, topology->memory_bytes);
}

void
topology_check_limits(struct topology_loading *loading)
{
	check_commit_bytes(loading);
}
