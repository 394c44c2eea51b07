#include "cli/arguments.h"

#include <stddef.h>
#include <string.h>

#include "base/memory.h"

#define NAMES_MAX 64

static const char *const log_levels[] = {"auto", "debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {"text", "json", NULL};

const struct option arguments_common[] = {
	{.name = "log-level",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct call, log_level),
	 .initial = "auto",
	 .choices = log_levels,
	 .help = "Least level of the log lines on standard error; auto: info for run, warn for all others."},
	{.name = "log-format",
	 .type = OPTION_CHOICE,
	 .offset = offsetof(struct call, log_format),
	 .initial = "text",
	 .choices = log_formats,
	 .help = "Format of everything on standard error: text, or one JSON object a line."},
	{.name = "help",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct call, help),
	 .initial = "false",
	 .help = "This text."},
	OPTION_END,
};

/* --set may be given many times: what it sets is in call->overrides, not in a field. */
static const char override_name[] = "set";

const struct option arguments_topology[] = {
	{.name = "data-dir",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct call, data_directory),
	 .initial = ".isotope",
	 .unit = "DIR",
	 .help = "Where the embedded log and the stores live."},
	{.name = override_name,
	 .type = OPTION_TEXT,
	 .unit = "PATH.TO.KEY=VALUE",
	 .help = "Overrides a key of the topology; may be given many times."},
	OPTION_END,
};

static size_t
collect(const struct option *table, const char **names, size_t count)
{
	for (; table && table->name && count < NAMES_MAX; table++)
		names[count++] = table->name;
	return count;
}

static int
fail_unknown(const struct command *command, const char *name, struct error *err)
{
	const char *names[NAMES_MAX + 1] = {0};
	size_t count = collect(command->options, names, 0);
	const char *closest;

	if (command->takes_topology)
		count = collect(arguments_topology, names, count);
	collect(arguments_common, names, count);
	closest = option_closest(name, names);
	return fail(err, FATAL, "there is no option --%.100s%s%s%s", name, closest ? "; did you mean --" : "",
		    closest ? closest : "", closest ? "?" : "");
}

/* The row of an option and the struct that its field is in. */
static const struct option *
find(const char *name, struct call *call, void **into)
{
	const struct option *option = option_find(call->command->options, name);

	*into = call->options;
	if (option)
		return option;
	*into = call;
	option = option_find(arguments_common, name);
	if (!option && call->command->takes_topology)
		option = option_find(arguments_topology, name);
	return option;
}

static int
set(const struct option *option, const char *value, struct call *call, void *into, struct error *err)
{
	if (option->name == override_name) {
		if (!strchr(value, '='))
			return fail(err, FATAL, "--set is \"%.100s\"; expected path.to.key=value", value);
		call->overrides[call->override_count++] = value;
		return 0;
	}
	if (option_parse(option, value, into, err) < 0) {
		struct error inner = *err;

		return fail(err, inner.action, "--%s", inner.text);
	}
	return 0;
}

/* Takes the option at words[*at], and its value; leaves *at on the last word it took. */
static int
take_option(int count, const char *const *words, int *at, struct call *call, struct error *err)
{
	const char *word = words[*at];
	const char *text = strcmp(word, "-h") == 0 ? "help" : word + 2;
	size_t size = strcspn(text, "=");
	const char *value = text[size] ? text + size + 1 : NULL;
	char *name = memory_format("%.*s", (int)size, text);
	void *into;
	const struct option *option = find(name, call, &into);
	int result;

	if (!option)
		result = fail_unknown(call->command, name, err);
	else if (option->type == OPTION_BOOLEAN && value)
		result = fail(err, FATAL, "--%s takes no value", name);
	else if (option->type == OPTION_BOOLEAN)
		result = set(option, "true", call, into, err);
	else if (!value && *at + 1 >= count)
		result = fail(err, FATAL, "--%s needs a value: %s", name, option_expected(option->type));
	else
		result = set(option, value ? value : words[++*at], call, into, err);
	memory_free(&name);
	return result;
}

static bool
is_option(const char *word)
{
	return (word[0] == '-' && word[1] == '-') || strcmp(word, "-h") == 0;
}

static int
check_count(const struct call *call, struct error *err)
{
	const struct command *command = call->command;

	if (call->argument_count < command->arguments_min)
		return fail(err, FATAL, "expected %s; %d of these are missing", command->arguments,
			    command->arguments_min - call->argument_count);
	if (call->argument_count > command->arguments_max)
		return fail(err, FATAL, "\"%.100s\" is one argument too many; expected %s",
			    call->arguments[command->arguments_max], *command->arguments ? command->arguments : "none");
	return 0;
}

static int
parse(int count, const char *const *words, struct call *call, struct error *err)
{
	bool only_arguments = false;

	for (int i = 0; i < count; i++) {
		const char *word = words[i];

		if (!only_arguments && strcmp(word, "--") == 0)
			only_arguments = true;
		else if (!only_arguments && is_option(word)) {
			if (take_option(count, words, &i, call, err) < 0)
				return -1;
		} else if (!only_arguments && word[0] == '-' && word[1])
			return fail(err, FATAL,
				    "\"%.100s\" is no option: options have two dashes, as in --help (an "
				    "argument that begins with a dash goes behind \"--\")",
				    word);
		else
			call->arguments[call->argument_count++] = word;
	}
	return call->help ? 0 : check_count(call, err);
}

int
arguments_parse(const struct command *command, int count, const char *const *words, struct call *out, struct error *err)
{
	*out = (struct call){.command = command};
	out->arguments = memory_new_array((size_t)count + 1, sizeof(*out->arguments));
	out->overrides = memory_new_array((size_t)count + 1, sizeof(*out->overrides));
	out->options = memory_new(command->options_size);
	option_defaults(command->options, out->options);
	option_defaults(arguments_common, out);
	option_parse(&arguments_topology[0], arguments_topology[0].initial, out, err);
	if (parse(count, words, out, err) < 0) {
		arguments_fini(out);
		return -1;
	}
	return 0;
}

void
arguments_fini(struct call *call)
{
	option_free(call->command->options, call->options);
	memory_free(&call->options);
	memory_free(&call->data_directory);
	memory_free(&call->arguments);
	memory_free(&call->overrides);
}

const char **
arguments_split(char *text)
{
	const char **list = memory_new_array(strlen(text) / 2 + 2, sizeof(*list));
	size_t count = 0;
	char *rest = text;
	char *piece;

	while ((piece = strsep(&rest, ",")))
		if (*piece)
			list[count++] = piece;
	return list;
}
