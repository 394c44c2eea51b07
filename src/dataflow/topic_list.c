#include "dataflow/topic_list.h"

#include "base/memory.h"

char *
topic_list_group(const struct topology *topology, int index)
{
	return memory_format("%s.%s", topology->name, topology->operators[index].name);
}

char *
topic_list_journal(const struct topology *topology, int index)
{
	return topic_list_journal_of(topology, index, *topology->operators[index].generation);
}

char *
topic_list_journal_of(const struct topology *topology, int index, int generation)
{
	if (generation == 1)
		return memory_format("%s.%s.journal", topology->name, topology->operators[index].name);
	return memory_format("%s.%s.journal.%d", topology->name, topology->operators[index].name, generation);
}

char *
topic_list_journals(const struct topology *topology)
{
	return memory_format("%s.journals", topology->name);
}

char *
topic_list_passes(const struct topology *topology)
{
	return memory_format("%s.dead_letter_passes", topology->name);
}

char *
topic_list_replays(const struct topology *topology)
{
	return memory_format("%s.dead_letter_replays", topology->name);
}

struct topic_spec
topic_list_internal(const char *name, int partitions, bool compacted)
{
	return (struct topic_spec){.name = name,
				   .partitions = partitions,
				   .compacted = compacted,
				   .retention_ms = LOG_RETENTION_FOREVER,
				   .retention_bytes = LOG_RETENTION_FOREVER};
}

static void
add(struct topic_list *list, struct topic_spec spec)
{
	list->specs = memory_resize_array(list->specs, list->count + 1, sizeof(*list->specs));
	list->specs[list->count++] = spec;
}

static void
add_internal(struct topic_list *list, char *name, int64_t partitions, bool compacted)
{
	add(list, topic_list_internal(name, (int)partitions, compacted));
}

static bool
is_table(const struct topology *topology, int topic)
{
	for (int i = 0; i < topology->operator_count; i++)
		for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++)
			if (topology->operators[i].tables[port] == topic)
				return true;
	return false;
}

/* Who reads a global table again finds in it what the records of other topics need that are kept as long. */
static int64_t
compaction_lag_ms(const struct topology *topology, int topic)
{
	int64_t lag_ms = topology->topics[topic].compaction_lag_ms;

	if (lag_ms != TOPOLOGY_LAG_UNSET)
		return lag_ms;
	return is_table(topology, topic) ? TOPOLOGY_TABLE_LAG_MS : 0;
}

struct topic_list
topic_list_of(const struct topology *topology)
{
	struct topic_list list = {0};

	for (int i = 0; i < topology->topic_count; i++) {
		const struct topology_topic *topic = &topology->topics[i];

		add(&list, (struct topic_spec){.name = memory_text(topic->log_name),
					       .partitions = (int)topic->partitions,
					       .compacted = topic->compacted,
					       .retention_ms = topic->retention_ms,
					       .retention_bytes = topic->retention_bytes,
					       .compaction_lag_ms = compaction_lag_ms(topology, i)});
	}
	for (int i = 0; i < topology->operator_count; i++) {
		add_internal(&list, topic_list_journal(topology, i), topology->operators[i].tasks, false);
		list.specs[list.count - 1].journal = true;
	}
	add_internal(&list, topic_list_replays(topology), 1, true);
	return list;
}

void
topic_list_free(struct topic_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		char *name = (char *)(uintptr_t)list->specs[i].name;

		memory_free(&name);
	}
	memory_free(&list->specs);
	list->count = 0;
}
