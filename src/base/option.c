#include "base/option.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

#define CLOSEST_NAME_SIZE_MAX 64 /* bytes; longer names are not compared */
#define VALUE_TEXT_SIZE 128	 /* bytes of a value in an error */
#define CHOICES_TEXT_SIZE 512	 /* bytes of the list of choices in an error */

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first: printing takes the first that divides the value. */
static const struct unit duration_units[] = {
	{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const struct unit size_units[] = {
	{"GiB", (int64_t)1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {NULL, 0},
};

static const struct {
	const char *name;
	const char *expected;
} types[] = {
	[OPTION_BOOLEAN] = {"boolean", "true or false"},
	[OPTION_INTEGER] = {"integer", "a whole number such as 42"},
	[OPTION_NUMBER] = {"number", "a number such as 0.05"},
	[OPTION_DURATION] = {"duration", "a duration such as 250ms, 5s, 10min or 1h"},
	[OPTION_SIZE] = {"size", "a size such as 4096, 64KiB, 512MiB or 2GiB"},
	[OPTION_TEXT] = {"text", "a text"},
	[OPTION_CHOICE] = {"choice", "one of the choices"},
	[OPTION_GROUPS] = {"groups", "a map of named groups such as {NAME: {KEY: VALUE}}"},
};

const char *
option_type_name(enum option_type type)
{
	return types[type].name;
}

const char *
option_expected(enum option_type type)
{
	return types[type].expected;
}

static void *
field_of(const struct option *option, void *into)
{
	return (char *)into + option->offset;
}

static const void *
value_of(const struct option *option, const void *from)
{
	return (const char *)from + option->offset;
}

/* A whole number without sign, then what stands behind it. False: no digits, or too large for int64_t. */
static bool
parse_digits(const char *text, int64_t *value, const char **rest)
{
	*value = 0;
	if (!isdigit((unsigned char)*text))
		return false;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, *text - '0', value))
			return false;
	*rest = text;
	return true;
}

static bool
parse_units(const char *text, const struct unit *units, bool bare, int64_t *value)
{
	const char *rest;

	if (!parse_digits(text, value, &rest))
		return false;
	if (!*rest)
		return bare || *value == 0;
	for (; units->name; units++)
		if (strcmp(rest, units->name) == 0)
			return !__builtin_mul_overflow(*value, units->factor, value);
	return false;
}

static bool
parse_integer(const char *text, int64_t *value)
{
	bool negative = *text == '-';
	const char *rest;

	if (!parse_digits(text + negative, value, &rest) || *rest)
		return false;
	if (negative)
		*value = -*value;
	return true;
}

/* Decimal only: no hexadecimal, infinity or NaN, which strtod would take. */
static bool
parse_number(const char *text, double *value)
{
	char *end;

	if (!*text || text[strspn(text, "+-.0123456789eE")])
		return false;
	*value = strtod(text, &end);
	return !*end && isfinite(*value);
}

static bool
parse_boolean(const char *text, bool *value)
{
	*value = strcmp(text, "true") == 0;
	return *value || strcmp(text, "false") == 0;
}

static void
print_units(int64_t value, const struct unit *units, const char *bare, char *to, size_t size)
{
	const struct unit *unit = units;

	while (unit->factor > 1 && (value == 0 || value % unit->factor != 0))
		unit++;
	snprintf(to, size, "%lld%s", (long long)(value / unit->factor), unit->factor == 1 && bare ? bare : unit->name);
}

/* The fewest digits that read back as the same number. */
static void
print_number(double value, char *to, size_t size)
{
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(to, size, "%.*g", digits, value);
		if (strtod(to, NULL) == value)
			return;
	}
}

static void
print_value(enum option_type type, double number, int64_t integer, char *to, size_t size)
{
	switch (type) {
	case OPTION_DURATION:
		print_units(integer, duration_units, integer == 0 ? "" : NULL, to, size);
		return;
	case OPTION_SIZE:
		print_units(integer, size_units, "", to, size);
		return;
	case OPTION_NUMBER:
		print_number(number, to, size);
		return;
	default:
		snprintf(to, size, "%lld", (long long)integer);
	}
}

