#include "dataflow/yaml_problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

struct yaml_problem {
	struct yaml_place place;
	int number; /* keeps the order of finding where places are equal */
	char *text;
};

void
yaml_problems_add(struct yaml_problems *problems, struct yaml_place place, const char *format, ...)
{
	char text[ERROR_TEXT_SIZE];
	struct yaml_problem *problem;
	va_list args;

	if (problems->count++ >= YAML_PROBLEMS_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* What the document holds is shown on a terminal: no control characters. */
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	if (!problems->items)
		problems->items = memory_new_array(YAML_PROBLEMS_MAX, sizeof(*problems->items));
	problem = &problems->items[problems->count - 1];
	*problem = (struct yaml_problem){.place = place, .number = problems->count, .text = memory_text(text)};
}

static int
compare(const void *left, const void *right)
{
	const struct yaml_problem *a = left, *b = right;

	if (a->place.overridden != b->place.overridden)
		return a->place.overridden ? 1 : -1;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	if (a->place.column != b->place.column)
		return a->place.column < b->place.column ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

static int
kept(const struct yaml_problems *problems)
{
	return problems->count < YAML_PROBLEMS_MAX ? problems->count : YAML_PROBLEMS_MAX;
}

void
yaml_problems_print(struct yaml_problems *problems, struct buffer *out)
{
	int count = kept(problems);

	if (count > 1)
		qsort(problems->items, (size_t)count, sizeof(*problems->items), compare);
	for (int i = 0; i < count; i++) {
		struct yaml_problem *problem = &problems->items[i];

		buffer_print(out, "%s:%d:%d: %s\n", problem->place.overridden ? "--set" : problems->file,
			     problem->place.line, problem->place.column, problem->text);
	}
	if (problems->count > count)
		buffer_print(out,
			     "%s:1:1: %d more problems are not "
			     "shown\n",
			     problems->file, problems->count - count);
}

void
yaml_problems_fini(struct yaml_problems *problems)
{
	for (int i = 0; i < kept(problems); i++)
		memory_free(&problems->items[i].text);
	memory_free(&problems->items);
	problems->count = 0;
}
