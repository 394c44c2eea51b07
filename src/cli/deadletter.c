/* deadletter: what could not be processed, why, and another try. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/key_finder.h"
#include "cli/letter_show.h"
#include "cli/letters.h"
#include "cli/output.h"
#include "cli/tell.h"
#include "base/stop.h"
#include "cli/grid.h"
#include "dataflow/dead_letter.h"
#include "dataflow/dead_letter_pass.h"
#include "record/json.h"

#define CHUNK_RECORDS 1000
#define CHUNK_BYTES 8388608
#define REASON_COLUMNS 70
#define ARGUMENTS_MAX 10000

struct deadletter_options {
	char *operator_name;
	char *topic;
	bool again;
	bool json;
};

static const struct option deadletter_options[] = {
	{.name = "operator",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct deadletter_options, operator_name),
	 .unit = "NAME",
	 .help = "list, replay: only letters of this operator."},
	{.name = "topic",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct deadletter_options, topic),
	 .unit = "NAME",
	 .help = "list, replay: only letters of records of this topic."},
	{.name = "again",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct deadletter_options, again),
	 .initial = "false",
	 .help = "replay: also letters that were replayed before."},
	{.name = "json",
	 .type = OPTION_BOOLEAN,
	 .offset = offsetof(struct deadletter_options, json),
	 .initial = "false",
	 .help = "list: one JSON object a line instead of a table."},
	OPTION_END,
};

static const char *const columns[] = {"ID",	 "FAILED AT", "OPERATOR", "TOPIC", ">PARTITION",
				      ">OFFSET", "REPLAYED",  "REASON",	  NULL};

struct post {
	const struct call *call;
	const struct deadletter_options *options;
	const struct topology *topology;
	struct log *log;
	struct letters letters;
	struct output output;
	struct grid grid;
	/* replay */
	struct transaction *transaction;
	int64_t pending, replayed, repeated, impossible;
};

static bool
is_wanted(const struct deadletter_options *options, const struct letter *letter)
{
	return (!options->operator_name || bytes_equal(bytes_of_text(options->operator_name), letter->operator_name)) &&
	       (!options->topic || bytes_equal(bytes_of_text(options->topic), letter->topic));
}

/* Calls `visit` for the letters whose IDs were given, or for all. */
static int
each_chosen(struct post *post, letters_visit *visit, struct error *err)
{
	int result = 0;

	if (post->call->argument_count == 2)
		return letters_each(&post->letters, visit, post, err);
	for (int i = 2; i < post->call->argument_count && result == 0; i++) {
		struct letter_mark place;

		if (letters_parse_id(post->call->arguments[i], &place, err) < 0)
			return -1;
		result = letters_one(&post->letters, place, visit, post, err);
	}
	return result;
}

/* ---- list ---- */

static int
list_json(struct post *post, const struct letter *letter, struct error *err)
{
	struct buffer *out = &post->output.buffer;

	buffer_print(out, "{\"id\":\"%d:%" PRId64 "\",\"failed_at\":%" PRId64, letter->number, letter->at,
		     letter->failed_at_ms);
	output_json_member(out, "operator", letter->operator_name);
	output_json_member(out, "topic", letter->topic);
	buffer_print(out, ",\"partition\":%d,\"offset\":%" PRId64, letter->partition, letter->offset);
	output_json_member(out, "key", letter->key);
	buffer_print(out, ",\"value_base64\":\"");
	json_base64_write(letter->value, out);
	buffer_print(out, "\",\"record_time\":%" PRId64 ",\"replayed\":%s", letter->record_time_ms,
		     letter->replayed ? "true" : "false");
	output_json_member(out, "reason", letter->reason);
	buffer_put_u8(out, '}');
	return output_line(&post->output, err) < 0 ? -1 : post->output.gone;
}

