#include "cli/manual.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/help.h"

void
manual_wrap(struct buffer *out, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	help_wrap(out, text, MANUAL_INDENT, MANUAL_INDENT);
}

void
manual_help(struct buffer *out, const char *help)
{
	if (!help)
		return;
	buffer_print(out, "%*s", MANUAL_INDENT, "");
	help_wrap(out, help, MANUAL_INDENT, MANUAL_INDENT);
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
void
manual_option(struct buffer *out, const char *group, const struct option *option)
{
	struct buffer line = {0};

	buffer_print(&line, "%s%s%s: ", group ? group : "", group ? ".NAME." : "", option->name);
	put_kind(&line, option);
	buffer_put_u8(&line, 0);
	buffer_print(out, "  ");
	help_wrap(out, (const char *)line.data, 2, MANUAL_INDENT);
	manual_help(out, option->help);
	buffer_fini(&line);
}

void
manual_options(struct buffer *out, const struct option *options)
{
	for (const struct option *option = options; option && option->name; option++)
		manual_option(out, NULL, option);
	for (; options && options->name; options++)
		for (const struct option *option = options->type == OPTION_GROUPS ? options->group->options : NULL;
		     option && option->name; option++)
			manual_option(out, options->name, option);
}

/* Paragraphs, each behind an empty line. */
void
manual_paragraphs(struct buffer *out, const char *manual)
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
