#include "tests/sim/watch.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "dataflow/task.h"
#include "log/sim_client.h"

#define PARTITIONS_MAX 16
#define SUSPECTS_MAX 64
#define BEHIND_MS 1000 /* a watermark that follows the clock stays so far behind it: what is sent may be as old */

/* How far the markers before an offset let a watermark go. */
struct bound {
	int64_t at;  /* ms; TIME_MIN: nowhere */
	bool clocks; /* all tasks were idle once: as far as the clock */
};

/* A partition of an internal topic, read as far as everything in it is decided. */
struct watched {
	const struct sim_partition *partition; /* NULL: not in use */
	struct bound *bounds;		       /* by offset: of a reader that stands there */
	int64_t count, capacity;	       /* offsets below `count` have a bound, and the one behind them */
	struct marker last[PARTITIONS_MAX];
	bool heard[PARTITIONS_MAX];
	uint32_t tasks;
};

/* A task whose watermark has gone too far. */
struct suspect {
	const struct task *task; /* NULL: not in use */
	char text[200];
};

static struct watched watched[PARTITIONS_MAX];
static struct suspect suspects[SUSPECTS_MAX];

void
watch_reset(void)
{
	for (int i = 0; i < PARTITIONS_MAX; i++)
		memory_free(&watched[i].bounds);
	memset(watched, 0, sizeof(watched));
	memset(suspects, 0, sizeof(suspects));
}

/* NULL: it is none. */
static struct suspect *
find_suspect(const struct task *task)
{
	for (int i = 0; i < SUSPECTS_MAX; i++)
		if (suspects[i].task == task)
			return &suspects[i];
	return NULL;
}

static struct watched *
find(const struct sim_partition *partition)
{
	for (int i = 0; i < PARTITIONS_MAX; i++) {
		if (!watched[i].partition)
			watched[i].partition = partition;
		if (watched[i].partition == partition)
			return &watched[i];
	}
	insist(false);
	return NULL;
}

/* What the tasks have said last, taken together. Where it was once allowed to go a watermark may stay. */
static void
combine(const struct watched *of, struct bound *bound)
{
	int64_t least = TIME_MAX, most = TIME_MIN;
	bool idle = true;

	for (uint32_t i = 0; i < of->tasks; i++) {
		if (!of->heard[i])
			return;
		if (of->last[i].watermark > most)
			most = of->last[i].watermark;
		if (of->last[i].idle)
			continue;
		idle = false;
		if (of->last[i].watermark < least)
			least = of->last[i].watermark;
	}
	bound->clocks |= idle;
	if (idle)
		least = most; /* at most; it is the least of those that have one */
	if (least > bound->at && of->tasks > 0)
		bound->at = least;
}

static void
hear(struct watched *of, const struct sim_record *record)
{
	struct bytes value = bytes_of(record->bytes + record->key_size, record->value_size);
	struct marker marker;
	struct error err;

	if (!sim_is_visible(record) || record->has_key || marker_read(value, &marker, &err) < 0)
		return;
	insist(marker.tasks <= PARTITIONS_MAX && (of->tasks == 0 || of->tasks == marker.tasks));
	of->tasks = marker.tasks;
	of->last[marker.task] = marker;
	of->heard[marker.task] = true;
}

static struct bound
bound_at(struct watched *of, int64_t position)
{
	if (of->capacity <= of->partition->count) {
		of->capacity = 2 * of->partition->count + 64;
		of->bounds = memory_resize_array(of->bounds, (size_t)of->capacity, sizeof(*of->bounds));
	}
	if (of->count == 0)
		of->bounds[0] = (struct bound){.at = TIME_MIN};
	insist(position <= of->partition->count);
	for (; of->count < position; of->count++) {
		hear(of, &of->partition->records[of->count]);
		of->bounds[of->count + 1] = of->bounds[of->count];
		combine(of, &of->bounds[of->count + 1]);
	}
	return of->bounds[position];
}

static void
suspect(const struct task *task, const char *topic, int64_t bound)
{
	struct suspect *of = find_suspect(NULL);

	insist(of);
	of->task = task;
	snprintf(of->text, sizeof(of->text),
		 "the watermark of %s[%d] is %" PRId64 " at offset %" PRId64 " of %s: what was said upstream lets it "
		 "go to %" PRId64,
		 task->operator->spec->name, task->partition, task->watermark.at, task->inputs[0].position, topic,
		 bound);
}

/* Nobody reads what is not decided yet: what was once read there stays. */
static void
watch(const struct task *task)
{
	const struct input *input = &task->inputs[0];
	int topic = task->job->topics[task->operator->spec->inputs[input->port]];
	struct sim *sim = sim_log_of(task->job->log)->sim;
	struct sim_partition *partition = sim_partition(sim, topic, task->partition);
	struct bound bound;

	if (input->position > sim_stable_end(partition)) {
		sim_set_problem(sim, "%s[%d] was read to %" PRId64 ", behind its stable end", partition->topic->name,
				task->partition, input->position);
		return;
	}
	bound = bound_at(find(partition), input->position);
	if (bound.clocks && bound.at < sim_true_time(sim) - BEHIND_MS)
		bound.at = sim_true_time(sim) - BEHIND_MS;
	if (task->watermark.at > bound.at && !find_suspect(task))
		suspect(task, partition->topic->name, bound.at);
}

void __real_task_advance(struct task *task, int64_t now_ms);
void __wrap_task_advance(struct task *task, int64_t now_ms);
int __real_task_committed(struct task *task, struct error *err);
int __wrap_task_committed(struct task *task, struct error *err);
void __real_task_close(struct task **task);
void __wrap_task_close(struct task **task);

void
__wrap_task_advance(struct task *task, int64_t now_ms)
{
	__real_task_advance(task, now_ms);
	if (task->input_count == 1 && task->inputs[0].topic->internal && !task->draining)
		watch(task);
}

int
__wrap_task_committed(struct task *task, struct error *err)
{
	struct suspect *of = find_suspect(task);

	if (of)
		sim_set_problem(sim_log_of(task->job->log)->sim, "%s", of->text);
	return __real_task_committed(task, err);
}

void
__wrap_task_close(struct task **task)
{
	struct suspect *of = *task ? find_suspect(*task) : NULL;

	if (of)
		of->task = NULL;
	__real_task_close(task);
}
