#include "dataflow/topology_option.h"

#include <stdio.h>
#include <string.h>

#include "base/secret.h"

#define NAMES_MAX 128  /* keys that one map can have */
#define WHAT_SIZE 1024 /* bytes of what a map is called in a problem */

static const char *const no_others[] = {NULL};

/* A value with ${ENV:NAME} or ${FILE:path} in it; a problem does not show what is filled in. */
static void
read_named(struct topology_loading *loading, const struct yaml_node *value, const struct option *option, void *into)
{
	struct error err;
	char *filled;

	if (secret_fill(value->text, &filled, &err) < 0) {
		yaml_problems_add(&loading->problems, value->place, "%s: %s", option->name, err.text);
		return;
	}
	if (option_parse(option, filled, into, &err) < 0)
		yaml_problems_add(&loading->problems, value->place,
				  "%s: what \"%.100s\" stands for is not taken; expected %s", option->name, value->text,
				  option_expected(option->type));
	secret_free(&filled);
}

static void
read_option(struct topology_loading *loading, const struct yaml_node *value, const struct option *option, void *into)
{
	struct error err;

	if (value->kind != YAML_TEXT || value->empty)
		yaml_problems_add(&loading->problems, value->place, "%s %s; expected %s", option->name,
				  value->kind == YAML_TEXT  ? "has no value"
				  : value->kind == YAML_MAP ? "is a map"
							    : "is a list",
				  option_expected(option->type));
	else if (secret_is_named(value->text))
		read_named(loading, value, option, into);
	else if (option_parse(option, value->text, into, &err) < 0)
		yaml_problems_add(&loading->problems, value->place, "%s", err.text);
}

bool
topology_is_among(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

static void
report_unknown(struct topology_loading *loading, const struct yaml_entry *entry, const char *what,
	       const struct topology_table *tables, const char *const *others)
{
	const char *names[NAMES_MAX + 1];
	char hint[TOPOLOGY_HINT_SIZE];
	int count = 0;

	for (; *others; others++)
		names[count++] = *others;
	for (; tables->options; tables++)
		for (const struct option *option = tables->options; option->name && count < NAMES_MAX; option++)
			names[count++] = option->name;
	names[count] = NULL;
	yaml_problems_add(&loading->problems, entry->place, "unknown key \"%.100s\" in %s%s", entry->name, what,
			  topology_hint(hint, entry->name, names));
}

static void
report_missing(struct topology_loading *loading, const struct yaml_node *map, struct yaml_place place, const char *what,
	       const struct option *options)
{
	for (; options->name; options++)
		if (!options->initial && !yaml_find(map, options->name))
			yaml_problems_add(&loading->problems, place, "%s has no \"%s\"; expected %s (%s)", what,
					  options->name, option_expected(options->type), options->help);
}

/* A map of maps: each is read through the groups' table. */
static void
read_groups(struct topology_loading *loading, const struct yaml_node *map, const char *what,
	    const struct option *option, void *into)
{
	if (map->kind != YAML_MAP) {
		yaml_problems_add(&loading->problems, map->place, "%s is %s; expected %s", option->name,
				  yaml_kind_name(map->kind), option_expected(option->type));
		return;
	}
	if (map->count > (int)option->max) {
		yaml_problems_add(&loading->problems, map->place, "%s has %d groups; expected at most %d", option->name,
				  map->count, (int)option->max);
		return;
	}
	for (int i = 0; i < map->count; i++) {
		const struct yaml_entry *entry = &map->entries[i];
		struct topology_table tables[2] = {{option->group->options}};
		char name[WHAT_SIZE];

		snprintf(name, sizeof(name), "%s.%.100s of %s", option->name, entry->name, what);
		if (entry->value->kind != YAML_MAP) {
			yaml_problems_add(&loading->problems, entry->value->place,
					  "%s is %s; expected a map such as {KEY: VALUE}", name,
					  yaml_kind_name(entry->value->kind));
			continue;
		}
		tables[0].into = option_group_add(option, entry->name, into);
		topology_read_map(loading, entry->value, entry->place, name, tables, no_others);
	}
}

static void
read_value(struct topology_loading *loading, const struct yaml_entry *entry, const char *what,
	   const struct option *option, void *into)
{
	if (option->type == OPTION_GROUPS)
		read_groups(loading, entry->value, what, option, into);
	else
		read_option(loading, entry->value, option, into);
}

void
topology_read_map(struct topology_loading *loading, const struct yaml_node *map, struct yaml_place place,
		  const char *what, const struct topology_table *tables, const char *const *others)
{
	for (const struct topology_table *table = tables; table->options; table++) {
		option_defaults(table->options, table->into);
		report_missing(loading, map, place, what, table->options);
	}
	for (int i = 0; i < map->count; i++) {
		const struct yaml_entry *entry = &map->entries[i];
		const struct topology_table *table = tables;

		while (table->options && !option_find(table->options, entry->name))
			table++;
		if (table->options)
			read_value(loading, entry, what, option_find(table->options, entry->name), table->into);
		else if (!topology_is_among(entry->name, others))
			report_unknown(loading, entry, what, tables, others);
	}
}
