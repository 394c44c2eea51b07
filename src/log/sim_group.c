/*
 * Groups as the simulated cluster sees them. A member that joins, leaves or stops sending heartbeats begins a
 * rebalance; it is over when all members have joined again, or those that have not are expelled. Each time the
 * generation grows, and who has another one, or no seat, may add no positions to a transaction.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "log/sim_client.h"

struct sim_group *
sim_group(struct sim *sim, const char *name)
{
	struct sim_group *group;

	for (group = sim->groups; group; group = group->next)
		if (strcmp(group->name, name) == 0)
			return group;
	group = memory_new(sizeof(*group));
	group->sim = sim;
	group->name = memory_text(name);
	group->next = sim->groups;
	sim->groups = group;
	return group;
}

/* ---- rebalances ---- */

static void
rebalance(struct sim_group *group)
{
	struct sim *sim = group->sim;

	if (group->rebalancing)
		return;
	sim_note(sim, "group %s rebalances", group->name);
	group->rebalancing = true;
	group->complete_after_ms = sim_now(sim) + sim_delay(sim, sim->config.rates.gather_ms);
	group->complete_before_ms = sim_now(sim) + sim->config.rebalance_ms;
	for (struct sim_seat *seat = group->seats; seat; seat = seat->next)
		seat->joined = false;
}

static void
expel(struct sim_group *group, struct sim_seat *seat)
{
	struct sim_seat **at = &group->seats;

	while (*at != seat)
		at = &(*at)->next;
	*at = seat->next;
	if (seat->client)
		seat->client->seat = NULL;
	memory_free(&seat->assigned);
	memory_free(&seat->owned);
	memory_free(&seat);
	rebalance(group);
}

static void
note_owned(struct sim_group *group, struct sim_seat *seat)
{
	for (int i = 0; i < group->partition_count; i++)
		seat->owned[i] = seat->client->held[i] != 0;
	seat->joined = true;
}

struct sim_seat *
sim_group_join(struct sim_group *group, struct sim_member *client, int partitions)
{
	struct sim *sim = group->sim;
	struct sim_seat *seat = memory_new(sizeof(*seat)), **at = &group->seats;

	group->partition_count = partitions;
	*seat = (struct sim_seat){
		.number = ++sim->seat_count,
		.rank = sim_random_next(&sim->random),
		.client = client,
		.expires_ms = sim_now(sim) + sim->config.session_ms,
		.generation = -1,
		.assigned = memory_new((size_t)partitions),
		.owned = memory_new((size_t)partitions),
	};
	rebalance(group);
	while (*at && (*at)->rank < seat->rank)
		at = &(*at)->next;
	seat->next = *at;
	*at = seat;
	note_owned(group, seat);
	sim_note(sim, "%s joins %s as %" PRIu64, client->log->process, group->name, seat->number);
	return seat;
}

void
sim_group_rejoin(struct sim_group *group, struct sim_seat *seat)
{
	rebalance(group);
	note_owned(group, seat);
}

void
sim_group_leave(struct sim_group *group, struct sim_seat *seat)
{
	sim_note(group->sim, "%" PRIu64 " leaves %s", seat->number, group->name);
	expel(group, seat);
}

/* ---- assignments ---- */

static int
count_seats(const struct sim_group *group)
{
	int count = 0;

	for (const struct sim_seat *seat = group->seats; seat; seat = seat->next)
		count++;
	return count;
}

static void
assign_ranges(struct sim_group *group)
{
	int seats = count_seats(group), at = 0, index = 0;

	for (struct sim_seat *seat = group->seats; seat; seat = seat->next, index++) {
		int share = group->partition_count / seats + (index < group->partition_count % seats);

		for (int i = 0; i < share; i++)
			seat->assigned[at++] = true;
	}
}

/* Each keeps what it has up to its share. What it has beyond that is nobody's until it has given it up. */
static void
assign_sticky(struct sim_group *group)
{
	int seats = count_seats(group), least = group->partition_count / seats;
	int larger = group->partition_count % seats; /* seats that may have one more */
	bool *taken = memory_new((size_t)group->partition_count);

	for (struct sim_seat *seat = group->seats; seat; seat = seat->next) {
		int share = 0;

		for (int i = 0; i < group->partition_count; i++) {
			bool extra = share == least && larger > 0;

			if (!seat->owned[i] || taken[i])
				continue;
			taken[i] = true;
			if (share >= least && !extra)
				continue;
			seat->assigned[i] = true;
			larger -= extra;
			share++;
		}
	}
	for (struct sim_seat *seat = group->seats; seat; seat = seat->next) {
		int share = 0;

		for (int i = 0; i < group->partition_count; i++)
			share += seat->assigned[i];
		for (int i = 0; i < group->partition_count; i++) {
			bool extra = share == least && larger > 0;

			if (taken[i] || (share >= least && !extra))
				continue;
			taken[i] = seat->assigned[i] = true;
			larger -= extra;
			share++;
		}
	}
	memory_free(&taken);
}