static int
check_bounds(const struct option *option, double number, int64_t integer, struct error *err)
{
	double value = option->type == OPTION_NUMBER ? number : (double)integer;
	bool below = value < option->min;
	double bound = below ? option->min : option->max;
	char given[VALUE_TEXT_SIZE], limit[VALUE_TEXT_SIZE];

	if ((option->min == 0 && option->max == 0) || (!below && value <= option->max))
		return 0;
	print_value(option->type, number, integer, given, sizeof(given));
	print_value(option->type, bound, option->type == OPTION_NUMBER ? 0 : (int64_t)bound, limit, sizeof(limit));
	return fail(err, FATAL, "%s is %s; expected at %s %s", option->name, given, below ? "least" : "most", limit);
}

static int
fail_type(const struct option *option, const char *text, struct error *err)
{
	return fail(err, FATAL, "%s is \"%.*s\"; expected %s", option->name, VALUE_TEXT_SIZE, text,
		    types[option->type].expected);
}

static int
parse_choice(const struct option *option, const char *text, int *value, struct error *err)
{
	char list[CHOICES_TEXT_SIZE] = "";
	const char *closest;
	size_t used = 0;

	for (int i = 0; option->choices[i]; i++) {
		if (strcmp(text, option->choices[i]) == 0) {
			*value = i;
			return 0;
		}
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
						 option->choices[i]);
	}
	closest = option_closest(text, option->choices);
	return fail(err, FATAL, "%s is \"%.*s\"; expected one of %s%s%s%s", option->name, VALUE_TEXT_SIZE, text, list,
		    closest ? "; did you mean \"" : "", closest ? closest : "", closest ? "\"?" : "");
}

static int
parse_int64(const struct option *option, const char *text, int64_t *into, struct error *err)
{
	int64_t value;
	bool good = option->type == OPTION_INTEGER    ? parse_integer(text, &value)
		    : option->type == OPTION_DURATION ? parse_units(text, duration_units, false, &value)
						      : parse_units(text, size_units, true, &value);

	if (!good)
		return fail_type(option, text, err);
	if (check_bounds(option, 0, value, err) < 0)
		return -1;
	*into = value;
	return 0;
}

static int
parse_double(const struct option *option, const char *text, double *into, struct error *err)
{
	double value;

	if (!parse_number(text, &value))
		return fail_type(option, text, err);
	if (check_bounds(option, value, 0, err) < 0)
		return -1;
	*into = value;
	return 0;
}

static int
parse_text(const char *text, char **into)
{
	char *old = *into;

	*into = memory_text(text);
	memory_free(&old);
	return 0;
}

int
option_parse(const struct option *option, const char *text, void *into, struct error *err)
{
	void *field = field_of(option, into);
	bool boolean;

	switch (option->type) {
	case OPTION_BOOLEAN:
		if (!parse_boolean(text, &boolean))
			return fail_type(option, text, err);
		*(bool *)field = boolean;
		return 0;
	case OPTION_INTEGER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		return parse_int64(option, text, field, err);
	case OPTION_NUMBER:
		return parse_double(option, text, field, err);
	case OPTION_TEXT:
		return parse_text(text, field);
	case OPTION_CHOICE:
		return parse_choice(option, text, field, err);
	case OPTION_GROUPS:
		return fail_type(option, text, err);
	}
	insist(!"an option has an unknown type");
	return -1;
}

void
option_print(const struct option *option, const void *from, char *to, size_t size)
{
	const void *value = value_of(option, from);
	const char *text;

	switch (option->type) {
	case OPTION_BOOLEAN:
		snprintf(to, size, "%s", *(const bool *)value ? "true" : "false");
		return;
	case OPTION_TEXT:
		text = *(char *const *)value;
		snprintf(to, size, "%s", text ? text : "");
		return;
	case OPTION_CHOICE:
		snprintf(to, size, "%s", option->choices[*(const int *)value]);
		return;
	case OPTION_NUMBER:
		print_value(option->type, *(const double *)value, 0, to, size);
		return;
	case OPTION_GROUPS:
		snprintf(to, size, "%d groups", ((const struct option_groups *)value)->count);
		return;
	default:
		print_value(option->type, 0, *(const int64_t *)value, to, size);
	}
}

