/* operators: the manual of the operator types, from the same tables that the topology loader works by. */
#include "operators/operators.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/grid.h"
#include "cli/manual.h"
#include "cli/manual_topology.h"
#include "dataflow/topology_keys.h"
#include "dataflow/bounds.h"

#define TYPES_MAX 256

static const struct option operators_options[] = {OPTION_END};

/* What a record's values have to be, those that are bound alike on one line: "0 to 1: propensity". */
static void
put_bounds_of(struct buffer *out, const char *record)
{
	for (int range = 0; range < BOUND_RANGES; range++) {
		struct buffer line = {0};

		for (const struct value_bound *bound = bounds_table; bound->record; bound++)
			if ((int)bound->range == range && strcmp(bound->record, record) == 0)
				buffer_print(&line, "%s%s", line.size ? ", " : "", bound->field);
		if (line.size) {
			buffer_print(out, "%*s%s: ", MANUAL_INDENT, "", bounds_range_text((enum bound_range)range));
			buffer_put_u8(&line, 0);
			help_wrap(out, (const char *)line.data, MANUAL_INDENT, MANUAL_INDENT + 2);
		}
		buffer_fini(&line);
	}
}

/* Of inputs and global tables the bounds stand here too: what is out of them is a dead letter. */
static void
put_ports(struct buffer *out, const char *title, const struct port *ports, bool bounded)
{
	if (!ports || !ports->name)
		return;
	buffer_print(out, "\n%s\n", title);
	for (; ports->name; ports++) {
		buffer_print(out, "  %s: %s%s%s, %s\n", ports->name, ports->schema ? ports->schema : "any record",
			     ports->key ? ", keyed by " : "", ports->key ? ports->key : "",
			     ports->required ? "required" : "optional");
		manual_help(out, ports->help);
		if (bounded && ports->schema)
			put_bounds_of(out, ports->schema);
	}
}

static void
put_example_ports(struct buffer *out, const char *key, const struct port *ports)
{
	if (!ports || !ports->name)
		return;
	buffer_print(out, "      %s:\n", key);
	for (; ports->name; ports++)
		buffer_print(out, "        %s: TOPIC\n", ports->name);
}

/* What stands in a topology: everything that can be connected, and what must be given. */
static void
put_example(struct buffer *out, const struct operator_type *type)
{
	buffer_print(out, "\nIn a topology\n  operators:\n    NAME:\n      type: %s\n", type->name);
	put_example_ports(out, "inputs", type->inputs);
	put_example_ports(out, "tables", type->tables);
	put_example_ports(out, "outputs", type->outputs);
	for (const struct option *option = type->options; option && option->name; option++)
		if (!option->initial)
			buffer_print(out, "      %s: ...\n", option->name);
}

/* `tasks` is for sources, the limit for records that are read. */
static bool
is_for(const struct operator_type *type, const struct option *option)
{
	bool source = !type->inputs || !type->inputs->name;

	if (strcmp(option->name, "tasks") == 0)
		return source;
	return !source || strcmp(option->name, "dead_letter_limit") != 0;
}

static void
put_options(struct buffer *out, const struct operator_type *type)
{
	if (type->options && type->options->name)
		buffer_print(out, "\nParameters\n");
	manual_options(out, type->options);
	buffer_print(out, "\nParameters of every operator\n");
	for (const struct option *const *table = topology_operator_keys; *table; table++)
		for (const struct option *option = *table; option->name; option++)
			if (is_for(type, option))
				manual_option(out, NULL, option);
}

/* What holds for every record that is read, whoever reads it. */
static void
put_limits(struct buffer *out, const struct operator_type *type)
{
	if (!type->inputs || !type->inputs->name)
		return;
	buffer_print(out, "\nWhat becomes a dead letter, whatever the operator\n");
	buffer_print(out, "%*s", MANUAL_INDENT, "");
	manual_wrap(
		out,
		"A value that cannot be decoded, a key that is not its key field's text or is longer than %d bytes, a "
		"time that its topic does not take (`isotope operators topics`). A row or an entry that gets too "
		"large (%d bytes of key and value of a row, %d of an entry) makes a dead letter of the record that "
		"it is made from.",
		STORE_KEY_SIZE_MAX, LOG_RECORD_SIZE_MAX, STORE_VALUE_SIZE_MAX);
}

