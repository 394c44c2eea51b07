/*
 * Engagements that wait for their impression, beyond those that its entry holds: lists of some 32 KiB, in the order in
 * which they came, each an entry of its own with the deadline of its earliest as its timer. So many of them may wait
 * without one that comes, or is given up, costing more. Their ids stand hashed in the store IDS. Entry 0 of an
 * impression says how far its lists go and how much they hold; `waiting_max` bounds that.
 */
#include "operators/engagement_join.h"
#include "operators/part_key.h"

#define LIST_SIZE_MAX 32768 /* bytes; a list that is that long is followed by another one */
#define NUMBER_SIZE 4	    /* of a list, behind the impression_id in its key */

enum tag { TAG_INDEX, TAG_LIST }; /* the first byte of a value */

struct index {
	uint32_t last;	/* number of the last list; they begin with 1, and any may be gone */
	uint64_t bytes; /* of all lists; of other bodies where the schema has changed since, so it only bounds them */
};

#define INDEX_SIZE (1 + sizeof(uint32_t) + sizeof(uint64_t))

static struct store *
store_of(const struct join_case *of)
{
	return context_store(of->context, WAITING);
}

static struct key
list_key(const struct join_case *of, uint32_t number)
{
	return part_key(of->context, of->key.bytes, number, NUMBER_SIZE);
}

static int
read_index(const struct join_case *of, struct index *out, struct error *err)
{
	struct entry *entry;
	const uint8_t *value;

	*out = (struct index){.last = 1};
	if (store_find(store_of(of), list_key(of, 0), &entry, err) < 0)
		return -1;
	if (!entry)
		return 0;
	value = entry_value(entry).data;
	*out = (struct index){.last = load_u32(value + 1), .bytes = load_u64(value + 1 + sizeof(uint32_t))};
	return 0;
}

static int
write_index(const struct join_case *of, const struct index *index, struct error *err)
{
	struct entry *entry;
	uint8_t *value;
	bool added;

	if (store_add(store_of(of), list_key(of, 0), INDEX_SIZE, &entry, &added, err) < 0)
		return -1;
	value = entry_edit(store_of(of), &entry, INDEX_SIZE);
	value[0] = TAG_INDEX;
	store_u32(value + 1, index->last);
	store_u64(value + 1 + sizeof(uint32_t), index->bytes);
	return 0;
}

static int
remove_entry(const struct join_case *of, uint32_t number, struct error *err)
{
	struct entry *entry;

	if (store_find(store_of(of), list_key(of, number), &entry, err) < 0)
		return -1;
	if (entry)
		entry_remove(store_of(of), entry);
	return 0;
}

/* ---- coming ---- */

static int
append(struct join_case *of, struct index *index, const struct join_engagement *engagement, struct error *err)
{
	size_t size = join_waiting_size(engagement), old;
	int64_t deadline = time_add(engagement->occurred_at, of->join->orphan_wait);
	struct entry *list;
	bool added;

	if (store_add(store_of(of), list_key(of, index->last), 1, &list, &added, err) < 0)
		return -1;
	if (entry_value(list).size > 1 && entry_value(list).size + size > LIST_SIZE_MAX) {
		index->last++;
		if (store_add(store_of(of), list_key(of, index->last), 1, &list, &added, err) < 0)
			return -1;
	}
	old = entry_value(list).size;
	join_put_waiting(entry_edit(store_of(of), &list, old + size) + old, engagement);
	entry_edit(store_of(of), &list, old + size)[0] = TAG_LIST;
	if (deadline < entry_timer(list))
		entry_set_timer(store_of(of), list, deadline);
	return 0;
}

int
join_wait_apart(struct join_case *of, const struct join_engagement *engagement, bool *full, struct error *err)
{
	size_t size = join_waiting_size(engagement);
	struct join_head head = join_head_of(of->entry);
	struct index index;

	if (size + 1 > STORE_VALUE_SIZE_MAX)
		return fail(err, SKIP,
			    "engagement %.*s would take %zu bytes of state while it waits for its impression; at most "
			    "%d are kept for one",
			    bytes_arguments(engagement->id), size, STORE_VALUE_SIZE_MAX);
	if (read_index(of, &index, err) < 0)
		return -1;
	*full = index.bytes + size > (uint64_t)of->join->waiting_max;
	if (*full)
		return join_again(of, err);
	index.bytes += size;
	if (append(of, &index, engagement, err) < 0 || write_index(of, &index, err) < 0 || join_again(of, err) < 0)
		return -1;
	head.hashed_count = head.flags & JOIN_HASHED ? head.hashed_count + 1 : 1;
	head.flags |= JOIN_HASHED | JOIN_WAIT_APART;
	join_change_head(of->store, &of->entry, &head);
	return join_hash_id(of, engagement->id, err);
}

/* ---- going ---- */

/* List `number`, without its tag; empty where it is gone. */
static int
read_list(const struct join_case *of, uint32_t number, struct bytes *out, struct error *err)
{
	struct entry *entry;

	*out = (struct bytes){0};
	if (store_find(store_of(of), list_key(of, number), &entry, err) < 0)
		return -1;
	if (entry)
		*out = bytes_of(entry_value(entry).data + 1, entry_value(entry).size - 1);
	return 0;
}

