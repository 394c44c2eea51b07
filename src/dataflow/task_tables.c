#include "dataflow/task_tables.h"

#include <inttypes.h>

#include "base/logger.h"
#include "base/memory.h"
#include "dataflow/task.h"

void
task_tables_init(struct task *task)
{
	struct task_tables *tables = &task->tables;
	int64_t tasks = task->operator->spec->tasks;

	for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++) {
		struct table_feed *feed = task->operator->tables[port];

		for (int i = task->partition; feed && i < feed->partitions; i += (int)tasks) {
			tables->places = memory_resize_array(tables->places, tables->count + 1,
							     sizeof(*tables->places));
			tables->places[tables->count++] = (struct task_letters){
				.port = bytes_of_text(task->operator->spec->type->tables[port].name),
				.topic = bytes_of_text(feed->topic->log_name),
				.partition = i,
				.feed = port,
			};
		}
	}
}

void
task_tables_fini(struct task *task)
{
	memory_free(&task->tables.places);
}

/* A table of another topic than before begins anew. */
void
task_tables_place(struct task *task, const struct task_header *header)
{
	for (size_t i = 0; i < task->tables.count; i++) {
		struct task_letters *place = &task->tables.places[i];

		for (size_t j = 0; j < header->letters_count; j++) {
			const struct task_letters *stored = &header->letters[j];

			if (stored->partition == place->partition && bytes_equal(stored->port, place->port) &&
			    bytes_equal(stored->topic, place->topic))
				place->next = stored->next;
		}
	}
}

void
task_tables_note(const struct task *task, struct task_header *header)
{
	header->letters = task->tables.places;
	header->letters_count = task->tables.count;
}

struct writing {
	struct task *task;
	struct task_letters *place;
};

static void
say_lost(const struct task *task, const char *topic, const struct table_refused *refused)
{
	logger_error("letters_lost",
		     "operator=%s topic=%s partition=%d from=%" PRId64 " to=%" PRId64 " count_max=%" PRId64
		     " advice=\"correct what writes the table; raise its table_size\"",
		     task->operator->spec->name, topic, refused->partition, refused->offset, refused->next_offset - 1,
		     refused->lost);
	job_add(&task->operator->figures.letters_lost, refused->lost);
}

static int
write_letter(void *argument, const struct table_refused *refused, struct error *err)
{
	const struct writing *writing = argument;
	struct task *task = writing->task;
	struct dead_letter letter = {
		.topic = task->operator->tables[writing->place->feed]->topic->name,
		.partition = refused->partition,
		.offset = refused->offset,
		.record_time_ms = refused->timestamp_ms,
		.key = refused->key,
		.value = refused->value,
		.value_size = refused->value_size,
		.reason = refused->reason,
	};

	if (dead_letter_write(&task->context, &letter, err) < 0)
		return -1;
	writing->place->next = refused->next_offset;
	if (refused->lost > 0)
		say_lost(task, letter.topic, refused);
	return 0;
}

static int64_t
count_refused(const struct task *task)
{
	int64_t count = 0;

	for (int port = 0; port < TOPOLOGY_PORTS_MAX; port++)
		if (task->operator->tables[port])
			count += atomic_load(&task->operator->tables[port]->refused_count);
	return count;
}

int
task_tables_write_letters(struct task *task, struct error *err)
{
	int64_t count;

	if (task->tables.count == 0)
		return 0;
	count = count_refused(task);
	if (count == task->tables.seen)
		return 0;
	task->tables.seen = count;
	for (size_t i = 0; i < task->tables.count; i++) {
		struct task_letters *place = &task->tables.places[i];
		struct writing writing = {.task = task, .place = place};
		int64_t before = place->next;

		if (table_feed_refused(task->operator->tables[place->feed], place->partition, before, write_letter,
				       &writing, err) < 0)
			return -1;
		if (place->next == before)
			continue;
		task->changed = true;
		task_end_hook(task, 0);
	}
	return 0;
}

void
task_tables_committed(struct task *task)
{
	for (size_t i = 0; i < task->tables.count; i++) {
		struct task_letters *place = &task->tables.places[i];

		if (place->next == place->forgotten)
			continue;
		table_feed_forget(task->operator->tables[place->feed], place->partition, place->next);
		place->forgotten = place->next;
	}
}
