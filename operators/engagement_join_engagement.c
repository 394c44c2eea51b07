/*
 * Engagements. With its impression one is folded where it belongs, else it is late. Without, it waits until
 * occurred_at + orphan_wait: some in the entry of the impression_id, where they are many apart
 * (engagement_join_waiting.c). One whose impression may be gone, or is known to be, is late at once. What is beyond
 * `engagements_max` or `waiting_max` goes to `overflow`: a limit that one hot impression reaches says nothing about any
 * other.
 */
#include "operators/engagement_join.h"

#include "record/text_field.h"

/* ---- folding ---- */

/* Whether watched_seconds of the outcome is from now on this engagement's. */
static bool
is_latest_watch(const struct join_parts *parts, const struct join_engagement *engagement)
{
	if (!engagement->has_watched)
		return false;
	if (!(parts->head.flags & JOIN_WATCHED))
		return true;
	if (engagement->occurred_at != parts->head.watched_at)
		return engagement->occurred_at > parts->head.watched_at;
	return bytes_compare(engagement->id, join_id_at(parts, parts->head.watched_id)) > 0;
}

/* A skip is none, and neither is a view or a watch that was over at once. */
static bool
is_engaged(const struct join_engagement *engagement)
{
	if (engagement->action == ACTION_SKIP)
		return false;
	return (engagement->action != VIEW && engagement->action != WATCH) || !engagement->has_watched ||
	       engagement->watched >= JOIN_SKIPPED_SECONDS;
}

static int
fold(struct join_case *of, const struct join_parts *parts, const struct join_engagement *engagement, struct error *err)
{
	struct join_head head = parts->head;
	bool latest = is_latest_watch(parts, engagement);

	head.flags |= JOIN_FOLDED;
	head.flags |= engagement->action == ACTION_SKIP ? JOIN_SKIPPED : is_engaged(engagement) ? JOIN_ENGAGED : 0;
	head.actions = (uint16_t)(head.actions | 1u << engagement->action);
	if (head.engagement_count == 0 || engagement->occurred_at < head.first_at)
		head.first_at = engagement->occurred_at;
	if (head.engagement_count == 0 || engagement->occurred_at > head.last_at)
		head.last_at = engagement->occurred_at;
	head.engagement_count++;
	if (latest) {
		head.flags |= JOIN_WATCHED | JOIN_WATCHED_DURATION;
		head.flags ^= engagement->has_duration ? 0 : JOIN_WATCHED_DURATION;
		head.watched_at = engagement->occurred_at;
		head.watched = engagement->watched;
		head.watched_duration = engagement->duration;
	}
	return join_note_id(of, &head, engagement->id, latest, err);
}

static bool
belongs(const struct join *join, const struct join_head *head, int64_t occurred_at)
{
	return occurred_at >= time_add(head->shown_at, -join->before) &&
	       occurred_at <= time_add(head->shown_at, join->window);
}

static struct bytes
owner_of(const struct join_owner *owner, int which, const struct join_engagement *engagement)
{
	if (engagement->owners[which].data)
		return engagement->owners[which];
	return text_field_of(owner->schema, engagement->body, owner->fields[which]);
}

/* An engagement by somebody else, or with something else, than was shown: it is joined by the impression_id all the
 * same, and counted. */
static void
count_others(const struct join_case *of, struct bytes shown, const struct join_engagement *engagement)
{
	const struct join_owner *owner = &of->join->impression.owner, *other = &of->join->engagement.owner;

	for (int i = 0; i < JOIN_OWNERS; i++) {
		if (owner->fields[i] < 0 || other->fields[i] < 0)
			continue;
		if (!bytes_equal(text_field_of(owner->schema, shown, owner->fields[i]), owner_of(other, i, engagement)))
			context_count(of->context, i == JOIN_USER ? OTHER_USER : OTHER_ITEM, 1);
	}
}

int
join_judge(struct join_case *of, const struct join_engagement *engagement, struct error *err)
{
	struct join_parts parts = join_parts_of(of->entry);

	if (belongs(of->join, &parts.head, engagement->occurred_at)) {
		count_others(of, parts.body, engagement);
		of->changed = true;
		return fold(of, &parts, engagement, err);
	}
	if (join_note_id(of, &parts.head, engagement->id, false, err) < 0) /* a repeat of it changes nothing either */
		return -1;
	return join_pass_on(of, LATE, LATE_ENGAGEMENTS, engagement->body, err);
}

/* ---- waiting ---- */

