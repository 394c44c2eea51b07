/*
 * A task's beginning and end. Opening one asks nothing of the log: the journal is read in slices (task_restore.c), so
 * that the worker's other tasks go on meanwhile.
 */
#include "base/memory.h"
#include "dataflow/task.h"
#include "dataflow/task_identity.h"
#include "dataflow/task_stores.h"

static int
open_inputs(struct task *task)
{
	const struct operator_type *type = task->operator->spec->type;
	bool keyed = false;

	for (const struct store_spec *store = type->stores; store && store->name; store++)
		keyed |= store->keyed_like_input;
	for (int port = 0; type->inputs && type->inputs[port].name; port++) {
		int topic = task->operator->spec->inputs[port];

		if (topic < 0)
			continue;
		input_init(&task->inputs[task->input_count], &task->job->topology->topics[topic], port,
			   task->input_count);
		task->inputs[task->input_count].records_lost = &task->operator->figures.records_lost;
		task->inputs[task->input_count].stalls = &task->operator->figures.stalls;
		task->inputs[task->input_count].keep_open = task->job->keep_open;
		task->inputs[task->input_count].stop_on_lost = task->job->topology->on_lost == ON_LOST_STOP;
		task->inputs[task->input_count].misplaced = &task->job->misplaced[topic];
		task->inputs[task->input_count].stop_on_misplaced = task->job->old_partitions;
		task->inputs[task->input_count++].keyed_state = keyed;
	}
	return task->input_count;
}

static int
open_state(struct task *task, struct error *err)
{
	struct state_config config = task_stores_config(task->job, task->operator, task->partition);

	if (!task->state && state_open(&config, &task->state, err) < 0)
		return -1;
	task->context.state = task->state;
	return 0;
}

int
task_open(const struct task_config *config, struct task **out, struct error *err)
{
	struct task *task = memory_new(sizeof(*task));

	task->job = config->job;
	task->operator = config->operator;
	task->member = config->member;
	task->self = config->self;
	task->partition = config->partition;
	task->state = config->state;
	task->waiting_since_ms = TIME_MAX;
	task->due_ms = config->operator->spec->type->generate || config->operator->spec->type->on_clock ? 0 : TIME_MAX;
	*out = task;
	task_identity_options(task->operator->spec, &task->options);
	open_inputs(task);
	task->marker.watermark = TIME_MIN;
	if (context_init(&task->context, task->job, task->operator, task->partition, config->transaction, err) < 0 ||
	    open_state(task, err) < 0) {
		fail_in(err, "operator %s task %d", task->operator->spec->name, task->partition);
		task_close(out);
		return -1;
	}
	for (int i = 0; i < task->input_count; i++)
		task->context.inputs[task->inputs[i].port].from = &task->inputs[i];
	task_tables_init(task);
	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		task->writes_markers |= task->context.outputs[i].topic && task->context.outputs[i].topic->internal;
	return 0;
}

void
task_close(struct task **pointer)
{
	struct task *task = *pointer;

	if (!task)
		return;
	reader_close(&task->restore.reader);
	reader_close(&task->restore.mark_reader);
	if (task->state)
		state_close(&task->state);
	task_forms_close(&task->forms);
	for (int i = 0; i < task->input_count; i++)
		input_fini(&task->inputs[i]);
	context_fini(&task->context);
	memory_free(&task->other_writer);
	task_tables_fini(task);
	buffer_fini(&task->header);
	buffer_fini(&task->windows);
	buffer_fini(&task->options);
	memory_free(pointer);
}

struct state *
task_put_aside(struct task *task)
{
	struct state *state = task->state;

	/* A bounded run loses no task that comes back, and its timers have fired in a drain. */
	if (!state || task->job->bounded || !state_put_aside(state))
		return NULL;
	task->state = NULL;
	return state;
}
