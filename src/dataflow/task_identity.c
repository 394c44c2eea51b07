#include "dataflow/task_identity.h"

#include <string.h>

#include "dataflow/task.h"

void
task_identity_options(const struct topology_operator *operator, struct buffer *out)
{
	char value[256];

	for (const struct option *option = operator->type->options; option && option->name; option++) {
		if (!option->state)
			continue;
		option_print(option, operator->self, value, sizeof(value));
		buffer_print(out, "%s=%s\n", option->name, value);
	}
}

void
task_identity_note(const struct task *task, struct task_header *header)
{
	header->operator_type = bytes_of_text(task->operator->spec->type->name);
	header->tasks = (int)task->operator->spec->tasks;
	header->partitioner = bytes_of_text(LOG_PARTITIONER);
	header->options = buffer_bytes(&task->options);
}

/* The line of an option among those that were noted, without its end; data NULL: it was not. */
static struct bytes
find_option(struct bytes noted, const char *name)
{
	size_t size = strlen(name);

	while (noted.size != 0) {
		const uint8_t *end = memchr(noted.data, '\n', noted.size);
		size_t length = end ? (size_t)(end - noted.data) : noted.size;

		if (length > size && noted.data[size] == '=' && memcmp(noted.data, name, size) == 0)
			return bytes_of(noted.data + size + 1, length - size - 1);
		noted.data += length + (end != NULL);
		noted.size -= length + (end != NULL);
	}
	return (struct bytes){0};
}

static int
check_options(const struct task *task, struct bytes noted, struct error *err)
{
	const struct topology_operator *spec = task->operator->spec;
	char value[256];

	for (const struct option *option = spec->type->options; option && option->name; option++) {
		struct bytes before = option->state ? find_option(noted, option->name) : (struct bytes){0};

		if (!before.data)
			continue;
		option_print(option, spec->self, value, sizeof(value));
		if (!bytes_equal(before, bytes_of_text(value)))
			return fail(
				err, FATAL,
				"its state was made with %s: %.*s, which is %s now: what is kept depends on it; put "
				"it back, or give the operator another name to begin with empty state",
				option->name, bytes_arguments(before), value);
	}
	return 0;
}

int
task_identity_check(const struct task *task, const struct task_header *header, struct error *err)
{
	const struct topology_operator *spec = task->operator->spec;

	if (header->operator_type.size != 0 && !bytes_equal(header->operator_type, bytes_of_text(spec->type->name)))
		return fail(
			err, FATAL,
			"its state was written by an operator of type %.*s, and its type is %s; give it another name "
			"to begin with empty state",
			bytes_arguments(header->operator_type), spec->type->name);
	if (header->tasks != 0 && header->tasks != (int)spec->tasks)
		return fail(
			err, FATAL,
			"its state was written by %d tasks, and there are %d now: keys would not find their state; run "
			"isotope rescale TOPOLOGY %s --partitions %d",
			header->tasks, (int)spec->tasks, spec->name, (int)spec->tasks);
	if (header->partitioner.size != 0 && !bytes_equal(header->partitioner, bytes_of_text(LOG_PARTITIONER)))
		return fail(
			err, FATAL,
			"its keys were shared out among tasks by %.*s, and this version does it by %s; run the version "
			"that wrote its state",
			bytes_arguments(header->partitioner), LOG_PARTITIONER);
	if (header->options.size == 0 || state_is_empty(task->state))
		return 0;
	return check_options(task, header->options, err);
}
