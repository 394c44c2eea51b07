#include "dataflow/task_identity.h"

#include "dataflow/task.h"
#include "tests/test.h"

static const struct operator_type type = {.name = "engagement_join"};
static char name[] = "join";
static struct topology_operator spec = {.name = name, .type = &type, .tasks = 4};
static struct job_operator operator = {.spec = &spec};
static struct task task = {.operator = &operator};
static struct error err;

static struct task_header
noted(void)
{
	struct task_header header = {0};

	task_identity_note(&task, &header);
	return header;
}

TEST(what_a_task_notes_it_goes_on_with)
{
	struct task_header header = noted();

	check_int(header.tasks, 4);
	check_bytes(header.partitioner, bytes_of_text("murmur2"));
	check_ok(task_identity_check(&task, &header, &err));
}

TEST(a_header_that_says_nothing_is_gone_on_with)
{
	struct task_header header = {0};

	check_ok(task_identity_check(&task, &header, &err));
}

TEST(another_type_of_operator_is_refused)
{
	struct task_header header = noted();

	header.operator_type = bytes_of_text("reconcile");
	check_fails(task_identity_check(&task, &header, &err), "was written by an operator of type reconcile");
	check_int(err.action, FATAL);
}

TEST(another_count_of_tasks_is_refused_and_says_rescale)
{
	struct task_header header = noted();

	header.tasks = 3;
	check_fails(task_identity_check(&task, &header, &err), "isotope rescale TOPOLOGY join --partitions 4");
	check_int(err.action, FATAL);
}

TEST(another_partitioner_is_refused)
{
	struct task_header header = noted();

	header.partitioner = bytes_of_text("crc32");
	check_fails(task_identity_check(&task, &header, &err), "shared out among tasks by crc32");
}
