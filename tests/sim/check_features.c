#include <stdio.h>

#include "base/memory.h"
#include "tests/sim/batch.h"
#include "tests/sim/check.h"
#include "tests/sim/reading.h"

struct user {
	int64_t revision; /* the last one seen */
	int actions;	  /* ... had so many */
	bool was_right;	  /* one of them was what it must be */
	char *last;	  /* as JSON */
	bool right;	  /* the last one */
};

struct histories {
	const struct feed *feed;
	int kept;
	struct user users[FEED_USERS];
};

static bool
action_matches(const struct record *record, const struct feed_engagement *wanted)
{
	struct field watched = field_of(record, "watched_seconds", SCHEMA_DOUBLE);
	struct field action = field_of(record, "action", SCHEMA_ENUM);

	if (record_is_null(record, watched) == wanted->has_watched ||
	    (wanted->has_watched && record_real(record, watched) != wanted->watched))
		return false;
	return bytes_equal(bytes_in(record, "engagement_id"), bytes_of_text(wanted->id)) &&
	       bytes_equal(bytes_in(record, "item_id"), bytes_of_text("item")) &&
	       record_integer(record, action) == wanted->action &&
	       integer_of(record, "occurred_at") == wanted->occurred_at;
}

static bool
history_matches(const struct histories *histories, int user, const struct record *record)
{
	const struct feed_engagement *wanted[WORLD_ACTIONS_KEPT];
	int count = batch_history(histories->feed, user, wanted, histories->kept);
	struct field actions = field_of(record, "actions", SCHEMA_ARRAY);
	const struct schema *item = actions.schema->items;
	union slot *items = record->slots[actions.slot].array.items;

	if (record->slots[actions.slot].array.count != (size_t)count || count == 0 ||
	    integer_of(record, "updated_at") != wanted[0]->occurred_at)
		return false;
	for (int i = 0; i < count; i++) {
		struct record action = {.schema = item, .slots = items + i * item->width};

		if (!action_matches(&action, wanted[i]))
			return false;
	}
	return true;
}

/* Revisions of a user come one after the other: none twice, none missing. */
static int
take_history(void *argument, const struct record *record, struct error *err)
{
	struct histories *histories = argument;
	int number = number_of(record, "user_id_token", FEED_USERS);
	int64_t revision = integer_of(record, "revision");
	struct user *user;

	if (number < 0)
		return fail(err, FATAL, "a row of a user that there is not");
	user = &histories->users[number];
	if (revision != user->revision + 1)
		return fail(err, FATAL, "user u%d has revision %d behind revision %d", number, (int)revision,
			    (int)user->revision);
	user->revision = revision;
	user->actions = (int)record->slots[field_of(record, "actions", SCHEMA_ARRAY).slot].array.count;
	user->right = history_matches(histories, number, record);
	user->was_right |= user->right;
	memory_free(&user->last);
	user->last = text_of(record);
	return 0;
}

/* Where actions expire, all have in the end: after the list was right. */
static int
check_user(const struct histories *histories, int number, bool expired, struct error *err)
{
	const struct user *user = &histories->users[number];
	const struct feed_engagement *wanted[WORLD_ACTIONS_KEPT];

	if (batch_history(histories->feed, number, wanted, histories->kept) == 0)
		return user->last ? fail(err, FATAL, "user u%d has done nothing, and has a row: %s", number, user->last)
				  : 0;
	if (!user->last)
		return fail(err, FATAL, "user u%d has no row", number);
	if (expired ? !user->was_right : !user->right)
		return fail(err, FATAL, "the last revision of user u%d is not what it must be: %s", number, user->last);
	if (expired && user->actions > 0)
		return fail(err, FATAL, "user u%d has actions that are too old: %s", number, user->last);
	return 0;
}

static int
check_histories(struct world *world, const char *topic, int kept, struct error *err)
{
	struct histories histories = {.feed = &world->feed, .kept = kept};
	int result = read_topic(world, topic, take_history, &histories, err);

	for (int i = 0; i < FEED_USERS; i++) {
		if (result == 0)
			result = check_user(&histories, i, world->plan.ttl_ms < WORLD_NEVER_MS, err);
		memory_free(&histories.users[i].last);
	}
	return result < 0 ? fail_in(err, "%s", topic) : 0;
}

int
check_features(struct world *world, struct error *err)
{
	if (check_internal(world, "engagements", "engagements_by_user", err) < 0 ||
	    check_histories(world, "user_histories", WORLD_ACTIONS_KEPT, err) < 0)
		return -1;
	return check_histories(world, "user_last_actions", WORLD_LAST_ACTIONS_KEPT, err);
}

int
dump_features(struct world *world, struct error *err)
{
	printf("\"parameters\": {\"kept\": %d, \"expires\": %s}, ", WORLD_ACTIONS_KEPT,
	       world->plan.ttl_ms < WORLD_NEVER_MS ? "true" : "false");
	dump_events(world, FEED_ENGAGEMENTS);
	return dump_rows(world, "user_histories", err);
}