static int
list_row(void *argument, const struct letter *letter, struct error *err)
{
	struct post *post = argument;
	struct grid *grid = &post->grid;
	bool cut = letter->reason.size > REASON_COLUMNS;
	char time[OUTPUT_NUMBER_SIZE];

	if (!is_wanted(post->options, letter))
		return 0;
	if (post->options->json)
		return list_json(post, letter, err);
	grid_put(grid, "%d:%" PRId64, letter->number, letter->at);
	grid_put(grid, "%s", output_time(time, letter->failed_at_ms));
	grid_put(grid, "%.*s", bytes_arguments(letter->operator_name));
	grid_put(grid, "%.*s", bytes_arguments(letter->topic));
	grid_put(grid, "%d", letter->partition);
	if (letter->offset < 0)
		grid_put(grid, "-");
	else
		grid_put(grid, "%" PRId64, letter->offset);
	grid_put(grid, "%s", letter->replayed ? "yes" : "no");
	grid_put(grid, "%.*s%s", cut ? REASON_COLUMNS : (int)letter->reason.size, (const char *)letter->reason.data,
		 cut ? "..." : "");
	return 0;
}

static int
list(struct post *post, struct error *err)
{
	int result;

	grid_init(&post->grid, columns);
	result = each_chosen(post, list_row, err);
	if (result >= 0 && !post->options->json)
		grid_write(&post->grid, &post->output.buffer);
	grid_fini(&post->grid);
	return result < 0 ? -1 : output_flush(&post->output, err);
}

/* ---- show ---- */

static int
show_letter(void *argument, const struct letter *letter, struct error *err)
{
	struct post *post = argument;

	letter_show(post->topology, letter, &post->output.buffer);
	return output_line(&post->output, err);
}

static int
show(struct post *post, struct error *err)
{
	return each_chosen(post, show_letter, err) < 0 ? -1 : output_flush(&post->output, err);
}

/* ---- replay ---- */

static int
commit(struct post *post, struct error *err)
{
	if (post->pending > 0 && cli_commit(post->transaction, err) < 0)
		return -1;
	post->replayed += post->pending;
	post->pending = 0;
	return 0;
}

/* Why a letter can't be appended to its topic, or NULL. */
static const char *
obstacle(const struct topology *topology, const struct letter *letter, const struct topology_topic **out)
{
	char *name = memory_format("%.*s", bytes_arguments(letter->topic));
	int index = topology_topic_find(topology, name);

	memory_free(&name);
	if (index < 0)
		return "the topology has no such topic any more";
	*out = &topology->topics[index];
	if (letter->offset < 0)
		return "it is a row that could not be written, not a record of a topic";
	if (letter->partition < 0 || letter->partition >= (*out)->partitions)
		return "its topic has no such partition any more";
	if (letter->value.size >= DEAD_LETTER_VALUE_SIZE_MAX ||
	    memmem(letter->reason.data, letter->reason.size, DEAD_LETTER_CUT, sizeof(DEAD_LETTER_CUT) - 1))
		return "its value was too large to be kept whole";
	return NULL;
}

/*
 * The bytes go back as they were, to the partition they were on. A record that had no key because its value did not
 * decode when it was produced gets the one it has by now, on that key's partition: a join would never find it
 * elsewhere.
 */
static int
append(struct post *post, const struct letter *letter, const struct topology_topic *topic, struct error *err)
{
	struct key_finder finder;
	struct bytes key = letter->key;
	int partition = letter->partition;
	struct buffer *buffer;
	int number;
	int result;

	if (log_topic(post->log, topic->log_name, &number, err) < 0)
		return -1;
	key_finder_init(&finder, topic);
	if (!key.data) {
		key = key_finder_of_value(&finder, letter->value);
		if (key.data)
			partition = log_partition_of(key, (int)topic->partitions);
	}
	buffer = transaction_append_begin(post->transaction, number, partition, key,
					  topic->time ? clock_now_ms(&clock_system) : letter->record_time_ms);
	buffer_put_bytes(buffer, letter->value);
	result = transaction_append_end(post->transaction, err);
	key_finder_fini(&finder);
	if (result == 0)
		result = letters_mark(&post->letters, post->transaction, letter, err);
	return result;
}

