/*
 * reconcile: what the engine, the server and the client logged about each response, held against each other.
 *
 * All three logs are keyed by request_id, so one task sees the whole response. It was made when the earliest log
 * (engine, else server, else client) first speaks of it, and belongs to the window (event time) that this lies in. When
 * the watermark W is `settle` (a window's length) past that, the response is judged: each of its impressions has a
 * verdict (reconcile_verdict.h), and every mismatch is a row that names the id, the hop and, if a field was altered,
 * what was expected and what is there.
 *
 *     a log entry        before that: kept. After it: the verdict is found again, and what has changed is a row with
 *                        the next revision. What was missing and is here now is `late`, not lost. Later than
 *                        correction_horizon: counted and dropped, since its response has been forgotten
 *     a silent log       nothing has come from it since the response was made, although another log has got `settle`
 *                        further. What seems to be missing from such a log is no verdict yet: the response is
 *                        held until the log speaks again, at most for max_hold. The window lists the log as silent
 *     the counts         of each window and value of a dimension (reconcile_window.c)
 *
 * The verdict is a function of the set of log entries, so it does not depend on their order; that something is `late`
 * is the one thing that depends on when it came.
 *
 * State: an entry a response, until correction_horizon after it was made. In flight it takes about 100 bytes, and for
 * each impression its id, its item and 20 bytes: 0.7 KB for ten with ids of 36 bytes. Once judged, an impression that
 * matched is kept for the sake of late repeats only, with 8 bytes instead of its id: 0.4 KB.
 * (tests/operators/reconcile_response_test.c measures it.)
 */
#include "operators/reconcile.h"

#include "operators/operators.h"

