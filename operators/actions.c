#include "operators/actions.h"

#include <string.h>

const char *const actions_names[ACTIONS_COUNT] = {
	"view", "click", "like", "share", "comment", "follow", "purchase", "watch", "skip",
};

#define ACTIONS_ALL "view, click, like, share, comment, follow, purchase, watch, skip"

/* The number of the action whose name is the first `size` bytes, or -1. */
static int
find(const char *name, size_t size)
{
	for (int i = 0; i < ACTIONS_COUNT; i++)
		if (strlen(actions_names[i]) == size && memcmp(actions_names[i], name, size) == 0)
			return i;
	return -1;
}

int
actions_map_init(struct actions_map *map, const struct schema *schema, struct error *err)
{
	if (schema->symbol_count > ACTIONS_SYMBOLS_MAX)
		return fail(err, FATAL, "the enum %s has %d symbols; at most %d", schema->name, schema->symbol_count,
			    ACTIONS_SYMBOLS_MAX);
	for (int i = 0; i < ACTIONS_COUNT; i++)
		map->to_symbol[i] = -1;
	for (int i = 0; i < schema->symbol_count; i++) {
		int action = find(schema->symbols[i], strlen(schema->symbols[i]));

		if (action < 0)
			return fail(err, FATAL, "the enum %s has the symbol %s, which is none of " ACTIONS_ALL,
				    schema->name, schema->symbols[i]);
		map->to_action[i] = action;
		map->to_symbol[action] = i;
	}
	return 0;
}

int
actions_parse(const char *list, unsigned *set, struct error *err)
{
	*set = 0;
	while (*(list += strspn(list, ", ")) != 0) {
		size_t size = strcspn(list, ", ");
		int action = find(list, size);

		if (action < 0)
			return fail(err, FATAL, "there is no action \"%.*s\"; actions are " ACTIONS_ALL, (int)size,
				    list);
		*set |= 1u << action;
		list += size;
	}
	if (*set == 0)
		return fail(err, FATAL, "no action is named; actions are " ACTIONS_ALL);
	return 0;
}
