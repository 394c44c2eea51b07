/* States of tasks are split into journals of other tasks. */
#include "state/split.h"

#include "tests/state/fixture.h"
#include "tests/test.h"

#define TASKS 3

static struct error err;
static const struct store_spec specs[] = {{.name = "rows", .help = "rows", .keyed_like_input = true}, {.name = NULL}};

/* The tasks whose journals come out. */
struct out {
	struct fixture tasks[TASKS];
};

static int
task_of(void *argument, struct bytes key)
{
	(void)argument;
	return key.data[key.size - 1] % TASKS;
}

static int
append(void *argument, int task, struct bytes part, struct error *error)
{
	struct out *out = argument;

	return model_append(out->tasks[task].journal, part, error);
}

static int
same(void *argument, int form, int store, struct bytes key, struct bytes value, struct bytes *out, struct error *error)
{
	(void)argument, (void)form, (void)store, (void)key, (void)error;
	*out = value;
	return 0;
}

static struct split *
open_split_of(struct out *out, const struct store_spec *stores, size_t own_bytes_max)
{
	struct split_config config = {.tasks = TASKS,
				      .stores = stores,
				      .own_bytes_max = own_bytes_max,
				      .task_of = task_of,
				      .append = append,
				      .argument = out};
	struct split *split;

	for (int i = 0; i < TASKS; i++)
		fixture_init(&out->tasks[i], 1 << 20);
	check_ok(split_open(&config, &split, &err));
	return split;
}

static struct split *
open_split(struct out *out)
{
	return open_split_of(out, specs, 0);
}

/* Entries that begin at `first`, some with timers, in a form of their own. */
static void
fill(struct fixture *fixture, int first, int count, const char *form)
{
	fixture_init(fixture, 1 << 20);
	check_ok(state_set_form(fixture->state, bytes_of_text(form), same, NULL, &err));
	for (int i = first; i < first + count; i++) {
		fixture_put(fixture, i, 100, (uint8_t)i);
		if (i % 2 == 0)
			fixture_put_timer(fixture, i, i);
	}
	fixture_commit(fixture);
	fixture_close(fixture);
	fixture_open(fixture);
}

static void
close_tasks(struct out *out)
{
	for (int i = 0; i < TASKS; i++)
		fixture_fini(&out->tasks[i]);
}

/* What is in the journal now. */
static struct fixture *
restored(struct out *out, int task)
{
	fixture_close(&out->tasks[task]);
	fixture_open(&out->tasks[task]);
	return &out->tasks[task];
}

TEST(split_gives_each_entry_with_its_timer_to_the_task_of_its_key)
{
	struct split_counts before = {0}, after = {0};
	struct fixture one, two, *new;
	struct out out = {0};
	struct split *split = open_split(&out);

	fill(&one, 0, 1000, "a");
	fill(&two, 1000, 500, "b");
	check_ok(split_add(split, one.state, &before, &err));
	check_ok(split_add(split, two.state, &before, &err));
	check_int(before.entries, 1500);
	check_int(before.timers, 750);
	for (int i = 0; i < TASKS; i++)
		check_ok(split_end(split, i, bytes_of_text("header"), &err));
	split_close(&split);
	fixture_fini(&one);
	fixture_fini(&two);
	for (int i = 0; i < TASKS; i++) {
		new = restored(&out, i);
		check_bytes(state_header(new->state), bytes_of_text("header"));
		check_ok(split_count(new->state, &after, &err));
		for (int key = 0; key < 1500; key++) {
			struct entry *entry = fixture_get(new, key);

			check_int(entry != NULL, (key % 10 + '0') % TASKS == i);
			if (!entry)
				continue;
			check_int((int64_t)entry_value(entry).size, 100);
			check_int(entry_value(entry).data[99], (uint8_t)key);
			check_int(entry_timer(entry), key % 2 == 0 ? key : TIME_MAX);
		}
	}
	close_tasks(&out);
	check_int(after.entries, before.entries);
	check_int(after.timers, before.timers);
}

static int
note_form(void *argument, int form, int store, struct bytes key, struct bytes value, struct bytes *out,
	  struct error *error)
{
	(void)store, (void)key, (void)error;
	*(int *)argument = form;
	*out = value;
	return 0;
}

/* Both states number theirs from 1. */
TEST(split_keeps_apart_what_was_written_in_different_forms)
{
	struct split_counts counts = {0};
	struct fixture one, two, *new;
	struct out out = {0};
	struct split *split = open_split(&out);
	struct bytes text;
	int form = 0;
	bool found;

	fill(&one, 0, 1, "a");
	fill(&two, 3, 1, "b");
	check_ok(split_add(split, one.state, &counts, &err));
	check_ok(split_add(split, two.state, &counts, &err));
	for (int i = 0; i < TASKS; i++)
		check_ok(split_end(split, i, bytes_of_text("header"), &err));
	split_close(&split);
	fixture_fini(&one);
	fixture_fini(&two);
	new = restored(&out, '0' % TASKS);
	check_ok(state_set_form(new->state, bytes_of_text("c"), note_form, &form, &err));
	for (int key = 0; key <= 3; key += 3) {
		check(fixture_get(new, key) != NULL);
		check_ok(state_form_description(new->state, form, &text, &found, &err));
		check(found);
		check_bytes(text, bytes_of_text(key == 0 ? "a" : "b"));
	}
	close_tasks(&out);
}

