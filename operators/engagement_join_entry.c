#include "operators/engagement_join.h"

#include "base/packed.h"

/* ---- reading ---- */

static size_t
head_size(const struct join_head *head)
{
	return head->flags & (JOIN_FOLDED | JOIN_HASHED) ? sizeof(*head) : JOIN_HEAD_SIZE_MIN;
}

/* What is kept of a remembered id; a bundle of others follows, or nothing. */
struct remembered {
	uint16_t flags;
	uint8_t shown_at[sizeof(int64_t)];
};

static struct join_head
remembered_at(const uint8_t *from)
{
	struct remembered remembered;

	memcpy(&remembered, from, sizeof(remembered));
	return (struct join_head){.flags = remembered.flags, .shown_at = (int64_t)load_u64(remembered.shown_at)};
}

static struct join_head
head_at(const uint8_t *from)
{
	struct join_head head;

	memcpy(&head.flags, from, sizeof(head.flags));
	if (head.flags & JOIN_REMEMBERED)
		return remembered_at(from);
	memcpy(&head, from, JOIN_HEAD_SIZE_MIN);
	if (head_size(&head) == sizeof(head))
		memcpy(&head, from, sizeof(head));
	else
		memset((uint8_t *)&head + JOIN_HEAD_SIZE_MIN, 0, sizeof(head) - JOIN_HEAD_SIZE_MIN);
	return head;
}

unsigned
join_flags_of(const struct entry *entry)
{
	uint16_t flags;

	memcpy(&flags, entry_value(entry).data, sizeof(flags));
	return flags;
}

struct join_head
join_head_in(struct bytes value)
{
	return head_at(value.data);
}

struct join_head
join_head_of(const struct entry *entry)
{
	return join_head_in(entry_value(entry));
}

static struct join_parts
parts_at(struct bytes value)
{
	struct join_parts parts = {.head = head_at(value.data)};
	const uint8_t *at = value.data + head_size(&parts.head);

	insist(!(parts.head.flags & JOIN_REMEMBERED));
	parts.body = bytes_of(at, parts.head.body_size);
	parts.ids = bytes_of(at += parts.body.size, parts.head.ids_size);
	parts.scores = bytes_of(at += parts.ids.size, parts.head.scores_size);
	parts.waiting = bytes_of(at += parts.scores.size, parts.head.waiting_size);
	parts.waiting_scores = bytes_of(at += parts.waiting.size, parts.head.waiting_scores_size);
	insist(at + parts.waiting_scores.size == value.data + value.size);
	return parts;
}

struct join_parts
join_parts_of(const struct entry *entry)
{
	return parts_at(entry_value(entry));
}

struct bytes
join_id_at(const struct join_parts *parts, uint32_t offset)
{
	struct cursor cursor = cursor_of(bytes_of(parts->ids.data + offset, parts->ids.size - offset));

	return cursor_text(&cursor);
}

bool
join_next_score(struct cursor *cursor, struct join_score *out)
{
	if (cursor_left(cursor) == 0)
		return false;
	*out = (struct join_score){.model_version = cursor_text(cursor)};
	out->watch_seconds = cursor_real(cursor);
	out->engage_probability = cursor_real(cursor);
	out->shadow = cursor_u8(cursor) != 0;
	out->scored_at = (int64_t)cursor_u64(cursor);
	insist(!cursor->bad);
	return true;
}

bool
join_next_waiting_score(struct cursor *cursor, struct join_score *out)
{
	if (!join_next_score(cursor, out))
		return false;
	out->body = cursor_text(cursor);
	insist(!cursor->bad);
	return true;
}

bool
join_next_waiting(struct cursor *cursor, struct join_engagement *out)
{
	uint8_t has;

	if (cursor_left(cursor) == 0)
		return false;
	*out = (struct join_engagement){.id = cursor_text(cursor)};
	out->occurred_at = (int64_t)cursor_u64(cursor);
	out->action = cursor_u8(cursor);
	has = cursor_u8(cursor);
	out->has_watched = has & 1;
	out->has_duration = has & 2;
	out->watched = cursor_real(cursor);
	out->duration = cursor_real(cursor);
	out->body = cursor_text(cursor);
	insist(!cursor->bad);
	return true;
}

bool
join_has_score(const struct join_parts *parts, struct bytes model_version)
{
	struct cursor cursor = cursor_of(parts->scores);
	struct join_score score;

	while (join_next_score(&cursor, &score))
		if (bytes_equal(score.model_version, model_version))
			return true;
	return false;
}

/* ---- writing ---- */

void
join_head_store(struct store *store, struct entry **entry, const struct join_head *head)
{
	memcpy(entry_edit(store, entry, entry_value(*entry).size), head, head_size(head));
}

bool
join_has_room(const struct entry *entry, size_t size)
{
	return entry_value(entry).size + size + JOIN_RESERVE_SIZE <= STORE_VALUE_SIZE_MAX;
}