static void
put_page(struct buffer *out, const struct operator_type *type)
{
	buffer_print(out, "%s: ", type->name);
	help_wrap(out, type->help, (int)strlen(type->name) + 2, MANUAL_INDENT);
	manual_paragraphs(out, type->manual);
	if (type->generate)
		buffer_print(out, "\nA source: it has no inputs and makes its records itself.\n");
	put_ports(out, "Inputs (values out of their bounds are dead letters)", type->inputs, true);
	put_ports(out, "Outputs", type->outputs, false);
	put_ports(out, "Global tables", type->tables, true);
	put_example(out, type);
	put_options(out, type);
	put_limits(out, type);
	if (type->stores && type->stores->name)
		buffer_print(out, "\nStores\n");
	for (const struct store_spec *store = type->stores; store && store->name; store++) {
		buffer_print(out, "  %s\n", store->name);
		manual_help(out, store->help);
	}
	if (type->counters && type->counters->name)
		buffer_print(out, "\nCounters\n");
	for (const struct counter_spec *counter = type->counters; counter && counter->name; counter++) {
		buffer_print(out, "  %s\n", counter->name);
		manual_help(out, counter->help);
	}
	if (type->histograms && type->histograms->name)
		buffer_print(out, "\nHistograms\n");
	for (const struct histogram_spec *histogram = type->histograms; histogram && histogram->name; histogram++) {
		buffer_print(out, "  %s\n", histogram->name);
		manual_help(out, histogram->help);
	}
}

static void
put_list(struct buffer *out)
{
	static const char *const columns[] = {"TYPE", "WHAT IT DOES", NULL};
	struct grid grid;

	grid_init(&grid, columns);
	for (int i = 0; operators_table[i]; i++) {
		grid_put(&grid, "%s", operators_table[i]->name);
		grid_put(&grid, "%s", operators_table[i]->help);
	}
	grid_write(&grid, out);
	grid_fini(&grid);
	buffer_print(
		out,
		"\n`isotope operators TYPE` says all about one. `isotope operators topology` and `isotope operators "
		"topics` list\nthe other keys of a topology.\n");
}

static int
put_type(struct buffer *out, const char *name, struct error *err)
{
	const char *names[TYPES_MAX + 1] = {0};
	const char *closest;

	if (manual_topology(out, name))
		return 0;
	for (int i = 0; operators_table[i]; i++) {
		if (strcmp(operators_table[i]->name, name) == 0) {
			put_page(out, operators_table[i]);
			return 0;
		}
		if (i < TYPES_MAX)
			names[i] = operators_table[i]->name;
	}
	closest = option_closest(name, names);
	return fail(err, FATAL, "there is no operator type \"%.100s\"%s%s%s", name, closest ? "; did you mean \"" : "",
		    closest ? closest : "", closest ? "\"?" : "");
}

static enum cli_status
operators(const struct call *call)
{
	struct output output = {0};
	struct error err;
	int result = 0;

	if (call->argument_count == 0)
		put_list(&output.buffer);
	else
		result = put_type(&output.buffer, call->arguments[0], &err);
	if (result == 0)
		result = output_flush(&output, &err);
	output_fini(&output);
	return result < 0 ? cli_failed(call, &err) : CLI_DONE;
}

const struct command command_operators = {
	.name = "operators",
	.arguments = "[TYPE|topology|topics]",
	.arguments_max = 1,
	.help = "The operator types, or all about one: ports, parameters, limits, stores, counters; the keys of a "
		"topology and of its topics.",
	.options = operators_options,
	.run = operators,
};
