#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/logger.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/tell.h"
#include "dataflow/runtime.h"
#include "dataflow/self.h"
#include "operators/operators.h"

#define COMMIT_ATTEMPTS_MAX 5

const struct command *const cli_commands[] = {
	&command_validate,
	&command_run,
	&command_produce,
	&command_consume,
	&command_topics,
	&command_deadletter,
	&command_state,
	&command_rescale,
	&command_operators,
	&command_version,
	NULL,
};

/* ---- what commands say ---- */

enum cli_status
cli_failed(const struct call *call, const struct error *err)
{
	tell(LOGGER_ERROR, "failed", "isotope %s: %s", call->command->name, err->text);
	return CLI_FAILED;
}

enum cli_status
cli_misused(const struct call *call, const char *format, ...)
{
	char text[ERROR_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tell(LOGGER_ERROR, "misused", "isotope %s: %s", call->command->name, text);
	tell(LOGGER_ERROR, "misused", "`isotope %s --help` says what it takes", call->command->name);
	return CLI_WRONG_USAGE;
}

void
cli_note(const struct call *call, const char *format, ...)
{
	char text[2 * ERROR_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tell(LOGGER_WARN, "note", "isotope %s: %s", call->command->name, text);
}

/* ---- what commands open ---- */

static int
load(const struct call *call, topology_check_operator *check, struct topology **out, struct error *err)
{
	struct buffer problems = {0};
	int result = topology_load_checked(call->arguments[0], call->overrides, operators_table, check, out, &problems,
					   err);
	size_t count = 0;

	buffer_put_u8(&problems, 0);
	problems.size--;
	if (result < 0) {
		for (size_t at = 0; at < problems.size; count++) {
			const char *line = (const char *)problems.data + at;
			size_t size = strcspn(line, "\n");

			tell(LOGGER_ERROR, "problem", "%.*s", (int)size, line);
			at += size + 1;
		}
		if (count > 0)
			fail(err, FATAL, "%s has %zu problem%s", call->arguments[0], count, count == 1 ? "" : "s");
	}
	buffer_fini(&problems);
	return result;
}

int
cli_load(const struct call *call, struct topology **out, struct error *err)
{
	return load(call, NULL, out, err);
}

int
cli_load_to_run(const struct call *call, struct topology **out, struct error *err)
{
	return load(call, self_check, out, err);
}

int
cli_open_log(const struct call *call, const struct topology *topology, bool read_only, struct log **out,
	     struct error *err)
{
	return runtime_open_log(topology, call->data_directory, read_only, &clock_system, out, err);
}

/* "there is no topic x in file; did you mean y?" `names` is NULL-terminated. */
static int
fail_no_such(const struct topology *topology, const char *what, const char *name, const char *const *names,
	     struct error *err)
{
	const char *closest = option_closest(name, names);

	return fail(err, FATAL, "%s has no %s \"%.200s\"%s%s%s", topology->file, what, name,
		    closest ? "; did you mean \"" : "", closest ? closest : "", closest ? "\"?" : "");
}

int
cli_topic(const struct topology *topology, const char *name, int *index, struct error *err)
{
	const char **names;

	*index = topology_topic_find(topology, name);
	for (int i = 0; *index < 0 && i < topology->topic_count; i++)
		if (strcmp(topology->topics[i].log_name, name) == 0)
			*index = i;
	if (*index >= 0)
		return 0;
	names = memory_new_array((size_t)topology->topic_count + 1, sizeof(*names));
	for (int i = 0; i < topology->topic_count; i++)
		names[i] = topology->topics[i].name;
	fail_no_such(topology, "topic", name, names, err);
	memory_free(&names);
	return -1;
}

int
cli_operator(const struct topology *topology, const char *name, int *index, struct error *err)
{
	const char **names;

	*index = topology_operator_find(topology, name);
	if (*index >= 0)
		return 0;
	names = memory_new_array((size_t)topology->operator_count + 1, sizeof(*names));
	for (int i = 0; i < topology->operator_count; i++)
		names[i] = topology->operators[i].name;
	fail_no_such(topology, "operator", name, names, err);
	memory_free(&names);
	return -1;
}

int
cli_commit(struct transaction *transaction, struct error *err)
{
	int attempts = 0;
	int result;

	do
		result = transaction_commit(transaction, err);
	while (result < 0 && err->action == RETRY && ++attempts < COMMIT_ATTEMPTS_MAX);
	return result;
}

/* ---- from the command line to the command ---- */

static const struct command *
find_command(const char *name)
{
	for (int i = 0; cli_commands[i]; i++)
		if (strcmp(cli_commands[i]->name, name) == 0)
			return cli_commands[i];
	return NULL;
}

static enum cli_status
unknown_command(const char *name)
{
	const char *names[sizeof(cli_commands) / sizeof(cli_commands[0])] = {0};
	const char *closest;

	for (size_t i = 0; cli_commands[i]; i++)
		names[i] = cli_commands[i]->name;
	closest = option_closest(name, names);
	fprintf(stderr, "isotope: there is no command \"%.100s\"%s%s%s\n`isotope --help` lists them\n", name,
		closest ? "; did you mean \"" : "", closest ? closest : "", closest ? "\"?" : "");
	return CLI_WRONG_USAGE;
}

static enum cli_status
print_help(const struct command *command)
{
	struct output output = {0};
	struct error err;
	int result;

	if (command)
		help_command(command, &output.buffer);
	else
		help_all(&output.buffer);
	result = output_flush(&output, &err);
	output_fini(&output);
	if (result < 0)
		fprintf(stderr, "isotope: %s\n", err.text);
	return result < 0 ? CLI_FAILED : CLI_DONE;
}

static void
set_logger(const struct call *call)
{
	int level = call->log_level;

	if (level == CLI_LOG_AUTO)
		level = call->command == &command_run ? CLI_LOG_INFO : CLI_LOG_WARN;
	logger_set_level((enum logger_level)(level - CLI_LOG_DEBUG + LOGGER_DEBUG));
	logger_set_json(call->log_format == 1);
}

static enum cli_status
run_command(const struct command *command, int count, const char *const *words)
{
	struct call call;
	struct error err;
	enum cli_status status;

	if (arguments_parse(command, count, words, &call, &err) < 0) {
		call = (struct call){.command = command};
		return cli_misused(&call, "%s", err.text);
	}
	set_logger(&call);
	status = call.help ? print_help(command) : command->run(&call);
	arguments_fini(&call);
	return status;
}

/* A file opened later must not be taken for standard output or error because those were closed. */
static void
keep_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) != fd)
			_exit(CLI_FAILED);
}

int
cli_main(int count, char **arguments)
{
	const struct command *command;
	const char *name = count > 1 ? arguments[1] : NULL;

	keep_standard_files();
	signal(SIGPIPE, SIG_IGN); /* a write says EPIPE instead: see output.h */
	if (!name) {
		struct buffer help = {0};

		help_all(&help);
		fwrite(help.data, 1, help.size, stderr);
		buffer_fini(&help);
		return CLI_WRONG_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return (int)print_help(NULL);
	if (strcmp(name, "--version") == 0)
		name = "version";
	command = find_command(name);
	if (!command)
		return (int)unknown_command(name);
	return (int)run_command(command, count - 2, (const char *const *)arguments + 2);
}

int
cli_install_crash(struct error *err)
{
	const char *text = getenv("ISOTOPE_CRASH");

	if (!text)
		return 0;
	return crash_install_text(text, err) < 0 ? fail_in(err, "ISOTOPE_CRASH") : 0;
}