static void
clear_field(const struct option *option, void *into)
{
	static const size_t sizes[] = {
		[OPTION_BOOLEAN] = sizeof(bool),  [OPTION_INTEGER] = sizeof(int64_t),
		[OPTION_NUMBER] = sizeof(double), [OPTION_DURATION] = sizeof(int64_t),
		[OPTION_SIZE] = sizeof(int64_t),  [OPTION_TEXT] = sizeof(char *),
		[OPTION_CHOICE] = sizeof(int),	  [OPTION_GROUPS] = sizeof(struct option_groups),
	};

	memset(field_of(option, into), 0, sizes[option->type]);
}

void
option_defaults(const struct option *table, void *into)
{
	struct error err;

	for (; table && table->name; table++) {
		clear_field(table, into);
		if (table->type == OPTION_GROUPS)
			insist(!table->initial || !*table->initial);
		else if (table->initial && option_parse(table, table->initial, into, &err) < 0)
			insist(!"a table of options has a default that it does not take itself");
	}
}

/* ---- groups ---- */

void *
option_group_add(const struct option *option, const char *name, void *into)
{
	struct option_groups *groups = field_of(option, into);
	const struct option_group *group = option->group;
	char *added;

	groups->items = memory_resize_array(groups->items, (size_t)groups->count + 1, group->size);
	added = (char *)groups->items + (size_t)groups->count++ * group->size;
	memset(added, 0, group->size);
	*(char **)(void *)(added + group->name) = memory_text(name);
	return added;
}

static void
free_groups(const struct option_group *group, struct option_groups *groups)
{
	for (int i = 0; i < groups->count; i++) {
		char *item = (char *)groups->items + (size_t)i * group->size;

		memory_free(item + group->name);
		option_free(group->options, item);
	}
	memory_free(&groups->items);
	groups->count = 0;
}

void
option_free(const struct option *table, void *into)
{
	for (; table && table->name; table++)
		if (table->type == OPTION_TEXT)
			memory_free(field_of(table, into));
		else if (table->type == OPTION_GROUPS)
			free_groups(table->group, field_of(table, into));
}

const struct option *
option_find(const struct option *table, const char *name)
{
	for (; table && table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

/* Case, and - for _, are what people mix up without misspelling anything. */
static char
fold(char c)
{
	return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* Letters to insert, remove, replace or swap with their neighbour that make one name the other. */
static int
edit_distance(const char *a, const char *b)
{
	int rows[3][CLOSEST_NAME_SIZE_MAX + 1];
	int size_a = (int)strlen(a), size_b = (int)strlen(b);

	for (int j = 0; j <= size_b; j++)
		rows[0][j] = j;
	for (int i = 1; i <= size_a; i++) {
		const int *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
		int *row = rows[i % 3];

		row[0] = i;
		for (int j = 1; j <= size_b; j++) {
			bool same = fold(a[i - 1]) == fold(b[j - 1]);

			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !same);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[size_a % 3][size_b];
}

/* A third of the letters may be wrong: two names of three letters that differ in two are just two names. */
const char *
option_closest(const char *name, const char *const *names)
{
	const char *closest = NULL;
	int distance_least = CLOSEST_NAME_SIZE_MAX;
	int size = (int)strnlen(name, CLOSEST_NAME_SIZE_MAX + 1);

	if (size > CLOSEST_NAME_SIZE_MAX)
		return NULL;
	for (; *names; names++) {
		int other = (int)strnlen(*names, CLOSEST_NAME_SIZE_MAX + 1);
		int distance;

		if (other > CLOSEST_NAME_SIZE_MAX)
			continue;
		distance = edit_distance(name, *names);
		if (distance <= (size > other ? size : other) / 3 && distance < distance_least) {
			distance_least = distance;
			closest = *names;
		}
	}
	return closest;
}
