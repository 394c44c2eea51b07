#include "operators/traffic_request.h"

#include <math.h>
#include <stddef.h>

#define SERVER_MS 20 /* from the engine to the server, at least; half of it again at most */
#define CLIENT_MS 90 /* on to the client */
#define SHOWN_MS 150 /* from the request to the first item on the screen */
#define PHANTOM_MS 200
#define DUPLICATE_MS_MAX 50
#define REPEAT_MS_MAX 2000
#define WATCH_SECONDS_MIN 1.0
#define SKIP_SHARE 0.15 /* of the swipe-aways: the client reports a skip; the others leave no trace */

/* What somebody who engages does besides watching, and how often. */
static const struct {
	enum traffic_action action;
	double probability; /* at an affinity of 1 */
} actions[] = {
	{TRAFFIC_CLICK, 0.20},	 {TRAFFIC_LIKE, 0.30},	 {TRAFFIC_SHARE, 0.05},
	{TRAFFIC_COMMENT, 0.05}, {TRAFFIC_FOLLOW, 0.04}, {TRAFFIC_PURCHASE, 0.01},
};

static struct traffic_event *
append(struct traffic_events *events, const struct traffic_event *event)
{
	struct traffic_event *added = &events->list[events->count++];

	*added = *event;
	return added;
}

/* The event arrives when it happens, or somewhat later where there is disorder. NULL: nobody wants it. */
static struct traffic_event *
add(struct traffic_events *events, const struct traffic_event *event)
{
	uint64_t behind_ms = traffic_random_below(&events->arrival, (uint64_t)events->parameters->disorder_ms + 1);
	struct traffic_event *added;

	if (!events->wanted[event->output])
		return NULL;
	added = append(events, event);
	added->arrival_ms = event->time_ms + (int64_t)behind_ms;
	return added;
}

/* As add; sometimes it comes a second time. */
static struct traffic_event *
add_repeatable(struct traffic_events *events, const struct traffic_event *event)
{
	bool again = traffic_random_unit(&events->repeat) < events->parameters->repeats;
	uint64_t after_ms = 1 + traffic_random_below(&events->repeat, REPEAT_MS_MAX);
	struct traffic_event *added = add(events, event);

	if (added && again)
		append(events, added)->arrival_ms += (int64_t)after_ms;
	return added;
}

static void
delay(struct traffic_events *events, struct traffic_event *event)
{
	int64_t by_ms = events->parameters->late_by_ms;

	by_ms += (int64_t)traffic_random_below(&events->arrival, (uint64_t)by_ms / 2 + 1);
	if (event)
		event->arrival_ms += by_ms;
}

static void
add_scores(struct traffic_events *events, const struct traffic_request *request, int position)
{
	const struct traffic_slot *slot = &request->slots[position];

	for (int shadow = 0; shadow < 2; shadow++) {
		double believed = (double)(shadow ? slot->shadow : slot->live);
		double engages = traffic_engage_probability(believed, position);
		struct traffic_event score = {
			.time_ms = request->at_ms,
			.request = request->number,
			.output = TRAFFIC_SCORES,
			.position = (uint8_t)position,
			.detail = (uint8_t)shadow,
			.first = (float)(engages * traffic_watched_ratio(believed) * (double)slot->duration_seconds),
			.second = (float)engages,
		};

		add_repeatable(events, &score);
	}
}

static void
add_engagement(struct traffic_events *events, struct traffic_event *engagement, enum traffic_action action,
	       double watched_seconds, int64_t time_ms, struct traffic_random *random)
{
	bool late = traffic_random_unit(random) < events->parameters->late;
	struct traffic_event *added;

	engagement->detail = (uint8_t)action;
	engagement->first = (float)watched_seconds;
	engagement->time_ms = time_ms;
	added = add_repeatable(events, engagement);
	if (late)
		delay(events, added);
	engagement->number++;
}

static int64_t
after(struct traffic_random *random, int64_t mean_ms)
{
	return (int64_t)traffic_random_exponential(random, (double)mean_ms);
}

