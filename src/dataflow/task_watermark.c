#include "dataflow/task_watermark.h"

static int64_t
input_stands(const struct input *input)
{
	if (input->topic->internal)
		return upstream_stands(&input->upstream);
	return time_add(input->time.time_max, -input->time.out_of_orderness_ms);
}

int
task_holding_port(const struct task *task)
{
	const struct input *least = NULL;

	for (int i = 0; i < task->input_count; i++)
		if (!least || input_stands(&task->inputs[i]) < input_stands(least))
			least = &task->inputs[i];
	return least ? least->port : -1;
}

bool
task_closes(const struct task *task)
{
	return task->job->bounded && !task->job->keep_open;
}

int64_t
task_stored_watermark(const struct task *task)
{
	int64_t stands[TOPOLOGY_PORTS_MAX];

	if (!task_closes(task))
		return task->watermark.at;
	for (int i = 0; i < task->input_count; i++)
		stands[i] = input_stands(&task->inputs[i]);
	return watermark_stored(&task->watermark, stands, task->input_count, task_inputs_ended(task));
}

/* ---- markers ---- */

static struct marker
marker_now(const struct task *task)
{
	return (struct marker){
		.task = (uint32_t)task->partition,
		.tasks = (uint32_t)task->operator->spec->tasks,
		.watermark = task_stored_watermark(task),
		.idle = (task->drained && !task->job->keep_open) || task->watermark.idle_from != TIME_MAX,
	};
}

/*
 * While all inputs are idle the watermark follows the clock: that is not said again and again. A run that keeps open
 * says that it has none, too: the run before may have said that the task is idle.
 */
bool
task_marker_due(const struct task *task)
{
	struct marker now;

	if (!task->writes_markers)
		return false;
	now = marker_now(task);
	if (!task->marker_written && task->job->keep_open)
		return true;
	if (now.watermark == TIME_MIN && !now.idle)
		return false;
	return now.idle != task->marker.idle || (!now.idle && now.watermark != task->marker.watermark);
}

static int
append_marker(struct task *task, const struct marker *marker, int topic, struct error *err)
{
	struct transaction *transaction = task->context.transaction;

	for (int i = 0; i < log_topic_partitions(task->job->log, topic); i++) {
		marker_write(marker,
			     transaction_append_begin(transaction, topic, i, (struct bytes){0}, task->context.now_ms));
		if (transaction_append_end(transaction, err) < 0)
			return -1;
	}
	transaction_keep(transaction);
	return 0;
}

int
task_markers_append(struct task *task, struct error *err)
{
	struct marker marker = marker_now(task);

	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++) {
		const struct context_output *output = &task->context.outputs[i];

		if (output->topic && output->topic->internal &&
		    append_marker(task, &marker, output->log_topic, err) < 0)
			return -1;
	}
	task->marker = marker;
	task->marker_written = true;
	return 0;
}