static bool
draining(const struct context *context)
{
	return context_watermark(context) == TIME_MAX;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* When a response is judged. One whose first log entry came behind the watermark waits for the others all the same. */
static int64_t
due_at(const struct reconcile *self, const struct response *response)
{
	return later(response_anchor(response), response->floor) + self->settle;
}

static int64_t
forget_at(const struct reconcile *self, const struct response *response)
{
	return later(response_anchor(response), response->floor) + self->correction_horizon;
}

/* ---- keeping ---- */

/* Writes the response to its entry, which may be new, and sets its timer. */
static int
keep(const struct response *response, struct key key, int64_t timer, struct context *context, struct error *err)
{
	struct store *store = context_store(context, RESPONSES);
	struct bytes value;
	struct entry *entry;
	bool added;

	if (response_write(response, context, &value, err) < 0 ||
	    store_add(store, key, value.size, &entry, &added, err) < 0)
		return -1;
	memcpy(entry_edit(store, &entry, value.size), value.data, value.size);
	if (entry_timer(entry) != timer)
		entry_set_timer(store, entry, timer);
	return 0;
}

/* Of what was judged and matched, only what a late repeat needs is kept. */
static void
shrink(struct impression *impression, const struct verdict *verdict)
{
	if (impression->told_count != 0 || !impression->id.data)
		return;
	if (!verdict->in_log[ENGINE] || !verdict->in_log[SERVER] || !verdict->in_log[CLIENT])
		return;
	impression->hash = key_of(impression->id).hash;
	impression->id = (struct bytes){0};
}

/* ---- judging ---- */

static struct verdict *
verdicts_of(const struct response *response, struct context *context)
{
	struct verdict *verdicts = context_take(context, response->impression_count * sizeof(*verdicts));
	struct reach reach = reach_of(response);

	for (uint32_t i = 0; i < response->impression_count; i++)
		verdict_of(response, &response->impressions[i], &reach, &verdicts[i]);
	return verdicts;
}

/* The logs (bits) that have said nothing since the response was made, although another got `settle` further. */
static unsigned
silent_logs(const struct reconcile *self, const struct response *response, const struct context *context)
{
	int64_t anchor = response_anchor(response), furthest = TIME_MIN;
	unsigned silent = 0;

	for (int log = ENGINE; log < LOGS; log++) {
		int64_t at = context_input_time(context, log);

		furthest = later(furthest, at);
		silent |= at < anchor ? 1u << log : 0;
	}
	return furthest >= anchor + self->settle ? silent : 0;
}

/* Tells the mismatches of all impressions, and what they add to the counts. */
static int
tell(const struct judging *judging, const struct verdict *verdicts, struct tally *tallies, struct context *context,
     struct error *err)
{
	for (uint32_t i = 0; i < judging->response->impression_count; i++) {
		struct impression *impression = &judging->response->impressions[i];

		if (reconcile_tell(judging, impression, &verdicts[i], context, err) < 0)
			return -1;
		tallies[i] = reconcile_tally(impression, &verdicts[i]);
		shrink(impression, &verdicts[i]);
	}
	return 0;
}

static int
judge(const struct reconcile *self, struct response *response, struct key key, const struct verdict *verdicts,
      int64_t detected_at, struct context *context, struct error *err)
{
	struct judging judging = {self, response, key.bytes, window_of(self, response_anchor(response)), detected_at};
	struct tally *tallies = context_take(context, response->impression_count * sizeof(*tallies));

	if (tell(&judging, verdicts, tallies, context, err) < 0 ||
	    window_count(self, judging.window_start, response, tallies, response->impression_count, context, err) < 0)
		return -1;
	if (response->held_in != TIME_MIN && window_hold(self, response->held_in, -1, 0, context, err) < 0)
		return -1;
	response->held_in = TIME_MIN;
	response->judged = true;
	context_count(context, COUNT_JUDGED, 1);
	return keep(response, key, forget_at(self, response), context, err);
}

/* A log is silent: the verdict waits, until the next look. */
static int
hold(const struct reconcile *self, struct response *response, struct key key, int64_t until, unsigned silent,
     struct context *context, struct error *err)
{
	int64_t next = context_watermark(context) + self->window;
	bool held = response->held_in != TIME_MIN;

	if (!held) {
		response->held_in = window_of(self, response_anchor(response));
		context_count(context, COUNT_HELD, 1);
	}
	if (window_hold(self, response->held_in, held ? 0 : 1, silent, context, err) < 0)
		return -1;
	return keep(response, key, next < until ? next : until, context, err);
}

/* The response is due. */
static int
decide(const struct reconcile *self, struct response *response, struct key key, struct context *context,
       struct error *err)
{
	int64_t due = due_at(self, response), until = due + self->max_hold, watermark = context_watermark(context);
	const struct verdict *verdicts = verdicts_of(response, context);
	unsigned silent = silent_logs(self, response, context), absences = 0;

	for (uint32_t i = 0; i < response->impression_count; i++)
		absences |= verdicts[i].absences;
	silent &= absences;
	if (silent != 0 && !draining(context) && watermark <= until)
		return hold(self, response, key, until, silent, context, err);
	if (silent != 0 && window_hold(self, window_of(self, response_anchor(response)), 0, silent, context, err) < 0)
		return -1;
	if (response->held_in != TIME_MIN)
		due = watermark < until ? watermark : until;
	return judge(self, response, key, verdicts, due, context, err);
}

/* ---- log entries ---- */

static int
read_arrival(const struct reconcile *self, enum reconcile_log log, const struct record *record, struct arrival *out,
	     struct error *err)
{
	*out = (struct arrival){
		.id = record_bytes(record, self->delivery[log].id),
		.stage = (enum stage)self->delivery[log]
				 .stages.to_number[record_integer(record, self->delivery[log].stage)],
		.at = record_integer(record, self->delivery[log].logged_at),
		.item = record_bytes(record, self->delivery[log].item),
		.position = record_integer(record, self->delivery[log].position),
	};
	for (int i = 0; i < MARKER_TEXTS; i++)
		out->marker.texts[i] = record_bytes(record, self->delivery[log].marker[i]);
	if (log_of_stage(out->stage) != log)
		return fail(
			err, SKIP, "stage %s does not belong into the log of the %s",
			self->delivery[log].stage.schema->symbols[record_integer(record, self->delivery[log].stage)],
			series_logs[log]);
	/* Of a topic without `time:` nobody has looked at it before. */
	if (out->at < -EVENT_TIME_MAX_MS || out->at > EVENT_TIME_MAX_MS)
		return fail(err, SKIP, "logged_at %lld is no time in milliseconds since 1970", (long long)out->at);
	return 0;
}

/* Before the response is judged: the log entry is kept. Its window is begun in time, and the timer follows. */
static int
gather(const struct reconcile *self, struct response *response, const struct arrival *arrival, struct key key,
       int64_t timer, struct context *context, struct error *err)
{
	bool first = response->impression_count == 0;
	int64_t window = first ? TIME_MIN : window_of(self, response_anchor(response)), now_in;

	if (response_add(response, arrival, context, err) < 0)
		return -1;
	if (response->held_in == TIME_MIN)
		timer = due_at(self, response);
	if (keep(response, key, timer, context, err) < 0)
		return -1;
	now_in = window_of(self, response_anchor(response));
	return now_in == window ? 0 : window_open(self, now_in, context, err);
}

/* Takes what the impressions added to the counts before and adds what they add now, where that is not the same. */
static int
recount(const struct reconcile *self, const struct response *response, int64_t windows[2], struct tally *before,
	uint32_t count_before, const struct tally *after, struct context *context, struct error *err)
{
	size_t most = count_before + response->impression_count, minus = 0, plus = 0;
	struct tally *taken = context_take(context, 2 * most * sizeof(*taken)), *added = taken + most;

	for (uint32_t i = 0; i < response->impression_count; i++) {
		bool known = i < count_before;

		if (known && windows[0] == windows[1] && memcmp(&before[i], &after[i], sizeof(*after)) == 0)
			continue;
		if (known) {
			taken[minus] = before[i];
			taken[minus++].sign = -1;
		}
		added[plus++] = after[i];
	}
	if (windows[0] == windows[1]) { /* together: what one takes the other gives back */
		memcpy(taken + minus, added, plus * sizeof(*taken));
		return window_count(self, windows[0], response, taken, minus + plus, context, err);
	}
	if (window_count(self, windows[0], response, taken, minus, context, err) < 0)
		return -1;
	return window_count(self, windows[1], response, added, plus, context, err);
}

/* After the response was judged: the verdicts are found again. */
static int
revise(const struct reconcile *self, struct response *response, const struct arrival *arrival, struct key key,
       struct context *context, struct error *err)
{
	uint32_t count = response->impression_count;
	struct tally *before = context_take(context, count * sizeof(*before)), *after;
	const struct verdict *verdicts = verdicts_of(response, context);
	int64_t windows[2] = {window_of(self, response_anchor(response))};
	struct judging judging = {.self = self, .response = response, .request_id = key.bytes};

	for (uint32_t i = 0; i < count; i++)
		before[i] = reconcile_tally(&response->impressions[i], &verdicts[i]);
	if (response_add(response, arrival, context, err) < 0)
		return -1;
	windows[1] = window_of(self, response_anchor(response));
	verdicts = verdicts_of(response, context);
	after = context_take(context, response->impression_count * sizeof(*after));
	judging.window_start = windows[1];
	judging.detected_at = later(context_watermark(context), due_at(self, response));
	if (tell(&judging, verdicts, after, context, err) < 0 ||
	    recount(self, response, windows, before, count, after, context, err) < 0)
		return -1;
	return keep(response, key, forget_at(self, response), context, err);
}

static int
reconcile_process(const void *opened, int input, const struct record *record, struct context *context,
		  struct error *err)
{
	const struct reconcile *self = opened;
	struct arrival arrival;
	struct response response;
	struct entry *entry;

	if (read_arrival(self, (enum reconcile_log)input, record, &arrival, err) < 0 ||
	    store_find(context_store(context, RESPONSES), record->key, &entry, err) < 0)
		return -1;
	/* The response may have been forgotten: what is left of it would look like a phantom. */
	if (!entry && arrival.at - self->window + self->correction_horizon <= context_watermark(context)) {
		context_count(context, COUNT_TOO_LATE, 1);
		return 0;
	}
	response_read(entry ? entry_value(entry) : (struct bytes){0}, context, &response);
	if (response.judged)
		return revise(self, &response, &arrival, record->key, context, err);
	return gather(self, &response, &arrival, record->key, entry ? entry_timer(entry) : TIME_MAX, context, err);
}

/* ---- time ---- */

static int
response_on_timer(const struct reconcile *self, struct entry *entry, struct context *context, struct error *err)
{
	struct bytes key = entry_key(entry);
	uint8_t *copy = context_take(context, key.size);
	struct response response;

	response_read(entry_value(entry), context, &response);
	if (!response.judged) {
		memcpy(copy, key.data, key.size);
		return decide(self, &response, key_of(bytes_of(copy, key.size)), context, err);
	}
	if (draining(context)) /* the next run may still bring corrections */
		entry_set_timer(context_store(context, RESPONSES), entry, forget_at(self, &response));
	else
		entry_remove(context_store(context, RESPONSES), entry);
	return 0;
}

static int
reconcile_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	if (entry_store(entry) == WINDOWS)
		return window_on_timer(self, entry, context, err);
	return response_on_timer(self, entry, context, err);
}

