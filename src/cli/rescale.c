/* rescale: gives an operator's state to another number of tasks (dataflow/rescale.h). */
#include "dataflow/rescale.h"

#include <inttypes.h>

#include "cli/cli.h"
#include "cli/grid.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "base/stop.h"

struct rescale_options {
	int64_t partitions;
};

static const struct option rescale_options[] = {
	{.name = "partitions",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct rescale_options, partitions),
	 .min = 1,
	 .max = LOG_PARTITIONS_MAX,
	 .help = "How many tasks there will be: the partitions of each of its inputs."},
	OPTION_END,
};

static const char *const columns[] = {"STORE", ">ENTRIES BEFORE", ">AFTER", ">TIMERS BEFORE", ">AFTER", NULL};

static void
show(void *argument, const struct rescale_progress *progress)
{
	if (progress_due(argument))
		progress_show(argument, "%s: task %d of %d, %" PRId64 " entries", progress->doing, progress->done + 1,
			      progress->of, progress->entries);
}

static int
put_counts(const struct topology_operator *spec, const struct rescale_result *result, struct error *err)
{
	struct output output = {0};
	struct grid grid;
	int written;

	grid_init(&grid, columns);
	for (int i = 0; i < result->store_count; i++) {
		grid_put(&grid, "%s", spec->type->stores[i].name);
		grid_put(&grid, "%" PRId64, result->before[i].entries);
		grid_put(&grid, "%" PRId64, result->after[i].entries);
		grid_put(&grid, "%" PRId64, result->before[i].timers);
		grid_put(&grid, "%" PRId64, result->after[i].timers);
	}
	grid_write(&grid, &output.buffer);
	grid_fini(&grid);
	written = output_flush(&output, err);
	output_fini(&output);
	return written;
}

static void
note_old_journals(const struct call *call, const struct rescale_result *result)
{
	struct bytes names = buffer_bytes(&result->old_journals);

	if (names.size == 0)
		return;
	cli_note(call, "empty from now on, and read by nobody: %.*s (%s)", bytes_arguments(names),
		 result->keeps_topics ? "the embedded log keeps the names; they take no room"
				      : "to be deleted, one by one, with: kafka-topics --delete --topic NAME");
}

static int
rescale_operator(const struct call *call, const struct topology *topology, struct error *err)
{
	const struct rescale_options *options = call->options;
	struct rescale_result result = {0};
	struct progress progress;
	struct rescale_config config = {
		.topology = topology,
		.tasks = (int)options->partitions,
		.directory = call->data_directory,
		.clock = &clock_system,
		.progress = show,
		.stopped = stop_requested,
		.argument = &progress,
	};
	int done;

	if (cli_operator(topology, call->arguments[1], &config.operator, err) < 0)
		return -1;
	progress_init(&progress);
	done = rescale(&config, &result, err);
	progress_clear(&progress);
	if (done < 0) {
		rescale_result_fini(&result);
		return -1;
	}
	if (result.from == result.to)
		cli_note(call, "operator %s has %d tasks already%s", call->arguments[1], result.to,
			 result.raised ? "; its inputs have as many partitions now" : "");
	else
		cli_note(call, "operator %s had %d tasks and has %d now; its journal is number %d", call->arguments[1],
			 result.from, result.to, result.generation);
	note_old_journals(call, &result);
	done = result.from == result.to ? 0 : put_counts(&topology->operators[config.operator], &result, err);
	rescale_result_fini(&result);
	return done;
}

static enum cli_status
run_rescale(const struct call *call)
{
	struct topology *topology;
	struct error err;
	int result;

	stop_install();
	if (cli_install_crash(&err) < 0 || cli_load_to_run(call, &topology, &err) < 0)
		return cli_failed(call, &err);
	result = rescale_operator(call, topology, &err);
	topology_free(&topology);
	return result < 0 ? cli_failed(call, &err) : CLI_DONE;
}

const struct command command_rescale = {
	.name = "rescale",
	.arguments = "TOPOLOGY OPERATOR",
	.arguments_min = 2,
	.arguments_max = 2,
	.help = "Give an operator's state to another number of tasks, when the partitions of its inputs change.",
	.manual =
		"In this order: stop what writes to its inputs; let the operator read all of them, run --until-end, "
		"and stop it; on Kafka raise the partitions of its inputs (kafka-topics --alter); set `partitions` of "
		"these topics in the topology; call this, for every operator that reads them; start again.\n"
		"Every entry, with its timer, goes to the task that its key belongs to, into a new journal; what came "
		"out is counted before it takes the old one's place. What belongs to a task and not to a key, such as "
		"reconcile's open windows, is given out in parts that add up. Killed at any moment it leaves things as "
		"they were, or is finished by the next call. The journals of before are emptied, and named, so that "
		"they can be deleted.\n"
		"Records that were not read yet and whose key belongs to another partition from now on are refused, "
		"with their number. A topic cannot have fewer partitions than it has: for fewer tasks, connect the "
		"operator to other topics. On the embedded log this gives the inputs their partitions itself.\n"
		"It is refused while the operator runs, and for sources, whose tasks share no keys out.",
	.options = rescale_options,
	.options_size = sizeof(struct rescale_options),
	.takes_topology = true,
	.run = run_rescale,
};
