/* validate: everything that is wrong with a topology, and how it is wired. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/tell.h"

struct validate_options {
	bool graph;
};

static const struct option validate_options[] = {
	{.name = "graph",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct validate_options, graph),
	 .initial = "false",
	 .help = "Also print which operator reads and writes which topics, in the order of the flow."},
	OPTION_END,
};

static void
put_ports(const struct topology *topology, const struct port *ports, const int *topics, const char *arrow,
	  struct buffer *out)
{
	for (int i = 0; ports && ports[i].name; i++) {
		const struct topology_topic *topic;

		if (topics[i] < 0) {
			buffer_print(out, "    %-14s %s (not connected)\n", ports[i].name, arrow);
			continue;
		}
		topic = &topology->topics[topics[i]];
		buffer_print(out, "    %-14s %s %s, %" PRId64 " partition%s", ports[i].name, arrow, topic->name,
			     topic->partitions, topic->partitions == 1 ? "" : "s");
		if (topic->key)
			buffer_print(out, ", by %s", topic->key);
		buffer_put_u8(out, '\n');
	}
}

static void
put_graph(const struct topology *topology, struct buffer *out)
{
	int left = topology->operator_count;

	for (int stage = 0; left > 0; stage++) {
		for (int i = 0; i < topology->operator_count; i++) {
			const struct topology_operator *operator = &topology->operators[i];

			if (operator->stage != stage)
				continue;
			buffer_print(out, "%s (%s, %" PRId64 " task%s)\n", operator->name, operator->type->name,
				     operator->tasks, operator->tasks == 1 ? "" : "s");
			put_ports(topology, operator->type->inputs, operator->inputs, "<-", out);
			put_ports(topology, operator->type->outputs, operator->outputs, "->", out);
			left--;
		}
	}
}

static enum cli_status
validate(const struct call *call)
{
	const struct validate_options *options = call->options;
	struct output output = {0};
	struct topology *topology;
	struct error err;
	int result = 0;

	if (cli_load_to_run(call, &topology, &err) < 0)
		return cli_failed(call, &err);
	if (options->graph) {
		put_graph(topology, &output.buffer);
		result = output_flush(&output, &err);
		output_fini(&output);
	}
	if (result == 0)
		tell(LOGGER_INFO, "ok", "ok: %s, %d topics, %d operators", topology->name, topology->topic_count,
		     topology->operator_count);
	topology_free(&topology);
	return result < 0 ? cli_failed(call, &err) : CLI_DONE;
}

const struct command command_validate = {
	.name = "validate",
	.arguments = "TOPOLOGY",
	.arguments_min = 1,
	.arguments_max = 1,
	.help = "Check a topology and say everything that is wrong with it.",
	.manual = "Each problem is a line on standard error: file:line:column, what is wrong, what was expected, "
		  "what was probably meant. It says what `run` would refuse at its start. Nothing is opened but the "
		  "file, its schemas, and the files with secrets and certificates that it names; no server is asked.",
	.options = validate_options,
	.options_size = sizeof(struct validate_options),
	.takes_topology = true,
	.run = validate,
};
