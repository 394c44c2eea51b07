#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/arguments.h"

#define COMMAND_COLUMN 48 /* where the help of a command begins, in the list of all */
#define OPTION_COLUMN 26  /* where the help of an option begins */

void
help_wrap(struct buffer *out, const char *text, int column, int indent)
{
	help_wrap_at(out, text, column, indent, HELP_COLUMNS);
}

void
help_wrap_at(struct buffer *out, const char *text, int column, int indent, int columns)
{
	bool first = true;

	while (*(text += strspn(text, " "))) {
		int size = (int)strcspn(text, " ");

		if (!first && column + 1 + size > columns) {
			buffer_print(out, "\n%*s", indent, "");
			column = indent;
			first = true;
		}
		buffer_print(out, "%s%.*s", first ? "" : " ", size, text);
		column += size + !first;
		first = false;
		text += size;
	}
	buffer_put_u8(out, '\n');
}

static void
put_choices(const char *const *choices, char *to, size_t size)
{
	size_t used = 0;

	for (int i = 0; choices[i] && used < size; i++)
		used += (size_t)snprintf(to + used, size - used, "%s%s", i ? "|" : "", choices[i]);
}

/* What stands for the value: the row's unit, its choices, or a word for its type. */
static void
put_placeholder(const struct option *option, char *to, size_t size)
{
	static const char *const words[] = {
		[OPTION_INTEGER] = "N", [OPTION_NUMBER] = "NUMBER", [OPTION_DURATION] = "DURATION",
		[OPTION_SIZE] = "SIZE", [OPTION_TEXT] = "TEXT",
	};

	if (option->unit)
		snprintf(to, size, "%s", option->unit);
	else if (option->type == OPTION_CHOICE)
		put_choices(option->choices, to, size);
	else
		snprintf(to, size, "%s", words[option->type]);
}

static void
put_options(const struct option *table, struct buffer *out)
{
	for (; table && table->name; table++) {
		bool says_default = table->initial && *table->initial && table->type != OPTION_BOOLEAN;
		char left[128], placeholder[96], text[512];
		int size;

		if (table->type == OPTION_BOOLEAN) {
			size = snprintf(left, sizeof(left), "  --%s", table->name);
		} else {
			put_placeholder(table, placeholder, sizeof(placeholder));
			size = snprintf(left, sizeof(left), "  --%s %s", table->name, placeholder);
		}
		snprintf(text, sizeof(text), "%s%s%s%s", table->help, says_default ? " Default " : "",
			 says_default ? table->initial : "", says_default ? "." : "");
		if (size >= OPTION_COLUMN)
			buffer_print(out, "%s\n%*s", left, OPTION_COLUMN, "");
		else
			buffer_print(out, "%-*s", OPTION_COLUMN, left);
		help_wrap(out, text, OPTION_COLUMN, OPTION_COLUMN);
	}
}

void
help_command(const struct command *command, struct buffer *out)
{
	const char *manual = command->manual ? command->manual : "";

	buffer_print(out, "isotope %s %s%s[options]\n\n", command->name, command->arguments,
		     *command->arguments ? " " : "");
	help_wrap(out, command->help, 0, 0);
	while (*manual) {
		size_t size = strcspn(manual, "\n");
		char line[2048];

		snprintf(line, sizeof(line), "%.*s", (int)size, manual);
		buffer_put_u8(out, '\n');
		help_wrap(out, line, 0, 0);
		manual += size + (manual[size] == '\n');
	}
	buffer_print(out, "\nOptions:\n");
	put_options(command->options, out);
	if (command->takes_topology)
		put_options(arguments_topology, out);
	put_options(arguments_common, out);
}

void
help_all(struct buffer *out)
{
	buffer_print(out, "isotope COMMAND [arguments] [options]\n\n"
			  "A streaming event processor for recommendation logs.\n\nCommands:\n");
	for (int i = 0; cli_commands[i]; i++) {
		const struct command *command = cli_commands[i];
		char left[64];

		snprintf(left, sizeof(left), "  %s %s", command->name, command->arguments);
		buffer_print(out, "%-*s", COMMAND_COLUMN, left);
		help_wrap(out, command->help, COMMAND_COLUMN, COMMAND_COLUMN);
	}
	buffer_print(out,
		     "\n`isotope COMMAND --help` says more of each. Data goes to standard output, everything else to "
		     "standard\nerror. Status: 0 done, 1 failed, 2 wrong usage.\n");
}
