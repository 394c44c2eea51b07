/*
 * reconcile: what the engine, the server and the client logged about each response, held against each other.
 *
 * All three logs are keyed by request_id, so one task sees the whole response. It was made when the earliest log
 * (engine, else server, else client) first speaks of it, and belongs to the window (event time) that this lies in. When
 * the watermark W is `settle` (a window's length) past that, the response is judged: each of its impressions has a
 * verdict (reconcile_verdict.h), and every mismatch is a row that names the id, the hop and, if a field was altered,
 * what was expected and what is there.
 *
 *     a log entry        before that: kept. After it: kept too, and `settle` later the verdict is found again, from all
 *                        that has come until then; what has changed is a row with the next revision. What was missing
 *                        and is here now is `late`, not lost. Later than correction_horizon: counted and dropped, since
 *                        its response has been forgotten. More than a response may have: counted, and passed on to the
 *                        output `overflow`
 *     a silent log       (reconcile_silence.c) nothing has come from it since the response was made, although another
 *                        log has got `settle` further: what seems to be missing from it is no verdict yet. The response
 *                        is held until the log speaks again, at most for max_hold. The window lists a log as silent
 *                        that said nothing for longer than settle + max_hold
 *     the counts         of each window and value of a dimension (reconcile_window.c)
 *
 * The verdict is a function of the set of log entries, so it does not depend on their order; that something is `late`
 * is the one thing that depends on when it came.
 *
 * State: an entry a response, until correction_horizon after it was made. In flight it takes about 120 bytes, and for
 * each impression its id, its item and 20 bytes: 0.7 KB for ten with ids of 36 bytes. Once judged, an impression that
 * matched is kept for the sake of late repeats only, with 8 bytes instead of its id: 0.4 KB.
 * (tests/operators/reconcile_response_test.c measures it.)
 */
#include "operators/reconcile.h"

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
	response->told_at = detected_at;
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
	struct silence silence = {0};
	unsigned absences = 0;

	for (uint32_t i = 0; i < response->impression_count; i++)
		absences |= verdicts[i].absences;
	if (absences != 0 && reconcile_silent_logs(self, response, &silence, context, err) < 0)
		return -1;
	silence.is &= absences;
	silence.was &= absences;
	if (silence.is != 0 && !draining(context) && watermark <= until)
		return hold(self, response, key, until, silence.is, context, err);
	if (silence.was != 0 &&
	    window_hold(self, window_of(self, response_anchor(response)), 0, silence.was, context, err) < 0)
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
	if (!out->marker.texts[USER].data) /* empty, and known to be */
		out->marker.texts[USER] = bytes_of_text("");
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

/* Before the response is judged: the log entry is kept. Its window is begun in time, and the timer follows. `before`:
 * the window that the response was in. */
static int
gather(const struct reconcile *self, struct response *response, int64_t before, struct key key, int64_t timer,
       struct context *context, struct error *err)
{
	int64_t now_in = window_of(self, response_anchor(response));

	if (response->held_in == TIME_MIN)
		timer = due_at(self, response);
	if (keep(response, key, timer, context, err) < 0)
		return -1;
	return now_in == before ? 0 : window_open(self, now_in, context, err);
}

/* After the response was judged: the log entry is kept until it is judged again, with those that come meanwhile. */
static int
gather_late(const struct reconcile *self, struct response *response, struct key key, int64_t timer,
	    struct context *context, struct error *err)
{
	int64_t told_at = response->told_at != TIME_MIN ? response->told_at : due_at(self, response);

	if (response->due_again == TIME_MAX)
		timer = response->due_again = later(context_watermark(context), told_at) + self->settle;
	return keep(response, key, timer, context, err);
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

/* Log entries have come since the verdicts: they are found again. */
static int
judge_again(const struct reconcile *self, struct response *response, struct key key, struct context *context,
	    struct error *err)
{
	struct response seen = response_seen(response, context);
	uint32_t count = seen.impression_count;
	struct tally *before = context_take(context, (count + 1) * sizeof(*before)), *after;
	const struct verdict *verdicts = verdicts_of(&seen, context);
	int64_t windows[2] = {window_of(self, response_anchor(&seen)), window_of(self, response_anchor(response))};
	struct judging judging = {self, response, key.bytes, windows[1], response->due_again};

	for (uint32_t i = 0; i < count; i++)
		before[i] = reconcile_tally(&seen.impressions[i], &verdicts[i]);
	verdicts = verdicts_of(response, context);
	after = context_take(context, response->impression_count * sizeof(*after));
	if (tell(&judging, verdicts, after, context, err) < 0 ||
	    recount(self, response, windows, before, count, after, context, err) < 0)
		return -1;
	response->told_at = response->due_again;
	response->due_again = TIME_MAX;
	return keep(response, key, forget_at(self, response), context, err);
}

/* What is more than a response may have is daily life: it is passed on as it is. */
static int
overflow(const struct reconcile *self, int log, const struct record *record, struct context *context, struct error *err)
{
	struct record *row = context_row(context, OVERFLOW);

	context_count(context, COUNT_OVERFLOW, 1);
	if (!context_connected(context, OVERFLOW))
		return 0;
	if (context_body(context, log, record, &row->prefix, err) < 0)
		return -1;
	row->prefix_fields = self->field_count[log];
	row->time_ms = record->time_ms;
	return context_emit(context, OVERFLOW, record->key.bytes, row, err);
}

int
reconcile_process(const void *opened, int input, const struct record *record, struct context *context,
		  struct error *err)
{
	const struct reconcile *self = opened;
	struct arrival arrival;
	struct response response;
	struct entry *entry;
	int64_t before;

	if (read_arrival(self, (enum reconcile_log)input, record, &arrival, err) < 0 ||
	    reconcile_note_gap(self, (enum reconcile_log)input, record->time_ms, context, err) < 0 ||
	    store_find(context_store(context, RESPONSES), record->key, &entry, err) < 0)
		return -1;
	/* The response may have been forgotten: what is left of it would look like a phantom. */
	if (!entry && arrival.at - self->window + self->correction_horizon <= context_watermark(context)) {
		context_count(context, COUNT_TOO_LATE, 1);
		return 0;
	}
	response_read(entry ? entry_value(entry) : (struct bytes){0}, context, &response);
	before = response.impression_count != 0 ? window_of(self, response_anchor(&response)) : TIME_MIN;
	if (!response_add(&response, &arrival, &self->limits, context))
		return overflow(self, input, record, context, err);
	if (response.judged)
		return gather_late(self, &response, record->key, entry_timer(entry), context, err);
	return gather(self, &response, before, record->key, entry ? entry_timer(entry) : TIME_MAX, context, err);
}

/* ---- time ---- */

static int
response_on_timer(const struct reconcile *self, struct entry *entry, struct context *context, struct error *err)
{
	struct bytes key = entry_key(entry);
	uint8_t *copy = context_take(context, key.size);
	struct response response;

	response_read(entry_value(entry), context, &response);
	memcpy(copy, key.data, key.size);
	if (!response.judged)
		return decide(self, &response, key_of(bytes_of(copy, key.size)), context, err);
	if (response.due_again != TIME_MAX)
		return judge_again(self, &response, key_of(bytes_of(copy, key.size)), context, err);
	if (draining(context)) /* the next run may still bring corrections */
		entry_set_timer(context_store(context, RESPONSES), entry, forget_at(self, &response));
	else
		entry_remove(context_store(context, RESPONSES), entry);
	return 0;
}

int
reconcile_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	if (entry_store(entry) == WINDOWS)
		return window_on_timer(self, entry, context, err);
	return response_on_timer(self, entry, context, err);
}