static void
complete(struct sim_group *group)
{
	struct sim *sim = group->sim;

	group->rebalancing = false;
	group->generation++;
	for (struct sim_seat *seat = group->seats; seat; seat = seat->next) {
		seat->generation = group->generation;
		memset(seat->assigned, 0, (size_t)group->partition_count);
	}
	if (!group->seats)
		return;
	if (sim->config.cooperative)
		assign_sticky(group);
	else
		assign_ranges(group);
	for (struct sim_seat *seat = group->seats; seat; seat = seat->next)
		for (int i = 0; i < group->partition_count; i++)
			if (seat->assigned[i])
				sim_note(sim, "group %s generation %d: %d is for %" PRIu64, group->name,
					 group->generation, i, seat->number);
}

/* ---- time ---- */

static bool
all_joined(const struct sim_group *group)
{
	for (const struct sim_seat *seat = group->seats; seat; seat = seat->next)
		if (!seat->joined)
			return false;
	return true;
}

static bool
is_neglected(const struct sim *sim, const struct sim_seat *seat, int64_t now_ms)
{
	return sim->config.poll_ms > 0 && seat->client && seat->client->log->state == SIM_UP &&
	       now_ms - seat->client->polled_ms > sim->config.poll_ms;
}

static void
tick_group(struct sim_group *group)
{
	struct sim *sim = group->sim;
	int64_t now_ms = sim_now(sim);

	for (struct sim_seat *seat = group->seats, *next; seat; seat = next) {
		bool overdue = group->rebalancing && !seat->joined && now_ms >= group->complete_before_ms;

		next = seat->next;
		if (seat->client && seat->client->log->state == SIM_UP)
			seat->expires_ms = now_ms + sim->config.session_ms;
		if (now_ms < seat->expires_ms && !overdue && !is_neglected(sim, seat, now_ms))
			continue;
		sim_note(sim, "%" PRIu64 " is expelled from %s", seat->number, group->name);
		expel(group, seat);
	}
	if (group->rebalancing && now_ms >= group->complete_after_ms && all_joined(group))
		complete(group);
}

void
sim_groups_tick(struct sim *sim)
{
	for (struct sim_group *group = sim->groups; group; group = group->next)
		tick_group(group);
}

/* ---- positions ---- */

bool
sim_group_allows(const struct sim_group *group, uint64_t number, int generation)
{
	for (const struct sim_seat *seat = group->seats; seat; seat = seat->next)
		if (seat->number == number)
			return generation == group->generation && seat->generation == generation;
	return false;
}

static struct sim_position *
find_position(struct sim_group *group, int topic, int partition)
{
	for (int i = 0; i < group->position_count; i++)
		if (group->positions[i].topic == topic && group->positions[i].partition == partition)
			return &group->positions[i];
	return NULL;
}

/* The one that was given last counts, whichever marker comes last. */
void
sim_group_apply(struct sim_group *group, const struct sim_position *position)
{
	struct sim_position *own = find_position(group, position->topic, position->partition);

	if (!own) {
		if (group->position_count == group->position_capacity) {
			group->position_capacity = 2 * group->position_capacity + 8;
			group->positions = memory_resize_array(group->positions, (size_t)group->position_capacity,
							       sizeof(*group->positions));
		}
		group->positions[group->position_count++] = *position;
		return;
	}
	if ((position->order > own->order) != (position->offset > own->offset) && position->offset != own->offset)
		sim_set_problem(group->sim, "a position of %s went back: %s[%d] from %" PRId64 " to %" PRId64,
				group->name, group->sim->topics[position->topic]->name, position->partition,
				position->order > own->order ? own->offset : position->offset,
				position->order > own->order ? position->offset : own->offset);
	if (position->order > own->order)
		*own = *position;
}

int
sim_position(struct log *base, const char *name, int topic, int partition, int64_t *offset, struct error *err)
{
	struct sim_log *log = sim_log_of(base);
	const struct sim_position *position;

	if (sim_reach(log, "a question for a position", err) < 0)
		return -1;
	position = find_position(sim_group(log->sim, name), topic, partition);
	*offset = position ? position->offset : -1;
	return 0;
}

void
sim_groups_free(struct sim *sim)
{
	for (struct sim_group *group = sim->groups, *next; group; group = next) {
		next = group->next;
		while (group->seats)
			expel(group, group->seats);
		memory_free(&group->positions);
		memory_free(&group->name);
		memory_free(&group);
	}
}
