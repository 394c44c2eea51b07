/* Time in engagement_join: each entry has one timer, for whatever is due first. And what `isotope state` shows. */
#include "operators/engagement_join.h"

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The window has closed. */
static int
close_window(struct join_case *of, struct join_parts *parts, struct error *err)
{
	const struct join *join = of->join;
	struct join_head *head = &parts->head;

	head->flags |= JOIN_FINAL;
	head->revision = 1;
	context_count(of->context, head->engagement_count != 0 ? JOINED : SWIPE_AWAYS, 1);
	if (join->emit != EMIT_UPDATES && join_emit_outcome(join, of->key.bytes, parts, true, of->context, err) < 0)
		return -1;
	if (join->correction_horizon <= join->window + join->grace && context_watermark(of->context) != TIME_MAX)
		return join_end(of, err);
	join_head_store(of->store, &of->entry, head);
	entry_set_timer(of->store, of->entry, time_add(head->shown_at, join->correction_horizon));
	return 0;
}

/* The earliest time at which something that waits in the entry is given up. */
static int64_t
waiting_deadline(const struct join *join, const struct join_parts *parts)
{
	struct cursor engagements = cursor_of(parts->waiting), scores = cursor_of(parts->waiting_scores);
	struct join_engagement engagement;
	struct join_score score;
	int64_t deadline = TIME_MAX;

	while (join_next_waiting(&engagements, &engagement))
		deadline = least(deadline, time_add(engagement.occurred_at, join->orphan_wait));
	while (join_next_waiting_score(&scores, &score))
		deadline = least(deadline, time_add(score.scored_at, join->orphan_wait));
	return deadline;
}

/* No impression came: what of the two lists has waited until `until` is given up, in the order in which it came. */
static int
give_up_lists(struct join_case *of, struct bytes engagements, struct bytes scores, int64_t until, struct error *err)
{
	struct cursor waiting = cursor_of(engagements), waiting_scores = cursor_of(scores);
	struct join_engagement engagement;
	struct join_score score;

	while (join_next_waiting(&waiting, &engagement)) {
		if (time_add(engagement.occurred_at, of->join->orphan_wait) > until)
			join_add_waiting(of->store, &of->entry, &engagement);
		else if (join_orphan(of, &engagement, err) < 0)
			return -1;
	}
	while (join_next_waiting_score(&waiting_scores, &score)) {
		if (time_add(score.scored_at, of->join->orphan_wait) > until)
			join_add_waiting_score(of->store, &of->entry, &score);
		else
			context_count(of->context, DROPPED_SCORES, 1);
	}
	return 0;
}

static int
give_up(struct join_case *of, int64_t until, struct error *err)
{
	struct join_parts parts = join_parts_of(of->entry);
	struct bytes engagements = join_hold(of, parts.waiting), scores = join_hold(of, parts.waiting_scores);

	join_clear_waiting(of->store, &of->entry);
	if (give_up_lists(of, engagements, scores, until, err) < 0)
		return -1;
	parts = join_parts_of(of->entry);
	if (!join_remove_empty(of))
		entry_set_timer(of->store, of->entry, waiting_deadline(of->join, &parts));
	return 0;
}

/*
 * When the entry is due by today's options. Its timer was set by those of then: where it is too early now, it is set
 * again.
 */
static int64_t
due_at(const struct join *join, const struct join_parts *parts)
{
	if (!(parts->head.flags & JOIN_HAS_IMPRESSION))
		return waiting_deadline(join, parts);
	if (!(parts->head.flags & JOIN_FINAL))
		return time_add(parts->head.shown_at, join->window + join->grace);
	return time_add(parts->head.shown_at, join->correction_horizon);
}

static int
case_due(const struct join *join, struct entry *entry, struct context *context, struct error *err)
{
	struct join_case of = {
		.join = join, .context = context, .store = context_store(context, CASES), .entry = entry};
	bool end = context_watermark(context) == TIME_MAX; /* a bounded run closes all windows */
	struct join_parts parts;
	int64_t due;

	if (join_flags_of(entry) & JOIN_REMEMBERED)
		return join_remembered_due(&of, err);
	parts = join_parts_of(entry);
	due = due_at(join, &parts);
	if (!end && due >= context_watermark(context)) {
		entry_set_timer(of.store, entry, due);
		return 0;
	}
	of.key = key_of(join_hold(&of, entry_key(entry)));
	if (!(parts.head.flags & JOIN_HAS_IMPRESSION))
		return give_up(&of, end ? TIME_MAX : due, err);
	if (!(parts.head.flags & JOIN_FINAL))
		return close_window(&of, &parts, err);
	if (!end)
		return join_end(&of, err);
	entry_set_timer(of.store, entry, due); /* the next run may still bring corrections */
	return 0;
}

int
join_on_timer(const void *self, struct entry *entry, struct context *context, struct error *err)
{
	switch ((enum join_store)entry_store(entry)) {
	case CASES:
		return case_due(self, entry, context, err);
	case WAITING:
		return join_waiting_due(self, entry, context, err);
	case IDS:
	case REMEMBERED:
		break;
	}
	return fail(err, FATAL, "engagement_join has no timers in store %d", entry_store(entry));
}

/* ---- isotope state ---- */

static void
show_case(const struct entry *entry, struct buffer *out)
{
	struct join_head head = join_head_of(entry);
	bool shown = head.flags & JOIN_HAS_IMPRESSION;

	if (head.flags & JOIN_REMEMBERED) {
		buffer_print(out, "{\"impression\": false, \"remembered\": true, \"shown_at\": %lld}",
			     (long long)head.shown_at);
		return;
	}
	buffer_print(out, "{\"impression\": %s", shown ? "true" : "false");
	if (shown)
		buffer_print(out,
			     ", \"shown_at\": %lld, \"final\": %s, \"revision\": %d, \"engaged\": %s, "
			     "\"n_engagements\": %u",
			     (long long)head.shown_at, head.flags & JOIN_FINAL ? "true" : "false", head.revision,
			     head.flags & JOIN_ENGAGED ? "true" : "false", head.engagement_count);
	buffer_print(out, ", \"scores\": %d, \"waiting_engagements\": %u, \"waiting_scores\": %d}", head.score_count,
		     head.waiting_count + (head.flags & JOIN_WAIT_APART ? head.hashed_count : 0),
		     head.waiting_score_count);
}

void
join_show(const struct entry *entry, struct buffer *out)
{
	struct bytes value = entry_value(entry);

	switch ((enum join_store)entry_store(entry)) {
	case CASES:
		show_case(entry, out);
		break;
	case IDS:
		buffer_print(out, "{\"engagement_ids\": %zu}", value.size / sizeof(uint64_t));
		break;
	case WAITING:
		buffer_print(out, "{\"waiting_engagements\": %lld}", (long long)join_waiting_in(value));
		break;
	case REMEMBERED:
		buffer_print(out, "{\"bytes_of_ids\": %u}", load_u32(value.data));
		break;
	}
}
