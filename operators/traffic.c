/*
 * traffic: a source of a plausible feed, for demonstrations and tests.
 *
 * The feed is a row of requests. Request n is worked out from the seed and n alone: who asks, what is shown, what
 * becomes of it, and every row that tells of it with the time when that row arrives (traffic_model, traffic_fault,
 * traffic_request). Time goes on in buckets of some milliseconds. A bucket's turn is: the requests that begin in it put
 * their events into the buckets where they arrive; then what has come together in this one is emitted in the order of
 * arrival (traffic_pending).
 *
 * Where it stands (the next bucket, the next request) and what is pending are in its stores, so what it emits does not
 * depend on where it was interrupted. Of N tasks, task k works out the requests and items n with n % N = k.
 *
 * All times inside are feed times, from 0; `start_ms` is added where a row is written.
 */
#include <errno.h>
#include <stdlib.h>

#include "dataflow/operator.h"
#include "operators/operators.h"
#include "operators/traffic_pending.h"
#include "operators/traffic_rows.h"
#include "record/json.h"

#define BUCKET_IMPRESSIONS 50 /* a bucket is about as long as it takes for so many */
#define BUCKET_MS_MAX 50
#define CALL_ROWS 1000	      /* a call of generate() ends after so many rows */
#define CALL_BUCKETS_MAX 1000 /* or after so many buckets, where there is little to emit */
#define SEED_MAX 1e15

struct traffic {
	struct traffic_parameters parameters;
	struct traffic_model model;
	struct traffic_rows rows;
	int64_t bucket_ms;
	bool starts_now;
	int64_t start_ms; /* where it does not start now */
};

enum traffic_store { STORE_POSITION, STORE_PENDING };

enum traffic_counter {
	COUNT_REQUESTS,
	COUNT_IMPRESSIONS,
	COUNT_FAULTS,
	COUNT_JUMPS,
};

/* The one entry of the store `position`: stored as it is. */
struct position {
	int64_t bucket;	     /* the next */
	uint64_t request;    /* the next of this task */
	uint64_t item;	     /* the next whose vector is to be emitted */
	int64_t impressions; /* so many will have been shown by the requests so far */
	int64_t pending;     /* events in the store */
	int64_t start_ms;    /* event time at feed time 0 */
	int64_t wall_ms;     /* wall clock at feed time 0 */
};

_Static_assert(sizeof(struct position) == 56, "the position is stored: 56 bytes");

static int
parse_start(struct traffic *self, struct error *err)
{
	const char *text = self->parameters.start;
	char *end;

	self->starts_now = strcmp(text, "now") == 0;
	if (self->starts_now)
		return 0;
	errno = 0;
	self->start_ms = strtoll(text, &end, 10);
	if (end != text && *end == '\0' && errno == 0)
		return 0;
	if (json_parse_time(text, &self->start_ms, err) < 0)
		return fail(
			err, FATAL,
			"parameter start is \"%s\"; expected now, a time such as 2026-01-01T00:00:00Z, or milliseconds "
			"since 1970",
			text);
	return 0;
}

static int
traffic_open(void *opened, struct context *context, struct error *err)
{
	struct traffic *self = opened;
	double bucket_ms;

	if (self->parameters.exploration + self->parameters.cold_start > 1)
		return fail(err, FATAL, "exploration and cold_start are %g and %g; together at most 1",
			    self->parameters.exploration, self->parameters.cold_start);
	if (parse_start(self, err) < 0)
		return -1;
	traffic_model_init(&self->model, &self->parameters);
	bucket_ms = 1000.0 * BUCKET_IMPRESSIONS / self->parameters.rate_per_second;
	self->bucket_ms = bucket_ms < 1 ? 1 : bucket_ms > BUCKET_MS_MAX ? BUCKET_MS_MAX : (int64_t)bucket_ms;
	return traffic_rows_open(&self->rows, context, err);
}