int
join_take_apart(struct join_case *of, struct bytes *out, struct error *err)
{
	struct index index;
	struct bytes list;
	uint8_t *to;
	size_t size = 0;

	if (read_index(of, &index, err) < 0)
		return -1;
	for (uint32_t number = 1; number <= index.last; number++) {
		if (read_list(of, number, &list, err) < 0)
			return -1;
		size += list.size;
	}
	out->data = to = context_take(of->context, size);
	out->size = size;
	for (uint32_t number = 1; number <= index.last; number++) {
		if (read_list(of, number, &list, err) < 0)
			return -1;
		if (list.size != 0)
			memcpy(to, list.data, list.size);
		to += list.size;
		if (remove_entry(of, number, err) < 0)
			return -1;
	}
	return remove_entry(of, 0, err) < 0 ? -1 : join_again(of, err);
}

/* So many of them wait no longer. Without any the case is done, unless others wait in it. */
static int
take_count(struct join_case *of, uint32_t count, struct error *err)
{
	struct join_head head;

	if (join_again(of, err) < 0)
		return -1;
	head = join_head_of(of->entry);
	insist(head.hashed_count >= count);
	head.hashed_count -= count;
	if (head.hashed_count == 0)
		head.flags &= (uint16_t) ~(JOIN_HASHED | JOIN_WAIT_APART);
	join_change_head(of->store, &of->entry, &head);
	join_remove_empty(of);
	return head.hashed_count == 0 ? remove_entry(of, 0, err) : 0;
}

static int64_t
deadline_of(const struct join_case *of, struct bytes list)
{
	struct cursor cursor = cursor_of(list);
	struct join_engagement engagement;
	int64_t deadline = TIME_MAX;

	while (join_next_waiting(&cursor, &engagement)) {
		int64_t end = time_add(engagement.occurred_at, of->join->orphan_wait);

		deadline = end < deadline ? end : deadline;
	}
	return deadline;
}

static bool
stays(const struct join_case *of, const struct join_engagement *engagement, int64_t until)
{
	return time_add(engagement->occurred_at, of->join->orphan_wait) > until;
}

/* The list becomes what of `from` waits beyond `until`; the index follows. */
static int
shorten(struct join_case *of, struct entry *list, struct bytes from, int64_t until, struct error *err)
{
	uint8_t *kept = context_take(of->context, from.size), *to = kept;
	struct cursor cursor = cursor_of(from);
	struct join_engagement engagement;
	struct index index;
	struct bytes rest;
	uint64_t gone;

	while (join_next_waiting(&cursor, &engagement)) {
		if (!stays(of, &engagement, until))
			continue;
		join_put_waiting(to, &engagement);
		to += join_waiting_size(&engagement);
	}
	rest = bytes_of(kept, (size_t)(to - kept));
	if (rest.size == 0) {
		entry_remove(store_of(of), list);
	} else {
		memcpy(entry_edit(store_of(of), &list, 1 + rest.size) + 1, rest.data, rest.size);
		entry_set_timer(store_of(of), list, deadline_of(of, rest));
	}
	if (read_index(of, &index, err) < 0)
		return -1;
	gone = from.size - rest.size;
	index.bytes -= gone < index.bytes ? gone : index.bytes;
	return write_index(of, &index, err);
}

/* No impression came: what of the list has waited until `until` is given up, in the order in which it came. */
static int
give_up(struct join_case *of, struct entry *list, int64_t until, struct error *err)
{
	struct bytes value = entry_value(list);
	struct bytes held = join_hold(of, bytes_of(value.data + 1, value.size - 1));
	struct cursor cursor;
	struct join_engagement engagement;
	uint32_t count = 0;

	if (shorten(of, list, held, until, err) < 0 || join_again(of, err) < 0)
		return -1;
	cursor = cursor_of(held);
	while (join_next_waiting(&cursor, &engagement)) {
		if (stays(of, &engagement, until))
			continue;
		if (join_orphan(of, &engagement, err) < 0 || join_unhash_id(of, engagement.id, err) < 0)
			return -1;
		count++;
	}
	return take_count(of, count, err);
}

int
join_waiting_due(const struct join *join, struct entry *entry, struct context *context, struct error *err)
{
	struct bytes key = entry_key(entry), value = entry_value(entry);
	struct join_case of = {.join = join, .context = context, .store = context_store(context, CASES)};
	bool end = context_watermark(context) == TIME_MAX;
	int64_t deadline = deadline_of(&of, bytes_of(value.data + 1, value.size - 1));

	of.key = key_of(join_hold(&of, part_key_whole(key, NUMBER_SIZE)));
	if (!end && deadline >= context_watermark(context)) {
		entry_set_timer(store_of(&of), entry, deadline); /* orphan_wait is longer than it was */
		return 0;
	}
	return give_up(&of, entry, end ? TIME_MAX : deadline, err);
}

/* ---- for state of another form, and a rescale ---- */

int
join_waiting_rewrite(struct bytes value, struct stored *stored, struct buffer *out, struct error *err)
{
	if (value.data[0] == TAG_INDEX) {
		buffer_put_bytes(out, value);
		return 0;
	}
	buffer_put_u8(out, TAG_LIST);
	return join_rewrite_waiting(bytes_of(value.data + 1, value.size - 1), stored, out, err);
}

void
join_waiting_share(const struct share_part *entry, struct share *share)
{
	part_share(entry, share, NUMBER_SIZE);
}

int64_t
join_waiting_in(struct bytes value)
{
	struct cursor cursor = cursor_of(bytes_of(value.data + 1, value.size - 1));
	struct join_engagement engagement;
	int64_t count = 0;

	while (value.data[0] == TAG_LIST && join_next_waiting(&cursor, &engagement))
		count++;
	return count;
}
