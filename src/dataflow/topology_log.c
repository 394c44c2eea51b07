/* The section `log:` of a topology: where its topics live, and how long they keep what they have. */
#include <string.h>

#include "base/memory.h"
#include "dataflow/topology_option.h"
#include "log/log.h"

#define DAY 86400000.0			  /* ms */
#define RETENTION_MS ((int64_t)(7 * DAY)) /* of a topic that does not say so itself, on the embedded log */
#define COMMIT_INTERVAL_EMBEDDED_MS 200
#define COMMIT_INTERVAL_KAFKA_MS 1000 /* each commit writes markers to every partition touched */

static const char *const log_types[] = {"embedded", "kafka", NULL};

bool
topology_log_is_known(const struct topology *topology)
{
	return topology_is_among(topology->log_type, log_types);
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
			if (!topology_log_is_known(topology))
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

/* ---- what topics keep ---- */

static const struct option retention_option = {
	.name = "retention",
	.type = OPTION_DURATION,
	.offset = offsetof(struct topology_topic, retention_ms),
	.min = 1000,
	.max = 36500 * DAY,
};

/* What a topic keeps that does not say so. An internal one is trimmed behind its readers. */
static void
default_retention(const struct topology *topology, struct topology_topic *topic)
{
	bool kept = topic->compacted || topic->internal, on_kafka = strcmp(topology->log_type, "kafka") == 0;

	topic->retention_ms = kept ? LOG_RETENTION_FOREVER : on_kafka ? LOG_RETENTION_UNSET : RETENTION_MS;
	if (topic->retention_bytes == 0)
		topic->retention_bytes = on_kafka && !kept ? LOG_RETENTION_UNSET : LOG_RETENTION_FOREVER;
}

void
topology_read_retention(struct topology_loading *loading, const struct yaml_node *map, const char *retention,
			struct topology_topic *topic)
{
	const struct yaml_entry *entry = yaml_find(map, "retention");
	struct error err;

	default_retention(loading->topology, topic);
	if (strcmp(retention, "forever") == 0)
		topic->retention_ms = LOG_RETENTION_FOREVER;
	else if (*retention && option_parse(&retention_option, retention, topic, &err) < 0)
		yaml_problems_add(&loading->problems, entry->value->place, "%s, or forever", err.text);
}