/* What the user does about an item that he was shown. */
static void
add_engagements(struct traffic_events *events, const struct traffic_request *request, int position, int64_t shown_ms,
		struct traffic_random *random)
{
	const struct traffic_parameters *parameters = events->parameters;
	const struct traffic_slot *slot = &request->slots[position];
	double affinity = (double)slot->affinity, duration = (double)slot->duration_seconds;
	struct traffic_event engagement = {
		.request = request->number,
		.output = TRAFFIC_ENGAGEMENTS,
		.item = slot->item,
		.position = (uint8_t)position,
	};

	if (traffic_random_unit(random) >= traffic_engage_probability(affinity, position)) {
		if (traffic_random_unit(random) < SKIP_SHARE)
			add_engagement(events, &engagement, TRAFFIC_SKIP, -1,
				       shown_ms + 1 + after(random, parameters->dwell_ms), random);
	} else {
		double ratio = traffic_watched_ratio(affinity) * (0.5 + traffic_random_unit(random));
		double watched = fmax(WATCH_SECONDS_MIN, fmin(ratio, 1.0) * duration);

		add_engagement(events, &engagement, TRAFFIC_WATCH, round(watched * 10) / 10,
			       shown_ms + 1 + after(random, parameters->engagement_delay_ms), random);
		for (unsigned i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
			if (traffic_random_unit(random) < actions[i].probability * affinity)
				add_engagement(events, &engagement, actions[i].action, -1,
					       shown_ms + 1 + after(random, parameters->engagement_delay_ms), random);
	}
	if (traffic_random_unit(random) < parameters->orphans) {
		engagement.id = TRAFFIC_ID_ORPHAN;
		add_engagement(events, &engagement, TRAFFIC_CLICK, -1, shown_ms + 1, random);
	}
}

/* One entry of a log, and a second one if it is the entry that is duplicated. */
static void
add_entry(struct traffic_events *events, struct traffic_event entry, enum traffic_output log, enum traffic_stage stage,
	  int64_t time_ms, bool twice, bool late)
{
	uint64_t after_ms = 1 + traffic_random_below(&events->repeat, DUPLICATE_MS_MAX);
	struct traffic_event *added;

	entry.output = (uint8_t)log;
	entry.detail = (uint8_t)stage;
	entry.time_ms = time_ms;
	added = add(events, &entry);
	if (added && twice)
		append(events, added)->arrival_ms += (int64_t)after_ms;
	if (late)
		delay(events, added);
}

static void
alter(struct traffic_event *entry, const struct traffic_fault *fault)
{
	entry->altered = (uint8_t)(fault->field + 1);
	if (fault->field == TRAFFIC_ALTERED_POSITION)
		entry->shown_at--;
}

static void
add_phantom(struct traffic_events *events, struct traffic_event entry, enum traffic_hop hop, int64_t at_ms)
{
	entry.id = TRAFFIC_ID_PHANTOM;
	entry.shown_at = 0;
	if (hop == TRAFFIC_ENGINE_SERVER)
		add_entry(events, entry, TRAFFIC_SERVER_LOG, TRAFFIC_DELIVERED, at_ms + SERVER_MS, false, false);
	add_entry(events, entry, TRAFFIC_CLIENT_LOG, TRAFFIC_EXPOSED, at_ms + PHANTOM_MS, false, false);
}

static void
add_fault(struct traffic_events *events, const struct traffic_request *request, int position,
	  const struct traffic_fault *fault)
{
	struct traffic_event row = {
		.time_ms = request->at_ms,
		.request = request->number,
		.output = TRAFFIC_INJECTED_FAULTS,
		.position = (uint8_t)position,
		.id = fault->kind == TRAFFIC_PHANTOM ? TRAFFIC_ID_PHANTOM : TRAFFIC_ID_IMPRESSION,
		.detail = (uint8_t)fault->kind,
		.number = (uint8_t)fault->hop,
		.altered = fault->kind == TRAFFIC_ALTERED ? (uint8_t)(fault->field + 1) : 0,
	};

	add(events, &row);
}

/* The three logs of one position, with what befalls it on the way. */
static void
add_deliveries(struct traffic_events *events, const struct traffic_request *request, int position,
	       const struct traffic_fault *fault, int64_t shown_ms, struct traffic_random *random)
{
	struct traffic_event entry = {
		.request = request->number,
		.item = request->slots[position].item,
		.position = (uint8_t)position,
		.shown_at = (uint8_t)position,
	};
	int64_t server_ms = request->at_ms + SERVER_MS + (int64_t)traffic_random_below(random, SERVER_MS / 2 + 1);
	int64_t client_ms = server_ms + CLIENT_MS + (int64_t)traffic_random_below(random, CLIENT_MS / 2 + 1);
	bool duplicated = fault->kind == TRAFFIC_DUPLICATED, late = fault->kind == TRAFFIC_LATE;
	bool in_client = duplicated && fault->hop == TRAFFIC_CLIENT;

	if (fault->kind != TRAFFIC_SOUND && fault->shown)
		add_fault(events, request, position, fault);
	add_entry(events, entry, TRAFFIC_ENGINE_LOG, TRAFFIC_RETURNED, request->at_ms,
		  duplicated && fault->hop == TRAFFIC_ENGINE, false);
	if (fault->kind == TRAFFIC_PHANTOM)
		add_phantom(events, entry, fault->hop, request->at_ms);
	if (fault->kind == TRAFFIC_LOST && fault->hop == TRAFFIC_ENGINE_SERVER)
		return;
	if (fault->kind == TRAFFIC_ALTERED && fault->hop == TRAFFIC_ENGINE_SERVER)
		alter(&entry, fault);
	add_entry(events, entry, TRAFFIC_SERVER_LOG, TRAFFIC_DELIVERED, server_ms,
		  duplicated && fault->hop == TRAFFIC_SERVER, late && fault->hop == TRAFFIC_ENGINE_SERVER);
	if (fault->kind == TRAFFIC_LOST)
		return;
	if (fault->kind == TRAFFIC_ALTERED && fault->hop == TRAFFIC_SERVER_CLIENT)
		alter(&entry, fault);
	late &= fault->hop == TRAFFIC_SERVER_CLIENT;
	if (request->user.receipts)
		add_entry(events, entry, TRAFFIC_CLIENT_LOG, TRAFFIC_RECEIVED, client_ms, in_client, late);
	if (position < request->depth)
		add_entry(events, entry, TRAFFIC_CLIENT_LOG, TRAFFIC_EXPOSED, shown_ms,
			  in_client && !request->user.receipts, late);
}

void
traffic_request_events(const struct traffic_request *request, const struct traffic_fault *faults,
		       struct traffic_events *events)
{
	int64_t seed = events->parameters->seed, shown_ms = request->at_ms + SHOWN_MS;
	struct traffic_random engage = traffic_random_of(seed, TRAFFIC_STREAM_ENGAGE, request->number);

	events->arrival = traffic_random_of(seed, TRAFFIC_STREAM_ARRIVAL, request->number);
	events->repeat = traffic_random_of(seed, TRAFFIC_STREAM_REPEAT, request->number);
	events->count = 0;
	for (int i = 0; i < request->count; i++) {
		struct traffic_event impression = {
			.time_ms = shown_ms,
			.request = request->number,
			.output = TRAFFIC_IMPRESSIONS,
			.item = request->slots[i].item,
			.position = (uint8_t)i,
			.detail = (uint8_t)request->slots[i].source,
		};

		add_deliveries(events, request, i, &faults[i], shown_ms, &engage);
		if (i >= request->depth)
			continue;
		add_repeatable(events, &impression);
		add_scores(events, request, i);
		add_engagements(events, request, i, shown_ms, &engage);
		shown_ms += 100 + after(&engage, events->parameters->dwell_ms);
	}
}
