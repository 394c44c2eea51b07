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
	bool refuses;
};

static int
task_of(void *argument, int store, struct bytes key, struct error *error)
{
	const struct out *out = argument;

	(void)store;
	if (out->refuses)
		return fail(error, FATAL, "no task");
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
open_split(struct out *out)
{
	struct split_config config = {
		.tasks = TASKS, .stores = specs, .task_of = task_of, .append = append, .argument = out};
	struct split *split;

	for (int i = 0; i < TASKS; i++)
		fixture_init(&out->tasks[i], 1 << 20);
	check_ok(split_open(&config, &split, &err));
	return split;
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

TEST(split_fails_where_a_key_belongs_to_no_task)
{
	struct split_counts counts = {0};
	struct fixture one;
	struct out out = {.refuses = true};
	struct split *split = open_split(&out);

	fill(&one, 0, 1, "a");
	check_fails(split_add(split, one.state, &counts, &err), "no task");
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
