#include "state/split.h"

#include <sys/random.h>

#include "base/memory.h"
#include "state/parts.h"
#include "state/split_own.h"

#define BLOCK_BYTES_MAX ((size_t)256 << 10) /* of one block: what a restore holds at a time */
#define ALL_BYTES_MAX ((size_t)64 << 20)    /* of the blocks that are being filled, of all tasks together */
#define BLOCK_BYTES_MIN ((size_t)4 << 10)

struct split_task {
	struct split *split;
	int number;
	struct block_writer writer;
	uint64_t journal, seq, bytes;	 /* its number; blocks ended; bytes of them */
	uint64_t entries, entries_bytes; /* in them */
	bool begun;
};

struct split {
	struct split_config config;
	int store_count; /* the operator's; the state's own is behind them */
	struct split_task *tasks;
	size_t block_bytes;
	struct buffer *forms; /* their descriptions, by number - 1 */
	int form_count;
	int form; /* of the states' last blocks */
	uint64_t drains;
	struct split_own own;
	size_t own_at; /* entries of it that are in journals */
	struct split_counts given[BLOCK_STORES_MAX];
};

int
split_open(const struct split_config *config, struct split **out, struct error *err)
{
	struct split *split = memory_new(sizeof(*split));

	split->config = *config;
	for (const struct store_spec *spec = config->stores; spec && spec->name; spec++) {
		insist(spec->keyed_like_input || spec->share);
		split->store_count++;
	}
	split_own_init(&split->own, config->stores, config->own_bytes_max);
	split->tasks = memory_new_array((size_t)config->tasks, sizeof(*split->tasks));
	split->block_bytes = ALL_BYTES_MAX / (size_t)config->tasks;
	if (split->block_bytes > BLOCK_BYTES_MAX)
		split->block_bytes = BLOCK_BYTES_MAX;
	if (split->block_bytes < BLOCK_BYTES_MIN)
		split->block_bytes = BLOCK_BYTES_MIN;
	*out = split;
	for (int i = 0; i < config->tasks; i++) {
		split->tasks[i].split = split;
		split->tasks[i].number = i;
		while (split->tasks[i].journal == 0)
			if (getrandom(&split->tasks[i].journal, sizeof(uint64_t), 0) != sizeof(uint64_t)) {
				split_close(out);
				return fail(err, FATAL, "no random number for a journal");
			}
	}
	return 0;
}

void
split_close(struct split **pointer)
{
	struct split *split = *pointer;

	if (!split)
		return;
	for (int i = 0; i < split->config.tasks; i++)
		buffer_fini(&split->tasks[i].writer.part);
	for (int i = 0; i < split->form_count; i++)
		buffer_fini(&split->forms[i]);
	memory_free(&split->forms);
	split_own_fini(&split->own);
	memory_free(&split->tasks);
	memory_free(pointer);
}

/* ---- blocks ---- */

static int
append(void *argument, struct bytes part, struct error *err)
{
	struct split_task *task = argument;

	return task->split->config.append(task->split->config.argument, task->number, part, err);
}

static void
begin_block(struct split_task *task, struct bytes header)
{
	const struct split *split = task->split;
	struct block_prelude prelude = {.header = header,
					.drains = split->drains,
					.entries = task->entries,
					.bytes = task->entries_bytes,
					.journal_bytes = task->bytes,
					.floor = {.seq = 1},
					.store_count = split->store_count > 0 ? split->store_count + 1 : 0,
					.form = split->form};

	for (int i = 0; i < split->store_count; i++)
		prelude.stores[i] = bytes_of_text(split->config.stores[i].name);
	if (split->store_count > 0)
		prelude.stores[split->store_count] = bytes_of_text(FORM_STORE);
	block_begin(&task->writer, task->journal, ++task->seq, &prelude, append, task);
	task->begun = true;
}

