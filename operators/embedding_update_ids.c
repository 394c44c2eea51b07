/*
 * The ids of a user with many engagements: what the user's entry has no room for stands in pages, entries whose key is
 * the user's with the number of the page behind it. A page goes when `remember` has passed since the newest of it.
 */
#include "operators/embedding_update.h"
#include "operators/id_list.h"
#include "operators/part_key.h"

#define NUMBER_SIZE 1 /* of a page, behind the user in its key */

static struct key
page_key(struct context *context, struct bytes user, int number)
{
	return part_key(context, user, (uint32_t)number, NUMBER_SIZE);
}

/* Ids belong to a user's vector in one space: a vector that begins anew has none. */
uint64_t
embedding_ids_of(struct bytes value)
{
	return id_hash(embedding_space(value));
}

int
embedding_ask_page(struct key user, uint64_t of, struct embedding_event *event, struct context *context,
		   struct error *err)
{
	uint64_t hash = id_hash(event->id);
	struct entry *page;

	if (store_find(context_store(context, IDS), page_key(context, user.bytes, id_page_number(hash)), &page, err) <
	    0)
		return -1;
	if (!page)
		return 0;
	event->known = id_page_has(entry_value(page), of, hash);
	event->floor_ms = id_page_floor(entry_value(page), of);
	return 0;
}

static void
put(const struct update *update, struct entry **page, uint64_t of, struct id_item item, int64_t until,
    struct context *context)
{
	struct store *store = context_store(context, IDS);
	size_t size = entry_value(*page).size, least = sizeof(struct id_page_head);
	uint8_t *value = entry_edit(store, page, size > least ? size : least);

	size = id_page_fit(value, size, of, until, (size_t)update->ids_max / ID_PAGE_COUNT) + ID_SIZE;
	id_page_put(entry_edit(store, page, size), size, item);
	if (entry_timer(*page) == TIME_MAX)
		entry_set_timer(store, *page, time_add((int64_t)item.second * 1000, update->remember));
}

/* Those of the ids that belong to it. */
static int
fill_page(const struct update *update, struct key user, int number, struct bytes ids, uint64_t of, int64_t until,
	  struct context *context, struct error *err)
{
	struct entry *page = NULL;
	bool added;

	for (size_t i = 0; i < ids.size / ID_SIZE; i++) {
		struct id_item item = id_list_get(ids.data, i);

		if (id_page_number(item.hash) != number)
			continue;
		if (!page && store_add(context_store(context, IDS), page_key(context, user.bytes, number), 0, &page,
				       &added, err) < 0)
			return -1;
		put(update, &page, of, item, until, context);
	}
	return 0;
}

int
embedding_page_ids(const struct update *update, struct key user, struct entry **entry, int64_t until,
		   struct context *context, struct error *err)
{
	struct store *users = context_store(context, USERS);
	struct bytes ids = embedding_copy(context, embedding_ids(entry_value(*entry)));
	uint64_t of = embedding_ids_of(entry_value(*entry));
	size_t size = entry_value(*entry).size;

	size = embedding_drop_ids(entry_edit(users, entry, size), size);
	entry_edit(users, entry, size);
	for (int number = 0; number < ID_PAGE_COUNT; number++)
		if (fill_page(update, user, number, ids, of, until, context, err) < 0)
			return -1;
	return store_find(users, user, entry, err);
}

/* Later ids may have come since the timer was set. The end of a bounded run makes none of them older. */
int
embedding_page_timer(const struct update *update, struct entry *page, struct context *context)
{
	struct store *store = context_store(context, IDS);
	int64_t due = time_add(id_page_newest(entry_value(page)), update->remember);

	if (due < context_watermark(context) && context_watermark(context) != TIME_MAX)
		entry_remove(store, page);
	else
		entry_set_timer(store, page, due);
	return 0;
}

/* For a rescale: a page goes where its user goes. */
void
embedding_page_share(const struct share_part *entry, struct share *share)
{
	part_share(entry, share, NUMBER_SIZE);
}