static int
replay_letter(void *argument, const struct letter *letter, struct error *err)
{
	struct post *post = argument;
	const struct topology_topic *topic;
	const char *why;

	if (!is_wanted(post->options, letter))
		return 0;
	if (letter->replayed && !post->options->again) {
		post->repeated++;
		return 0;
	}
	why = obstacle(post->topology, letter, &topic);
	if (why) {
		cli_note(post->call, "%d:%" PRId64 " is left where it is: %s", letter->number, letter->at, why);
		post->impossible++;
		return 0;
	}
	if (append(post, letter, topic, err) < 0)
		return -1;
	transaction_keep(post->transaction);
	post->pending++;
	if (post->pending >= CHUNK_RECORDS || transaction_bytes(post->transaction) >= CHUNK_BYTES)
		return commit(post, err);
	return 0;
}

static void
tell_replayed(const struct post *post)
{
	struct buffer text = {0};

	buffer_print(&text, "%" PRId64 " dead letters replayed", post->replayed);
	if (post->repeated > 0)
		buffer_print(&text, ", %" PRId64 " were replayed before (--again repeats them)", post->repeated);
	if (post->impossible > 0)
		buffer_print(&text, ", %" PRId64 " cannot be", post->impossible);
	tell(LOGGER_INFO, "replayed", "%.*s", bytes_arguments(buffer_bytes(&text)));
	buffer_fini(&text);
}

static int
replay(struct post *post, struct error *err)
{
	char *id = memory_format("%s.replay_dead_letters.%d", post->topology->name, (int)getpid());
	int result = letters_prepare_marks(&post->letters, err);

	if (result == 0)
		result = log_transaction_open(post->log, id, &post->transaction, err);
	memory_free(&id);
	if (result < 0)
		return -1;
	result = each_chosen(post, replay_letter, err);
	if (result >= 0)
		result = commit(post, err);
	transaction_close(&post->transaction);
	tell_replayed(post);
	if (result >= 0 && post->impossible > 0 && post->call->argument_count > 2)
		return fail(err, FATAL, "not all that were named could be replayed");
	return result;
}

/* ---- pass ---- */