static int
end_block(struct split_task *task, struct error *err)
{
	task->begun = false;
	if (block_end(&task->writer, err) < 0)
		return -1;
	task->bytes += task->writer.bytes;
	return 0;
}

static void
count(struct split_counts *counts, int64_t fire_at)
{
	counts->entries++;
	counts->timers += fire_at != TIME_MAX;
}

static int
put(struct split_task *task, const struct block_change *change, struct error *err)
{
	if (!task->begun)
		begin_block(task, (struct bytes){0});
	block_put(&task->writer, change, false);
	count(&task->split->given[change->store], change->fire_at);
	task->entries++;
	task->entries_bytes += change->key.size + change->value.size;
	return task->writer.part.size < task->split->block_bytes ? 0 : end_block(task, err);
}

/* ---- states ---- */

/* The number that a form of one state has from now on: states of different tasks number theirs differently. */
static int
number_form(struct split *split, struct bytes description)
{
	for (int i = 0; i < split->form_count; i++)
		if (bytes_equal(buffer_bytes(&split->forms[i]), description))
			return i + 1;
	split->forms = memory_resize_array(split->forms, (size_t)split->form_count + 1, sizeof(*split->forms));
	split->forms[split->form_count] = (struct buffer){0};
	buffer_put_bytes(&split->forms[split->form_count], description);
	return ++split->form_count;
}

/* *numbers: by the state's own; freed by the caller. */
static int
number_forms(struct split *split, struct state *from, int **numbers, int *count, struct error *err)
{
	bool found = true;

	*numbers = memory_new_array(1, sizeof(**numbers)); /* form 0 stays what it is */
	*count = 1;
	while (found) {
		struct bytes description;

		if (state_form_description(from, *count, &description, &found, err) < 0)
			return -1;
		if (!found)
			break;
		*numbers = memory_resize_array(*numbers, (size_t)*count + 1, sizeof(**numbers));
		(*numbers)[*count] = number_form(split, description);
		++*count;
	}
	if (split->form_count > STATE_FORMS_MAX)
		return fail(err, FATAL, "the state was written in more than %d forms", STATE_FORMS_MAX);
	if (from->form_before > 0 && from->form_before < *count)
		split->form = (*numbers)[from->form_before];
	return 0;
}

typedef int visit_entry(void *argument, int store, struct entry *entry, struct error *err);

static int
visit_store(struct state *state, int store, visit_entry *visit, void *argument, struct error *err)
{
	struct store_scan *scan;
	struct entry *entry = NULL;
	int result = store_scan_open(state_store(state, store), (struct bytes){0}, &scan, err);

	if (result < 0)
		return -1;
	do {
		result = store_scan_next(scan, &entry, err);
		if (result == 0 && entry)
			result = visit(argument, store, entry, err);
	} while (result == 0 && entry);
	store_scan_close(&scan);
	return result;
}

struct share {
	struct split *split;
	const struct block_change *entry;
	int result; /* of what was given out of it so far; the first error counts */
	struct error *err;
};

int
share_tasks(const struct share *share)
{
	return share->split->config.tasks;
}

int
share_task_of(const struct share *share, struct bytes input_key)
{
	return share->split->config.task_of(share->split->config.argument, input_key);
}

void
share_whole(struct share *share, int task)
{
	if (share->result == 0)
		share->result = put(&share->split->tasks[task], share->entry, share->err);
}

void
share_at(struct share *share, int task, int64_t fire_at)
{
	struct block_change change = *share->entry;

	change.fire_at = fire_at;
	if (share->result == 0)
		share->result = put(&share->split->tasks[task], &change, share->err);
}

void
share_add(struct share *share, int store, const struct share_part *part)
{
	insist(part->task >= 0 && part->task < share_tasks(share) && share->split->config.stores[store].merge);
	if (share->result == 0)
		share->result = split_own_add(&share->split->own, store, part, share->err);
}

void
share_by_key(const struct share_part *entry, struct share *share)
{
	share_whole(share, share_task_of(share, entry->key));
}