/* ---- entries of tasks themselves ---- */

/* Each key's entry counts for its new task, in an entry of that task; what has no timer, for all of them. */
static void
share_counts(const struct share_part *entry, struct share *share)
{
	bool all = entry->fire_at == TIME_MAX;
	int64_t one = 1;
	struct share_part part = {share_task_of(share, entry->key), bytes_of_text(all ? "all" : "count"),
				  bytes_of(&one, sizeof(one)), entry->fire_at};

	for (int task = 0; task < share_tasks(share); task++)
		if (all || task == part.task)
			share_add(share, 0, &(struct share_part){task, part.key, part.value, part.fire_at});
}

static int64_t
merge_counts(const struct share_part *a, const struct share_part *b, struct buffer *value)
{
	int64_t counts[2];

	memcpy(&counts[0], a->value.data, sizeof(counts[0]));
	memcpy(&counts[1], b->value.data, sizeof(counts[1]));
	counts[0] += counts[1];
	buffer_put(value, &counts[0], sizeof(counts[0]));
	return a->fire_at < b->fire_at ? a->fire_at : b->fire_at;
}

static const struct store_spec counting_specs[] = {
	{.name = "rows", .help = "rows", .share = share_counts, .merge = merge_counts}, {.name = NULL}};

static void
check_count(struct fixture *fixture, const char *name, int64_t expected, int64_t timer)
{
	struct entry *entry;
	int64_t count;

	check_ok(store_find(fixture->store, key_of(bytes_of_text(name)), &entry, &err));
	check(entry != NULL);
	memcpy(&count, entry_value(entry).data, sizeof(count));
	check_int(count, expected);
	check_int(entry_timer(entry), timer);
}

TEST(what_belongs_to_tasks_is_given_out_in_parts_that_add_up)
{
	struct split_counts before = {0}, after = {0};
	struct fixture one, two;
	struct out out = {0};
	struct split *split = open_split_of(&out, counting_specs, 1 << 20);

	fill(&one, 0, 3000, "a");
	fill(&two, 3000, 3000, "b");
	check_ok(split_add(split, one.state, &before, &err));
	check_ok(split_add(split, two.state, &before, &err));
	check_int(before.entries, 6000);
	for (int i = 0; i < TASKS; i++)
		check_ok(split_end(split, i, bytes_of_text("header"), &err));
	check_int(split_given(split)[0].entries, 2 * TASKS);
	check_int(split_given(split)[0].timers, TASKS);
	split_close(&split);
	fixture_fini(&one);
	fixture_fini(&two);
	for (int i = 0; i < TASKS; i++) {
		struct fixture *new = restored(&out, i);

		check_ok(split_count(new->state, &after, &err));
		check_count(new, "all", 3000, TIME_MAX);
		/* even keys, by their last digit: 0, 6 / 4 / 2, 8 of '0' + digit modulo 3 */
		check_count(new, "count", ('4' % TASKS == i) ? 600 : 1200,
			    ('0' % TASKS == i)	 ? 0
			    : ('4' % TASKS == i) ? 4
						 : 2);
	}
	close_tasks(&out);
	check_int(after.entries, 2 * TASKS);
}

TEST(more_of_what_belongs_to_tasks_than_memory_is_given_for_is_refused)
{
	struct split_counts counts = {0};
	struct fixture one;
	struct out out = {0};
	struct split *split = open_split_of(&out, counting_specs, 100);

	fill(&one, 0, 100, "a");
	check_fails(split_add(split, one.state, &counts, &err), "more than 100 bytes (store rows)");
	check_int(err.action, FATAL);
	split_close(&split);
	fixture_fini(&one);
	close_tasks(&out);
}

static int64_t
merge_to_too_much(const struct share_part *a, const struct share_part *b, struct buffer *value)
{
	(void)a, (void)b;
	buffer_reserve(value, STORE_VALUE_SIZE_MAX + 1);
	memset(value->data, 0, STORE_VALUE_SIZE_MAX + 1);
	value->size = STORE_VALUE_SIZE_MAX + 1;
	return TIME_MAX;
}

TEST(parts_that_add_up_to_too_large_an_entry_are_refused)
{
	static const struct store_spec large[] = {
		{.name = "rows", .help = "rows", .share = share_counts, .merge = merge_to_too_much}, {.name = NULL}};
	struct split_counts counts = {0};
	struct fixture one;
	struct out out = {0};
	struct split *split = open_split_of(&out, large, 1 << 20);

	fill(&one, 0, 100, "a");
	check_ok(split_add(split, one.state, &counts, &err));
	check_fails(split_end(split, 0, bytes_of_text("header"), &err), "rescale to more tasks");
	split_close(&split);
	fixture_fini(&one);
	close_tasks(&out);
}

TEST(a_journal_that_was_closed_is_not_restored)
{
	struct fixture fixture;
	struct buffer end = {0};

	fill(&fixture, 0, 10, "a");
	split_put_end(&end);
	check_ok(model_append(fixture.journal, buffer_bytes(&end), &err));
	fixture_close(&fixture);
	fixture_open_only(&fixture, NULL);
	check_fails(fixture_restore(&fixture, &err), "closed by a rescale");
	check_int(err.action, FATAL);
	buffer_fini(&end);
	fixture_fini(&fixture);
}