/* This task's part of the limit; INT64_MAX where there is none. */
static int64_t
impressions_max(const struct traffic *self, const struct context *context)
{
	int64_t tasks = context_task_count(context), limit = self->parameters.limit;

	return limit == 0 ? INT64_MAX : limit / tasks + (context_task(context) < limit % tasks);
}

static int
load_position(const struct traffic *self, struct context *context, struct position *position, struct error *err)
{
	struct store *store = context_store(context, STORE_POSITION);
	struct entry *entry;

	if (store_find(store, key_of(bytes_of_text("position")), &entry, err) < 0)
		return -1;
	if (entry) {
		if (entry_value(entry).size != sizeof(*position))
			return fail(
				err, FATAL,
				"the stored position has %zu bytes; expected %zu: it was written by another version",
				entry_value(entry).size, sizeof(*position));
		memcpy(position, entry_value(entry).data, sizeof(*position));
		return 0;
	}
	*position = (struct position){
		.request = (uint64_t)context_task(context),
		.item = (uint64_t)context_task(context),
		.start_ms = self->starts_now ? context_now_ms(context) : self->start_ms,
		.wall_ms = context_now_ms(context),
	};
	return 0;
}

static int
save_position(struct context *context, const struct position *position, struct error *err)
{
	struct store *store = context_store(context, STORE_POSITION);
	struct entry *entry;
	bool added;

	if (store_add(store, key_of(bytes_of_text("position")), sizeof(*position), &entry, &added, err) < 0)
		return -1;
	memcpy(entry_edit(store, &entry, sizeof(*position)), position, sizeof(*position));
	return 0;
}

/* Puts the events of one request into their buckets. */
static int
add_request(const struct traffic *self, struct context *context, struct position *position,
	    struct traffic_events *events, struct error *err)
{
	struct store *store = context_store(context, STORE_PENDING);
	int64_t left = impressions_max(self, context) - position->impressions;
	struct traffic_fault faults[TRAFFIC_SLATE_MAX];
	struct traffic_request request;

	traffic_request_rank(&self->model, position->request, &request);
	if (request.depth > left)
		request.depth = (int)left;
	traffic_faults_decide(&self->parameters, &request, faults);
	traffic_request_events(&request, faults, events);
	for (int i = 0; i < events->count; i++) {
		const struct traffic_event *event = &events->list[i];

		if (traffic_pending_add(store, event->arrival_ms / self->bucket_ms, event, err) < 0)
			return -1;
	}
	for (int i = 0; i < request.count; i++)
		context_count(context, COUNT_FAULTS, faults[i].kind != TRAFFIC_SOUND && faults[i].shown);
	context_count(context, COUNT_REQUESTS, 1);
	context_count(context, COUNT_IMPRESSIONS, request.depth);
	position->impressions += request.depth;
	position->pending += events->count;
	position->request += (uint64_t)context_task_count(context);
	return 0;
}

/* Vectors of the items that have appeared by now, as many as the call has room for. */
static int
emit_items(const struct traffic *self, struct context *context, struct position *position, int64_t until_ms, int *rows,
	   struct error *err)
{
	uint64_t catalogue = traffic_catalogue(&self->model, until_ms);

	if (!self->rows.connected[TRAFFIC_ITEM_VECTORS])
		return 0;
	for (; position->item < catalogue && *rows < CALL_ROWS; (*rows)++) {
		if (traffic_rows_emit_item(&self->rows, &self->model, (uint32_t)position->item, position->start_ms,
					   context, err) < 0)
			return -1;
		position->item += (uint64_t)context_task_count(context);
	}
	return 0;
}

