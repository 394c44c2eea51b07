/*
 * A member as its process sees it. What the group decides is heard at a poll, perhaps not at the first one; then it
 * becomes events. Eager: at the beginning of a rebalance everything is revoked, and when the last partition is given up
 * the member joins again. Cooperative: it joins at once with what it has, is then told what to give up, and joins once
 * more when it has. Expelled: everything is lost, and when that is given up, it joins as somebody new.
 */
#include <inttypes.h>

#include "base/memory.h"
#include "log/sim_client.h"

#define ANSWER_PART 10

enum held { HELD_NOT, HELD, HELD_LEAVING };

static struct sim_member *
own(struct member *base)
{
	return (struct sim_member *)base;
}

/* ---- events ---- */

static void
push(struct sim_member *member, enum member_event_type type, int partition)
{
	if (member->event_count == member->event_capacity) {
		member->event_capacity = 2 * member->event_capacity + 16;
		member->events = memory_resize_array(member->events, (size_t)member->event_capacity,
						     sizeof(*member->events));
	}
	member->events[member->event_count++] = (struct member_event){.type = type, .partition = partition};
}

static bool
pop(struct sim_member *member, struct member_event *event)
{
	if (member->event_at == member->event_count) {
		member->event_at = member->event_count = 0;
		return false;
	}
	*event = member->events[member->event_at++];
	sim_note(member->log->sim, "%s %" PRIu64 ": %s %d", member->log->process, member->seat_number,
		 (const char *const[]){"nothing", "data", "assigned", "revoked", "lost"}[event->type],
		 event->partition);
	return true;
}

/* ---- opening and closing ---- */

static void
join(struct sim_member *member)
{
	member->seat = sim_group_join(member->group, member, member->partition_count);
	member->seat_number = member->seat->number;
	member->generation = -1;
	member->must_rejoin = false;
}

int
sim_member_open(struct log *base, const struct member_spec *spec, struct member **out, struct error *err)
{
	struct sim_log *log = sim_log_of(base);
	int partitions = sim_topic_partitions(base, spec->journal);
	struct sim_member *member;
	char *id;

	for (int i = 0; i < spec->input_count; i++)
		if (sim_topic_partitions(base, spec->inputs[i]) != partitions)
			return fail(err, FATAL, "topic '%s' has another number of partitions than '%s'",
				    sim_topic_name(base, spec->inputs[i]), sim_topic_name(base, spec->journal));
	if (spec->fixed && sim_group(log->sim, spec->group)->seats)
		return fail(err, FATAL, "the group %s has members", spec->group);
	member = memory_new(sizeof(*member));
	member->member.ops = base->ops;
	member->log = log;
	member->polled_ms = sim_now(log->sim);
	member->hears_ms = TIME_MAX;
	member->input_count = spec->input_count;
	member->partition_count = partitions;
	member->topics = memory_new_array((size_t)spec->input_count, sizeof(int));
	for (int i = 0; i < spec->input_count; i++)
		member->topics[i] = spec->inputs[i];
	member->places = memory_new_array((size_t)partitions, sizeof(struct sim_place *));
	member->held = memory_new((size_t)partitions);
	id = memory_format("%s.%s.%d", spec->group, log->process, spec->worker);
	sim_transaction_make(log, id, member, &member->transaction);
	memory_free(&id);
	if (!spec->fixed) {
		member->group = sim_group(log->sim, spec->group);
		join(member);
	}
	for (int i = spec->worker; spec->fixed && i < partitions; i += spec->workers)
		push(member, MEMBER_ASSIGNED, i);
	*out = &member->member;
	return 0;
}

static void
close_places(struct sim_member *member, int partition)
{
	for (int i = 0; member->places[partition] && i < member->input_count; i++)
		sim_place_fini(&member->places[partition][i]);
	memory_free(&member->places[partition]);
}

void
sim_member_close(struct member *base)
{
	struct sim_member *member = own(base);

	for (int i = 0; i < member->partition_count; i++)
		close_places(member, i);
	transaction_close(&member->transaction);
	if (member->seat && member->log->state == SIM_UP)
		sim_group_leave(member->group, member->seat);
	else if (member->seat)
		member->seat->client = NULL;
	memory_free(&member->events);
	memory_free(&member->held);
	memory_free(&member->places);
	memory_free(&member->topics);
	memory_free(&member);
}

struct transaction *
sim_member_transaction(struct member *base)
{
	return own(base)->transaction;
}

/* ---- the group ---- */

/* Everything that is held has to be given up. */
static void
take_away_all(struct sim_member *member, enum member_event_type type)
{
	for (int i = 0; i < member->partition_count; i++) {
		if (member->held[i] != HELD)
			continue;
		member->held[i] = HELD_LEAVING;
		member->leaving++;
		push(member, type, i);
	}
}