struct adding {
	struct split *split;
	int task;
	const int *forms;
	int form_count;
	struct split_counts *counts;
};

static int
add_entry(void *argument, int store, struct entry *entry, struct error *err)
{
	struct adding *adding = argument;
	const struct store_spec *spec = &adding->split->config.stores[store];
	struct block_change change = {
		.kind = BLOCK_PUT,
		.store = store,
		.key = entry_key(entry),
		.value = entry_value(entry),
		.fire_at = entry->fire_at, /* and no mark of a drain: drains are over, and counted anew */
	};
	struct share_part part = {adding->task, change.key, change.value, change.fire_at};
	struct share share = {.split = adding->split, .entry = &change, .err = err};

	if (entry->form >= adding->form_count)
		return fail(err, FATAL, "an entry is of form %d, which the state does not describe: it is damaged",
			    entry->form);
	change.form = adding->forms[entry->form];
	count(&adding->counts[store], change.fire_at);
	(spec->share ? spec->share : share_by_key)(&part, &share);
	return share.result;
}

int
split_add(struct split *split, struct state *from, struct split_counts *counts, struct error *err)
{
	struct adding adding = {.split = split, .task = from->partition, .counts = counts};
	int *forms = NULL;
	int result = number_forms(split, from, &forms, &adding.form_count, err);

	adding.forms = forms;
	if (from->drains > split->drains)
		split->drains = from->drains;
	for (int i = 0; i < split->store_count && result == 0; i++)
		result = visit_store(from, i, add_entry, &adding, err);
	memory_free(&forms);
	return result;
}

/* What belongs to the task itself. */
static int
put_own(struct split *split, struct split_task *task, struct error *err)
{
	if (split->own_at == 0 && split_own_fold(&split->own, err) < 0)
		return -1;
	for (; split->own_at < split->own.count; split->own_at++) {
		const struct split_own_entry *own = &split->own.entries[split->own_at];
		struct block_change change = {.kind = BLOCK_PUT,
					      .store = own->store,
					      .key = own->part.key,
					      .value = own->part.value,
					      .fire_at = own->part.fire_at,
					      .form = split->form};

		if (own->part.task != task->number)
			break;
		if (put(task, &change, err) < 0)
			return -1;
	}
	return 0;
}

int
split_end(struct split *split, int number, struct bytes header, struct error *err)
{
	struct split_task *task = &split->tasks[number];

	if (put_own(split, task, err) < 0 || (task->begun && end_block(task, err) < 0))
		return -1;
	begin_block(task, header);
	for (int form = 1; form <= split->form_count; form++) {
		uint8_t key[] = {(uint8_t)(form >> 8), (uint8_t)form};
		struct block_change change = {.kind = BLOCK_PUT,
					      .store = split->store_count,
					      .key = bytes_of(key, sizeof(key)),
					      .value = buffer_bytes(&split->forms[form - 1]),
					      .fire_at = TIME_MAX,
					      .form = split->form};

		block_put(&task->writer, &change, false);
	}
	return end_block(task, err);
}

const struct split_counts *
split_given(const struct split *split)
{
	return split->given;
}

/* ---- counting ---- */

static int
count_entry(void *argument, int store, struct entry *entry, struct error *err)
{
	struct split_counts *counts = argument;

	(void)err;
	count(&counts[store], entry->fire_at);
	return 0;
}

int
split_count(struct state *state, struct split_counts *counts, struct error *err)
{
	for (int i = 0; i < state->spec_count; i++)
		if (visit_store(state, i, count_entry, counts, err) < 0)
			return -1;
	return 0;
}

bool
split_is_draining(const struct state *state)
{
	return state->drain_unfinished;
}

void
split_put_end(struct buffer *out)
{
	buffer_put_u8(out, BLOCK_FORMAT_MOVED);
	buffer_put_u8(out, 1);
}
