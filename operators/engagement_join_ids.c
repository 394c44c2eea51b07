/*
 * Which engagements an impression has had, so that a repeat changes nothing. The first JOIN_IDS_MAX ids stand whole in
 * its entry. Those of an impression that has more are hashes of 64 bits, in up to 256 entries of their own, by the
 * leading byte: eight bytes each, found at once however many there are. A stranger is taken for a repeat where two
 * hashes of one impression are equal: of 100,000 ids once in four billion impressions. `engagements_max` bounds both.
 */
#include "operators/engagement_join.h"

#include "base/packed.h"
#include "operators/id_list.h"
#include "operators/part_key.h"

#define NUMBER_SIZE 1 /* of a bucket, behind the impression_id in its key */

/* The impression_id and the leading byte of the hash. */
static struct key
bucket_key(const struct join_case *of, uint64_t hash)
{
	return part_key(of->context, of->key.bytes, (uint32_t)(hash >> 56), NUMBER_SIZE);
}

/* Where the hash stands in a bucket, or its size. */
static size_t
find(struct bytes bucket, uint64_t hash)
{
	size_t at = 0;

	while (at < bucket.size && load_u64(bucket.data + at) != hash)
		at += sizeof(hash);
	return at;
}

static bool
stands_whole(const struct join_parts *parts, struct bytes id)
{
	struct cursor ids = cursor_of(parts->ids), waiting = cursor_of(parts->waiting);
	struct join_engagement engagement;

	while (cursor_left(&ids) != 0)
		if (bytes_equal(cursor_text(&ids), id))
			return true;
	while (join_next_waiting(&waiting, &engagement))
		if (bytes_equal(engagement.id, id))
			return true;
	return false;
}

int
join_knows_id(struct join_case *of, struct bytes id, bool *known, struct error *err)
{
	struct join_parts parts = join_parts_of(of->entry);
	struct entry *bucket;
	uint64_t hash;

	*known = stands_whole(&parts, id);
	if (*known || !(parts.head.flags & JOIN_HASHED))
		return 0;
	hash = id_hash(id);
	if (store_find(context_store(of->context, IDS), bucket_key(of, hash), &bucket, err) < 0)
		return -1;
	*known = bucket && find(entry_value(bucket), hash) < entry_value(bucket).size;
	return join_again(of, err);
}

int
join_hash_id(struct join_case *of, struct bytes id, struct error *err)
{
	struct store *store = context_store(of->context, IDS);
	uint64_t hash = id_hash(id);
	struct entry *bucket;
	size_t size;
	bool added;

	if (store_add(store, bucket_key(of, hash), 0, &bucket, &added, err) < 0)
		return -1;
	size = entry_value(bucket).size;
	store_u64(entry_edit(store, &bucket, size + sizeof(hash)) + size, hash);
	return join_again(of, err);
}

int
join_unhash_id(struct join_case *of, struct bytes id, struct error *err)
{
	struct store *store = context_store(of->context, IDS);
	uint64_t hash = id_hash(id);
	struct entry *bucket;
	size_t size, at;
	uint8_t *value;

	if (store_find(store, bucket_key(of, hash), &bucket, err) < 0)
		return -1;
	insist(bucket);
	size = entry_value(bucket).size;
	at = find(entry_value(bucket), hash);
	insist(at < size);
	if (size == sizeof(hash)) {
		entry_remove(store, bucket);
	} else {
		value = entry_edit(store, &bucket, size);
		memcpy(value + at, value + size - sizeof(hash), sizeof(hash));
		entry_edit(store, &bucket, size - sizeof(hash));
	}
	return join_again(of, err);
}

int
join_unhash_all(struct join_case *of, struct error *err)
{
	struct store *store = context_store(of->context, IDS);
	struct entry *bucket;

	for (uint64_t number = 0; number < 256; number++) {
		if (store_find(store, bucket_key(of, number << 56), &bucket, err) < 0)
			return -1;
		if (bucket)
			entry_remove(store, bucket);
	}
	return join_again(of, err);
}

int
join_note_id(struct join_case *of, struct join_head *head, struct bytes id, bool latest, struct error *err)
{
	if (!(head->flags & JOIN_HASHED) && head->id_count < JOIN_IDS_MAX &&
	    head->ids_size + text_size(id) <= JOIN_IDS_SIZE_MAX && join_has_room(of->entry, text_size(id))) {
		if (latest)
			head->watched_id = head->ids_size; /* it is the next to be added */
		join_add_id(of->store, &of->entry, head, id);
		return 0;
	}
	head->hashed_count = head->flags & JOIN_HASHED ? head->hashed_count + 1 : 1;
	head->flags |= JOIN_HASHED;
	join_change_head(of->store, &of->entry, head);
	if (latest)
		join_put_watched_id(of->store, &of->entry, id);
	return join_hash_id(of, id, err);
}

void
join_ids_share(const struct share_part *entry, struct share *share)
{
	part_share(entry, share, NUMBER_SIZE);
}
