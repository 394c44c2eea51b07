#include "operators/actions.h"

#include <stdlib.h>
#include <string.h>

#include "record/json.h"

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

/* One "name: number" of the list; *list goes behind it. */
static int
parse_weight(const char **list, double max, double weights[ACTIONS_COUNT], unsigned *named, struct error *err)
{
	size_t size = strcspn(*list, ":, ");
	int action = find(*list, size);
	const char *number = *list + size;
	char *end;
	double weight;

	if (action < 0)
		return fail(err, FATAL, "there is no action \"%.*s\"; actions are " ACTIONS_ALL, (int)size, *list);
	if (*named & 1u << action)
		return fail(err, FATAL, "the action %s is named twice", actions_names[action]);
	*named |= 1u << action;
	number += strspn(number, " ");
	weight = *number == ':' ? strtod(number + 1, &end) : -1;
	if (!(weight >= 0 && weight <= max) || end == number + 1 || !strchr(", ", *end))
		return fail(err, FATAL, "the action %s needs a weight, a number from 0 to %g, as in \"%s: 1\"",
			    actions_names[action], max, actions_names[action]);
	weights[action] = weight;
	*list = end;
	return 0;
}

int
actions_parse_weights(const char *list, double max, double weights[ACTIONS_COUNT], struct error *err)
{
	double sum = 0;
	unsigned named = 0;

	for (int action = 0; action < ACTIONS_COUNT; action++)
		weights[action] = 0;
	while (*(list += strspn(list, ", ")) != 0)
		if (parse_weight(&list, max, weights, &named, err) < 0)
			return -1;
	for (int action = 0; action < ACTIONS_COUNT; action++)
		sum += weights[action];
	if (!(sum > 0))
		return fail(err, FATAL, "no action has a weight over 0; actions are " ACTIONS_ALL);
	return 0;
}

void
actions_show(struct bytes engagement_id, struct bytes item_id, int action, int64_t occurred_at, struct buffer *out)
{
	buffer_print(out, "{\"engagement_id\": ");
	json_write_text(engagement_id, out);
	buffer_print(out, ", \"item_id\": ");
	json_write_text(item_id, out);
	buffer_print(out, ", \"action\": \"%s\", \"occurred_at\": %lld}", actions_names[action],
		     (long long)occurred_at);
}
