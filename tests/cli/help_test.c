#include "cli/help.h"

#include "tests/test.h"

static struct buffer out;

static const char *
text(void)
{
	buffer_put_u8(&out, 0);
	return (const char *)out.data;
}

TEST(a_text_is_wrapped_between_words_and_indented)
{
	help_wrap(&out,
		  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
		  "seventeen",
		  4, 2);
	check_text(text(),
		   "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen\n"
		   "  seventeen\n");
	buffer_fini(&out);
}

TEST(every_option_and_its_default_are_in_the_help)
{
	help_command(&command_consume, &out);
	text();
	for (const struct option *option = command_consume.options; option->name; option++)
		check_contains((const char *)out.data, option->name);
	check_contains((const char *)out.data, "--from WHERE");
	check_contains((const char *)out.data, "Default beginning.");
	check_contains((const char *)out.data, "--data-dir DIR");
	buffer_fini(&out);
}

TEST(every_command_is_in_the_list)
{
	help_all(&out);
	text();
	for (int i = 0; cli_commands[i]; i++) {
		check_contains((const char *)out.data, cli_commands[i]->name);
		check(cli_commands[i]->run != NULL);
		check(cli_commands[i]->arguments_max >= cli_commands[i]->arguments_min);
	}
	buffer_fini(&out);
}