/* Emits events of one bucket in the order of their arrival; equal times keep the order of the requests. */
static int
emit_sorted(const struct traffic *self, struct context *context, int64_t start_ms, int64_t bucket,
	    const struct traffic_event *events, uint64_t count, struct error *err)
{
	uint64_t ends[BUCKET_MS_MAX + 1] = {0};
	uint32_t *order = context_take(context, count * sizeof(*order));
	int64_t first_ms = bucket * self->bucket_ms;

	for (uint64_t i = 0; i < count; i++)
		ends[events[i].arrival_ms - first_ms + 1]++;
	for (int64_t i = 1; i <= self->bucket_ms; i++)
		ends[i] += ends[i - 1];
	for (uint64_t i = 0; i < count; i++)
		order[ends[events[i].arrival_ms - first_ms]++] = (uint32_t)i;
	for (uint64_t i = 0; i < count; i++)
		if (traffic_rows_emit(&self->rows, &self->model, &events[order[i]], start_ms, context, err) < 0)
			return -1;
	return 0;
}

/* A bucket's turn. */
static int
turn(const struct traffic *self, struct context *context, struct position *position, struct traffic_events *scratch,
     int *rows, struct error *err)
{
	struct store *store = context_store(context, STORE_PENDING);
	int64_t most = impressions_max(self, context), end_ms = (position->bucket + 1) * self->bucket_ms;
	struct traffic_event *events;
	uint64_t count;

	while (position->impressions < most && traffic_request_at_ms(&self->model, position->request) < end_ms)
		if (add_request(self, context, position, scratch, err) < 0)
			return -1;
	if (traffic_pending_count(store, position->bucket, &count, err) < 0)
		return -1;
	events = context_take(context, count * sizeof(*events));
	if (traffic_pending_take(store, position->bucket, count, events, err) < 0)
		return -1;
	if (emit_sorted(self, context, position->start_ms, position->bucket, events, count, err) < 0)
		return -1;
	position->pending -= (int64_t)count;
	position->bucket++;
	*rows += (int)count;
	return 0;
}

/* How long until the next bucket is over. After a long stop, or when the wall clock was set back, the feed goes on from
 * now, as if it had stood still. */
static int64_t
wait_for_bucket(const struct traffic *self, struct context *context, struct position *position)
{
	int64_t due_ms, behind_ms;

	if (self->parameters.clock == TRAFFIC_UNPACED)
		return 0;
	due_ms = position->wall_ms + (position->bucket + 1) * self->bucket_ms;
	behind_ms = context_now_ms(context) - due_ms;
	if (behind_ms > self->parameters.catch_up_ms || behind_ms < -self->bucket_ms) {
		position->wall_ms += behind_ms;
		if (self->starts_now)
			position->start_ms += behind_ms;
		context_count(context, COUNT_JUMPS, 1);
	}
	return behind_ms < 0 ? -behind_ms : 0;
}

static int
traffic_generate(const void *opened, struct context *context, int64_t *wait_ms, bool *done, struct error *err)
{
	const struct traffic *self = opened;
	int64_t most = impressions_max(self, context);
	struct traffic_events *scratch = context_take(context, sizeof(*scratch));
	struct position position = {0};
	int rows = 0;

	scratch->parameters = &self->parameters;
	memcpy(scratch->wanted, self->rows.connected, sizeof(scratch->wanted));
	if (load_position(self, context, &position, err) < 0)
		return -1;
	for (int i = 0; i < CALL_BUCKETS_MAX; i++) {
		if (position.impressions >= most && position.pending == 0) {
			*done = true;
			break;
		}
		*wait_ms = wait_for_bucket(self, context, &position);
		if (*wait_ms > 0)
			break;
		/* Items come before the requests that show them; the first call has all those of the start to emit. */
		if (emit_items(self, context, &position, (position.bucket + 1) * self->bucket_ms, &rows, err) < 0)
			return -1;
		if (rows >= CALL_ROWS)
			break;
		if (turn(self, context, &position, scratch, &rows, err) < 0)
			return -1;
	}
	return save_position(context, &position, err);
}

