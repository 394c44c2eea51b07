/* An engagement of embedding_update: whether it counts, and what that changes. */
#include "operators/embedding_update.h"
#include "operators/pass_on.h"

#define FORGET_EVERY 16 /* engagements of a user: so often the ids that may go are looked for */

/* Room for one more id in the user's entry. */
static int
make_room(const struct update *update, struct key user, struct entry **entry, int64_t until, struct context *context,
	  struct error *err)
{
	struct store *users = context_store(context, USERS);
	size_t size = entry_value(*entry).size;
	bool full = embedding_is_full(entry_value(*entry));

	if (!full && embedding_head_of(entry_value(*entry)).id_count % FORGET_EVERY != 0)
		return 0;
	size = embedding_forget(entry_edit(users, entry, size), size, until);
	entry_edit(users, entry, size);
	return embedding_is_full(entry_value(*entry)) ? embedding_page_ids(update, user, entry, until, context, err)
						      : 0;
}

static int
add(const struct update *update, struct key user, struct entry *entry, const struct embedding_event *event,
    enum embedding_verdict verdict, int64_t until, struct context *context, struct error *err)
{
	struct store *users = context_store(context, USERS);
	struct embedding_head head;
	size_t size;
	bool added;

	if (!entry && store_add(users, user, 0, &entry, &added, err) < 0)
		return -1;
	if (verdict == EMBEDDING_COUNTS && make_room(update, user, &entry, until, context, err) < 0)
		return -1;
	head = embedding_head_of(entry_value(entry));
	size = embedding_size_with(entry_value(entry), event, verdict);
	embedding_apply(entry_edit(users, &entry, size), event, verdict, update->half_life);
	if (verdict == EMBEDDING_STARTS && head.actions > 0)
		context_count(context, NEW_SPACE, 1);
	head = embedding_head_of(entry_value(entry));
	entry_set_timer(users, entry, time_add(head.newest_ms, update->ttl));
	context_at_commit(context, USERS, entry);
	return 0;
}

/* Whether the event's space is newer than the user's; what is known of the spaces is kept before they matter. */
static int
compare_spaces(const struct update *update, struct bytes users, struct embedding_event *event, struct context *context,
	       struct error *err)
{
	struct spaces spaces;

	if (embedding_spaces(update, context, &spaces, err) < 0)
		return -1;
	event->newer = users.data && spaces_newer(&spaces, event->space, users);
	return 0;
}

/* The user's entry, or NULL, and what else has to be known to judge the event; seldom more than the entry. */
static int
find_user(const struct update *update, struct key user, struct embedding_event *event, struct context *context,
	  struct entry **entry, struct error *err)
{
	struct store *users = context_store(context, USERS);
	struct bytes value, space = {0};
	bool other_space, paged;
	uint64_t of;

	if (store_find(users, user, entry, err) < 0)
		return -1;
	value = *entry ? entry_value(*entry) : bytes_of(NULL, 0);
	if (value.size)
		space = embedding_space(value);
	other_space = event->vector && (!value.size || !bytes_equal(space, event->space));
	paged = embedding_head_of(value).paged;
	if (!other_space && !paged)
		return 0;
	of = paged ? embedding_ids_of(value) : 0;
	if (value.size)
		space = embedding_copy(context, space);
	if ((other_space && compare_spaces(update, space, event, context, err) < 0) ||
	    (paged && embedding_ask_page(user, of, event, context, err) < 0))
		return -1;
	return store_find(users, user, entry, err);
}

int
embedding_take(const struct update *update, struct key user, const struct waiting_event *event, int64_t until,
	       struct context *context, enum embedding_verdict *verdict, struct error *err)
{
	struct embedding_event full = {
		.id = event->id,
		.occurred_at = event->occurred_at,
		.weight = update->weight_of[event->action],
		.floor_ms = TIME_MIN,
	};
	enum table_answer answer;
	struct entry *entry;

	if (embedding_look_up(update, context, event->item, &full, &answer, err) < 0 ||
	    find_user(update, user, &full, context, &entry, err) < 0)
		return -1;
	*verdict = embedding_judge(entry ? entry_value(entry) : bytes_of(NULL, 0), &full, until);
	if (*verdict == EMBEDDING_LACKS_VECTOR && answer == TABLE_GONE)
		*verdict = EMBEDDING_VERSION_GONE;
	if (*verdict == EMBEDDING_TOO_OLD && event->occurred_at > until)
		*verdict = EMBEDDING_FORGOTTEN;
	return *verdict <= EMBEDDING_COUNTS ? add(update, user, entry, &full, *verdict, until, context, err) : 0;
}

int
embedding_settle(struct key user, const struct waiting_event *event, enum embedding_verdict verdict,
		 struct context *context, struct error *err)
{
	static const struct {
		enum update_counter counter;
		int output; /* -1: none */
	} ways[] = {
		[EMBEDDING_STARTS] = {COUNTED, -1},
		[EMBEDDING_COUNTS] = {COUNTED, -1},
		[EMBEDDING_REPEATED] = {REPEATED, -1},
		[EMBEDDING_TOO_OLD] = {TOO_LATE, LATE},
		[EMBEDDING_FORGOTTEN] = {FORGOTTEN, LATE},
		[EMBEDDING_OLD_SPACE] = {OLD_SPACE, -1},
		[EMBEDDING_LACKS_VECTOR] = {GIVEN_UP, UNMATCHED},
		[EMBEDDING_VERSION_GONE] = {VERSION_GONE, UNMATCHED},
	};

	context_count(context, (int)ways[verdict].counter, 1);
	if (ways[verdict].output < 0)
		return 0;
	return pass_on(context, ways[verdict].output, user.bytes, event->body, event->occurred_at, err);
}
