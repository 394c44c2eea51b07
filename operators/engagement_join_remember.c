/*
 * Ids of impressions whose horizon has passed: one that is sent again, even with another shown_at, must not begin a
 * second story. Of such an impression its entry keeps flags and shown_at, found by the same look-up as any other;
 * whether it is forgotten is told from that and the watermark.
 *
 * A timer for each would cost more than all else about them. So one in a bundle has a timer: it names the others of the
 * bundle, and takes them along when it goes. The store REMEMBERED has one entry: the bundle that is being filled.
 */
#include "operators/engagement_join.h"

#include "base/packed.h"

#define FILLING "filling"	  /* the one key: bytes in use, then the ids as texts */
#define BUNDLE_SIZE 512		  /* bytes of that entry */
#define DAY_MS (24 * 3600 * 1000) /* the default of `remember`, for a rescale, which knows no parameters */

static int64_t
forget_at(const struct join *join, const struct join_head *head)
{
	return time_add(head->shown_at, join->remember);
}

bool
join_is_forgotten(const struct join *join, const struct join_head *head, const struct context *context)
{
	return forget_at(join, head) < context_watermark(context);
}

/* The id goes into the bundle that is being filled. Where it does not fit, *bundle gets all that is in there. */
static int
put_into_bundle(struct join_case *of, struct bytes *bundle, struct error *err)
{
	struct store *store = context_store(of->context, REMEMBERED);
	struct key key = key_of(bytes_of(FILLING, sizeof(FILLING) - 1));
	size_t size = text_size(of->key.bytes);
	struct entry *filling;
	uint32_t used;
	uint8_t *value;
	bool added;

	*bundle = (struct bytes){0};
	if (store_add(store, key, BUNDLE_SIZE, &filling, &added, err) < 0)
		return -1;
	used = load_u32(entry_value(filling).data);
	if (sizeof(used) + used + size > BUNDLE_SIZE) {
		*bundle = join_hold(of, bytes_of(entry_value(filling).data + sizeof(used), used));
		store_u32(entry_edit(store, &filling, BUNDLE_SIZE), 0);
		return 0;
	}
	value = entry_edit(store, &filling, BUNDLE_SIZE);
	store_text(value + sizeof(used) + used, of->key.bytes);
	store_u32(value, used + (uint32_t)size);
	return 0;
}

int
join_end(struct join_case *of, struct error *err)
{
	struct join_head head = join_head_of(of->entry);
	struct bytes bundle;
	bool alone = text_size(of->key.bytes) > BUNDLE_SIZE - sizeof(uint32_t);

	if (head.flags & JOIN_HASHED && join_unhash_all(of, err) < 0)
		return -1;
	if (of->join->remember <= of->join->correction_horizon || join_is_forgotten(of->join, &head, of->context)) {
		entry_remove(of->store, of->entry);
		return 0;
	}
	join_keep_id(of->store, &of->entry, head.shown_at, (struct bytes){0});
	entry_set_timer(of->store, of->entry, alone ? forget_at(of->join, &head) : TIME_MAX);
	if (alone || put_into_bundle(of, &bundle, err) < 0)
		return alone ? 0 : -1;
	if (bundle.size == 0)
		return 0;
	if (join_again(of, err) < 0)
		return -1;
	join_keep_id(of->store, &of->entry, head.shown_at, bundle);
	entry_set_timer(of->store, of->entry, forget_at(of->join, &head));
	return 0;
}

/* ---- forgetting ---- */

/* One of a bundle: it goes, or gets a timer of its own where it is still remembered, or has a bundle by now. */
static int
forget_one(struct join_case *of, struct error *err)
{
	struct join_head head;

	if (store_find(of->store, of->key, &of->entry, err) < 0)
		return -1;
	if (!of->entry || !(join_flags_of(of->entry) & JOIN_REMEMBERED))
		return 0;
	head = join_head_of(of->entry);
	if (join_is_forgotten(of->join, &head, of->context) && join_bundle_of(of->entry).size == 0)
		entry_remove(of->store, of->entry);
	else
		entry_set_timer(of->store, of->entry, forget_at(of->join, &head));
	return 0;
}

int
join_forget(struct join_case *of, struct error *err)
{
	struct join_head head = join_head_of(of->entry);
	struct cursor ids;

	if (!join_is_forgotten(of->join, &head, of->context)) { /* `remember` is longer than it was */
		entry_set_timer(of->store, of->entry, forget_at(of->join, &head));
		return 0;
	}
	ids = cursor_of(join_hold(of, join_bundle_of(of->entry)));
	entry_remove(of->store, of->entry);
	while (cursor_left(&ids) != 0) {
		of->key = key_of(cursor_text(&ids));
		if (forget_one(of, err) < 0)
			return -1;
	}
	return 0;
}

int
join_remembered_due(struct join_case *of, struct error *err)
{
	struct join_head head = join_head_of(of->entry);

	if (context_watermark(of->context) != TIME_MAX)
		return join_forget(of, err);
	entry_set_timer(of->store, of->entry, forget_at(of->join, &head)); /* the next run goes on remembering */
	return 0;
}

/* ---- for a rescale: bundles are torn, so that each id needs a timer of its own ---- */

void
join_case_share(const struct share_part *entry, struct share *share)
{
	int task = share_task_of(share, entry->key);
	struct join_head head = join_head_in(entry->value);

	if (head.flags & JOIN_REMEMBERED)
		share_at(share, task, time_add(head.shown_at, DAY_MS));
	else
		share_whole(share, task);
}

void
join_filling_share(const struct share_part *entry, struct share *share)
{
	(void)entry; /* each task begins a new one */
	(void)share;
}