int
join_begin(struct store *store, struct key key, const struct join_head *head, struct bytes body, struct entry **entry,
	   struct error *err)
{
	struct join_head full = *head;
	size_t size = JOIN_HEAD_SIZE_MIN + body.size;
	uint8_t *value;
	bool added;

	if (!*entry && store_add(store, key, size, entry, &added, err) < 0)
		return -1;
	full.body_size = (uint32_t)body.size;
	value = entry_edit(store, entry, size);
	memcpy(value, &full, JOIN_HEAD_SIZE_MIN);
	memcpy(value + JOIN_HEAD_SIZE_MIN, body.data, body.size);
	return 0;
}

void
join_keep_id(struct store *store, struct entry **entry, int64_t shown_at, struct bytes bundle)
{
	struct remembered remembered = {.flags = JOIN_REMEMBERED};
	uint8_t *value = entry_edit(store, entry, sizeof(remembered) + bundle.size);

	store_u64(remembered.shown_at, (uint64_t)shown_at);
	memcpy(value, &remembered, sizeof(remembered));
	if (bundle.size != 0)
		memcpy(value + sizeof(remembered), bundle.data, bundle.size);
}

struct bytes
join_bundle_of(const struct entry *entry)
{
	struct bytes value = entry_value(entry);

	return bytes_of(value.data + sizeof(struct remembered), value.size - sizeof(struct remembered));
}

/* `old` bytes at `at` become `size` others, which are not set. */
static uint8_t *
replace(struct store *store, struct entry **entry, size_t at, size_t old, size_t size)
{
	size_t whole = entry_value(*entry).size;
	uint8_t *value;

	if (size > old) {
		value = entry_edit(store, entry, whole + size - old);
		memmove(value + at + size, value + at + old, whole - at - old);
		return value + at;
	}
	value = entry_edit(store, entry, whole);
	memmove(value + at + size, value + at + old, whole - at - old);
	return entry_edit(store, entry, whole + size - old) + at;
}

void
join_change_head(struct store *store, struct entry **entry, const struct join_head *head)
{
	struct join_head before = join_head_of(*entry);

	memcpy(replace(store, entry, 0, head_size(&before), head_size(head)), head, head_size(head));
}

void
join_put_watched_id(struct store *store, struct entry **entry, struct bytes id)
{
	struct join_head head = join_head_of(*entry);
	size_t old = head.flags & JOIN_WATCHED_APART ? head.ids_size - head.watched_id : 0;
	size_t before = head.ids_size - old;

	store_text(replace(store, entry, head_size(&head) + head.body_size + before, old, text_size(id)), id);
	head.flags |= JOIN_WATCHED_APART;
	head.watched_id = (uint32_t)before;
	head.ids_size = (uint32_t)(before + text_size(id));
	join_head_store(store, entry, &head);
}

/* Makes room for `size` bytes at `at`, and stores the head that tells of them. */
static uint8_t *
open_gap(struct store *store, struct entry **entry, const struct join_head *head, size_t at, size_t size)
{
	size_t old = entry_value(*entry).size;
	uint8_t *value = entry_edit(store, entry, old + size);

	memmove(value + at + size, value + at, old - at);
	memcpy(value, head, head_size(head));
	return value + at;
}

static uint8_t *
put_u64(uint8_t *to, const void *value)
{
	memcpy(to, value, sizeof(uint64_t));
	return to + sizeof(uint64_t);
}

/* The first fold makes the head longer, and every id the ids: both gaps are opened in one change of size. */
void
join_add_id(struct store *store, struct entry **entry, struct join_head *head, struct bytes id)
{
	struct join_head before = join_head_of(*entry);
	size_t old = entry_value(*entry).size, size = text_size(id);
	size_t longer = head_size(head) - head_size(&before);
	size_t body = head_size(&before), behind = body + before.body_size + before.ids_size;
	uint8_t *value = entry_edit(store, entry, old + longer + size);

	memmove(value + behind + longer + size, value + behind, old - behind);
	if (longer != 0)
		memmove(value + body + longer, value + body, behind - body);
	store_text(value + behind + longer, id);
	head->ids_size = before.ids_size + (uint32_t)size;
	head->id_count = (uint16_t)(before.id_count + 1);
	memcpy(value, head, head_size(head));
}

static size_t
score_size(const struct join_score *score)
{
	return text_size(score->model_version) + 3 * sizeof(uint64_t) + 1;
}

size_t
join_score_size(const struct join_score *score)
{
	return score_size(score) + text_size(score->body);
}

static uint8_t *
put_score(uint8_t *to, const struct join_score *score)
{
	to = store_text(to, score->model_version);
	to = put_u64(to, &score->watch_seconds);
	to = put_u64(to, &score->engage_probability);
	*to++ = score->shadow;
	return put_u64(to, &score->scored_at);
}

