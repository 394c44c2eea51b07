/*
 * What the commands share. A command is one `const struct command` at the end of a file of its own and a line in cli.c;
 * its option table gives both the parser and `--help`.
 *
 * What every command keeps to: data goes to standard output (output.h), everything for people to standard error; the
 * status is 0 done, 1 failed, 2 wrong usage.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/option.h"
#include "dataflow/topology.h"
#include "log/log.h"

enum cli_status { CLI_DONE = 0, CLI_FAILED = 1, CLI_WRONG_USAGE = 2 };

struct call;

struct command {
	const char *name;
	const char *arguments; /* as in "TOPOLOGY TOPIC [FILE]" */
	int arguments_min, arguments_max;
	const char *help;	      /* one line */
	const char *manual;	      /* paragraphs, each one line; or NULL */
	const struct option *options; /* offsets into a struct of the command's own; a boolean takes no value */
	size_t options_size;	      /* bytes of that struct */
	bool takes_topology;	      /* the first argument is a topology: --data-dir and --set make sense */
	enum cli_status (*run)(const struct call *call);
};

enum cli_log_level { CLI_LOG_AUTO, CLI_LOG_DEBUG, CLI_LOG_INFO, CLI_LOG_WARN, CLI_LOG_ERROR };

/* One command line, parsed (arguments.h). */
struct call {
	const struct command *command;
	const char **arguments; /* NULL-terminated; borrowed texts */
	int argument_count;
	const char **overrides; /* --set, NULL-terminated; borrowed texts */
	int override_count;
	void *options; /* command->options_size bytes */
	char *data_directory;
	int log_level;	/* enum cli_log_level */
	int log_format; /* index into "text", "json" */
	bool help;
};

extern const struct command command_validate, command_run, command_produce, command_consume, command_topics,
	command_deadletter, command_state, command_rescale, command_operators, command_version;

extern const struct command *const cli_commands[]; /* NULL-terminated */

int cli_main(int count, char **arguments);

/* Says why on standard error: "isotope consume: ...". */
enum cli_status cli_failed(const struct call *call, const struct error *err);
enum cli_status cli_misused(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_note(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Loads the topology that the first argument names. All that is wrong with it goes to standard error. */
int cli_load(const struct call *call, struct topology **out, struct error *err);
/* The same for who runs it, or says whether it could: with what its operators check when they open. */
int cli_load_to_run(const struct call *call, struct topology **out, struct error *err);
/* Opens the log of --data-dir. */
int cli_open_log(const struct call *call, const struct topology *topology, bool read_only, struct log **out,
		 struct error *err);

/* Index of a topic, also by what the log calls it, or of an operator; the error of an unknown one names the closest. */
int cli_topic(const struct topology *topology, const char *name, int *index, struct error *err);
int cli_operator(const struct topology *topology, const char *name, int *index, struct error *err);

/* For tests: what ISOTOPE_CRASH says (base/crash_point.h). */
int cli_install_crash(struct error *err);

/* Commits, and asks again a bounded number of times while the outcome is unknown. */
int cli_commit(struct transaction *transaction, struct error *err);

#endif
