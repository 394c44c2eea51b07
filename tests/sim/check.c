#include "tests/sim/check.h"

#include <stdio.h>

#include "base/memory.h"
#include "tests/sim/reading.h"
#include "tests/sim/scenario.h"

static int
count_row(void *argument, const struct record *record, struct error *err)
{
	(void)record;
	(void)err;
	++*(int *)argument;
	return 0;
}

static int
check_dead_letters(struct world *world, struct error *err)
{
	int count = 0;

	if (read_topic(world, "dead_letters", count_row, &count, err) < 0)
		return -1;
	if (count != world->feed.rubbish_count)
		return fail(err, FATAL, "%d dead letters, not %d", count, world->feed.rubbish_count);
	return 0;
}

/* The operator has read all there is. */
static int
check_operator(struct world *world, const struct topology_operator *operator, struct error *err)
{
	char *group = memory_format("%s.%s", world->topology->name, operator->name);
	int result = 0;

	for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++)
		for (int i = 0; operator->inputs[port] >= 0 && i < operator->tasks && result == 0; i++)
			result = read_position(world, group, world->topology->topics[operator->inputs[port]].name, i,
					       err);
	memory_free(&group);
	return result;
}

static int
check_operators(struct world *world, struct error *err)
{
	for (int i = 0; i < world->topology->operator_count; i++)
		if (check_operator(world, &world->topology->operators[i], err) < 0)
			return -1;
	if (sim_problem(world->sim))
		return fail(err, FATAL, "%s", sim_problem(world->sim));
	return 0;
}

int
check_world(struct world *world, struct error *err)
{
	if (world->plan.scenario->check(world, err) < 0 || check_dead_letters(world, err) < 0)
		return -1;
	return check_operators(world, err);
}

/* ---- for others to check ---- */

static int
print_row(void *argument, const struct record *record, struct error *err)
{
	char *text = text_of(record);
	bool *first = argument;

	(void)err;
	printf("%s%s", *first ? "" : ", ", text);
	*first = false;
	memory_free(&text);
	return 0;
}

int
dump_rows(struct world *world, const char *topic, struct error *err)
{
	bool first = true;

	printf("\"%s\": [", topic);
	if (read_topic(world, topic, print_row, &first, err) < 0)
		return -1;
	printf("]");
	return 0;
}

void
dump_events(const struct world *world, enum feed_topic topic)
{
	const struct feed *feed = &world->feed;
	bool first = true;

	printf("\"%s\": [", feed_topics[topic]);
	for (int i = 0; i < feed->event_count; i++) {
		char *json;

		if (feed->events[i].kind == FEED_RUBBISH || feed_topic_of(feed, &feed->events[i]) != topic)
			continue;
		json = feed_json(feed, &feed->events[i]);
		printf("%s%s", first ? "" : ", ", json);
		memory_free(&json);
		first = false;
	}
	printf("], ");
}

int
check_dump(struct world *world, struct error *err)
{
	printf("{\"partitions\": %d, ", world->plan.partitions);
	if (world->plan.scenario->dump(world, err) < 0)
		return -1;
	printf("}\n");
	return 0;
}