/* ---- its manual page ---- */

static void
reconcile_show(const struct entry *entry, struct buffer *out)
{
	if (entry_store(entry) == RESPONSES)
		response_show(entry_value(entry), out);
	else if (entry_store(entry) == WINDOWS)
		window_show(entry, out);
	else
		series_show(entry, out);
}

#define DAY_MS (24 * 3600 * 1000.0)

static const struct option options[] = {
	{"window", OPTION_DURATION, offsetof(struct reconcile, window), "1min", 1, DAY_MS, NULL, "ms",
	 "length of a window of event time that counts are by", .state = true},
	{"settle", OPTION_DURATION, offsetof(struct reconcile, settle), "0", 0, DAY_MS, NULL, "ms",
	 "how long after it was made a response is judged, and after its end a window closes; 0: a window's length"},
	{"max_hold", OPTION_DURATION, offsetof(struct reconcile, max_hold), "0", 0, DAY_MS, NULL, "ms",
	 "how much longer a response is held where a log is silent; 0: four windows"},
	{"correction_horizon", OPTION_DURATION, offsetof(struct reconcile, correction_horizon), "1h", 1, 30 * DAY_MS,
	 NULL, "ms", "how long after it was made a response is remembered; at least 2 x window + max_hold"},
	{"listed_max", OPTION_INTEGER, offsetof(struct reconcile, listed_max), "10000", 0, 1e9, NULL, "mismatches",
	 "mismatches of a window that a task names by id; further ones are only counted"},
	OPTION_END,
};

