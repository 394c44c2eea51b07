/* The section `log:` of a topology: where its topics live. */
#include <string.h>

#include "base/memory.h"
#include "dataflow/topology_read.h"

#define COMMIT_INTERVAL_EMBEDDED_MS 200
#define COMMIT_INTERVAL_KAFKA_MS 1000 /* each commit writes markers to every partition touched */

static const char *const log_types[] = {"embedded", "kafka", NULL};

static bool
is_log_type(const char *name)
{
	for (const char *const *type = log_types; *type; type++)
		if (strcmp(*type, name) == 0)
			return true;
	return false;
}

void
topology_read_log(struct topology_loading *loading)
{
	const struct yaml_node *map = topology_section(loading, "log", "{type: embedded}");
	struct topology *topology = loading->topology;
	int count = map ? map->count : 0, used = 0;
	char hint[TOPOLOGY_HINT_SIZE];

	topology->log_properties = memory_new_array((size_t)count * 2 + 1, sizeof(char *));
	for (int i = 0; i < count; i++) {
		const struct yaml_entry *entry = &map->entries[i];

		if (entry->value->kind != YAML_TEXT) {
			yaml_problems_add(&loading->problems, entry->value->place, "%.100s is %s; expected a text",
					  entry->name, yaml_kind_name(entry->value->kind));
		} else if (strcmp(entry->name, "type") == 0) {
			topology->log_type = memory_text(entry->value->text);
			if (!is_log_type(entry->value->text))
				yaml_problems_add(&loading->problems, entry->value->place,
						  "unknown log type \"%.100s\"%s", entry->value->text,
						  topology_hint(hint, entry->value->text, log_types));
		} else {
			topology->log_properties[used++] = memory_text(entry->name);
			topology->log_properties[used++] = memory_text(entry->value->text);
		}
	}
	if (!topology->log_type)
		topology->log_type = memory_text(log_types[0]);
	if (topology->commit_interval_ms == 0)
		topology->commit_interval_ms = strcmp(topology->log_type, "kafka") == 0 ? COMMIT_INTERVAL_KAFKA_MS
											: COMMIT_INTERVAL_EMBEDDED_MS;
}
