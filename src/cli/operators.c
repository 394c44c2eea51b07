/* operators: the manual of the operator types, from the same tables that the topology loader works by. */
#include "operators/operators.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/grid.h"
#include "dataflow/bounds.h"

#define HELP_INDENT 6
#define TYPES_MAX 256

static const struct option operators_options[] = {OPTION_END};

static void
put_help(struct buffer *out, const char *help)
{
	if (!help)
		return;
	buffer_print(out, "%*s", HELP_INDENT, "");
	help_wrap(out, help, HELP_INDENT, HELP_INDENT);
}

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
			buffer_print(out, "%*s%s: ", HELP_INDENT, "", bounds_range_text((enum bound_range)range));
			buffer_put_u8(&line, 0);
			help_wrap(out, (const char *)line.data, HELP_INDENT, HELP_INDENT + 2);
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
		put_help(out, ports->help);
		if (bounded && ports->schema)
			put_bounds_of(out, ports->schema);
	}
}

/* A bound as the text that would be written in a topology: 7d, not 604800000. */
static void
put_bound(struct buffer *out, const struct option *option, double bound)
{
	struct option at_zero = *option;
	int64_t integer = (int64_t)bound;
	char text[64];

	at_zero.offset = 0;
	option_print(&at_zero, option->type == OPTION_NUMBER ? (const void *)&bound : &integer, text, sizeof(text));
	buffer_print(out, "%s", text);
}

static void
put_bounds(struct buffer *out, const struct option *option)
{
	bool has_max = option->type == OPTION_NUMBER || option->max < (double)INT64_MAX;

	if (option->min == 0 && option->max == 0)
		return;
	buffer_print(out, has_max ? ", " : ", at least ");
	put_bound(out, option, option->min);
	if (has_max) {
		buffer_print(out, " to ");
		put_bound(out, option, option->max);
	}
}

/* "choice of all, platform, default all" */
static void
put_kind(struct buffer *out, const struct option *option)
{
	if (option->type == OPTION_GROUPS) {
		buffer_print(out, "a map of at most %d, each by its name; what each has stands below",
			     (int)option->max);
		return;
	}
	buffer_print(out, "%s", option_type_name(option->type));
	for (int i = 0; option->type == OPTION_CHOICE && option->choices[i]; i++)
		buffer_print(out, "%s%s", i ? ", " : " of ", option->choices[i]);
	if (option->unit)
		buffer_print(out, " (%s)", option->unit);
	if (option->initial)
		buffer_print(out, ", default %s", *option->initial ? option->initial : "\"\"");
	else
		buffer_print(out, ", required");
	put_bounds(out, option);
	if (option->state)
		buffer_print(out, "; cannot be changed while there is state");
}

/* `group`: the map that the option is part of, or NULL. */
static void
put_parameter(struct buffer *out, const char *group, const struct option *option)
{
	struct buffer line = {0};

	buffer_print(&line, "%s%s%s: ", group ? group : "", group ? ".NAME." : "", option->name);
	put_kind(&line, option);
	buffer_put_u8(&line, 0);
	buffer_print(out, "  ");
	help_wrap(out, (const char *)line.data, 2, HELP_INDENT);
	put_help(out, option->help);
	buffer_fini(&line);
}

static void
put_parameters(struct buffer *out, const struct option *options)
{
	if (!options || !options->name)
		return;
	buffer_print(out, "\nParameters\n");
	for (const struct option *option = options; option->name; option++)
		put_parameter(out, NULL, option);
	for (; options->name; options++)
		for (const struct option *option = options->type == OPTION_GROUPS ? options->group->options : NULL;
		     option && option->name; option++)
			put_parameter(out, options->name, option);
}

/* Paragraphs, each behind an empty line. */
static void
put_manual(struct buffer *out, const char *manual)
{
	char paragraph[2048];

	while (manual && *manual) {
		int size = (int)strcspn(manual, "\n");

		snprintf(paragraph, sizeof(paragraph), "%.*s", size, manual);
		buffer_put_u8(out, '\n');
		help_wrap(out, paragraph, 0, 0);
		manual += size + (manual[size] == '\n');
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

static void
put_page(struct buffer *out, const struct operator_type *type)
{
	buffer_print(out, "%s: ", type->name);
	help_wrap(out, type->help, (int)strlen(type->name) + 2, HELP_INDENT);
	put_manual(out, type->manual);
	if (type->generate)
		buffer_print(out, "\nA source: it has no inputs and makes its records itself.\n");
	put_ports(out, "Inputs (values out of their bounds are dead letters)", type->inputs, true);
	put_ports(out, "Outputs", type->outputs, false);
	put_ports(out, "Global tables", type->tables, true);
	put_example(out, type);
	put_parameters(out, type->options);
	if (type->stores && type->stores->name)
		buffer_print(out, "\nStores\n");
	for (const struct store_spec *store = type->stores; store && store->name; store++) {
		buffer_print(out, "  %s\n", store->name);
		put_help(out, store->help);
	}
	if (type->counters && type->counters->name)
		buffer_print(out, "\nCounters\n");
	for (const struct counter_spec *counter = type->counters; counter && counter->name; counter++) {
		buffer_print(out, "  %s\n", counter->name);
		put_help(out, counter->help);
	}
	if (type->histograms && type->histograms->name)
		buffer_print(out, "\nHistograms\n");
	for (const struct histogram_spec *histogram = type->histograms; histogram && histogram->name; histogram++) {
		buffer_print(out, "  %s\n", histogram->name);
		put_help(out, histogram->help);
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
}

static int
put_type(struct buffer *out, const char *name, struct error *err)
{
	const char *names[TYPES_MAX + 1] = {0};
	const char *closest;

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
	.arguments = "[TYPE]",
	.arguments_max = 1,
	.help = "The operator types, or all about one: ports, parameters, stores, counters.",
	.options = operators_options,
	.run = operators,
};