int
join_orphan(struct join_case *of, const struct join_engagement *engagement, struct error *err)
{
	return join_pass_on(of, ORPHANS, ORPHAN_ENGAGEMENTS, engagement->body, err);
}

static bool
waits_inside(const struct join_case *of, const struct join_engagement *engagement)
{
	struct join_head head = join_head_of(of->entry);
	size_t size = join_waiting_size(engagement);

	return !(head.flags & JOIN_WAIT_APART) && head.waiting_count < JOIN_WAITING_MAX &&
	       head.waiting_size + size <= JOIN_WAITING_SIZE_MAX && join_has_room(of->entry, size);
}

static int
overflow(struct join_case *of, const struct join_engagement *engagement, struct error *err)
{
	return join_pass_on(of, OVERFLOW_ENGAGEMENTS, ENGAGEMENTS_OVER, engagement->body, err);
}

static int
wait_for_impression(struct join_case *of, const struct join_engagement *engagement, struct error *err)
{
	const struct join *join = of->join;
	int64_t gone_at = time_add(time_add(engagement->occurred_at, -join->window), join->correction_horizon);
	int64_t deadline = time_add(engagement->occurred_at, join->orphan_wait);
	bool added, full = false;

	if (gone_at <= context_watermark(of->context))
		return join_pass_on(of, LATE, LATE_ENGAGEMENTS, engagement->body, err);
	if (!of->entry && store_add(of->store, of->key, JOIN_HEAD_SIZE_MIN, &of->entry, &added, err) < 0)
		return -1;
	if (!waits_inside(of, engagement)) {
		if (join_wait_apart(of, engagement, &full, err) < 0)
			return -1;
		if (full)
			join_remove_empty(of);
		return full ? overflow(of, engagement, err) : 0;
	}
	join_add_waiting(of->store, &of->entry, engagement);
	if (deadline < entry_timer(of->entry))
		entry_set_timer(of->store, of->entry, deadline);
	return 0;
}

/* ---- records ---- */

static int
read_engagement(const struct join *join, const struct record *record, struct context *context,
		struct join_engagement *out, struct error *err)
{
	*out = (struct join_engagement){
		.id = record_bytes(record, join->engagement.id),
		.occurred_at = record_integer(record, join->engagement.occurred_at),
		.action = join->engagement.actions.to_number[record_integer(record, join->engagement.action)],
		.has_watched = !record_is_null(record, join->engagement.watched),
		.has_duration = !record_is_null(record, join->engagement.duration),
	};
	for (int i = 0; i < JOIN_OWNERS; i++)
		if (join->engagement.owner.fields[i] >= 0)
			out->owners[i] = record_bytes(record, join->engagement.owner.of[i]);
	if (out->has_watched)
		out->watched = record_real(record, join->engagement.watched);
	if (out->has_duration)
		out->duration = record_real(record, join->engagement.duration);
	if (out->id.size > JOIN_TEXT_SIZE_MAX)
		return fail(err, SKIP, "engagement_id has %zu bytes; at most %d", out->id.size, JOIN_TEXT_SIZE_MAX);
	return context_body(context, ENGAGEMENTS, record, &out->body, err);
}

/* Those that it had and those that wait for it, together. */
static bool
is_full(const struct join_case *of, const struct join_head *head)
{
	int64_t hashed = head->flags & JOIN_HASHED ? head->hashed_count : 0;

	return head->id_count + head->waiting_count + hashed >= of->join->engagements_max;
}

int
join_process_engagement(const struct join *join, const struct record *record, struct context *context,
			struct error *err)
{
	struct join_engagement engagement;
	struct join_case of;
	struct join_head head;
	bool known;

	if (read_engagement(join, record, context, &engagement, err) < 0 ||
	    join_find(join, record->key, context, &of, err) < 0)
		return -1;
	if (!of.entry)
		return wait_for_impression(&of, &engagement, err);
	head = join_head_of(of.entry);
	if (head.flags & JOIN_REMEMBERED)
		return join_pass_on(&of, LATE, LATE_ENGAGEMENTS, engagement.body, err);
	if (join_knows_id(&of, engagement.id, &known, err) < 0)
		return -1;
	if (known) {
		context_count(context, REPEATED_ENGAGEMENTS, 1);
		return 0;
	}
	if (is_full(&of, &head))
		return overflow(&of, &engagement, err);
	if (!(head.flags & JOIN_HAS_IMPRESSION))
		return wait_for_impression(&of, &engagement, err);
	if (join_judge(&of, &engagement, err) < 0)
		return -1;
	return of.changed ? join_emit_change(&of, err) : 0;
}