static bool
reads_something(const struct topology_operator *operator)
{
	for (int i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		if (operator->inputs[i] >= 0 || operator->tables[i] >= 0)
			return true;
	return false;
}

static int
pass_operator(struct post *post, int index, struct error *err)
{
	if (dead_letter_pass_write(post->topology, post->log, post->transaction, index, err) < 0)
		return -1;
	transaction_keep(post->transaction);
	cli_note(post->call, "from its next start on operator %s goes on past all that its topics hold by now",
		 post->topology->operators[index].name);
	return 0;
}

static int
pass_chosen(struct post *post, struct error *err)
{
	const struct topology *topology = post->topology;
	int result = 0, index;

	for (int i = 2; i < post->call->argument_count && result == 0; i++) {
		result = cli_operator(topology, post->call->arguments[i], &index, err);
		if (result == 0 && !reads_something(&topology->operators[index]))
			result = fail(err, FATAL, "operator %s reads no topic: there is nothing to pass",
				      topology->operators[index].name);
		if (result == 0)
			result = pass_operator(post, index, err);
	}
	for (int i = 0; i < topology->operator_count && post->call->argument_count == 2 && result == 0; i++)
		if (reads_something(&topology->operators[i]))
			result = pass_operator(post, i, err);
	return result;
}

static int
pass(struct post *post, struct error *err)
{
	char *id = memory_format("%s.pass_dead_letters.%d", post->topology->name, (int)getpid());
	int result = dead_letter_passes_create(post->topology, post->log, err);

	if (result == 0)
		result = log_transaction_open(post->log, id, &post->transaction, err);
	memory_free(&id);
	if (result < 0)
		return -1;
	result = pass_chosen(post, err);
	if (result == 0)
		result = cli_commit(post->transaction, err);
	transaction_close(&post->transaction);
	return result;
}

/* ---- the command ---- */

static const struct action {
	const char *name;
	const char *writes; /* what writes, for the error where the log may not be written; NULL: it only reads */
	bool needs_id, takes_operators;
	int (*run)(struct post *post, struct error *err);
} actions[] = {
	{.name = "list", .run = list},
	{.name = "show", .needs_id = true, .run = show},
	{.name = "replay", .writes = "a replay writes", .run = replay},
	{.name = "pass", .writes = "a pass is written", .takes_operators = true, .run = pass},
};

#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

static const struct action *
find_action(const char *name)
{
	for (size_t i = 0; i < ACTION_COUNT; i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

static enum cli_status
misused_action(const struct call *call)
{
	static const char *const names[] = {"list", "show", "replay", "pass", NULL};
	const char *closest = option_closest(call->arguments[1], names);

	return cli_misused(call, "\"%.100s\" is no action; expected list, show, replay or pass%s%s%s",
			   call->arguments[1], closest ? "; did you mean \"" : "", closest ? closest : "",
			   closest ? "\"?" : "");
}

static int
act(struct post *post, const struct action *action, struct error *err)
{
	int result = cli_open_log(post->call, post->topology, !action->writes, &post->log, err);

	if (result < 0)
		return action->writes ? fail_in(err, "%s to the log", action->writes) : -1;
	result = letters_open(&post->letters, post->topology, post->log, err);
	if (result == 0) {
		result = action->run(post, err);
		letters_close(&post->letters);
	}
	log_close(&post->log);
	return result;
}

static enum cli_status
deadletter(const struct call *call)
{
	const struct action *action = find_action(call->arguments[1]);
	struct post post = {.call = call, .options = call->options};
	struct topology *topology;
	struct letter_mark place;
	struct error err;
	int result;

	if (!action)
		return misused_action(call);
	if (action->needs_id && call->argument_count < 3)
		return cli_misused(call, "show needs the ID of a letter, as list prints it");
	for (int i = 2; i < call->argument_count && !action->takes_operators; i++)
		if (letters_parse_id(call->arguments[i], &place, &err) < 0)
			return cli_misused(call, "%s", err.text);
	if (cli_load(call, &topology, &err) < 0)
		return cli_failed(call, &err);
	post.topology = topology;
	stop_install();
	result = act(&post, action, &err);
	output_fini(&post.output);
	topology_free(&topology);
	return result < 0 ? cli_failed(call, &err) : CLI_DONE;
}

const struct command command_deadletter = {
	.name = "deadletter",
	.arguments = "TOPOLOGY list|show|replay|pass [ID...|OPERATOR...]",
	.arguments_min = 2,
	.arguments_max = ARGUMENTS_MAX,
	.help = "Records that could not be processed: list, show, replay, pass them.",
	.manual =
		"list: one row a letter. show ID: everything about one; its value as JSON where it decodes with its "
		"topic's schema, else its bytes. replay [ID...]: append "
		"the bytes to the topic and partition they came from, all letters or those with an ID; each "
		"letter once, unless --again is given.\n"
		"A replayed record is read by every operator of its topic, also by those that had no trouble "
		"with it.\n"
		"pass [OPERATOR...]: an operator that has stopped for too many dead letters (dead_letter_limit) goes "
		"on from its next start: none of the records that its topics hold by now counts towards the limit any "
		"more. What cannot be processed is a dead letter all the same, and what comes later counts. Without "
		"an OPERATOR all are told. A job that runs meanwhile is not disturbed, and hears of it when it is "
		"started again.\n"
		"list and show only read; with the embedded log replay and pass have to be the only writer: not "
		"beside a running job.",
	.options = deadletter_options,
	.options_size = sizeof(struct deadletter_options),
	.takes_topology = true,
	.run = deadletter,
};