/* Scores stand in the order of their model_version, so that a row does not depend on which came first. */
void
join_add_score(struct store *store, struct entry **entry, const struct join_score *score)
{
	struct join_parts parts = join_parts_of(*entry);
	struct join_head head = parts.head;
	struct cursor cursor = cursor_of(parts.scores);
	struct join_score other;
	const uint8_t *place = cursor.at;
	size_t before;

	while (join_next_score(&cursor, &other) && bytes_compare(other.model_version, score->model_version) < 0)
		place = cursor.at;
	before = (size_t)(place - parts.scores.data);
	head.scores_size += (uint32_t)score_size(score);
	head.score_count++;
	put_score(open_gap(store, entry, &head, head_size(&head) + head.body_size + head.ids_size + before,
			   score_size(score)),
		  score);
}

size_t
join_waiting_size(const struct join_engagement *engagement)
{
	return text_size(engagement->id) + 3 * sizeof(uint64_t) + 2 + text_size(engagement->body);
}

void
join_put_waiting(uint8_t *to, const struct join_engagement *engagement)
{
	to = store_text(to, engagement->id);
	to = put_u64(to, &engagement->occurred_at);
	*to++ = (uint8_t)engagement->action;
	*to++ = (uint8_t)((engagement->has_watched ? 1 : 0) | (engagement->has_duration ? 2 : 0));
	to = put_u64(to, &engagement->watched);
	to = put_u64(to, &engagement->duration);
	store_text(to, engagement->body);
}

void
join_add_waiting(struct store *store, struct entry **entry, const struct join_engagement *engagement)
{
	struct join_head head = join_head_of(*entry);
	size_t at = entry_value(*entry).size - head.waiting_scores_size;
	size_t size = join_waiting_size(engagement);

	head.waiting_size += (uint32_t)size;
	head.waiting_count++;
	join_put_waiting(open_gap(store, entry, &head, at, size), engagement);
}

void
join_add_waiting_score(struct store *store, struct entry **entry, const struct join_score *score)
{
	struct join_head head = join_head_of(*entry);
	size_t at = entry_value(*entry).size, size = join_score_size(score);

	head.waiting_scores_size += (uint32_t)size;
	head.waiting_score_count++;
	store_text(put_score(open_gap(store, entry, &head, at, size), score), score->body);
}

void
join_clear_waiting(struct store *store, struct entry **entry)
{
	struct join_head head = join_head_of(*entry);
	size_t size = entry_value(*entry).size - head.waiting_size - head.waiting_scores_size;

	head.waiting_size = head.waiting_scores_size = 0;
	head.waiting_count = head.waiting_score_count = 0;
	memcpy(entry_edit(store, entry, size), &head, head_size(&head));
}

/* ---- rewriting ---- */

int
join_rewrite_waiting(struct bytes waiting, struct stored *stored, struct buffer *out, struct error *err)
{
	struct cursor list = cursor_of(waiting);
	struct join_engagement engagement;

	while (join_next_waiting(&list, &engagement)) {
		size_t size;

		if (stored_body(stored, ENGAGEMENTS, engagement.body, &engagement.body, err) < 0)
			return -1;
		size = join_waiting_size(&engagement);
		join_put_waiting(buffer_reserve(out, size), &engagement);
		out->size += size;
	}
	return 0;
}

static int
rewrite_waiting_scores(struct cursor list, struct stored *stored, struct buffer *out, struct error *err)
{
	struct join_score score;

	while (join_next_waiting_score(&list, &score)) {
		size_t size;

		if (stored_body(stored, SCORES, score.body, &score.body, err) < 0)
			return -1;
		size = join_score_size(&score);
		store_text(put_score(buffer_reserve(out, size), &score), score.body);
		out->size += size;
	}
	return 0;
}

int
join_rewrite(struct bytes value, struct stored *stored, struct buffer *out, struct error *err)
{
	struct join_head head = head_at(value.data);
	size_t start = out->size, at;
	struct join_parts parts;
	struct bytes body;

	if (head.flags & JOIN_REMEMBERED) {
		buffer_put_bytes(out, value);
		return 0;
	}
	parts = parts_at(value);
	if (stored_body(stored, IMPRESSIONS, parts.body, &body, err) < 0)
		return -1;
	head.body_size = (uint32_t)body.size;
	buffer_put(out, &head, head_size(&head));
	buffer_put_bytes(out, body);
	buffer_put_bytes(out, parts.ids);
	buffer_put_bytes(out, parts.scores);
	at = out->size;
	if (join_rewrite_waiting(parts.waiting, stored, out, err) < 0)
		return -1;
	head.waiting_size = (uint32_t)(out->size - at);
	at = out->size;
	if (rewrite_waiting_scores(cursor_of(parts.waiting_scores), stored, out, err) < 0)
		return -1;
	head.waiting_scores_size = (uint32_t)(out->size - at);
	memcpy(out->data + start, &head, head_size(&head));
	return 0;
}
