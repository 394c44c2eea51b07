#include "cli/arguments.h"

#include <stddef.h>

#include "base/memory.h"
#include "tests/test.h"

struct sample_options {
	bool flag;
	int64_t count;
	char *name;
	int64_t wait_ms;
};

static const struct option sample_options[] = {
	{.name = "flag", .type = OPTION_BOOLEAN, .offset = offsetof(struct sample_options, flag), .initial = "false"},
	{.name = "count",
	 .type = OPTION_INTEGER,
	 .offset = offsetof(struct sample_options, count),
	 .initial = "7",
	 .min = 1,
	 .max = 100},
	{.name = "name", .type = OPTION_TEXT, .offset = offsetof(struct sample_options, name)},
	{.name = "wait-time", .type = OPTION_DURATION, .offset = offsetof(struct sample_options, wait_ms)},
	OPTION_END,
};

static const struct command sample = {
	.name = "sample",
	.arguments = "TOPOLOGY TOPIC [FILE]",
	.arguments_min = 2,
	.arguments_max = 3,
	.help = "A sample.",
	.options = sample_options,
	.options_size = sizeof(struct sample_options),
	.takes_topology = true,
};

static const struct command plain = {.name = "plain", .arguments = "", .help = "Takes nothing."};

static struct call call;
static struct error err;

static int
parse_by(const struct command *command, const char *const *words)
{
	int count = 0;

	while (words[count])
		count++;
	return arguments_parse(command, count, words, &call, &err);
}

#define parse(...) parse_by(&sample, (const char *const[]){__VA_ARGS__, NULL})

static const struct sample_options *
given(void)
{
	return call.options;
}

TEST(arguments_keep_their_order_and_options_may_stand_anywhere)
{
	check_ok(parse("--flag", "a.yaml", "--count", "9", "topic", "--name=x y", "file"));
	check_int(call.argument_count, 3);
	check_text(call.arguments[0], "a.yaml");
	check_text(call.arguments[1], "topic");
	check_text(call.arguments[2], "file");
	check(call.arguments[3] == NULL);
	check(given()->flag);
	check_int(given()->count, 9);
	check_text(given()->name, "x y");
	arguments_fini(&call);
}

TEST(what_is_not_given_has_its_default)
{
	check_ok(parse("a.yaml", "topic"));
	check(!given()->flag);
	check_int(given()->count, 7);
	check(given()->name == NULL);
	check_int(given()->wait_ms, 0);
	check_text(call.data_directory, ".isotope");
	check_int(call.log_level, CLI_LOG_AUTO);
	check_int(call.override_count, 0);
	check(call.overrides[0] == NULL);
	check(!call.help);
	arguments_fini(&call);
}

TEST(common_options_are_taken_by_every_command)
{
	check_ok(parse("a.yaml", "topic", "--data-dir", "d", "--log-level=debug", "--log-format", "json"));
	check_text(call.data_directory, "d");
	check_int(call.log_level, CLI_LOG_DEBUG);
	check_int(call.log_format, 1);
	arguments_fini(&call);
}

TEST(set_may_be_given_many_times)
{
	check_ok(parse("--set", "a.b=1", "a.yaml", "topic", "--set=c=d=e"));
	check_int(call.override_count, 2);
	check_text(call.overrides[0], "a.b=1");
	check_text(call.overrides[1], "c=d=e");
	check(call.overrides[2] == NULL);
	arguments_fini(&call);
}

TEST(set_without_a_value_is_refused)
{
	check_fails(parse("a.yaml", "topic", "--set", "a.b"), "--set is \"a.b\"; expected path.to.key=value");
}

TEST(an_unknown_option_is_refused_with_the_closest_one)
{
	check_fails(parse("a.yaml", "topic", "--cuont", "3"), "there is no option --cuont; did you mean --count?");
	check_fails(parse("a.yaml", "topic", "--data_dir", "3"), "did you mean --data-dir?");
	check_fails(parse("a.yaml", "topic", "--xyzzy"), "there is no option --xyzzy");
	check(strstr(err.text, "did you mean") == NULL);
}

TEST(a_value_that_is_missing_wrong_or_too_much_is_refused)
{
	check_fails(parse("a.yaml", "topic", "--count"), "--count needs a value");
	check_fails(parse("a.yaml", "topic", "--count", "many"), "--count is \"many\"; expected");
	check_fails(parse("a.yaml", "topic", "--count", "101"), "at most 100");
	check_fails(parse("a.yaml", "topic", "--wait-time", "5"), "a duration such as");
	check_fails(parse("a.yaml", "topic", "--flag=yes"), "--flag takes no value");
	check_fails(parse("a.yaml", "topic", "--log-level", "lowd"), "--log-level");
}

TEST(too_few_and_too_many_arguments_are_refused)
{
	check_fails(parse("a.yaml"), "expected TOPOLOGY TOPIC [FILE]; 1 of these are missing");
	check_fails(parse("a.yaml", "b", "c", "d"), "\"d\" is one argument too many");
	check_fails(parse_by(&plain, (const char *const[]){"x", NULL}), "expected none");
}

TEST(two_dashes_end_the_options)
{
	check_ok(parse("a.yaml", "topic", "--", "--flag"));
	check_text(call.arguments[2], "--flag");
	check(!given()->flag);
	arguments_fini(&call);
}

TEST(one_dash_is_an_argument_and_a_short_option_is_refused)
{
	check_ok(parse("a.yaml", "topic", "-"));
	check_text(call.arguments[2], "-");
	arguments_fini(&call);
	check_fails(parse("a.yaml", "topic", "-n"), "\"-n\" is no option: options have two dashes");
}

TEST(help_needs_no_arguments)
{
	check_ok(parse("--help"));
	check(call.help);
	arguments_fini(&call);
	check_ok(parse("-h"));
	check(call.help);
	arguments_fini(&call);
}

TEST(a_command_without_a_topology_has_no_data_directory_to_set)
{
	check_fails(parse_by(&plain, (const char *const[]){"--data-dir", "d", NULL}), "no option --data-dir");
}

TEST(a_list_is_split_at_its_commas)
{
	char *text = memory_text("join,,history,");
	const char **list = arguments_split(text);

	check_text(list[0], "join");
	check_text(list[1], "history");
	check(list[2] == NULL);
	memory_free(&list);
	memory_free(&text);
}