static void
traffic_show(const struct entry *entry, struct buffer *out)
{
	struct bytes value = entry_value(entry);
	struct position position;

	if (value.size != sizeof(position)) {
		buffer_print(out, "{\"pending_bytes\": %zu}", value.size);
		return;
	}
	memcpy(&position, value.data, sizeof(position));
	buffer_print(out,
		     "{\"bucket\": %lld, \"request\": %llu, \"item\": %llu, \"impressions\": %lld, \"pending\": %lld, "
		     "\"start_ms\": %lld}",
		     (long long)position.bucket, (unsigned long long)position.request,
		     (unsigned long long)position.item, (long long)position.impressions, (long long)position.pending,
		     (long long)position.start_ms);
}

#define AT(field) offsetof(struct traffic, parameters.field)
#define RATIO(id, initial_, help_)                                                                                     \
	{                                                                                                              \
		.name = #id, .type = OPTION_NUMBER, .offset = AT(id), .initial = initial_, .max = 1, .unit = "ratio",  \
		.help = help_                                                                                          \
	}
#define TIME(id, initial_, max_ms, help_)                                                                              \
	{                                                                                                              \
		.name = #id, .type = OPTION_DURATION, .offset = AT(id##_ms), .initial = initial_, .max = max_ms,       \
		.unit = "ms", .help = help_                                                                            \
	}
#define COUNT(id, initial_, least, most, unit_, help_)                                                                 \
	{                                                                                                              \
		.name = #id, .type = OPTION_INTEGER, .offset = AT(id), .initial = initial_, .min = least, .max = most, \
		.unit = unit_, .help = help_                                                                           \
	}

#define DAY_MS 86400000.0

static const char *const clocks[] = {[TRAFFIC_WALL] = "wall", [TRAFFIC_UNPACED] = "unpaced", NULL};

static const struct option options[] = {
	COUNT(seed, "1", 0, SEED_MAX, NULL, "the same seed and parameters give the same feed"),
	{.name = "rate",
	 .type = OPTION_NUMBER,
	 .offset = AT(rate_per_second),
	 .initial = "1000",
	 .min = 0.1,
	 .max = 1e6,
	 .unit = "impressions/s",
	 .help = "impressions in a second of event time, on average"},
	COUNT(limit, "0", 0, 1e12, "impressions", "ends after so many; 0: never"),
	{.name = "clock",
	 .type = OPTION_CHOICE,
	 .offset = AT(clock),
	 .initial = "wall",
	 .choices = clocks,
	 .help = "wall: event time goes at the speed of the wall clock; unpaced: as fast as it can"},
	{.name = "start",
	 .type = OPTION_TEXT,
	 .offset = AT(start),
	 .initial = "now",
	 .help = "event time when the feed begins: now, ISO 8601 with a zone, or milliseconds since 1970"},
	TIME(catch_up, "1min", 365 * DAY_MS,
	     "clock wall: after a longer stop the feed goes on from now instead of hurrying"),
	COUNT(users, "20000", 1, 1e9, "users", "users, some of whom come far more often than others"),
	COUNT(items, "5000", 1, 1e9, "items", "items that are there from the start"),
	COUNT(new_items_per_minute, "60", 0, 1e6, "items/min", "items that appear while the feed runs"),
	COUNT(slate, "10", 1, TRAFFIC_SLATE_MAX, "positions", "positions of a request"),
	RATIO(scroll_on, "0.85", "probability that a user goes on to the next position"),
	RATIO(exploration, "0.05", "slots given to a random item (source exploration, uniform_random)"),
	RATIO(cold_start, "0.03", "slots given to a new item (source cold_start)"),
	TIME(cold_start_age, "10min", 365 * DAY_MS, "an item is new for so long"),
	TIME(dwell, "250ms", DAY_MS, "mean time before a user scrolls on, beyond the 100 ms that it takes at least"),
	TIME(engagement_delay, "1500ms", DAY_MS, "mean time from an impression to an engagement; exponential"),
	TIME(disorder, "300ms", DAY_MS, "rows arrive up to so much after their event time"),
	RATIO(repeats, "0.01", "impressions, engagements and scores that come a second time, exactly alike"),
	RATIO(orphans, "0.002", "engagements with an impression that nobody logged, for each impression"),
	RATIO(late, "0.002", "engagements and log entries that arrive late"),
	TIME(late_by, "2min", 30 * DAY_MS, "a late row arrives so much later, up to half of it more"),
	RATIO(lost_engine_server, "0.002", "deliveries lost between engine and server"),
	RATIO(lost_server_client, "0.002", "deliveries lost between server and client"),
	RATIO(duplicated, "0.002", "log entries that stand twice in a log"),
	RATIO(altered, "0.002", "deliveries whose item, position or trace marker is altered on the way"),
	RATIO(phantom, "0.001", "deliveries in the server's or the client's log that the engine never returned"),
	TIME(burst_every, "0", 30 * DAY_MS, "log faults come in bursts, one every so often; 0: no bursts"),
	TIME(burst_for, "10s", 30 * DAY_MS, "a burst of faults lasts so long"),
	{.name = "burst_factor",
	 .type = OPTION_NUMBER,
	 .offset = AT(burst_factor),
	 .initial = "20",
	 .min = 1,
	 .max = 1000,
	 .help = "log faults are so many times as frequent in a burst"},
	OPTION_END,
};

