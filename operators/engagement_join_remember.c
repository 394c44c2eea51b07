/*
 * Ids of impressions whose horizon has passed: one that is sent again, even with another shown_at, must not begin a
 * second story. Of such an impression its entry keeps flags and shown_at, found by the same look-up as any other;
 * whether it is forgotten is told from that and the watermark.
 *
 * A timer for each would cost more than all else about them. So they stand in chains: each names the one that was
 * remembered before it, and only the last of CHAIN_MAX has a timer, which tidies the chain up from there. The store
 * REMEMBERED has one entry: the chain that is growing.
 */
#include "operators/engagement_join.h"

#define CHAIN_MAX 32		  /* ids */
#define GROWING "growing"	  /* the one key: how long the chain is, and the id that was put there last */
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

/* The id becomes the last one of the growing chain. *previous: the one before it, empty where it is the first. */
static int
put_on_chain(struct join_case *of, struct bytes *previous, bool *full, struct error *err)
{
	struct store *store = context_store(of->context, REMEMBERED);
	struct bytes id = of->key.bytes, value;
	struct entry *growing;
	uint32_t count;
	bool added;
	uint8_t *to;

	if (store_add(store, key_of(bytes_of(GROWING, sizeof(GROWING) - 1)), sizeof(count), &growing, &added, err) < 0)
		return -1;
	value = entry_value(growing);
	count = load_u32(value.data) + 1;
	*previous = join_hold(of, bytes_of(value.data + sizeof(count), value.size - sizeof(count)));
	*full = count == CHAIN_MAX;
	if (*full)
		id.size = count = 0;
	to = entry_edit(store, &growing, sizeof(count) + id.size);
	store_u32(to, count);
	if (id.size != 0)
		memcpy(to + sizeof(count), id.data, id.size);
	return 0;
}

int
join_end(struct join_case *of, struct error *err)
{
	struct join_head head = join_head_of(of->entry);
	struct bytes previous;
	bool full;

	if (head.flags & JOIN_HASHED && join_unhash_all(of, err) < 0)
		return -1;
	if (of->join->remember <= of->join->correction_horizon || join_is_forgotten(of->join, &head, of->context)) {
		entry_remove(of->store, of->entry);
		return 0;
	}
	if (put_on_chain(of, &previous, &full, err) < 0 || join_again(of, err) < 0)
		return -1;
	join_keep_id(of->store, &of->entry, head.shown_at, previous);
	entry_set_timer(of->store, of->entry, full ? forget_at(of->join, &head) : TIME_MAX);
	return 0;
}

/* ---- forgetting ---- */

int
join_forget(struct join_case *of, struct error *err)
{
	while (of->entry && join_flags_of(of->entry) & JOIN_REMEMBERED) {
		struct join_head head = join_head_of(of->entry);

		if (!join_is_forgotten(of->join, &head, of->context)) { /* the rest of the chain waits for it */
			entry_set_timer(of->store, of->entry, forget_at(of->join, &head));
			return 0;
		}
		of->key = key_of(join_hold(of, join_previous_of(of->entry)));
		entry_remove(of->store, of->entry);
		of->entry = NULL;
		if (of->key.bytes.size != 0 && store_find(of->store, of->key, &of->entry, err) < 0)
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

/* ---- for a rescale: chains are torn, so that each id needs a timer of its own ---- */

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
join_growing_share(const struct share_part *entry, struct share *share)
{
	(void)entry; /* each task begins a new one */
	(void)share;
}