static void
hear_expelled(struct sim_member *member)
{
	take_away_all(member, MEMBER_LOST);
	if (member->leaving == 0)
		join(member);
}

static void
hear_rebalance(struct sim_member *member)
{
	/* The last one may have been over before its assignment was heard of: its generation is known all the same. */
	member->generation = member->seat->generation;
	member->must_rejoin = false;
	if (!member->log->sim->config.cooperative)
		take_away_all(member, MEMBER_REVOKED);
	if (member->leaving == 0)
		sim_group_rejoin(member->group, member->seat);
}

static void
hear_assignment(struct sim_member *member)
{
	member->generation = member->seat->generation;
	for (int i = 0; i < member->partition_count; i++) {
		if (member->seat->assigned[i] && member->held[i] == HELD_NOT) {
			member->held[i] = HELD;
			push(member, MEMBER_ASSIGNED, i);
		} else if (!member->seat->assigned[i] && member->held[i] == HELD) {
			member->held[i] = HELD_LEAVING;
			member->leaving++;
			push(member, MEMBER_REVOKED, i);
		}
	}
	member->must_rejoin = member->leaving > 0;
}

/* Up to so long news take. That a rebalance is over is an answer that was waited for; the rest comes by heartbeats. */
static int64_t
hearing_time(const struct sim_member *member)
{
	int64_t most_ms = member->log->sim->config.rates.hear_ms;

	return member->seat && !member->group->rebalancing && !member->must_rejoin ? most_ms / ANSWER_PART : most_ms;
}

static bool
has_news(const struct sim_member *member)
{
	if (!member->seat || member->must_rejoin)
		return true;
	if (member->group->rebalancing)
		return !member->seat->joined;
	return member->seat->generation != member->generation;
}

/* Nothing new while partitions are being given up. */
static void
hear(struct sim_member *member)
{
	struct sim *sim = member->log->sim;

	if (!member->group || member->leaving > 0 || !has_news(member))
		return;
	if (member->hears_ms == TIME_MAX)
		member->hears_ms = sim_now(sim) + sim_delay(sim, hearing_time(member));
	if (sim->faults && sim_now(sim) < member->hears_ms)
		return;
	member->hears_ms = TIME_MAX;
	if (!member->seat) {
		hear_expelled(member);
	} else if (member->group->rebalancing && !member->seat->joined) {
		hear_rebalance(member);
	} else if (!member->group->rebalancing && member->seat->generation != member->generation) {
		hear_assignment(member);
	} else {
		member->must_rejoin = false;
		sim_group_rejoin(member->group, member->seat);
	}
}

/* ---- polling ---- */

static bool
has_started(const struct sim_member *member)
{
	for (int i = 0; i < member->partition_count; i++)
		if (member->places[i])
			return true;
	return false;
}

int
sim_member_poll(struct member *base, int64_t wait_ms, struct member_event *event, struct error *err)
{
	struct sim_member *member = own(base);

	(void)wait_ms;
	member->polled_ms = sim_now(member->log->sim);
	if (sim_reach(member->log, "a poll", err) < 0 || sim_transaction_prepare(member->transaction, err) < 0)
		return -1;
	*event = (struct member_event){.type = MEMBER_NOTHING, .partition = -1};
	if (pop(member, event))
		return 0;
	hear(member);
	if (pop(member, event))
		return 0;
	if (member->seen != member->log->sim->changes && has_started(member)) {
		member->seen = member->log->sim->changes;
		event->type = MEMBER_DATA;
	}
	return 0;
}

/* ---- partitions ---- */

int
sim_member_start(struct member *base, int partition, const int64_t *positions, struct error *err)
{
	struct sim_member *member = own(base);

	insist(!member->places[partition]);
	if (sim_reach(member->log, "a start", err) < 0)
		return -1;
	member->places[partition] = memory_new_array((size_t)member->input_count, sizeof(struct sim_place));
	for (int i = 0; i < member->input_count; i++)
		sim_place_init(&member->places[partition][i], member->log, member->topics[i], partition, positions[i]);
	member->seen = 0;
	return 0;
}

int
sim_member_stop(struct member *base, int partition, struct error *err)
{
	struct sim_member *member = own(base);

	(void)err;
	close_places(member, partition);
	if (member->held[partition] != HELD_LEAVING)
		return 0;
	member->held[partition] = HELD_NOT;
	member->leaving--;
	return 0;
}

int
sim_member_fetch(struct member *base, int partition, int input, struct log_batch *out, struct error *err)
{
	struct sim_member *member = own(base);

	insist(member->places[partition]);
	return sim_place_fetch(&member->places[partition][input], out, err);
}