static const struct port outputs[] = {
	[TRAFFIC_IMPRESSIONS] = {"impressions", "impression", "impression_id", true, "what was shown to whom"},
	[TRAFFIC_ENGAGEMENTS] = {"engagements", "engagement", "impression_id", false, "what people did about it"},
	[TRAFFIC_SCORES] = {"scores", "ranker_score", "impression_id", false,
			    "predictions of the live and the shadow ranker"},
	[TRAFFIC_ITEM_VECTORS] = {"item_vectors", "item_vector", "item_id", false,
				  "one vector an item, when it appears"},
	[TRAFFIC_ENGINE_LOG] = {"engine_log", "delivery", "request_id", false, "what the engine returned"},
	[TRAFFIC_SERVER_LOG] = {"server_log", "delivery", "request_id", false, "what the server delivered"},
	[TRAFFIC_CLIENT_LOG] = {"client_log", "delivery", "request_id", false, "what the client received and exposed"},
	[TRAFFIC_INJECTED_FAULTS] = {"injected_faults", "injected_fault", "impression_id", false,
				     "every fault put into the logs that the logs can show"},
	[TRAFFIC_OUTPUTS] = {.name = NULL},
};

static const struct port no_inputs[] = {{.name = NULL}};

static const struct store_spec stores[] = {
	[STORE_POSITION] = {.name = "position", .help = "where the feed stands"},
	[STORE_PENDING] = {.name = "pending", .help = "rows that have not arrived yet"},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[COUNT_REQUESTS] = {"requests", "requests worked out"},
	[COUNT_IMPRESSIONS] = {"impressions", "impressions of these requests, repeats not counted"},
	[COUNT_FAULTS] = {"faults", "faults of these requests that the logs can show"},
	[COUNT_JUMPS] = {"jumps", "times that the feed went on from now after a long stop"},
	{.name = NULL},
};

const struct operator_type traffic_type = {
	.name = "traffic",
	.help = "A made-up feed: impressions, engagements, scores, item vectors and delivery logs with known faults.",
	.manual = "The same seed and parameters give the same feed, whatever is killed on the way. Users have "
		  "tastes, some come far more often than others, and the ranker is better than chance. Every fault "
		  "that is put into the delivery logs is a row of injected_faults, to hold against what reconcile "
		  "finds.\n",
	.options = options,
	.inputs = no_inputs,
	.outputs = outputs,
	.stores = stores,
	.counters = counters,
	.self_size = sizeof(struct traffic),
	.open = traffic_open,
	.generate = traffic_generate,
	.show = traffic_show,
};