static const struct port inputs[] = {
	[ENGINE] = {"engine", "delivery", "request_id", true, "what the engine returned"},
	[SERVER] = {"server", "delivery", "request_id", true, "what the server delivered"},
	[CLIENT] = {"client", "delivery", "request_id", true, "what the client received and exposed"},
	{.name = NULL},
};

static const struct port outputs[] = {
	[MISMATCHES] = {"mismatches", "mismatch", "impression_id", true, "every mismatch by id, revised by revision"},
	[COUNTS] = {"counts", "integrity_count", "value", false,
		    "what this task counted in each window, by dimension; rows of the same add up"},
	{.name = NULL},
};

static void
response_share(const struct share_part *entry, struct share *share)
{
	int task = share_task_of(share, entry->key);
	int64_t held_in = response_held_in(entry->value);

	share_whole(share, task);
	if (held_in != TIME_MIN)
		window_share_held(held_in, entry, task, share);
}

static const struct store_spec stores[] = {
	[RESPONSES] = {.name = "responses",
		       .help = "one entry per request_id: what the logs said about it",
		       .keyed_like_input = true,
		       .share = response_share},
	[WINDOWS] = {.name = "windows",
		     .help = "windows that are open, or may be corrected",
		     .share = window_share,
		     .merge = window_merge},
	[SERIES] = {.name = "series",
		    .help = "counts that have not gone out yet, by window, dimension and value",
		    .share = series_share,
		    .merge = series_merge},
	{.name = NULL},
};

static const struct counter_spec counters[] = {
	[COUNT_JUDGED] = {"judged", "responses judged"},
	[COUNT_MISMATCHES] = {"mismatches", "mismatches told"},
	[COUNT_REVISIONS] = {"revisions", "mismatches revised"},
	[COUNT_UNLISTED] = {"unlisted", "mismatches counted and not told, since a window had too many"},
	[COUNT_HELD] = {"held", "responses held since a log was silent"},
	[COUNT_TOO_LATE] = {"too_late", "log entries whose response had been forgotten"},
	{.name = NULL},
};

const struct operator_type reconcile_type = {
	.name = "reconcile",
	.help = "Holds what engine, server and client logged against each other, and names every mismatch by id.",
	.manual = "The logs are keyed by request_id. A response is judged settle after the earliest log "
		  "first spoke of it. Every mismatch is a row: lost, duplicated, phantom or altered, with the id, "
		  "the hop and, of an altered field, what was expected and what is there. What was missing and "
		  "comes after all revises its row to late, until correction_horizon.\n"
		  "An impression that was delivered and neither received nor exposed is lost only where the client "
		  "log has more of the response, receipts or a deeper position; otherwise nobody scrolled there: "
		  "not_reached, which is counted and no mismatch.\n"
		  "Where a log has fallen silent its responses are held until it speaks again, at most for "
		  "max_hold, so that a dead log does not make a mismatch of every id.\n",
	.options = options,
	.inputs = inputs,
	.outputs = outputs,
	.stores = stores,
	.counters = counters,
	.self_size = sizeof(struct reconcile),
	.open = reconcile_open,
	.process = reconcile_process,
	.on_timer = reconcile_on_timer,
	.show = reconcile_show,
};
